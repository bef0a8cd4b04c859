/* wire/remote: requests written by hand from the two .proto files, and what the writer writes. */
#include "unit.h"

#include "hex.h"

#include "wire/remote.h"

#include <math.h>
#include <stdio.h>

/* __name__=up, job=a; 1.5 at 1000 ms; then another series with a stale marker at -1 ms. */
#define UP "0a (0a 08 '__name__' 12 02 'up')"
#define ONE "0a (" UP "0a (0a 03 'job' 12 01 'a') 12 (09 00 00 00 00 00 00 f8 3f 10 e8 07))"

struct world { struct arena a; struct remote r; struct hex h; struct fault fault; };

static enum err open_hex(struct world *w, enum remote_version version, const char *text)
{
    arena_init(&w->a, 1 << 20);
    return remote_open(&w->r, version, hex_of(&w->h, text), &w->a, &w->fault);
}

static enum err check_hex(enum remote_version version, const char *text, struct remote_counts *c, struct fault *fault)
{
    struct hex   h;
    struct arena a;
    arena_init(&a, 1 << 20);
    enum err e = remote_check(version, hex_of(&h, text), &a, c, fault);
    arena_done(&a);
    return e;
}

static void a_series_of_1_0_is_read_from_its_bytes(void **state)
{
    (void)state;
    struct world         w;
    struct remote_series s;
    struct remote_sample v;
    enum err             e;
    assert_ok(open_hex(&w, REMOTE_V1,
        ONE "0a (" UP "12 (09 02 00 00 00 00 00 f0 7f 10 05))"), &w.fault);
    assert_true(remote_next(&w.r, &s, &e, &w.fault));
    assert_int_equal(s.labels.count, 2);
    assert_true(slice_is(s.labels.item[1].name, "job") && slice_is(s.labels.item[1].value, "a"));
    assert_true(slice_is(s.name, "up") && s.sorted && s.flaw == REMOTE_FINE && s.samples_n == 1);
    assert_true(remote_sample_next(&s, &v));
    assert_true(v.value == 1.5 && v.time_ms == 1000);
    assert_false(remote_sample_next(&s, &v));
    assert_true(remote_next(&w.r, &s, &e, &w.fault));
    assert_true(remote_sample_next(&s, &v));
    uint64_t bits;
    memcpy(&bits, &v.value, 8);
    assert_true(bits == REMOTE_STALE_BITS && v.time_ms == 5);
    assert_false(remote_next(&w.r, &s, &e, &w.fault));
    assert_int_equal(e, OK);
    arena_done(&w.a);
}

static void the_order_of_fields_does_not_matter(void **state)
{
    (void)state;
    struct world         w;
    struct remote_series s;
    struct remote_sample v;
    enum err             e;
    /* The sample before the labels, its time before its value, the label's value before its name, an unknown field in between. */
    assert_ok(open_hex(&w, REMOTE_V1, "0a (12 (10 07 09 00 00 00 00 00 00 00 40) 78 01 0a (12 02 'up' 0a 08 '__name__')) 10 01"), &w.fault);
    assert_true(remote_next(&w.r, &s, &e, &w.fault));
    assert_true(slice_is(s.name, "up") && remote_sample_next(&s, &v) && v.value == 2 && v.time_ms == 7);
    arena_done(&w.a);
}

static void labels_are_judged_by_the_series_and_not_by_the_request(void **state)
{
    (void)state;
    struct remote_counts c;
    struct fault         fault;
#define SAMPLE "12 02 10 01"
    assert_ok(check_hex(REMOTE_V1,
        "0a (" UP SAMPLE ")"
        "0a (0a (0a 01 'a' 12 00)" SAMPLE ")"                                                     /* no name */
        "0a (" UP "0a (0a 00 12 00)" SAMPLE ")"                                                   /* an empty one */
        "0a (" UP "0a (0a 01 'b' 12 01 'x') 0a (0a 01 'b' 12 01 'y')" SAMPLE ")"                  /* twice */
        "0a (0a (0a 01 'z' 12 01 'x')" UP "0a (0a 01 'b' 12 01 'y')" SAMPLE ")"                   /* not in order, which is no sin */
        "0a (0a (0a 01 'z' 12 01 'x')" UP "0a (0a 01 'z' 12 01 'y')" SAMPLE ")",                  /* twice, apart */
        &c, &fault), &fault);
    assert_int_equal(c.series, 2);
    assert_int_equal(c.samples, 2);
    assert_int_equal(c.rejected, 4);
    assert_int_equal(c.unsorted, 4);      /* an empty name, and one twice, are not in order either */
    assert_string_equal(c.why, "series : there is no label __name__");
}

