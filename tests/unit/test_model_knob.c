/* model: the catalogue is well formed, values read and write as PostgreSQL does, ranges are those of the machine. */
#include "unit.h"

#include "base/rand.h"
#include "model/bounds.h"
#include "model/knob.h"
#include "model/script.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define GIB 1073741824.0

static struct target_facts machine(double memory, int cpus)
{
    return (struct target_facts){ .server_version = 150018, .memory_bytes = memory, .cpus = cpus, .disk_free_bytes = 50 * GIB };
}

static double parsed(enum knob_id id, const char *text)
{
    double       v = -12345;
    struct fault fault = { 0 };
    assert_ok(knob_parse(knob_at(id), text, &v, &fault), &fault);
    return v;
}

static void refused(enum knob_id id, const char *text)
{
    double       v;
    struct fault fault = { 0 };
    if (knob_parse(knob_at(id), text, &v, &fault) == OK)
        fail_msg("%s took \"%s\" as %g", knob_at(id)->name, text, v);
    assert_true(fault.text[0] != '\0');
}

static void the_catalogue_is_well_formed(void **state)
{
    (void)state;
    struct fault fault = { 0 };
    assert_ok(knob_table_check(&fault), &fault);
    int tuned = 0;
    for (int i = 1; i < KNOB_COUNT; i++)
        tuned += (knobs[i].flags & KNOB_TUNED) != 0;
    assert_in_range(tuned, 30, 40);
}

static void values_are_read_as_the_server_reads_them(void **state)
{
    (void)state;
    assert_float_equal(parsed(KNOB_SHARED_BUFFERS, "128MB"), 16384, 0);
    assert_float_equal(parsed(KNOB_SHARED_BUFFERS, " 1.5GB "), 196608, 0);
    assert_float_equal(parsed(KNOB_SHARED_BUFFERS, "16384"), 16384, 0);
    assert_float_equal(parsed(KNOB_SHARED_BUFFERS, "9 kB"), 1, 0);
    assert_float_equal(parsed(KNOB_WORK_MEM, "0x40"), 64, 0);
    assert_float_equal(parsed(KNOB_WORK_MEM, "0100"), 64, 0);
    assert_float_equal(parsed(KNOB_WORK_MEM, "30.1GB"), 31561728, 0);   /* via whole MB: 30822 */
    assert_float_equal(parsed(KNOB_MAX_WAL_SIZE, "1GB"), 1024, 0);
    assert_float_equal(parsed(KNOB_CHECKPOINT_TIMEOUT, "5min"), 300, 0);
    assert_float_equal(parsed(KNOB_CHECKPOINT_TIMEOUT, "1.5h"), 5400, 0);
    assert_float_equal(parsed(KNOB_BGWRITER_DELAY, "0.2s"), 200, 0);
    assert_float_equal(parsed(KNOB_AUTOVACUUM_VACUUM_COST_DELAY, "500us"), 0.5, 1e-12);
    assert_float_equal(parsed(KNOB_AUTOVACUUM_VACUUM_COST_DELAY, "-1"), -1, 0);
    assert_float_equal(parsed(KNOB_RANDOM_PAGE_COST, "1.1"), 1.1, 0);
    assert_float_equal(parsed(KNOB_JIT, "TRUE"), 1, 0);
    assert_float_equal(parsed(KNOB_JIT, "of"), 0, 0);
    assert_float_equal(parsed(KNOB_SYNCHRONOUS_COMMIT, "no"), parsed(KNOB_SYNCHRONOUS_COMMIT, "off"), 0);
    assert_float_equal(parsed(KNOB_WAL_COMPRESSION, "LZ4"), 3, 0);

    refused(KNOB_SHARED_BUFFERS, "128mb");
    refused(KNOB_SHARED_BUFFERS, "128 MB x");
    refused(KNOB_SHARED_BUFFERS, "");
    refused(KNOB_SHARED_BUFFERS, "MB");
    refused(KNOB_SHARED_BUFFERS, "nan");
    refused(KNOB_SHARED_BUFFERS, "5min");
    refused(KNOB_MAX_WAL_SIZE, "28000000TB");
    refused(KNOB_MAX_CONNECTIONS, "100kB");
    refused(KNOB_RANDOM_PAGE_COST, "inf");
    refused(KNOB_AUTOVACUUM_VACUUM_COST_DELAY, "1e308d");
    refused(KNOB_JIT, "o");
    refused(KNOB_SYNCHRONOUS_COMMIT, "t");
    refused(KNOB_WAL_COMPRESSION, "banana");
}

