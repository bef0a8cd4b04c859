/*
 * tests/fuzz/fuzz_journal.c - any bytes as a segment, a cursor and meta: opening never fails because of them, reading ends, and what
 * is appended afterwards is read back under an id that nothing before it had.
 *
 * Input: one byte of choices, then the segment.  Checksums are put right first where a choice asks for it, so that what they guard is reached.
 */
#include "../unit/journal_disk.h"
#include "base/log.h"
#include "base/crc32c.h"
#include "journal/journal.h"
#include "journal/segment.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_MAX = 256 * 1024 };

static void must(bool truth)
{
    if (!truth)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void put32(char *p, uint32_t v) { memcpy(p, &v, sizeof v); }

static void mend(char *p, size_t n)
{
    put32(p + 8, 0);
    put32(p + 8, crc32c(0, p, n));
}

static void put_file(const struct journal_files *f, const char *path, const void *bytes, size_t n)
{
    int fd = f->open(f->ctx, path, O_RDWR | O_CREAT, 0600);
    must(fd >= 0 && journal_files_write_all(f, fd, bytes, n, 0));
    (void)f->close(f->ctx, fd);
}

/* The page, the seal and each block where one seems to begin get sums that are right. */
static void mend_all(char *bytes, size_t n, bool seal)
{
    if (n < SEGMENT_PAGE)
        return;
    mend(bytes, 64);
    if (seal)
        mend(bytes + SEGMENT_SEAL_AT, 96);
    for (size_t at = SEGMENT_PAGE; at + BLOCK_HEAD <= n; at += BLOCK_ALIGN) {
        uint32_t stored;
        if (memcmp(bytes + at, "HJB1", 4) != 0)
            continue;
        memcpy(&stored, bytes + at + 52, sizeof stored);
        if (stored <= n - at - BLOCK_HEAD)
            put32(bytes + at + 12, crc32c(0, bytes + at + BLOCK_HEAD, stored));
        memcpy(bytes + at + 16, bytes + 16, 16);          /* the stamp and generation of the segment */
        mend(bytes + at, BLOCK_HEAD);
    }
}

/* What is written where a slot is gets a name that ends, magic numbers and sums that are right: so meta says anything. */
static void mend_slots(char *bytes, size_t n)
{
    for (size_t at = 0; at + 512 <= n && at < 1024; at += 512) {
        memcpy(bytes + at, "HJC1\1\0\0\0", 8);
        bytes[at + 16] = (char)((bytes[at + 16] & ~1) | (at != 0));
        bytes[at + 127] = '\0';
        mend(bytes + at, 128);
        memcpy(bytes + at + 128, "HJC2", 4);
        memcpy(bytes + at + 144, bytes + at + 16, 8);
        mend(bytes + at + 128, 64);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 || size > FILE_MAX)
        return 0;
    struct fault             fault = { 0 };
    struct disk             *disk = disk_new(1);
    struct journal_files     files = disk_files(disk);
    struct journal_options   o = journal_options_default("/j");
    struct journal          *j;
    struct journal_consumer *c;
    struct record            r;
    struct journal_stats     stats;
    uint64_t                 last = 0, id;
    enum err                 e;
    uint8_t                  choice = data[0];
    char                    *bytes = malloc(size);
    must(bytes != NULL);
    memcpy(bytes, data + 1, size - 1);
    log_setup(LOG_LOGFMT, (enum log_level)(LOG_ERROR + 1), NULL);
    if (choice & 1)
        mend_all(bytes, size - 1, (choice & 2) != 0);
    o.segment_bytes = 1 << 20;
    o.size_max = 8 << 20;
    o.commit_delay_us = 0;
    o.reserve_bytes = 0;
    o.files = &files;
    must(files.mkdir(files.ctx, "/j", 0700) == 0);
    put_file(&files, "/j/00000001.seg", bytes, size - 1);
    if (choice & 4)
        put_file(&files, "/j/00000007.seg", bytes, size - 1);
    if (choice & 8)
        put_file(&files, "/j/c.cursor", bytes, size - 1 < 1024 ? size - 1 : 1024);
    if (choice & 32)
        mend_slots(bytes, size - 1);
    if (choice & 16)
        put_file(&files, "/j/meta", bytes, size - 1 < 1024 ? size - 1 : 1024);
    must(journal_open(&o, &j, &fault) == OK);
    must(journal_consumer_open(j, "c", JOURNAL_FROM_START, &c, &fault) == OK);
    while ((e = journal_read(c, &r, &fault)) == OK) {
        must(r.id > last);
        last = r.id;
    }
    must(e == ERR_MISSING);
    r = (struct record){ .kind = RECORD_ROWS, .form = FORM_JSON, .body = SLICE("after") };
    journal_stats(j, &stats);
    if (stats.last_id < RECORD_ID_END / 2) {      /* beyond, a block says that numbers are nearly used up */
        must(journal_append_wait(j, &r, &id, &fault) == OK && id > last);
        must(journal_read(c, &r, &fault) == OK && r.id == id && slice_is(r.body, "after"));
        must(journal_commit(c, id, &fault) == OK);
    }
    journal_consumer_close(c);
    journal_close(j);
    disk_free(disk);
    free(bytes);
    return 0;
}