static void what_is_malformed_is_refused(void **state)
{
    (void)state;
    static const char *const broken[] = {
        "0a",  "0a 05 0a", "0a 02 0a 05", "0a 02 12 04", "0a 03 12 01 09", "0b", "00 00", "0a 04 0a 02 0a 05", "1a 02 0a 07",
        "0a 05 22 03 42 01 08" /* a span */, "0a 05 22 03 4a 01 80" /* a delta without end */, "0a 06 22 04 82 01 01 00" /* a bound of one byte */,
    };
    struct remote_counts c;
    struct fault         fault;
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++)
        assert_int_equal(check_hex(REMOTE_V1, broken[i], &c, &fault), ERR_INPUT);
    assert_ok(check_hex(REMOTE_V1, "", &c, &fault), &fault);
    assert_int_equal(c.samples, 0);
}

static void a_request_of_2_0_has_its_texts_in_symbols_wherever_they_stand(void **state)
{
    (void)state;
    struct world         w;
    struct remote_series s;
    struct remote_sample v;
    enum err             e;
    /* The series first: refs 1,2 packed; sample with a start; metadata counter, help 3, unit 4. Then the symbols. */
    assert_ok(open_hex(&w, REMOTE_V2,
        "2a (0a (01 02) 12 (09 00 00 00 00 00 00 08 40 10 e8 07 18 01) 2a (08 01 18 03 20 04))"
        "22 00 22 08 '__name__' 22 02 'up' 22 04 'help' 22 01 's'"), &w.fault);
    assert_true(remote_next(&w.r, &s, &e, &w.fault));
    assert_true(slice_is(s.name, "up") && s.metadata.type == REMOTE_COUNTER && slice_is(s.metadata.help, "help") && slice_is(s.metadata.unit, "s"));
    assert_true(remote_sample_next(&s, &v) && v.value == 3 && v.time_ms == 1000 && v.start_ms == 1);
    arena_done(&w.a);
}

static void references_of_2_0_are_held_against_the_symbols(void **state)
{
    (void)state;
    struct remote_counts c;
    struct fault         fault;
    assert_int_equal(check_hex(REMOTE_V2, "22 00 22 01 'a' 2a (0a (01 02))", &c, &fault), ERR_INPUT);
    assert_non_null(strstr(fault.text, "symbol 2"));
    assert_int_equal(check_hex(REMOTE_V2, "22 00 22 01 'a' 2a (0a (01))", &c, &fault), ERR_INPUT);
    assert_non_null(strstr(fault.text, "odd"));
    assert_int_equal(check_hex(REMOTE_V2, "22 01 'a' 2a 00", &c, &fault), ERR_INPUT);
    assert_non_null(strstr(fault.text, "not empty"));
    assert_int_equal(check_hex(REMOTE_V2, "22 00 2a (2a (08 01 18 09))", &c, &fault), ERR_INPUT);
    assert_int_equal(check_hex(REMOTE_V2, "22 00 2a (22 (0a (00 05)))", &c, &fault), ERR_INPUT);
    assert_int_equal(check_hex(REMOTE_V2, "2a (0a (80))", &c, &fault), ERR_INPUT);
    /* Unpacked references are as good. */
    assert_ok(check_hex(REMOTE_V2, "22 00 22 08 '__name__' 22 02 'up' 2a (08 01 08 02 12 (10 01))", &c, &fault), &fault);
    assert_int_equal(c.samples, 1);
    /* To a reader of 2.0, a request of 1.0 is empty. */
    assert_ok(check_hex(REMOTE_V2, ONE, &c, &fault), &fault);
    assert_int_equal(c.series, 0);
}

static void a_native_histogram_gets_a_count_for_each_bucket(void **state)
{
    (void)state;
    struct world            w;
    struct remote_series    s;
    struct remote_histogram h;
    enum err                e;
    uint32_t                rejected = 0;
    /* count 12, sum 2, schema 1 (zigzag 2), zero 1; positive spans (offset -1, 2) (offset 2, 1); deltas 4, -1, +1 -> 4 3 . . 4 */
    assert_ok(open_hex(&w, REMOTE_V1, "0a (" UP "22 (08 0c 19 00 00 00 00 00 00 00 40 20 02 30 01 5a (08 01 10 02) 5a (08 04 10 01) 62 (08 01 02) 70 02 78 09))"), &w.fault);
    assert_true(remote_next(&w.r, &s, &e, &w.fault));
    assert_true(remote_histogram_next(&s, &h, &rejected));
    assert_true(h.count == 12 && h.sum == 2 && h.schema == 1 && h.zero_count == 1 && h.reset_hint == 2 && h.time_ms == 9 && !h.is_float);
    assert_int_equal(h.positive.n, 5);
    assert_int_equal(h.positive.first, -1);
    static const double want[] = { 4, 3, 0, 0, 4 };
    assert_memory_equal(h.positive.counts, want, sizeof want);
    assert_false(remote_histogram_next(&s, &h, &rejected));
    assert_int_equal(rejected, 0);
    arena_done(&w.a);
}