static const char *shown(enum knob_id id, double v)
{
    static char text[48];
    return knob_format(knob_at(id), v, text, sizeof text);
}

static void values_are_written_as_the_server_shows_them(void **state)
{
    (void)state;
    assert_string_equal(shown(KNOB_SHARED_BUFFERS, 16384), "128MB");
    assert_string_equal(shown(KNOB_SHARED_BUFFERS, 16385), "131080kB");
    assert_string_equal(shown(KNOB_MAX_WAL_SIZE, 1228), "1228MB");
    assert_string_equal(shown(KNOB_MAX_WAL_SIZE, 4096), "4GB");
    assert_string_equal(shown(KNOB_WORK_MEM, 2147483647), "2147483647kB");
    assert_string_equal(shown(KNOB_CHECKPOINT_TIMEOUT, 300), "5min");
    assert_string_equal(shown(KNOB_AUTOVACUUM_VACUUM_COST_DELAY, 0.5), "500us");
    assert_string_equal(shown(KNOB_AUTOVACUUM_WORK_MEM, -1), "-1");
    assert_string_equal(shown(KNOB_BGWRITER_LRU_MAXPAGES, 0), "0");
    assert_string_equal(shown(KNOB_RANDOM_PAGE_COST, 1.1), "1.1");
    assert_string_equal(shown(KNOB_JIT, 0), "off");
    assert_string_equal(shown(KNOB_WAL_COMPRESSION, 3), "lz4");
    assert_string_equal(shown(KNOB_WAL_COMPRESSION, (double)NAN), "?");
}

static void every_value_that_is_written_reads_back_the_same(void **state)
{
    (void)state;
    struct rand        r;
    struct target_facts f = machine(64 * GIB, 16);
    rand_seed(&r, 3);
    f.server_version = 180000;
    for (int round = 0; round < 40000; round++) {
        const struct knob *k = &knobs[rand_int(&r, 1, KNOB_COUNT - 1)];
        double             lo, hi, back;
        char               text[48];
        struct fault       fault = { 0 };
        assert_ok(knob_range(k, &f, &lo, &hi, &fault), &fault);
        double v = knob_round(k, lo + rand_unit(&r) * (hi - lo));
        assert_ok(knob_parse(k, knob_format(k, v, text, sizeof text), &back, &fault), &fault);
        if (!knob_equal(k, v, back))
            fail_msg("%s: %.17g was written as %s and came back as %.17g", k->name, v, text, back);
        assert_true(v == knob_round(k, v));
    }
}

