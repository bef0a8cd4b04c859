/* base: text never grows past its maximum, time reads back as it was written, chance repeats from its seed. */
#include "unit.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/id.h"
#include "base/rand.h"
#include "base/text.h"

#include <string.h>

static void a_text_stops_at_its_maximum_and_says_so(void **state)
{
    (void)state;
    struct text t;
    text_init(&t, 10);
    text_add(&t, "12345678");
    text_printf(&t, "%s", "90abc");
    assert_string_equal(t.s, "1234567890");
    assert_true(t.cut);
    text_done(&t);
}

static void a_fault_can_be_put_in_front_of_itself(void **state)
{
    (void)state;
    struct fault f = { 0 };
    assert_int_equal(fail(&f, ERR_IO, "cannot read x"), ERR_IO);
    assert_int_equal(fail_in(&f, "while starting"), ERR_IO);
    assert_string_equal(f.text, "while starting: cannot read x");
    assert_int_equal(fail(&f, ERR_INPUT, "again: %s", f.text), ERR_INPUT);
    assert_string_equal(f.text, "again: while starting: cannot read x");
}

static void a_fault_is_text_also_where_its_room_ends_within_a_character(void **state)
{
    (void)state;
    struct fault f = { 0 };
    char long_name[600];
    for (size_t i = 0; i + 2 < sizeof long_name; i += 2)
        memcpy(long_name + i, "\xc3\xbc", 3);      /* u with two dots */
    (void)fail(&f, ERR_IO, "%s", long_name);
    fail_hint(&f, "%s", long_name);
    assert_string_equal(f.text + strlen(f.text) - 3, "\xc3\xbc" "?");
    assert_string_equal(f.hint + strlen(f.hint) - 3, "\xc3\xbc" "?");
    (void)fail_in(&f, "then");
    assert_string_equal(f.text + strlen(f.text) - 3, "\xc3\xbc" "?");
    (void)fail(&f, ERR_IO, "the server says %.3s", "\xfc" "ber");
    assert_string_equal(f.text, "the server says ?be");
}

static void a_time_reads_back_as_it_was_written(void **state)
{
    (void)state;
    char s[32];
    assert_string_equal(clock_format(INT64_C(1767225599123000), s, sizeof s), "2025-12-31T23:59:59.123Z");
    assert_int_equal(clock_parse(s), INT64_C(1767225599123000));
    assert_int_equal(clock_parse("2026-01-01T01:59:59.123+02:00"), INT64_C(1767225599123000));
    assert_int_equal(clock_parse("yesterday"), -1);
    assert_int_equal(clock_parse("2026-01-01T01:59:59.123+0200"), INT64_C(1767225599123000));
    assert_int_equal(clock_parse("2028-02-29T00:00:00Z"), INT64_C(1835395200000000));
    static const char *const none[] = { "2026-13-01T00:00:00Z", "2026-02-29T00:00:00Z", "2026-04-31T00:00:00Z", "2026-01-01T-1:00:00Z", "2026-01-01T00:00:00+2", "2026-01-01T00:00:00+2400",
        "2026-01-01T00:00:00+02000", "2026-01-01T00:00:00+-1:00" };
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++)
        assert_int_equal(clock_parse(none[i]), -1);
}

static void the_same_seed_gives_the_same_story(void **state)
{
    (void)state;
    struct rand a, b;
    rand_seed(&a, 7);
    rand_seed(&b, 7);
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(rand_u64(&a), rand_u64(&b));
        int64_t n = rand_int(&a, -3, 3);
        assert_in_range(n + 3, 0, 6);
        assert_int_equal(n, rand_int(&b, -3, 3));
    }
}

static void an_id_is_valid_and_sorts_by_time(void **state)
{
    (void)state;
    char a[ID_SIZE], b[ID_SIZE];
    id_new(1000000, a);
    id_new(2000000, b);
    assert_true(id_valid(a));
    assert_false(id_valid("not-an-id"));
    assert_true(strcmp(a, b) < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_text_stops_at_its_maximum_and_says_so),
        cmocka_unit_test(a_fault_can_be_put_in_front_of_itself),
        cmocka_unit_test(a_fault_is_text_also_where_its_room_ends_within_a_character),
        cmocka_unit_test(a_time_reads_back_as_it_was_written),
        cmocka_unit_test(the_same_seed_gives_the_same_story),
        cmocka_unit_test(an_id_is_valid_and_sorts_by_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
