/* What a trial taught fits another machine, names nobody, and comes back from a file exactly as it went or not at all. */
#include "unit.h"

#include "facts.h"

#include "plan/knowledge.h"

#include <stdlib.h>

static struct target_facts facts;
static struct workload     load;
static struct knowledge    record;
static struct fault        fault;
static const struct knowledge_origin origin = { "0123456789abcdef0123456789abcdef", "11111111111111111111111111111111", "22222222222222222222222222222222", INT64_C(1772366400500000) };

static struct proposal a_proposal(void)
{
    return (struct proposal){ .planner = "ladder/big-step", .title = "shop-db.example.org", .why = "SELECT secret FROM customers", .changes = 3,
                              .change = { { KNOB_SHARED_BUFFERS, 16384, 78643 }, { KNOB_MAX_WAL_SIZE, 1024, 4096 }, { KNOB_JIT, 1, 0 } } };
}

static int setup(void **state)
{
    (void)state;
    facts_pg15(&facts, 1 * FACTS_GIB, 2);
    facts_change(&facts, KNOB_WORK_MEM, 8192);
    facts.host_readable = true;
    workload_clear(&load);
    load.v[WORKLOAD_WRITES] = 0.4;
    load.v[WORKLOAD_STATEMENTS] = 1.0 / 3;
    load.v[WORKLOAD_WAL] = 1500;
    load.v[WORKLOAD_DATABASE] = 1.3;
    struct proposal p = a_proposal();
    assert_ok(knowledge_of(&origin, &p, &facts, &load, TOLD_BETTER, true, 0.7, 0.05, &record, &fault), &fault);
    return 0;
}

static double value_of(const struct knob_state *s, enum knob_id id) { return s->value[id]; }

static void memory_is_told_as_a_share_and_becomes_as_large_a_share_elsewhere(void **state)
{
    (void)state;
    struct target_facts other;
    struct knob_state   before, after;
    facts_pg15(&other, 16 * FACTS_GIB, 8);
    knowledge_state(&record, false, &other, &before);
    knowledge_state(&record, true, &other, &after);
    assert_float_equal(value_of(&before, KNOB_SHARED_BUFFERS), 16 * 16384, 1);
    assert_float_equal(value_of(&after, KNOB_SHARED_BUFFERS), 16 * 78643, 16);
    assert_float_equal(value_of(&after, KNOB_WORK_MEM), 16 * 8192, 1);         /* it was no default there */
    assert_float_equal(value_of(&after, KNOB_MAX_WAL_SIZE), 4096, 0);          /* follows the load, not the machine */
    assert_float_equal(value_of(&after, KNOB_JIT), 0, 0);
    assert_float_equal(value_of(&after, KNOB_RANDOM_PAGE_COST), 4, 0);         /* not named: the default */
    other.memory_bytes = (double)NAN;
    knowledge_state(&record, true, &other, &after);
    assert_true(isnan(value_of(&after, KNOB_SHARED_BUFFERS)));                 /* a share of the unknown is unknown */
}

static void a_special_value_is_no_share(void **state)
{
    (void)state;
    struct knowledge_machine m;
    knowledge_machine_of(&m, &facts);
    struct knowledge_value v = knowledge_value_of(KNOB_AUTOVACUUM_WORK_MEM, -1, &m);
    assert_int_equal(v.scale, KNOWLEDGE_PLAIN);
    assert_float_equal(knowledge_value_on(&v, &m), -1, 0);
    v = knowledge_value_of(KNOB_MAX_PARALLEL_WORKERS, 8, &m);
    assert_int_equal(v.scale, KNOWLEDGE_PER_CORE);
    m.cpus = 16;
    assert_float_equal(knowledge_value_on(&v, &m), 64, 0);
}

static void a_part_of_one_is_not_none(void **state)
{
    (void)state;
    struct knowledge_machine large = { 64 * FACTS_GIB, 16, KNOWLEDGE_DISK_FLASH, false }, small = { 1 * FACTS_GIB, 1, KNOWLEDGE_DISK_FLASH, false };
    struct knowledge_value   v = knowledge_value_of(KNOB_MAX_PARALLEL_WORKERS_PER_GATHER, 2, &large);
    assert_float_equal(knowledge_value_on(&v, &small), 1, 0);                    /* an eighth of a worker; 0 would turn parallel queries off */
    v = knowledge_value_of(KNOB_MAX_PARALLEL_WORKERS_PER_GATHER, 0, &large);
    assert_float_equal(knowledge_value_on(&v, &small), 0, 0);                    /* off is off everywhere */
}

