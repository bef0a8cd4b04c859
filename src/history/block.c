/* history/block.c - see block.h. */
#include "history/block.h"

#include "base/crc32c.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define CELL_MOST ((double)(INT64_C(1) << 59))

enum { MAGIC = 0x4e494d48 /* HMIN */, VERSION = 1, FLAG_KEY = 0x100, LEVEL = 6 };

/* Numbers of a struct in the order in which they are on disk: where, and how fine. */
struct cell { size_t at; double scale; };

#define PAGE (1.0 / 4096)
static const struct cell host_cells[] = {
#define X(name, scale) { offsetof(struct history_host, name), scale },
    HISTORY_HOST_MAP(X)
#undef X
};
#define D(member, scale) { offsetof(struct history_disk, member), scale }
static const struct cell disk_cells[] = { D(read_bytes, 1), D(write_bytes, 1), D(reads, 10), D(writes, 10), D(busy, 10000), D(wait_ms, 1000) };
#define N(member, scale) { offsetof(struct history_net, member), scale }
static const struct cell net_cells[] = { N(rx_bytes, 1), N(tx_bytes, 1), N(rx_packets, 1), N(tx_packets, 1), N(errors, 100), N(drops, 100) };
#define M(member, scale) { offsetof(struct history_mount, member), scale }
static const struct cell mount_cells[] = { M(size_bytes, PAGE), M(avail_bytes, PAGE), M(files, 1), M(files_free, 1) };
#define T(member, scale) { offsetof(struct history_top, member), scale }
static const struct cell top_cells[] = { T(cpu, 10000), T(rss_bytes, PAGE), T(read_bytes, 1), T(write_bytes, 1), T(threads, 1) };

/* The kinds of rows. Their name comes first in each struct. */
struct row_kind { size_t first, counted, size, max; const struct cell *cells; size_t cell_count; bool process; };
#define ROWS(member, count, most, cells, process) \
    { offsetof(struct history_minute, member), offsetof(struct history_minute, count), sizeof(((struct history_minute *)0)->member[0]), most, cells, COUNT(cells), process }
static const struct row_kind kinds[] = {
    ROWS(disk, disks, HISTORY_DISKS_MAX, disk_cells, false), ROWS(net, nets, HISTORY_NETS_MAX, net_cells, false),
    ROWS(mount, mounts, HISTORY_MOUNTS_MAX, mount_cells, false), ROWS(top, tops, HISTORY_TOP_MAX, top_cells, true),
};

static char  *row_at(const struct history_minute *m, const struct row_kind *k, size_t i) { return (char *)m + k->first + i * k->size; }
static size_t rows_of(const struct history_minute *m, const struct row_kind *k)
{
    size_t n;
    memcpy(&n, (const char *)m + k->counted, sizeof n);
    return n < k->max ? n : k->max;
}

/* ---- varints in a buffer with an end; what does not fit or is not there sets `bad` ---- */

struct buffer { uint8_t *p, *end; bool bad; };

static void put_varint(struct buffer *b, uint64_t v)
{
    do {
        if (b->p == b->end) {
            b->bad = true;
            return;
        }
        *b->p++ = (uint8_t)(v >= 128 ? v | 128 : v);
        v >>= 7;
    } while (v);
}

static uint64_t get_varint(struct buffer *b)
{
    uint64_t v = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        if (b->p == b->end)
            break;
        uint8_t c = *b->p++;
        v |= (uint64_t)(c & 127) << shift;
        if (c < 128)
            return v;
    }
    b->bad = true;
    return 0;
}

static uint64_t zigzag(int64_t v) { return (uint64_t)v << 1 ^ (uint64_t)(v >> 63); }
static int64_t  unzigzag(uint64_t v) { return (int64_t)(v >> 1) ^ -(int64_t)(v & 1); }

static void put_text(struct buffer *b, const char *s)
{
    size_t n = strnlen(s, HISTORY_NAME - 1);
    put_varint(b, n);
    if (b->bad || (size_t)(b->end - b->p) < n) {
        b->bad = true;
        return;
    }
    memcpy(b->p, s, n);
    b->p += n;
}

static void get_text(struct buffer *b, char out[HISTORY_NAME])
{
    uint64_t n = get_varint(b);
    memset(out, 0, HISTORY_NAME);
    if (b->bad || n >= HISTORY_NAME || (uint64_t)(b->end - b->p) < n || memchr(b->p, 0, n)) {      /* nobody writes a NUL into a name */
        b->bad = true;
        return;
    }
    memcpy(out, b->p, n);
    b->p += n;
}