static void a_range_follows_the_smaller_of_machine_and_limit(void **state)
{
    (void)state;
    struct target_facts f = machine(1 * GIB, 2);
    struct fault        fault = { 0 };
    double              lo, hi;
    assert_ok(knob_range(knob_at(KNOB_SHARED_BUFFERS), &f, &lo, &hi, &fault), &fault);
    assert_string_equal(shown(KNOB_SHARED_BUFFERS, lo), "128MB");
    assert_float_equal(hi, floor(0.65 * 131072), 0);
    f.memory_bytes = 1024 * GIB;
    assert_ok(knob_range(knob_at(KNOB_SHARED_BUFFERS), &f, &lo, &hi, &fault), &fault);
    assert_string_equal(shown(KNOB_SHARED_BUFFERS, hi), "32GB");
    assert_int_equal(knob_allows(knob_at(KNOB_SHARED_BUFFERS), &f, parsed(KNOB_SHARED_BUFFERS, "64GB"), &fault), ERR_INPUT);
    assert_non_null(strstr(fault.text, "128MB to 32GB"));
    assert_int_equal(knob_allows(knob_at(KNOB_MAX_CONNECTIONS), &f, 9, &fault), ERR_INPUT);
    assert_int_equal(knob_allows(knob_at(KNOB_MAX_CONNECTIONS), &f, 10001, &fault), ERR_INPUT);
    assert_int_equal(knob_allows(knob_at(KNOB_WORK_MEM), &f, 63, &fault), ERR_INPUT);
    assert_int_equal(knob_allows(knob_at(KNOB_WORK_MEM), &f, parsed(KNOB_WORK_MEM, "2GB") + 1, &fault), ERR_INPUT);
    assert_int_equal(knob_allows(knob_at(KNOB_EFFECTIVE_CACHE_SIZE), &f, parsed(KNOB_EFFECTIVE_CACHE_SIZE, "129GB"), &fault), ERR_INPUT);
    assert_int_equal(knob_allows(knob_at(KNOB_EFFECTIVE_CACHE_SIZE), &f, parsed(KNOB_EFFECTIVE_CACHE_SIZE, "127MB"), &fault), ERR_INPUT);
}

static void log_that_no_server_starts_with_is_outside_of_the_range(void **state)
{
    (void)state;
    struct target_facts f = machine(8 * GIB, 2);
    struct fault        fault = { 0 };
    f.settings = 1;
    f.setting[0] = (struct setting){ .name = "wal_segment_size", .value = "16777216", .unit = "B" };
    assert_ok(knob_allows(knob_at(KNOB_MIN_WAL_SIZE), &f, 32, &fault), &fault);
    strcpy(f.setting[0].value, "67108864");      /* a running server takes less than two of them, and the next start fails */
    assert_int_equal(knob_allows(knob_at(KNOB_MIN_WAL_SIZE), &f, 80, &fault), ERR_INPUT);
    assert_non_null(strstr(fault.text, "128MB"));
    assert_ok(knob_allows(knob_at(KNOB_MIN_WAL_SIZE), &f, 128, &fault), &fault);
    assert_ok(knob_allows(knob_at(KNOB_MAX_WAL_SIZE), &f, 128, &fault), &fault);
    strcpy(f.setting[0].value, "1073741824");
    assert_int_equal(knob_allows(knob_at(KNOB_MAX_WAL_SIZE), &f, 1024, &fault), ERR_INPUT);
    assert_ok(knob_allows(knob_at(KNOB_CHECKPOINT_TIMEOUT), &f, 60, &fault), &fault);
}

static void what_is_unknown_of_the_machine_leaves_the_range_unknown(void **state)
{
    (void)state;
    struct target_facts f = machine((double)NAN, 0);
    double              lo, hi;
    struct fault        fault = { 0 };
    assert_int_equal(knob_range(knob_at(KNOB_SHARED_BUFFERS), &f, &lo, &hi, &fault), ERR_UNKNOWN);
    assert_int_equal(knob_range(knob_at(KNOB_MAX_PARALLEL_WORKERS), &f, &lo, &hi, &fault), ERR_UNKNOWN);
    assert_ok(knob_range(knob_at(KNOB_BGWRITER_DELAY), &f, &lo, &hi, &fault), &fault);
    f.memory_bytes = 64 * 1048576.0;
    assert_int_equal(knob_range(knob_at(KNOB_SHARED_BUFFERS), &f, &lo, &hi, &fault), ERR_STATE);
}

