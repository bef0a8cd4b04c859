/* wire: protobuf is walked without copying, what is malformed is refused, and what is written can be walked again. */
#include "unit.h"

#include "wire/protobuf.h"
#include "wire_hex.h"

static struct slice bytes(const char *s, size_t n) { return (struct slice){ s, n }; }
#define BYTES(literal) bytes(literal, sizeof(literal) - 1)

static int walk(struct slice s)
{
    struct pb       m = pb_of(s);
    struct pb_field f;
    int             more, count = 0;
    while ((more = pb_next(&m, &f)) > 0)
        count++;
    return more < 0 ? -1 : count;
}

static void each_type_of_field_is_read(void **state)
{
    (void)state;
    struct pb       m = pb_of(BYTES("\x08\x96\x01"                            /* 1: varint 150 */
                                    "\x11\x01\x02\x03\x04\x05\x06\x07\x08"    /* 2: fixed64 */
                                    "\x1a\x03" "abc"                          /* 3: bytes */
                                    "\x25\xff\x00\x00\x80"                    /* 4: fixed32 */
                                    "\x82\x01\x00"));                         /* 16: bytes, empty; its tag has two bytes */
    struct pb_field f;
    assert_int_equal(pb_next(&m, &f), 1);
    assert_true(f.number == 1 && f.type == PB_VARINT && f.n == 150);
    assert_int_equal(pb_next(&m, &f), 1);
    assert_true(f.number == 2 && f.type == PB_I64 && f.n == UINT64_C(0x0807060504030201));
    assert_int_equal(pb_next(&m, &f), 1);
    assert_true(f.number == 3 && f.type == PB_LEN && slice_is(f.bytes, "abc"));
    assert_int_equal(pb_next(&m, &f), 1);
    assert_true(f.number == 4 && f.type == PB_I32 && f.n == UINT32_C(0x800000ff));
    assert_int_equal(pb_next(&m, &f), 1);
    assert_true(f.number == 16 && f.type == PB_LEN && f.bytes.n == 0);
    assert_int_equal(pb_next(&m, &f), 0);
    assert_int_equal(walk((struct slice){ NULL, 0 }), 0);
}

static void a_varint_has_at_most_sixty_four_bits(void **state)
{
    (void)state;
    struct pb_field f;
    struct pb       m = pb_of(BYTES("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"));
    assert_int_equal(pb_next(&m, &f), 1);
    assert_true(f.n == UINT64_MAX);
    assert_int_equal(walk(BYTES("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02")), -1);         /* bit 65 */
    assert_int_equal(walk(BYTES("\x08\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01")), -1);     /* eleven bytes */
    assert_int_equal(walk(BYTES("\x08\x80\x80\x00")), 1);                                      /* longer than need be: allowed */
}

static void what_is_malformed_is_refused(void **state)
{
    (void)state;
    assert_int_equal(walk(BYTES("\x08")), -1);                          /* no value */
    assert_int_equal(walk(BYTES("\x08\x80")), -1);                      /* a varint that does not end */
    assert_int_equal(walk(BYTES("\x00\x00")), -1);                      /* field number 0 */
    assert_int_equal(walk(BYTES("\x0b\x0c")), -1);                      /* groups */
    assert_int_equal(walk(BYTES("\x0e\x01")), -1);                      /* type 6 */
    assert_int_equal(walk(BYTES("\x0f\x01")), -1);                      /* type 7 */
    struct pb       m = pb_of(BYTES("\x0a\x04" "abc"));                 /* longer than what is left: not even by one */
    struct pb_field f;
    assert_int_equal(pb_next(&m, &f), -1);
    assert_int_equal(walk(BYTES("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01" "abc")), -1);
    assert_int_equal(walk(BYTES("\x09\x01\x02\x03\x04\x05\x06\x07")), -1);
    assert_int_equal(walk(BYTES("\x0d\x01\x02\x03")), -1);
    assert_int_equal(walk(BYTES("\x88\x80\x80\x80\x10\x01")), -1);      /* a tag of more than 32 bits */
}

static void repeated_numbers_are_read_packed_and_unpacked(void **state)
{
    (void)state;
    uint64_t        n[4];
    size_t          count;
    bool            known;
    struct pb_field f;
    struct pb       m = pb_of(BYTES("\x12\x04\x01\x96\x01\x00" "\x10\x07" "\x12\x10" "\x01\0\0\0\0\0\0\0" "\x02\0\0\0\0\0\0\0"));
    assert_int_equal(pb_next(&m, &f), 1);
    assert_true(pb_repeated(&f, PB_VARINT, &count, &known) && known && count == 3);
    assert_int_equal(pb_repeated_read(&f, PB_VARINT, n), 3);
    assert_true(n[0] == 1 && n[1] == 150 && n[2] == 0);
    assert_int_equal(pb_next(&m, &f), 1);
    assert_true(pb_repeated(&f, PB_VARINT, &count, &known) && count == 1);
    assert_int_equal(pb_repeated_read(&f, PB_VARINT, n), 1);
    assert_true(n[0] == 7);
    assert_true(pb_repeated(&f, PB_I64, &count, &known) && !known && count == 0);
    assert_int_equal(pb_next(&m, &f), 1);
    assert_true(pb_repeated(&f, PB_I64, &count, &known) && count == 2);
    assert_int_equal(pb_repeated_read(&f, PB_I64, n), 2);
    assert_true(n[0] == 1 && n[1] == 2);
    m = pb_of(BYTES("\x12\x07" "1234567" "\x12\x02\x80\x80"));
    assert_int_equal(pb_next(&m, &f), 1);
    assert_false(pb_repeated(&f, PB_I64, &count, &known));
    assert_int_equal(pb_next(&m, &f), 1);
    assert_false(pb_repeated(&f, PB_VARINT, &count, &known));
}

