/* journal: what a block says comes back as it was, and what is no block is never taken for one. */
#include "unit.h"

#include "journal/block.h"
#include "base/crc32c.h"
#include "journal/segment.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct fault fault;

static void the_checksum_is_that_of_the_standard_by_instruction_and_by_table(void **state)
{
    (void)state;
    unsigned char bytes[1000];
    assert_int_equal(crc32c(0, "123456789", 9), 0xe3069283u);
    memset(bytes, 0, 32);
    assert_int_equal(crc32c(0, bytes, 32), 0x8a9136aau);       /* RFC 3720, B.4 */
    memset(bytes, 0xff, 32);
    assert_int_equal(crc32c(0, bytes, 32), 0x62a8ab43u);
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)(i * 31 + i / 7);
    for (size_t n = 0; n < 300; n++) {
        assert_int_equal(crc32c(0, bytes + n % 9, n), crc32c_table(0, bytes + n % 9, n));
        assert_int_equal(crc32c(crc32c(0, bytes, n), bytes + n, 1000 - n), crc32c_table(0, bytes, 1000));
    }
}

static struct block sample(void)
{
    return (struct block){ .stamp = 0x1122334455667788u, .generation = 7, .first = 41, .durable = 40, .events = 12, .count = 3, .stored = 100, .full = 300, .payload_crc = 9,
                           .first_us = -5, .last_us = 1234567890123456, .packed = true };
}

static void a_header_comes_back_as_it_was_written(void **state)
{
    (void)state;
    char         bytes[BLOCK_HEAD];
    struct block b = sample(), back;
    journal_block_head_write(bytes, &b);
    assert_true(journal_block_head_read(bytes, &back));
    assert_int_equal(back.stamp, b.stamp);
    assert_int_equal(back.generation, 7);
    assert_int_equal(back.first, 41);
    assert_int_equal(journal_block_last(&back), 43);
    assert_int_equal(back.durable, 40);
    assert_int_equal(back.events, 12);
    assert_int_equal(back.stored, 100);
    assert_int_equal(back.full, 300);
    assert_int_equal(back.payload_crc, 9);
    assert_true(back.first_us == -5 && back.last_us == 1234567890123456 && back.packed);
}

static void a_header_with_any_bit_turned_is_no_header(void **state)
{
    (void)state;
    char         bytes[BLOCK_HEAD];
    struct block b = sample(), back;
    journal_block_head_write(bytes, &b);
    for (int bit = 0; bit < BLOCK_HEAD * 8; bit++) {
        bytes[bit / 8] = (char)(bytes[bit / 8] ^ (1 << bit % 8));
        assert_false(journal_block_head_read(bytes, &back));
        bytes[bit / 8] = (char)(bytes[bit / 8] ^ (1 << bit % 8));
    }
    assert_true(journal_block_head_read(bytes, &back));
}

static void numbers_that_cannot_be_are_refused_although_the_checksum_is_right(void **state)
{
    (void)state;
    char         bytes[BLOCK_HEAD];
    struct block back, wrong[] = { sample(), sample(), sample(), sample(), sample(), sample() };
    wrong[0].count = 0;
    wrong[1].first = 0;
    wrong[2].stored = 301;
    wrong[3].packed = false;              /* stored and full differ */
    wrong[4].count = 300;                 /* more records than bytes for their headers */
    wrong[5].first = UINT64_MAX - 1;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        journal_block_head_write(bytes, &wrong[i]);
        assert_false(journal_block_head_read(bytes, &back));
    }
}

static void a_record_comes_back_as_it_was_written(void **state)
{
    (void)state;
    struct record r = { .received_us = 5, .kind = RECORD_OTLP_LOGS, .form = FORM_PROTOBUF, .events = 3, .tenant = SLICE("t"), .source = SLICE("otlp"), .labels = SLICE("k\0v"), .body = SLICE("hello\0you") };
    struct record back;
    char          bytes[300];
    size_t        at = 0, n = journal_record_size(&r);
    journal_record_write(bytes, &r);
    assert_true(journal_record_next(bytes, n, &at, &back));
    assert_int_equal(at, n);
    assert_true(back.received_us == 5 && back.kind == RECORD_OTLP_LOGS && back.form == FORM_PROTOBUF && back.events == 3);
    assert_true(slice_is(back.tenant, "t") && slice_is(back.source, "otlp") && slice_same(back.labels, r.labels) && slice_same(back.body, r.body));
    for (size_t cut = 0; cut < n; cut++) {
        at = 0;
        assert_false(journal_record_next(bytes, cut, &at, &back));
    }
}

