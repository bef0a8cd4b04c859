/* wire/snappy: blocks written by hand from the format's description, and blocks that lie. */
#include "unit.h"

#include "hex.h"

#include "wire/snappy.h"

static enum err unpack(const char *text, size_t max, char *to, size_t room, size_t *size)
{
    struct hex   h;
    struct fault fault;
    struct slice in = hex_of(&h, text);
    enum err     e = snappy_block_size(in, max, size, &fault);
    if (e == OK)
        assert_true(*size <= room);
    return e != OK ? e : snappy_block_read(in, to, *size, &fault);
}

static void a_literal_and_a_copy_are_read(void **state)
{
    (void)state;
    char   to[64];
    size_t n;
    /* 10 bytes: literal "abcd" (tag (4-1)<<2), then a copy of 6 from 4 back (tag (6-4)<<2 | 1, offset 4). */
    assert_int_equal(unpack("0a 0c 'abcd' 09 04", 100, to, sizeof to, &n), OK);
    assert_int_equal(n, 10);
    assert_memory_equal(to, "abcdabcdab", 10);
    assert_int_equal(unpack("00", 100, to, sizeof to, &n), OK);
    assert_int_equal(n, 0);
}

static void a_size_above_the_limit_is_refused_before_anybody_allocates(void **state)
{
    (void)state;
    size_t       n = 77;
    char         to[64];
    struct hex   h;
    struct fault fault;
    assert_int_equal(snappy_block_size(hex_of(&h, "e8 07 0c 'abcd'"), 4096, &n, &fault), ERR_INPUT);      /* a thousand bytes out of seven */
    assert_int_equal(unpack("65 0c 'abcd'", 100, to, sizeof to, &n), ERR_LIMIT);
    assert_int_equal(unpack("ff ff ff ff 0f 00", 1000, to, sizeof to, &n), ERR_LIMIT);
    assert_int_equal(n, 77);
}

static void what_cannot_be_a_block_is_malformed(void **state)
{
    (void)state;
    char   to[4096];
    size_t n;
    assert_int_equal(unpack("", 100, to, sizeof to, &n), ERR_INPUT);
    assert_int_equal(unpack("80", 100, to, sizeof to, &n), ERR_INPUT);
    assert_int_equal(unpack("80 80 80 80 80 01", 100, to, sizeof to, &n), ERR_INPUT);
    assert_int_equal(unpack("ff ff ff ff 7f 00", SIZE_MAX, to, sizeof to, &n), ERR_INPUT);      /* above 32 bits */
    assert_int_equal(unpack("0a 0c 'abcd'", 100, to, sizeof to, &n), ERR_INPUT);               /* six are missing */
    assert_int_equal(unpack("03 0c 'abcd'", 100, to, sizeof to, &n), ERR_INPUT);               /* one too many */
    assert_int_equal(unpack("0a 0c 'abcd' 09 05", 100, to, sizeof to, &n), ERR_INPUT);         /* a copy from before the beginning */
    assert_int_equal(unpack("0a 24 'abcd'", 100, to, sizeof to, &n), ERR_INPUT);               /* a literal beyond the end */
}

static void what_is_written_reads_back(void **state)
{
    (void)state;
    char         in[5000], packed[8192], out[5000];
    size_t       used, size;
    struct fault fault;
    for (size_t i = 0; i < sizeof in; i++)
        in[i] = (char)("http_requests_total"[i % 19] + (i % 97 == 0));
    assert_true(snappy_block_bound(sizeof in) <= sizeof packed);
    assert_ok(snappy_block_write((struct slice){ in, sizeof in }, packed, sizeof packed, &used, &fault), &fault);
    assert_true(used < sizeof in / 3);
    assert_ok(snappy_block_size((struct slice){ packed, used }, sizeof in, &size, &fault), &fault);
    assert_int_equal(size, sizeof in);
    assert_ok(snappy_block_read((struct slice){ packed, used }, out, size, &fault), &fault);
    assert_memory_equal(in, out, sizeof in);
    assert_int_equal(snappy_block_write((struct slice){ in, sizeof in }, packed, 100, &used, &fault), ERR_LIMIT);
}

#define MARK "ff 06 00 00 'sNaPpY' "

static enum err unframe(const char *text, size_t max, char *to, size_t *size)
{
    struct hex   h;
    struct fault fault;
    struct slice in = hex_of(&h, text);
    assert_true(snappy_is_framed(in));
    enum err e = snappy_frames_size(in, max, size, &fault);
    return e != OK ? e : snappy_frames_read(in, to, *size, &fault);
}

/* Bytes by another implementation. */
static void frames_are_read_one_behind_the_other(void **state)
{
    (void)state;
    char   to[128];
    size_t n;
    assert_int_equal(unframe(MARK "00 0d 00 00 75 e6 c6 82 18 0c 'abcd' 4e 04 00  01 06 00 00 1c b0 f0 f4 'ab'", 100, to, &n), OK);
    assert_int_equal(n, 26);
    assert_memory_equal(to, "abcdabcdabcdabcdabcdabcdab", 26);
    assert_int_equal(unframe(MARK, 100, to, &n), OK);
    assert_int_equal(n, 0);
    assert_int_equal(unframe(MARK "fe 02 00 00 'xx' 80 00 00 00 " MARK "01 06 00 00 1c b0 f0 f4 'ab'", 100, to, &n), OK);      /* padding, one to be skipped, a second stream */
    assert_int_equal(n, 2);
    assert_int_equal(unframe(MARK "01 06 00 00 1c b0 f0 f4 'ab'", 1, to, &n), ERR_LIMIT);
}

static void what_is_wrong_with_frames_is_malformed(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        MARK "01 06 00 00 1d b0 f0 f4 'ab'",                  /* the checksum */
        MARK "00 0d 00 00 75 e6 c6 82 18 0c 'abcd' 4e 05 00", /* a copy from before the beginning */
        MARK "01 06 00 00 1c b0 f0 f4 'a'",                   /* cut off */
        MARK "01 06 00",
        MARK "01 03 00 00 1c b0 f0",                          /* shorter than its checksum */
        MARK "02 00 00 00",                                   /* a type that must not be skipped */
        MARK "ff 06 00 00 'sNaPpy'",
        MARK "00 08 00 00 00 00 00 00 81 80 04 00",           /* says 64 KiB and one, which no frame may have */
        MARK "00 09 00 00 00 00 00 00 ff 1f 00 'a' 00",       /* more than so few bytes can become */
    };
    char   to[70000];
    size_t n;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        if (unframe(wrong[i], 65536, to, &n) != ERR_INPUT)
            fail_msg("%s", wrong[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_literal_and_a_copy_are_read),
        cmocka_unit_test(a_size_above_the_limit_is_refused_before_anybody_allocates),
        cmocka_unit_test(what_cannot_be_a_block_is_malformed),
        cmocka_unit_test(what_is_written_reads_back),
        cmocka_unit_test(frames_are_read_one_behind_the_other),
        cmocka_unit_test(what_is_wrong_with_frames_is_malformed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