static void what_is_written_is_what_the_specification_says(void **state)
{
    (void)state;
    struct text t, by_hand;
    text_init(&t, 4096);
    text_init(&by_hand, 4096);
    pb_put_varint(&t, 1, 150);
    pb_put_sint(&t, 2, -2);
    pb_put_fixed64(&t, 3, 1);
    pb_put_fixed32(&t, 4, 2);
    pb_put_double(&t, 5, 1.0);
    pb_put_bytes(&t, 16, SLICE("abc"));
    size_t outer = pb_begin(&t, 6), inner = pb_begin(&t, 1);
    for (int i = 0; i < 200; i++)
        pb_put_raw_varint(&t, 1);
    pb_end(&t, inner);
    pb_put_raw_fixed64(&t, 0x41);
    pb_end(&t, outer);
    outer = pb_begin(&t, 7);
    pb_end(&t, outer);
    struct slice want = wire_hex(&by_hand,
        "08 9601  10 03  19 0100000000000000  25 02000000  29 000000000000f03f  8201 03 'abc'  32{ 0a{"
        "01010101010101010101010101010101010101010101010101010101010101010101010101010101 01010101010101010101010101010101010101010101010101010101010101010101010101010101"
        "01010101010101010101010101010101010101010101010101010101010101010101010101010101 01010101010101010101010101010101010101010101010101010101010101010101010101010101"
        "01010101010101010101010101010101010101010101010101010101010101010101010101010101 } 4100000000000000 } 3a 00");
    assert_int_equal(t.used, want.n);
    assert_memory_equal(t.s, want.s, want.n);
    assert_int_equal(pb_zigzag(3), -2);
    text_done(&t);
    text_done(&by_hand);
}

static void a_writer_that_reaches_its_maximum_says_so(void **state)
{
    (void)state;
    struct text t;
    text_init(&t, 20);
    size_t m = pb_begin(&t, 1);
    pb_put_bytes(&t, 1, SLICE("0123456789012345678901234567890123456789"));
    pb_end(&t, m);
    assert_true(t.cut);
    text_clear(&t);
    m = pb_begin(&t, 1);
    for (int i = 0; i < 18; i++)
        pb_put_raw_varint(&t, 1);
    pb_end(&t, m);
    assert_false(t.cut);
    assert_int_equal(walk(bytes(t.s, t.used)), 1);
    text_done(&t);
}

static void text_that_is_not_utf8_is_told_from_text_that_is(void **state)
{
    (void)state;
    assert_true(utf8_valid(SLICE("")));
    assert_true(utf8_valid((struct slice){ NULL, 0 }));
    assert_true(utf8_valid(SLICE("plain text of more than eight bytes")));
    assert_true(utf8_valid(SLICE("gr\xc3\xbc\xc3\x9f" "e, \xe2\x82\xac, \xf0\x9f\x98\x80, \xf4\x8f\xbf\xbf")));
    assert_false(utf8_valid(SLICE("12345678\xff")));
    assert_false(utf8_valid(SLICE("\xc0\x80")));             /* longer than need be */
    assert_false(utf8_valid(SLICE("\xe0\x9f\xbf")));
    assert_false(utf8_valid(SLICE("\xf0\x8f\xbf\xbf")));
    assert_false(utf8_valid(SLICE("\xed\xa0\x80")));         /* a surrogate */
    assert_false(utf8_valid(SLICE("\xf4\x90\x80\x80")));     /* beyond Unicode */
    assert_false(utf8_valid(SLICE("\x80")));
    assert_false(utf8_valid(SLICE("1234567\xe2\x82")));      /* cut off */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_type_of_field_is_read),
        cmocka_unit_test(a_varint_has_at_most_sixty_four_bits),
        cmocka_unit_test(what_is_malformed_is_refused),
        cmocka_unit_test(repeated_numbers_are_read_packed_and_unpacked),
        cmocka_unit_test(what_is_written_is_what_the_specification_says),
        cmocka_unit_test(a_writer_that_reaches_its_maximum_says_so),
        cmocka_unit_test(text_that_is_not_utf8_is_told_from_text_that_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