static void special_values_and_choices_are_allowed_where_the_server_has_them(void **state)
{
    (void)state;
    struct target_facts f = machine(1 * GIB, 2);
    struct fault        fault = { 0 };
    assert_ok(knob_allows(knob_at(KNOB_WAL_BUFFERS), &f, -1, &fault), &fault);
    assert_int_equal(knob_allows(knob_at(KNOB_WAL_BUFFERS), &f, -2, &fault), ERR_INPUT);
    assert_ok(knob_allows(knob_at(KNOB_WAL_COMPRESSION), &f, parsed(KNOB_WAL_COMPRESSION, "lz4"), &fault), &fault);
    assert_int_equal(knob_allows(knob_at(KNOB_WAL_COMPRESSION), &f, parsed(KNOB_WAL_COMPRESSION, "on"), &fault), ERR_INPUT);
    f.server_version = 140010;
    assert_int_equal(knob_allows(knob_at(KNOB_WAL_COMPRESSION), &f, parsed(KNOB_WAL_COMPRESSION, "lz4"), &fault), ERR_INPUT);
    assert_int_equal(knob_allows(knob_at(KNOB_IO_WORKERS), &f, 3, &fault), ERR_INPUT);
    f.server_version = 0;
    assert_false(knob_applies(knob_at(KNOB_WORK_MEM), &f));
}

static void a_server_with_another_block_size_is_not_misread(void **state)
{
    (void)state;
    static struct target_facts f;
    f = machine(1 * GIB, 2);
    f.settings = 1;
    strcpy(f.setting[0].name, "shared_buffers");
    strcpy(f.setting[0].value, "8192");
    strcpy(f.setting[0].unit, "16kB");
    double       v;
    struct fault fault = { 0 };
    assert_int_equal(knob_current(knob_at(KNOB_SHARED_BUFFERS), &f, &v, &fault), ERR_STATE);
    strcpy(f.setting[0].unit, "8kB");
    assert_ok(knob_current(knob_at(KNOB_SHARED_BUFFERS), &f, &v, &fault), &fault);
    assert_string_equal(shown(KNOB_SHARED_BUFFERS, v), "64MB");
    assert_int_equal(knob_current(knob_at(KNOB_WORK_MEM), &f, &v, &fault), ERR_MISSING);
}

static void memory_that_is_not_known_makes_the_footprint_unknown(void **state)
{
    (void)state;
    struct target_facts f = machine(1 * GIB, 2);
    struct bounds       b;
    struct knob_state   s;
    struct footprint    p;
    bounds_default(&b);
    for (int i = 0; i < KNOB_COUNT; i++)
        s.value[i] = 1;
    s.value[KNOB_MAX_CONNECTIONS] = 100;
    s.value[KNOB_WORK_MEM] = 4096;
    s.value[KNOB_HASH_MEM_MULTIPLIER] = 2;
    s.value[KNOB_SHARED_BUFFERS] = 16384;
    s.value[KNOB_AUTOVACUUM_WORK_MEM] = -1;
    s.value[KNOB_MAINTENANCE_WORK_MEM] = 65536;
    s.value[KNOB_AUTOVACUUM_MAX_WORKERS] = 3;
    s.value[KNOB_WAL_BUFFERS] = -1;
    f.peak_sessions = 10;
    footprint_of(&s, &f, &b, &p);
    assert_float_equal(p.expected_sessions, 20, 0);
    assert_float_equal(p.total / 1048576, 128 + 20 * 8 + 3 * 64 + 4 + 20 * 4, 1e-6);
    f.peak_sessions = 0;
    footprint_of(&s, &f, &b, &p);
    assert_float_equal(p.expected_sessions, 100, 0);
    for (int i = 0; i < 8; i++) {
        f.peak_sessions = i < 4 ? 0 : 10;
        const enum knob_id id[] = { KNOB_SHARED_BUFFERS, KNOB_WORK_MEM, KNOB_AUTOVACUUM_WORK_MEM, KNOB_MAX_CONNECTIONS };
        double keep = s.value[id[i % 4]];
        s.value[id[i % 4]] = (double)NAN;
        footprint_of(&s, &f, &b, &p);
        assert_true(isnan(p.total));
        s.value[id[i % 4]] = keep;
    }
    s.value[KNOB_MAX_WAL_SIZE] = 4096;
    s.value[KNOB_CHECKPOINT_TIMEOUT] = 300;
    s.value[KNOB_CHECKPOINT_COMPLETION_TARGET] = 0.9;
    assert_float_equal(recovery_estimate_s(&s, &b, (double)NAN), 102.4, 1e-9);
    assert_float_equal(recovery_estimate_s(&s, &b, 1048576), 570 / 40.0, 1e-9);
    s.value[KNOB_CHECKPOINT_TIMEOUT] = (double)NAN;
    assert_true(isnan(recovery_estimate_s(&s, &b, 1048576)));
}