static void a_record_beyond_the_limits_is_refused_with_what_and_how_much(void **state)
{
    (void)state;
    static char   tenant[RECORD_TENANT_MAX + 1];
    struct record r = { .kind = RECORD_ROWS, .form = FORM_JSON, .tenant = { tenant, sizeof tenant } };
    assert_int_equal(journal_record_check(&r, &fault), ERR_INPUT);
    assert_non_null(strstr(fault.text, "tenant"));
    r.tenant.n = RECORD_TENANT_MAX;
    assert_ok(journal_record_check(&r, &fault), &fault);
    r.kind = RECORD_NONE;
    assert_int_equal(journal_record_check(&r, &fault), ERR_INPUT);
}

/* ---- a file of blocks ---- */

enum { BLOCKS = 8, STAMP = 77 };

struct world { int fd; int64_t at[BLOCKS + 1]; };

static void put_block(int fd, int64_t at, uint64_t stamp, uint64_t first, const char *body, size_t n)
{
    struct record r = { .kind = RECORD_ROWS, .form = FORM_JSON, .events = 1, .body = { body, n } };
    char         *bytes = calloc(1, BLOCK_HEAD + journal_record_size(&r));
    struct block  b = { .stamp = stamp, .generation = 1, .first = first, .durable = first - 1, .count = 1, .stored = (uint32_t)journal_record_size(&r), .full = (uint32_t)journal_record_size(&r), .events = 1 };
    journal_record_write(bytes + BLOCK_HEAD, &r);
    b.payload_crc = crc32c(0, bytes + BLOCK_HEAD, b.stored);
    journal_block_head_write(bytes, &b);
    assert_true(journal_files_write_all(&journal_files_real, fd, bytes, BLOCK_HEAD + b.stored, at));
    free(bytes);
}

static struct world blocks(void)
{
    struct world w = { .at = { SEGMENT_PAGE } };
    char         name[] = "/tmp/test-journal-XXXXXX", body[2000];
    w.fd = mkstemp(name);
    assert_true(w.fd >= 0);
    (void)unlink(name);
    assert_int_equal(ftruncate(w.fd, 1 << 20), 0);
    memset(body, 'x', sizeof body);
    for (int i = 0; i < BLOCKS; i++) {
        put_block(w.fd, w.at[i], STAMP, (uint64_t)i + 1, body, (size_t)(i * 250));
        w.at[i + 1] = w.at[i] + journal_block_size((uint32_t)(i * 250 + RECORD_HEAD));
    }
    return w;
}

/* The ids that are found, as digits; . for a gap, ! for an error. */
static const char *walk(int fd, uint64_t stamp, char *out)
{
    struct segment_scan s = { .files = &journal_files_real, .fd = fd, .stamp = stamp, .at = SEGMENT_PAGE, .end = 1 << 20, .payloads = true };
    struct block        b;
    int64_t             at, size;
    enum segment_found  found;
    char               *p = out;
    while ((found = journal_segment_scan_next(&s, &b, &at, &size)) == FOUND_BLOCK || found == FOUND_GAP)
        *p++ = found == FOUND_GAP ? '.' : (char)('0' + b.first);
    *p++ = found == FOUND_END ? '|' : '!';
    *p = '\0';
    journal_segment_scan_done(&s);
    return out;
}

static void a_walk_finds_every_block_and_then_the_end(void **state)
{
    (void)state;
    char         out[99];
    struct world w = blocks();
    assert_string_equal(walk(w.fd, STAMP, out), "12345678|");
    assert_string_equal(walk(w.fd, STAMP + 1, out), "|");
    (void)close(w.fd);
}