static void a_record_reads_back_and_speaks_of_nobody(void **state)
{
    (void)state;
    struct knowledge back;
    json_t *json = knowledge_json(&record);
    char   *text = json_dumps(json, JSON_COMPACT);
    assert_ok(knowledge_parse(json, &back, &fault), &fault);
    assert_string_equal(back.id, record.id);
    assert_int_equal(back.changes, 3);
    assert_int_equal(back.settings, 1);
    assert_int_equal(back.told, TOLD_BETTER);
    assert_true(back.kept);
    assert_float_equal(back.effect, 0.7, 0);
    assert_true(back.at_us == INT64_C(1772366400000000));
    assert_int_equal(back.machine.disk, KNOWLEDGE_DISK_FLASH);
    assert_float_equal(back.workload.v[WORKLOAD_STATEMENTS], 0.333333, 0);
    assert_true(isnan(back.workload.v[WORKLOAD_SCANS]));
    assert_null(strstr(text, "shop-db"));
    assert_null(strstr(text, "SELECT"));
    assert_null(strstr(text, "main"));                                           /* the target's name */
    json_t *again = knowledge_json(&back);
    char   *same = json_dumps(again, JSON_COMPACT);
    assert_string_equal(text, same);
    free(text);
    free(same);
    json_decref(json);
    json_decref(again);
}

static void names_become_digests_that_need_the_secret(void **state)
{
    (void)state;
    char a[KNOWLEDGE_ID_SIZE], b[KNOWLEDGE_ID_SIZE];
    knowledge_opaque("one", "tenant", "shop", a);
    knowledge_opaque("two", "tenant", "shop", b);
    assert_int_equal(strlen(a), KNOWLEDGE_ID_SIZE - 1);
    assert_string_not_equal(a, b);
    knowledge_opaque("one", "database", "shop", b);
    assert_string_not_equal(a, b);
}

static void what_is_not_tuned_or_not_known_is_not_told(void **state)
{
    (void)state;
    struct knowledge k;
    struct workload  nothing;
    struct proposal  p = a_proposal(), durability = { .changes = 1, .change = { { KNOB_FSYNC, 1, 0 } } };
    workload_clear(&nothing);
    assert_int_equal(knowledge_of(&origin, &p, &facts, &nothing, TOLD_BETTER, true, 0.1, 0.1, &k, &fault), ERR_UNKNOWN);
    assert_int_equal(knowledge_of(&origin, &durability, &facts, &load, TOLD_BETTER, true, 0.1, 0.1, &k, &fault), ERR_INPUT);
    assert_int_equal(knowledge_of(&origin, &p, &facts, &load, TOLD_BETTER, true, 9, 0.1, &k, &fault), ERR_INPUT);
    facts.memory_bytes = (double)NAN;
    assert_int_equal(knowledge_of(&origin, &p, &facts, &load, TOLD_BETTER, true, 0.1, 0.1, &k, &fault), ERR_UNKNOWN);
}

static enum err parse_with(const char *member, json_t *value)
{
    struct knowledge k;
    json_t *json = knowledge_json(&record), *fresh = json_deep_copy(json);
    json_object_set_new(fresh, member, value);
    enum err e = knowledge_parse(fresh, &k, &fault);
    json_decref(json);
    json_decref(fresh);
    return e;
}