static void words_of(const char *params, const char *want)
{
    json_t      *p = json_loads(params, 0, NULL), *argv = NULL;
    bool         shell;
    struct fault fault = { 0 };
    assert_non_null(p);
    enum err e = script_argv(p, &argv, &shell, &fault);
    if (!want) {
        assert_int_equal(e, ERR_INPUT);
    } else {
        assert_ok(e, &fault);
        char *got = json_dumps(argv, JSON_COMPACT);
        assert_string_equal(got, want);
        free(got);
        json_decref(argv);
    }
    json_decref(p);
}

static void a_script_is_plain_words_unless_a_shell_is_asked_for(void **state)
{
    (void)state;
    words_of("{\"script\":\"echo ok\"}", "[\"echo\",\"ok\"]");
    words_of("{\"script\":\"  echo\\t a  \"}", "[\"echo\",\"a\"]");
    words_of("{\"argv\":[\"echo\",\"$(rm)\",\"\"]}", "[\"echo\",\"$(rm)\",\"\"]");
    words_of("{\"script\":\"a | b\",\"shell\":true}", "[\"/bin/sh\",\"-c\",\"a | b\"]");
    static const char *const bad[] = { "echo $HOME", "a;b", "a&b", "a|b", "a>b", "`a`", "a*", "a\\\\b", "'a'", "\\\"a\\\"", "~/a", "a\\nb", "#a", "{a,b}", "a?", "(a)", "!a", "[a]", "", " " };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char params[64];
        (void)snprintf(params, sizeof params, "{\"script\":\"%s\"}", bad[i]);
        words_of(params, NULL);
    }
    words_of("{}", NULL);
    words_of("{\"argv\":[]}", NULL);
    words_of("{\"argv\":[\"\"]}", NULL);
    words_of("{\"argv\":[\"a\",1]}", NULL);
    words_of("{\"argv\":[\"a\"],\"shell\":true}", NULL);
    words_of("{\"argv\":[\"a\"],\"script\":\"a\"}", NULL);
    words_of("{\"script\":\"a\",\"shell\":\"yes\"}", NULL);
}

static void the_documentation_names_every_parameter(void **state)
{
    (void)state;
    struct target_facts f = machine(1 * GIB, 2);
    struct text         t;
    text_init(&t, 128 * 1024);
    knob_docs(NULL, &t);
    knob_docs(&f, &t);
    assert_false(t.cut);
    for (int i = 1; i < KNOB_COUNT; i++)
        assert_non_null(strstr(t.s, knobs[i].name));
    text_done(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_catalogue_is_well_formed),
        cmocka_unit_test(values_are_read_as_the_server_reads_them),
        cmocka_unit_test(values_are_written_as_the_server_shows_them),
        cmocka_unit_test(every_value_that_is_written_reads_back_the_same),
        cmocka_unit_test(a_range_follows_the_smaller_of_machine_and_limit),
        cmocka_unit_test(log_that_no_server_starts_with_is_outside_of_the_range),
        cmocka_unit_test(what_is_unknown_of_the_machine_leaves_the_range_unknown),
        cmocka_unit_test(special_values_and_choices_are_allowed_where_the_server_has_them),
        cmocka_unit_test(a_server_with_another_block_size_is_not_misread),
        cmocka_unit_test(memory_that_is_not_known_makes_the_footprint_unknown),
        cmocka_unit_test(a_script_is_plain_words_unless_a_shell_is_asked_for),
        cmocka_unit_test(the_documentation_names_every_parameter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