static void a_damaged_block_is_skipped_up_to_the_next_one(void **state)
{
    (void)state;
    char         out[99];
    struct world w = blocks();
    assert_int_equal(pwrite(w.fd, "?", 1, w.at[3] + BLOCK_HEAD + 30), 1);      /* in a payload */
    assert_string_equal(walk(w.fd, STAMP, out), "123.5678|");
    assert_int_equal(pwrite(w.fd, "?", 1, w.at[4] + 50), 1);                   /* in a header: the two are one gap */
    assert_string_equal(walk(w.fd, STAMP, out), "123.678|");
    assert_int_equal(pwrite(w.fd, "?", 1, w.at[0]), 1);
    assert_string_equal(walk(w.fd, STAMP, out), ".23.678|");
    assert_int_equal(pwrite(w.fd, "?", 1, w.at[7]), 1);                        /* the last one is the tail */
    assert_string_equal(walk(w.fd, STAMP, out), ".23.67|");
    (void)close(w.fd);
}

static void a_block_of_an_earlier_use_is_not_seen(void **state)
{
    (void)state;
    char         out[99];
    struct world w = blocks();
    put_block(w.fd, w.at[8], STAMP - 1, 3, "old", 3);
    put_block(w.fd, w.at[8] + BLOCK_ALIGN, STAMP - 1, 4, "old", 3);
    assert_string_equal(walk(w.fd, STAMP, out), "12345678|");
    (void)close(w.fd);
}

static void bytes_of_a_sender_that_look_like_a_block_are_not_taken_for_one(void **state)
{
    (void)state;
    char         out[99], forged[3 * BLOCK_ALIGN];
    struct world w = blocks();
    struct block b = sample();
    b.stamp = STAMP ^ 1;                  /* whoever sends cannot know it */
    memset(forged, 0, sizeof forged);
    for (size_t at = 0; at + BLOCK_HEAD <= sizeof forged; at += 8)
        if (at % 96 == 0)
            journal_block_head_write(forged + at, &b);
    put_block(w.fd, w.at[8], STAMP, 9, forged, sizeof forged);
    assert_int_equal(pwrite(w.fd, "?", 1, w.at[8]), 1);
    assert_string_equal(walk(w.fd, STAMP, out), "12345678|");
    (void)close(w.fd);
}

static void a_seal_counts_only_for_the_use_it_was_written_in(void **state)
{
    (void)state;
    char           page[SEGMENT_PAGE];
    struct segment s = { .generation = 3, .stamp = 5, .bytes = 1 << 20, .used = 8192, .first = 10, .last = 20, .blocks = 2, .events = 30, .first_us = 1, .last_us = 2 }, back = { 0 };
    journal_segment_page_write(page, &s, 0);
    assert_true(journal_segment_page_read(page, &back));
    assert_int_equal(back.generation, 3);
    assert_false(journal_segment_seal_read(page, &back));
    journal_segment_seal_write(page + SEGMENT_SEAL_AT, &s);
    assert_true(journal_segment_seal_read(page, &back));
    assert_true(back.used == 8192 && back.first == 10 && back.last == 20 && back.events == 30 && back.sealed);
    back.stamp = 6;
    assert_false(journal_segment_seal_read(page, &back));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_checksum_is_that_of_the_standard_by_instruction_and_by_table),
        cmocka_unit_test(a_header_comes_back_as_it_was_written),
        cmocka_unit_test(a_header_with_any_bit_turned_is_no_header),
        cmocka_unit_test(numbers_that_cannot_be_are_refused_although_the_checksum_is_right),
        cmocka_unit_test(a_record_comes_back_as_it_was_written),
        cmocka_unit_test(a_record_beyond_the_limits_is_refused_with_what_and_how_much),
        cmocka_unit_test(a_walk_finds_every_block_and_then_the_end),
        cmocka_unit_test(a_damaged_block_is_skipped_up_to_the_next_one),
        cmocka_unit_test(a_block_of_an_earlier_use_is_not_seen),
        cmocka_unit_test(bytes_of_a_sender_that_look_like_a_block_are_not_taken_for_one),
        cmocka_unit_test(a_seal_counts_only_for_the_use_it_was_written_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