/* ---- numbers ---- */

static double value_at(const char *row, const struct cell *c)
{
    double v;
    memcpy(&v, row + c->at, sizeof v);
    return v;
}

static int64_t cell_of(double v, double scale)
{
    v *= scale;
    return isnan(v) ? 0 : v > CELL_MOST ? (int64_t)CELL_MOST : v < -CELL_MOST ? -(int64_t)CELL_MOST : llround(v);
}

static void set(char *row, const struct cell *c, double v) { memcpy(row + c->at, &v, sizeof v); }

/* 0 is unknown, else the difference + 1. */
static void put_cells(struct buffer *b, char *row, const char *before, const struct cell *cells, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        double v = value_at(row, &cells[i]);
        if (isnan(v)) {
            put_varint(b, 0);
            continue;
        }
        int64_t now = cell_of(v, cells[i].scale), was = before ? cell_of(value_at(before, &cells[i]), cells[i].scale) : 0;
        put_varint(b, zigzag(now - was) + 1);
        set(row, &cells[i], (double)now / cells[i].scale);
    }
}

static void get_cells(struct buffer *b, char *row, const char *before, const struct cell *cells, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint64_t v   = get_varint(b);
        int64_t  was = before ? cell_of(value_at(before, &cells[i]), cells[i].scale) : 0;
        double   now = v ? (double)(int64_t)((uint64_t)was + (uint64_t)unzigzag(v - 1)) : NAN;
        set(row, &cells[i], now / cells[i].scale);
    }
}

/* ---- rows ---- */

static bool same_row(const struct row_kind *k, const char *a, const char *b)
{
    if (k->process) {
        const struct history_top *x = (const void *)a, *y = (const void *)b;
        return x->pid == y->pid && x->start_ticks == y->start_ticks && strcmp(x->name, y->name) == 0 && strcmp(x->group, y->group) == 0;
    }
    return strcmp(a, b) == 0;
}

static void put_rows(struct buffer *b, struct history_minute *m, const struct history_minute *before, const struct row_kind *k)
{
    size_t n = rows_of(m, k), was = before ? rows_of(before, k) : 0;
    put_varint(b, n);
    for (size_t i = 0; i < n; i++) {
        char       *row = row_at(m, k, i);
        const char *old = NULL;
        for (size_t j = 0; j < was && !old; j++) {
            size_t at = (i + j) % was;
            if (same_row(k, row, row_at(before, k, at))) {
                old = row_at(before, k, at);
                put_varint(b, at + 1);
            }
        }
        if (!old) {
            put_varint(b, 0);
            put_text(b, row);
            if (k->process) {
                const struct history_top *t = (const void *)row;
                put_text(b, t->group);
                put_varint(b, (uint64_t)t->pid);
                put_varint(b, (uint64_t)t->start_ticks);
            }
        }
        put_cells(b, row, old, k->cells, k->cell_count);
    }
}

static void get_rows(struct buffer *b, struct history_minute *m, const struct history_minute *before, const struct row_kind *k)
{
    uint64_t n   = get_varint(b);
    size_t   was = before ? rows_of(before, k) : 0;
    if (n > k->max)
        b->bad = true;
    for (size_t i = 0; i < n && !b->bad; i++) {
        char       *row = row_at(m, k, i);
        uint64_t    ref = get_varint(b);
        const char *old = ref && ref <= was ? row_at(before, k, (size_t)ref - 1) : NULL;
        if (ref && !old)
            b->bad = true;
        if (old) {
            memcpy(row, old, k->size);
        } else {
            get_text(b, row);
            if (k->process) {
                struct history_top *t = (void *)row;
                get_text(b, t->group);
                t->pid         = (int64_t)get_varint(b);
                t->start_ticks = (int64_t)get_varint(b);
            }
        }
        get_cells(b, row, old, k->cells, k->cell_count);
    }
    size_t count = b->bad ? 0 : (size_t)n;
    memcpy((char *)m + k->counted, &count, sizeof count);
}

/* ---- the block ---- */

static void put_u32(uint8_t *p, uint32_t v) { for (int i = 0; i < 4; i++) p[i] = (uint8_t)(v >> (8 * i)); }
static uint32_t get_u32(const uint8_t *p) { return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24; }