static void a_histogram_that_contradicts_itself_is_counted_and_left_out(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "0a (" UP "22 (08 02 5a (08 00 10 02) 62 (02 01)))",                   /* 1, then 1 - 1 = 0: fine; the same with */
        "0a (" UP "22 (08 02 5a (08 00 10 02) 62 (02 03)))",                   /* 1, then 1 - 2: below zero */
        "0a (" UP "22 (08 02 5a (08 00 10 02) 62 (02)))",                      /* two buckets, one number */
        "0a (" UP "22 (08 02 5a (08 00 10 00) 62 (02)))",                      /* a number without a bucket */
        "0a (" UP "22 (08 01 5a (08 00 10 01) 62 (04)))",                      /* more in the buckets than in all */
        "0a (" UP "22 (08 01 20 14))",                                         /* schema 10 */
        "0a (" UP "22 (08 03 5a (08 00 10 02) 5a (08 01 10 01) 62 (02 00 00)))",     /* a span that goes back */
        "0a (" UP "22 (08 02 5a (08 00 10 01) 5a (08 80 80 80 01 10 01) 62 (00 00)))",     /* a million empty buckets */
        "0a (" UP "22 (08 01 5a (08 ff ff ff ff 0f 10 01) 62 (02)))",          /* a bucket whose lower bound has no number */
    };
    struct remote_counts c;
    struct fault         fault;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_ok(check_hex(REMOTE_V1, wrong[i], &c, &fault), &fault);
        assert_int_equal(c.rejected, i > 0);
        assert_int_equal(c.histograms, i == 0);
    }
}

static void a_histogram_without_buckets_is_one(void **state)
{
    (void)state;
    struct remote_counts c;
    struct fault         fault;
    assert_ok(check_hex(REMOTE_V1, "0a (" UP "22 (08 02 30 02) 22 (08 00) 22 (19 02 00 00 00 00 00 f0 7f))", &c, &fault), &fault);
    assert_true(c.histograms == 3 && c.rejected == 0);
}

/* Of one series; those beside it are somebody else's. */
static void a_series_of_too_many_labels_is_left_out_and_the_others_are_not(void **state)
{
    (void)state;
    static char          s[3000];
    size_t               n = 3;
    struct remote_counts c;
    struct fault         fault;
    struct arena         a;
    for (int i = 0; i < REMOTE_LABELS_MAX + 1; i++, n += 8) {
        char label[9];
        (void)snprintf(label, sizeof label, "\x0a\x06\x0a\x04n%03d", i);
        memcpy(s + n, label, 8);
    }
    memcpy(s + n, "\x12\x00", 2);      /* one sample */
    n += 2;
    memcpy(s, (char[]){ 0x0a, (char)((n - 3) % 128 | 128), (char)((n - 3) / 128) }, 3);
    memcpy(s + n, "\x0a\x12\x0a\x0e\x0a\x08__name__\x12\x02up\x12\x00", 20);
    n += 20;
    arena_init(&a, 1000);
    assert_ok(remote_check(REMOTE_V1, (struct slice){ s, n }, &a, &c, &fault), &fault);
    assert_true(c.series == 1 && c.samples == 1 && c.rejected == 1);
    assert_non_null(strstr(c.why, "more than 256 labels"));
    arena_done(&a);
}

/* The same in 2.0: pairs of references. */
static void references_of_too_many_labels_are_a_flaw_of_their_series(void **state)
{
    (void)state;
    char                 s[1000];
    size_t               n = 0;
    struct remote_counts c;
    struct fault         fault;
    struct arena         a;
    memcpy(s, "\x22\x00\x22\x01x\x2a\x89\x04\x0a\x84\x04", 11);      /* symbols "" and "x"; a series of 521 bytes, 516 of them references: 258 labels */
    n = 11;
    memset(s + n, 1, 516);
    n += 516;
    memcpy(s + n, "\x12\x00", 2);
    n += 2;
    s[6] = (char)((n - 8) % 128 | 128);
    s[7] = (char)((n - 8) / 128);
    arena_init(&a, 1000);
    assert_ok(remote_check(REMOTE_V2, (struct slice){ s, n }, &a, &c, &fault), &fault);
    assert_true(c.series == 0 && c.rejected == 1);
    assert_non_null(strstr(c.why, "more than 256 labels"));
    arena_done(&a);
}

