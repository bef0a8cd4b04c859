/* journal/segment.c - the page of a segment, and walking over its blocks whatever is between them. */
#include "journal/segment.h"

#include "base/crc32c.h"

#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PAGE_MAGIC = 0x31534a48, SEAL_MAGIC = 0x31454a48, PAGE_VERSION = 1, PAGE_USED = 64, SEAL_USED = 96, WINDOW = 256 * 1024, HEADERS = 4096 };

static void put32(char *p, uint32_t v) { v = htole32(v); memcpy(p, &v, sizeof v); }
static void put64(char *p, uint64_t v) { v = htole64(v); memcpy(p, &v, sizeof v); }

static uint32_t get32(const char *p) { uint32_t v; memcpy(&v, p, sizeof v); return le32toh(v); }
static uint64_t get64(const char *p) { uint64_t v; memcpy(&v, p, sizeof v); return le64toh(v); }

static bool crc_good(const char *in, size_t n)
{
    char copy[SEAL_USED];
    memcpy(copy, in, n);
    put32(copy + 8, 0);
    return crc32c(0, copy, n) == get32(in + 8);
}

void journal_segment_name(uint32_t number, char out[SEGMENT_NAME]) { (void)snprintf(out, SEGMENT_NAME, "%08x.seg", number); }

bool journal_segment_number(const char *name, const char *end, uint32_t *number)
{
    char *rest;
    if (strlen(name) != 12 || strcmp(name + 8, end) != 0 || strspn(name, "0123456789abcdef") != 8)
        return false;
    *number = (uint32_t)strtoul(name, &rest, 16);
    return true;
}

void journal_segment_page_write(char out[SEGMENT_PAGE], const struct segment *s, int64_t made_us)
{
    memset(out, 0, SEGMENT_PAGE);
    put32(out, PAGE_MAGIC);
    put32(out + 4, PAGE_VERSION);
    put64(out + 16, s->stamp);
    put64(out + 24, s->generation);
    put64(out + 32, (uint64_t)s->bytes);
    put64(out + 40, (uint64_t)made_us);
    put64(out + 48, s->floor);
    put64(out + 56, s->identity);
    put32(out + 8, crc32c(0, out, PAGE_USED));
}

bool journal_segment_page_read(const char *page, struct segment *s)
{
    if (get32(page) != PAGE_MAGIC || get32(page + 4) != PAGE_VERSION || !crc_good(page, PAGE_USED))
        return false;
    s->stamp = get64(page + 16);
    s->generation = get64(page + 24);
    s->bytes = (int64_t)get64(page + 32);
    s->floor = get64(page + 48);
    s->identity = get64(page + 56);
    return s->generation > 0 && s->bytes >= SEGMENT_PAGE && s->bytes <= SEGMENT_BYTES_MAX && s->floor < RECORD_ID_END / 2;
}

void journal_segment_seal_write(char out[BLOCK_ALIGN], const struct segment *s)
{
    memset(out, 0, BLOCK_ALIGN);
    put32(out, SEAL_MAGIC);
    put64(out + 16, s->stamp);
    put64(out + 24, (uint64_t)s->used);
    put64(out + 32, s->first);
    put64(out + 40, s->last);
    put64(out + 48, s->blocks);
    put64(out + 56, s->events);
    put64(out + 64, (uint64_t)s->first_us);
    put64(out + 72, (uint64_t)s->last_us);
    put32(out + 8, crc32c(0, out, SEAL_USED));
}

bool journal_segment_seal_read(const char *page, struct segment *s)
{
    const char *p = page + SEGMENT_SEAL_AT;
    if (get32(p) != SEAL_MAGIC || !crc_good(p, SEAL_USED) || get64(p + 16) != s->stamp)
        return false;
    int64_t  used = (int64_t)get64(p + 24);
    uint64_t first = get64(p + 32), last = get64(p + 40);
    if (used < SEGMENT_PAGE || used > s->bytes || used % BLOCK_ALIGN || first > last || (first == 0) != (last == 0) || last >= RECORD_ID_END / 2)
        return false;
    s->used = used;
    s->first = first;
    s->last = last;
    s->blocks = get64(p + 48);
    s->events = get64(p + 56);
    s->first_us = (int64_t)get64(p + 64);
    s->last_us = (int64_t)get64(p + 72);
    s->sealed = true;
    return true;
}

