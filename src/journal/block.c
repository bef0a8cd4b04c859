/* journal/block.c - headers of blocks and of records, to bytes and back. */
#include "journal/block.h"

#include "base/crc32c.h"

#include <endian.h>
#include <string.h>

enum { MAGIC = 0x31424a48 /* HJB1 */, VERSION = 1, FLAG_PACKED = 1 };

static void put16(char *p, uint16_t v) { v = htole16(v); memcpy(p, &v, sizeof v); }
static void put32(char *p, uint32_t v) { v = htole32(v); memcpy(p, &v, sizeof v); }
static void put64(char *p, uint64_t v) { v = htole64(v); memcpy(p, &v, sizeof v); }

static uint16_t get16(const char *p) { uint16_t v; memcpy(&v, p, sizeof v); return le16toh(v); }
static uint32_t get32(const char *p) { uint32_t v; memcpy(&v, p, sizeof v); return le32toh(v); }
static uint64_t get64(const char *p) { uint64_t v; memcpy(&v, p, sizeof v); return le64toh(v); }

void journal_block_head_write(char out[BLOCK_HEAD], const struct block *b)
{
    memset(out, 0, BLOCK_HEAD);
    put32(out, MAGIC);
    put16(out + 4, VERSION);
    put16(out + 6, b->packed ? FLAG_PACKED : 0);
    put32(out + 12, b->payload_crc);
    put64(out + 16, b->stamp);
    put64(out + 24, b->generation);
    put64(out + 32, b->first);
    put64(out + 40, b->durable);
    put32(out + 48, b->count);
    put32(out + 52, b->stored);
    put32(out + 56, b->full);
    put64(out + 64, (uint64_t)b->first_us);
    put64(out + 72, (uint64_t)b->last_us);
    put64(out + 80, b->events);
    put64(out + 88, b->since);
    put32(out + 8, crc32c(0, out, BLOCK_HEAD));
}

bool journal_block_head_read(const char in[BLOCK_HEAD], struct block *b)
{
    if (get32(in) != MAGIC || get16(in + 4) != VERSION)
        return false;
    char copy[BLOCK_HEAD];
    memcpy(copy, in, BLOCK_HEAD);
    put32(copy + 8, 0);
    if (crc32c(0, copy, BLOCK_HEAD) != get32(in + 8))
        return false;
    *b = (struct block){
        .packed = (get16(in + 6) & FLAG_PACKED) != 0, .payload_crc = get32(in + 12), .stamp = get64(in + 16), .generation = get64(in + 24), .first = get64(in + 32),
        .durable = get64(in + 40), .count = get32(in + 48), .stored = get32(in + 52), .full = get32(in + 56), .first_us = (int64_t)get64(in + 64),
        .last_us = (int64_t)get64(in + 72), .events = get64(in + 80), .since = get64(in + 88),
    };
    return b->count > 0 && b->first > 0 && b->first < RECORD_ID_END && b->full <= BLOCK_FULL_MAX && b->stored <= b->full
        && (b->packed || b->stored == b->full) && b->count <= b->full / RECORD_HEAD;
}

bool journal_block_payload_good(const struct block *b, const char *stored) { return crc32c(0, stored, b->stored) == b->payload_crc; }

size_t journal_record_size(const struct record *r) { return RECORD_HEAD + r->tenant.n + r->source.n + r->labels.n + r->body.n; }

enum err journal_record_check(const struct record *r, struct fault *fault)
{
    const struct { const char *what; size_t n, max; } part[] = {
        { "tenant", r->tenant.n, RECORD_TENANT_MAX }, { "source", r->source.n, RECORD_SOURCE_MAX }, { "labels", r->labels.n, RECORD_LABELS_MAX }, { "body", r->body.n, RECORD_BODY_MAX },
    };
    for (size_t i = 0; i < sizeof part / sizeof part[0]; i++)
        if (part[i].n > part[i].max)
            return fail(fault, ERR_INPUT, "the %s of a record has %zu bytes, at most %zu are taken", part[i].what, part[i].n, part[i].max);
    if (r->kind <= RECORD_NONE || (unsigned)r->kind > UINT8_MAX || (unsigned)r->form > UINT8_MAX)
        return fail(fault, ERR_INPUT, "a record of kind %d in form %d cannot be written down", (int)r->kind, (int)r->form);
    return OK;
}

static char *add(char *to, struct slice part)
{
    if (part.n)
        memcpy(to, part.s, part.n);
    return to + part.n;
}

void journal_record_write(char *to, const struct record *r)
{
    put32(to, (uint32_t)r->body.n);
    put32(to + 4, r->events);
    put64(to + 8, (uint64_t)r->received_us);
    put16(to + 16, (uint16_t)r->labels.n);
    to[18] = (char)r->kind;
    to[19] = (char)r->form;
    to[20] = (char)r->tenant.n;
    to[21] = (char)r->source.n;
    put16(to + 22, 0);
    (void)add(add(add(add(to + RECORD_HEAD, r->tenant), r->source), r->labels), r->body);
}

bool journal_record_next(const char *payload, size_t n, size_t *at, struct record *r)
{
    if (*at > n || n - *at < RECORD_HEAD)
        return false;
    const char *p = payload + *at;
    size_t      body = get32(p), labels = get16(p + 16), tenant = (unsigned char)p[20], source = (unsigned char)p[21];
    if (body > RECORD_BODY_MAX || RECORD_HEAD + tenant + source + labels + body > n - *at)
        return false;
    *r = (struct record){
        .received_us = (int64_t)get64(p + 8), .kind = (enum record_kind)(unsigned char)p[18], .form = (enum record_form)(unsigned char)p[19], .events = get32(p + 4),
        .tenant = { p + RECORD_HEAD, tenant }, .source = { p + RECORD_HEAD + tenant, source }, .labels = { p + RECORD_HEAD + tenant + source, labels },
        .body = { p + RECORD_HEAD + tenant + source + labels, body },
    };
    *at += journal_record_size(r);
    return true;
}