static void what_is_written_reads_back(void **state)
{
    (void)state;
    static const double     counts[] = { 1, 0, 0, 0, 0, 7, 2 }, bounds[] = { 0.5, 1 };
    const struct remote_label labels[] = { { SLICE("__name__"), SLICE("latency") }, { SLICE("job"), SLICE("api") } };
    const struct remote_label trace[] = { { SLICE("trace_id"), SLICE("abc") } };
    for (enum remote_version version = REMOTE_V1; version <= REMOTE_V2; version++)
        for (int is_float = 0; is_float < 2; is_float++) {
            struct remote_writer   w;
            struct world           o = { 0 };
            struct remote_series   s;
            struct remote_sample   v;
            struct remote_exemplar x;
            struct remote_histogram h, in = { .is_float = is_float, .schema = 3, .count = 11, .sum = 2.5, .zero_threshold = 1e-9, .zero_count = 1,
                .positive = { -2, 7, counts }, .reset_hint = 3, .time_ms = 77, .start_ms = 5 };
            enum err e;
            remote_write_init(&w, version, 1 << 20);
            for (int round = 0; round < 2; round++) {
                remote_write_reset(&w);
                remote_write_series(&w, labels, 2, REMOTE_GAUGE, SLICE("how long"), SLICE("s"));
                remote_write_sample(&w, -0.25, -3, 9);
                remote_write_exemplar(&w, trace, 1, 4, 8);
                remote_write_series(&w, labels, 1, REMOTE_HISTOGRAM, SLICE("how long"), SLICE(""));
                remote_write_histogram(&w, &in);
                in.custom = bounds;
            }
            struct slice body = remote_write_take(&w);
            assert_false(w.full);
            arena_init(&o.a, 1 << 20);
            assert_ok(remote_open(&o.r, version, body, &o.a, &o.fault), &o.fault);
            assert_true(remote_next(&o.r, &s, &e, &o.fault));
            assert_true(s.labels.count == 2 && slice_is(s.labels.item[1].value, "api"));
            assert_true(version == REMOTE_V1 || (s.metadata.type == REMOTE_GAUGE && slice_is(s.metadata.help, "how long") && slice_is(s.metadata.unit, "s")));
            assert_true(remote_sample_next(&s, &v) && v.value == -0.25 && v.time_ms == -3 && v.start_ms == (version == REMOTE_V2 ? 9 : 0));
            assert_true(remote_exemplar_next(&s, &x) && x.labels.count == 1 && slice_is(x.labels.item[0].value, "abc") && x.value == 4 && x.time_ms == 8);
            assert_true(remote_next(&o.r, &s, &e, &o.fault));
            assert_true(remote_histogram_next(&s, &h, NULL));
            assert_true(h.count == 11 && h.sum == 2.5 && h.schema == 3 && h.zero_count == 1 && h.zero_threshold == 1e-9 && h.reset_hint == 3);
            assert_true(h.is_float == is_float && h.time_ms == 77 && h.positive.first == -2 && h.positive.n == 7);
            assert_memory_equal(h.positive.counts, counts, sizeof counts);
            assert_false(remote_next(&o.r, &s, &e, &o.fault));
            assert_int_equal(e, OK);
            arena_done(&o.a);
            remote_write_done(&w);
        }
}

static void a_writer_that_is_full_says_so_and_gives_nothing_out(void **state)
{
    (void)state;
    const struct remote_label label = { SLICE("__name__"), SLICE("up") };
    for (enum remote_version version = REMOTE_V1; version <= REMOTE_V2; version++) {
        struct remote_writer w;
        remote_write_init(&w, version, 100);
        for (int i = 0; i < 10; i++) {
            remote_write_series(&w, &label, 1, REMOTE_GAUGE, SLICE(""), SLICE(""));
            remote_write_sample(&w, i, i, 0);
        }
        assert_int_equal(remote_write_take(&w).n, 0);
        assert_true(w.full);
        remote_write_done(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_series_of_1_0_is_read_from_its_bytes),
        cmocka_unit_test(the_order_of_fields_does_not_matter),
        cmocka_unit_test(labels_are_judged_by_the_series_and_not_by_the_request),
        cmocka_unit_test(what_is_malformed_is_refused),
        cmocka_unit_test(a_request_of_2_0_has_its_texts_in_symbols_wherever_they_stand),
        cmocka_unit_test(references_of_2_0_are_held_against_the_symbols),
        cmocka_unit_test(a_native_histogram_gets_a_count_for_each_bucket),
        cmocka_unit_test(a_histogram_that_contradicts_itself_is_counted_and_left_out),
        cmocka_unit_test(a_histogram_without_buckets_is_one),
        cmocka_unit_test(a_series_of_too_many_labels_is_left_out_and_the_others_are_not),
        cmocka_unit_test(references_of_too_many_labels_are_a_flaw_of_their_series),
        cmocka_unit_test(what_is_written_reads_back),
        cmocka_unit_test(a_writer_that_is_full_says_so_and_gives_nothing_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