void journal_segment_note(struct segment *s, const struct block *b, int64_t at)
{
    if (s->first == 0) {
        s->first = b->first;
        s->first_us = b->first_us;
        s->last_us = b->last_us;
    }
    s->last = journal_block_last(b);
    s->first_us = b->first_us < s->first_us ? b->first_us : s->first_us;
    s->last_us = b->last_us > s->last_us ? b->last_us : s->last_us;
    s->blocks++;
    s->events += b->events;
    s->used = at + journal_block_size(b->stored);
    if (s->marks < SEGMENT_INDEX && at >= s->bytes / SEGMENT_INDEX * s->marks)
        s->index[s->marks++] = (struct segment_mark){ b->first, at, b->first_us };
}

int64_t journal_segment_near(const struct segment *s, uint64_t id)
{
    int64_t at = SEGMENT_PAGE;
    for (int i = 0; i < s->marks && s->index[i].id <= id; i++)
        at = s->index[i].at;
    return at;
}

int64_t journal_segment_when(const struct segment *s, uint64_t id)
{
    int64_t us = s->first_us;
    for (int i = 0; i < s->marks && s->index[i].id <= id; i++)
        us = s->index[i].us;
    return us;
}

/* ---- walking ---- */

/* n bytes of the file at `at` in the buffer; NULL: an error, or with errno 0 the file ends before. */
static const char *window(struct segment_scan *s, int64_t at, size_t n)
{
    if (at >= s->window_at && at + (int64_t)n <= s->window_at + (int64_t)s->window)
        return s->buffer + (at - s->window_at);
    if (s->room < n || s->room < WINDOW) {
        size_t room = n > WINDOW ? n : WINDOW;
        char  *more = realloc(s->buffer, room);
        if (!more) {
            errno = ENOMEM;
            return NULL;
        }
        s->buffer = more;
        s->room = room;
    }
    int64_t left = s->end - at;
    size_t  least = s->payloads ? WINDOW : HEADERS, ask = n > least ? n : least;
    ask = left < (int64_t)ask ? (size_t)left : ask;
    s->window = 0;
    ssize_t got = journal_files_read_all(s->files, s->fd, s->buffer, ask, at);
    if (got < 0 && ask > n)
        got = journal_files_read_all(s->files, s->fd, s->buffer, n, at);
    if (got < 0)
        return NULL;
    s->window_at = at;
    s->window = (size_t)got;
    errno = 0;
    return (size_t)got >= n ? s->buffer : NULL;
}

/* Whether a good block of this use stands at `at`. -1: error. */
static int block_at(struct segment_scan *s, int64_t at, bool payload, struct block *b)
{
    if (s->end - at < BLOCK_HEAD)
        return 0;
    const char *p = window(s, at, BLOCK_HEAD);
    if (!p)
        return errno && !(errno == EIO && s->past_errors) ? -1 : 0;
    if (!journal_block_head_read(p, b) || b->stamp != s->stamp || journal_block_size(b->stored) > s->end - at)
        return 0;
    if (!payload)
        return 1;
    p = window(s, at, BLOCK_HEAD + (size_t)b->stored);
    if (!p)
        return errno && !(errno == EIO && s->past_errors) ? -1 : 0;
    s->payload = p + BLOCK_HEAD;
    return journal_block_payload_good(b, s->payload) ? 1 : 0;
}

enum segment_found journal_segment_scan_next(struct segment_scan *s, struct block *b, int64_t *at, int64_t *size)
{
    *at = s->at;
    int found = block_at(s, s->at, s->payloads, b);
    if (found == 1) {
        *size = journal_block_size(b->stored);
        s->at += *size;
        return FOUND_BLOCK;
    }
    /* A header behind a damaged one is believed only with its payload. */
    for (int64_t next = s->at + BLOCK_ALIGN; found == 0 && next + BLOCK_HEAD <= s->end; next += BLOCK_ALIGN)
        if ((found = block_at(s, next, true, b)) == 1) {
            *size = next - s->at;
            s->at = next;
            return FOUND_GAP;
        }
    return found < 0 ? FOUND_ERROR : FOUND_END;
}

void journal_segment_scan_done(struct segment_scan *s)
{
    free(s->buffer);
    s->buffer = NULL;
    s->room = s->window = 0;
}