/* magic, version and flags, sequence, packed, raw, time (8), 4 in reserve, CRC */
static void put_header(uint8_t *p, const struct block *b)
{
    uint64_t at = (uint64_t)b->at_us;
    put_u32(p, MAGIC);
    put_u32(p + 4, VERSION | (b->key ? FLAG_KEY : 0));
    put_u32(p + 8, b->sequence);
    put_u32(p + 12, b->packed);
    put_u32(p + 16, b->raw);
    put_u32(p + 20, (uint32_t)at);
    put_u32(p + 24, (uint32_t)(at >> 32));
    put_u32(p + 28, 0);
    put_u32(p + 32, crc32c(crc32c(0, p, 32), p + BLOCK_HEADER, b->packed));
}

enum err block_write(struct history_minute *m, const struct history_minute *before, uint32_t sequence, uint8_t *out, size_t *size, struct fault *fault)
{
    uint8_t *raw = malloc(BLOCK_MAX);
    if (!raw)
        return fail(fault, ERR_LIMIT, "out of memory for a minute of the history");
    struct buffer b = { raw, raw + BLOCK_MAX, false };
    put_varint(&b, (uint64_t)cell_of(m->seconds < 0 || isnan(m->seconds) ? 0 : m->seconds, 1000));
    m->seconds = (double)cell_of(m->seconds < 0 || isnan(m->seconds) ? 0 : m->seconds, 1000) / 1000;
    put_cells(&b, (char *)&m->host, before ? (const char *)&before->host : NULL, host_cells, COUNT(host_cells));
    for (size_t i = 0; i < COUNT(kinds); i++)
        put_rows(&b, m, before, &kinds[i]);
    size_t packed = b.bad ? 0 : ZSTD_compress(out + BLOCK_HEADER, BLOCK_MAX, raw, (size_t)(b.p - raw), LEVEL);
    if (b.bad || ZSTD_isError(packed)) {
        free(raw);
        return fail(fault, ERR_LIMIT, "a minute of the history is larger than %d bytes", BLOCK_MAX);
    }
    put_header(out, &(struct block){ .sequence = sequence, .packed = (uint32_t)packed, .raw = (uint32_t)(b.p - raw), .key = !before, .at_us = m->at_us });
    *size = BLOCK_HEADER + packed;
    free(raw);
    return OK;
}

bool block_is(const uint8_t *bytes, size_t size, struct block *b)
{
    if (size < BLOCK_HEADER || get_u32(bytes) != MAGIC || (get_u32(bytes + 4) & 0xff) != VERSION)
        return false;
    *b = (struct block){ .sequence = get_u32(bytes + 8), .packed = get_u32(bytes + 12), .raw = get_u32(bytes + 16), .key = get_u32(bytes + 4) & FLAG_KEY,
        .at_us = (int64_t)(get_u32(bytes + 20) | (uint64_t)get_u32(bytes + 24) << 32), .payload = bytes + BLOCK_HEADER };
    return b->packed <= BLOCK_MAX && b->raw <= BLOCK_MAX && size - BLOCK_HEADER >= b->packed &&
           get_u32(bytes + 32) == crc32c(crc32c(0, bytes, 32), b->payload, b->packed);
}

bool block_is_foreign(const uint8_t *bytes, size_t size) { return size >= BLOCK_HEADER && get_u32(bytes) == MAGIC && (get_u32(bytes + 4) & 0xff) != VERSION; }

enum err block_read(const struct block *b, const struct history_minute *before, struct history_minute *m, struct fault *fault)
{
    if (!b->key && !before)
        return fail(fault, ERR_INPUT, "a block of the history that needs the one before it, which is not there");
    uint8_t *raw = malloc(b->raw + 1);
    if (!raw)
        return fail(fault, ERR_LIMIT, "out of memory for a minute of the history");
    memset(m, 0, sizeof *m);
    size_t        n = ZSTD_decompress(raw, b->raw, b->payload, b->packed);
    struct buffer r = { raw, raw + b->raw, ZSTD_isError(n) || n != b->raw };
    before          = b->key ? NULL : before;
    m->at_us        = b->at_us;
    m->seconds      = r.bad ? 0 : (double)get_varint(&r) / 1000;
    if (!r.bad)
        get_cells(&r, (char *)&m->host, before ? (const char *)&before->host : NULL, host_cells, COUNT(host_cells));
    for (size_t i = 0; i < COUNT(kinds) && !r.bad; i++)
        get_rows(&r, m, before, &kinds[i]);
    free(raw);
    return r.bad ? fail(fault, ERR_INPUT, "a block of the history whose sum is right makes no sense") : OK;
}