static void a_record_that_was_changed_or_makes_no_sense_is_refused(void **state)
{
    (void)state;
    assert_int_equal(parse_with("effect", json_real(0.9)), ERR_INPUT);           /* in range, but the digest does not fit */
    assert_non_null(strstr(fault.text, "digest"));
    static const char *const wrong[][2] = {
        { "effect", "1e9" }, { "effect", "\"fast\"" }, { "tenant", "\"shop\"" }, { "at", "\"yesterday\"" }, { "result", "\"splendid\"" }, { "machine", "{}" },
        { "workload", "{\"writes\":-1}" }, { "configuration", "{\"fsync\":\"off\"}" }, { "configuration", "{\"no_such\":\"1\"}" }, { "changes", "[]" },
        { "changes", "[{\"name\":\"jit\",\"from\":\"on\",\"to\":\"perhaps\"}]" }, { "changes", "[{\"name\":\"jit\",\"from\":\"on\",\"to\":{\"of_memory\":0.5}}]" },
        { "changes", "[{\"name\":\"work_mem\",\"from\":\"4MB\",\"to\":{\"of_memory\":-1}}]" }, { "id", "\"x\"" }, { "planner", "7" }, { "kept", "null" }, { "server", "1" },
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        if (parse_with(wrong[i][0], json_loads(wrong[i][1], JSON_DECODE_ANY, NULL)) != ERR_INPUT || strstr(fault.text, "digest"))      /* who makes it up makes the digest, too */
            fail_msg("%s = %s was taken, but for its digest", wrong[i][0], wrong[i][1]);
}

/* No trial makes such a record: some hundred of them, each with one parameter in all its places, would keep the planner busy for a minute. */
static void a_record_that_changes_a_parameter_twice_is_refused(void **state)
{
    (void)state;
    json_t *changes = json_loads("[{\"name\":\"jit\",\"from\":\"on\",\"to\":\"off\"},{\"name\":\"work_mem\",\"from\":\"4MB\",\"to\":\"8MB\"},{\"name\":\"JIT\",\"from\":\"off\",\"to\":\"on\"}]", 0, NULL);
    assert_int_equal(parse_with("changes", changes), ERR_INPUT);
    assert_non_null(strstr(fault.text, "jit twice"));
}

/* ---- files ---- */

static int  bad_lines[8], bad_count;
static void note_bad(void *ctx, int line, const char *why)
{
    (void)ctx;
    assert_true(strlen(why) > 5);
    bad_lines[bad_count++] = line;
}

static char *line_of(double effect)
{
    struct knowledge k = record;
    k.effect = effect;
    json_t *json = knowledge_json(&k);
    char   *text = json_dumps(json, JSON_COMPACT);
    json_decref(json);
    return text;
}

static enum err parse_file(const char *format, const char *a, const char *b, const char *c, size_t *n)
{
    static char text[16 * 1024];
    json_t     *records = NULL;
    bad_count = 0;
    int size = snprintf(text, sizeof text, format, a, b, c);
    enum err e = knowledge_file_parse(text, (size_t)size, note_bad, NULL, &records, &fault);
    *n = json_array_size(records);
    json_decref(records);
    return e;
}

static void a_file_tells_its_bad_lines_by_number_and_gives_nothing_then(void **state)
{
    (void)state;
    size_t n;
    char  *one = line_of(0.1), *two = line_of(0.2);
    assert_ok(parse_file("{\"homeostat_knowledge\": 1}\n%s\n%s\n\n%s", one, two, one, &n), &fault);
    assert_int_equal(n, 2);                                                      /* the same record twice is one */
    assert_int_equal(parse_file("{\"homeostat_knowledge\": 1}\n%s\n{\"id\":3}\n%s\n%s", one, two, "no JSON", &n), ERR_INPUT);
    assert_int_equal(bad_count, 2);
    assert_int_equal(bad_lines[0], 3);
    assert_int_equal(bad_lines[1], 5);
    assert_int_equal(n, 0);
    assert_int_equal(parse_file("{\"homeostat_knowledge\": 2}\n%s\n%s\n%s", one, two, one, &n), ERR_INPUT);
    assert_non_null(strstr(fault.text, "version 2"));
    assert_int_equal(parse_file("%s\n%s\n%s", one, two, one, &n), ERR_INPUT);
    assert_int_equal(parse_file("%s%s%s", "", "", "", &n), ERR_INPUT);
    free(one);
    free(two);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(memory_is_told_as_a_share_and_becomes_as_large_a_share_elsewhere, setup),
        cmocka_unit_test_setup(a_special_value_is_no_share, setup),
        cmocka_unit_test_setup(a_part_of_one_is_not_none, setup),
        cmocka_unit_test_setup(a_record_reads_back_and_speaks_of_nobody, setup),
        cmocka_unit_test_setup(names_become_digests_that_need_the_secret, setup),
        cmocka_unit_test_setup(what_is_not_tuned_or_not_known_is_not_told, setup),
        cmocka_unit_test_setup(a_record_that_was_changed_or_makes_no_sense_is_refused, setup),
        cmocka_unit_test_setup(a_record_that_changes_a_parameter_twice_is_refused, setup),
        cmocka_unit_test_setup(a_file_tells_its_bad_lines_by_number_and_gives_nothing_then, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
