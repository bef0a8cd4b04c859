/*
 * wire/remote_histogram.c - native histograms of remote write, from spans and deltas to one count per bucket.
 *
 * A side is a list of spans (offset from where the last one ended, length), and a number for each bucket within them: whole histograms write the
 * difference to the bucket before, the others the count itself.  Here a side has a count for each bucket between its first and its last.
 */
#include "wire/remote_inside.h"

#include "wire/protobuf.h"

/* The numbers of the fields. */
enum { COUNT_INT = 1, COUNT_FLOAT, SUM, SCHEMA, ZERO_THRESHOLD, ZERO_INT, ZERO_FLOAT, SPANS_N, DELTAS_N, COUNTS_N, SPANS_P, DELTAS_P, COUNTS_P, RESET, TIME, CUSTOM, START };

enum { SCHEMA_LOW = -4, SCHEMA_HIGH = 8, SCHEMA_CUSTOM = -53 };

/* Of a field of numbers, packed or one alone. */
static bool numbers_fine(const struct pb_field *f, enum pb_type one)
{
    size_t n;
    bool   known;
    return pb_repeated(f, one, &n, &known) || !known;
}

bool histogram_fine(struct slice s)
{
    struct pb       m = pb_of(s);
    struct pb_field f, within;
    int             more;
    while ((more = pb_next(&m, &f)) > 0) {
        if ((f.number == SPANS_N || f.number == SPANS_P) && f.type == PB_LEN) {
            struct pb span = pb_of(f.bytes);
            int       n;
            while ((n = pb_next(&span, &within)) > 0) {}
            if (n < 0)
                return false;
        } else if ((f.number == DELTAS_N || f.number == DELTAS_P) && !numbers_fine(&f, PB_VARINT))
            return false;
        else if ((f.number == COUNTS_N || f.number == COUNTS_P || f.number == CUSTOM) && !numbers_fine(&f, PB_I64))
            return false;
    }
    return more == 0;
}

/* Room for n numbers, also for none; they are zero. NULL: the arena is full. */
static double *numbers(struct remote *r, size_t n)
{
    if (n > r->numbers_room || !r->numbers) {
        size_t room = n < 256 ? 256 : n * 2;
        r->numbers = arena_alloc(r->arena, room * sizeof *r->numbers);
        r->numbers_room = r->numbers ? room : 0;
    }
    if (r->numbers && n)
        memset(r->numbers, 0, n * sizeof *r->numbers);
    return r->numbers;
}

/* How many buckets from the first to the last, how many of them are said, and which is the first. false: more than are taken. */
static bool side_extent(struct slice s, unsigned spans, size_t *n, uint64_t *said, int32_t *first)
{
    struct pb       m = pb_of(s);
    struct pb_field f, within;
    int64_t         at = 0, begin = 0;
    bool            any = false;
    *said = 0;
    while (pb_next(&m, &f) > 0) {
        if (f.number != spans || f.type != PB_LEN)
            continue;
        struct pb span = pb_of(f.bytes);
        int64_t   offset = 0;
        uint32_t  length = 0;
        while (pb_next(&span, &within) > 0)
            if (within.number == 1 && within.type == PB_VARINT)
                offset = (int32_t)pb_zigzag(within.n);
            else if (within.number == 2 && within.type == PB_VARINT)
                length = (uint32_t)within.n;
        if (any && offset < 0)
            return false;
        at += offset;
        if (!any)
            begin = at;
        any = true;
        at += length;
        *said += length;
        if (at - begin > REMOTE_BUCKETS_MAX || at > INT32_MAX || begin <= INT32_MIN)       /* there is one before the first: its lower bound */
            return false;
    }
    *n = (size_t)(at - begin);
    *first = (int32_t)begin;
    return true;
}

/* Where the numbers of a side come from, one after the other, over however many fields. */
struct source { struct pb m, packed; unsigned field; bool deltas; double before; };

static bool source_next(struct source *s, double *value)
{
    struct pb_field f;
    uint64_t        n;
    for (;;) {
        if (s->packed.at < s->packed.end) {
            if (s->deltas) {
                if (!pb_varint(&s->packed, &n))
                    return false;
            } else {
                n = pb_u64(s->packed.at);
                s->packed.at += 8;
            }
            break;
        }
        if (pb_next(&s->m, &f) <= 0)
            return false;
        if (f.number != s->field)
            continue;
        if (f.type == PB_LEN)
            s->packed = pb_of(f.bytes);
        else if (f.type == (s->deltas ? PB_VARINT : PB_I64)) {
            n = f.n;
            break;
        }
    }
    if (s->deltas)
        s->before += (double)pb_zigzag(n);
    *value = s->deltas ? s->before : pb_double(n);
    return true;
}

/* false: spans and numbers do not agree, or a count is below zero. */
static bool side_fill(struct slice s, unsigned spans, unsigned field, bool deltas, double *to, double *total)
{
    struct pb       m = pb_of(s);
    struct pb_field f, within;
    struct source   source = { .m = pb_of(s), .field = field, .deltas = deltas };
    size_t          at = 0;
    bool            any = false;
    double          beyond;
    while (pb_next(&m, &f) > 0) {
        if (f.number != spans || f.type != PB_LEN)
            continue;
        struct pb span = pb_of(f.bytes);
        int64_t   offset = 0;
        uint32_t  length = 0;
        while (pb_next(&span, &within) > 0)
            if (within.number == 1 && within.type == PB_VARINT)
                offset = (int32_t)pb_zigzag(within.n);
            else if (within.number == 2 && within.type == PB_VARINT)
                length = (uint32_t)within.n;
        at += any ? (size_t)offset : 0;
        any = true;
        for (uint32_t i = 0; i < length; i++, at++) {
            if (!source_next(&source, &to[at]) || !(to[at] >= 0))
                return false;
            *total += to[at];
        }
    }
    return !source_next(&source, &beyond);
}

static size_t custom_fill(struct slice s, double *to)
{
    struct source source = { .m = pb_of(s), .field = CUSTOM };
    double        v;
    size_t        n = 0;
    while (source_next(&source, &v))
        if (to)
            to[n++] = v;
        else
            n++;
    return n;
}

static void scalars(struct slice s, struct remote_histogram *h)
{
    struct pb       m = pb_of(s);
    struct pb_field f;
    while (pb_next(&m, &f) > 0)
        switch (f.number) {
        case COUNT_INT:      if (f.type == PB_VARINT) { h->count = (double)f.n; h->is_float = false; } break;
        case COUNT_FLOAT:    if (f.type == PB_I64) { h->count = pb_double(f.n); h->is_float = true; } break;
        case SUM:            if (f.type == PB_I64) { h->sum = pb_double(f.n); h->stale = f.n == REMOTE_STALE_BITS; } break;
        case SCHEMA:         if (f.type == PB_VARINT) h->schema = (int32_t)pb_zigzag(f.n); break;
        case ZERO_THRESHOLD: if (f.type == PB_I64) h->zero_threshold = pb_double(f.n); break;
        case ZERO_INT:       if (f.type == PB_VARINT) h->zero_count = (double)f.n; break;
        case ZERO_FLOAT:     if (f.type == PB_I64) h->zero_count = pb_double(f.n); break;
        case RESET:          if (f.type == PB_VARINT) h->reset_hint = f.n <= 3 ? (int)f.n : 0; break;
        case TIME:           if (f.type == PB_VARINT) h->time_ms = (int64_t)f.n; break;
        case START:          if (f.type == PB_VARINT) h->start_ms = (int64_t)f.n; break;
        default:             break;
        }
}

/* false: it contradicts itself. */
static bool histogram_read(struct remote *r, struct slice s, struct remote_histogram *h)
{
    uint64_t said_n, said_p;
    *h = (struct remote_histogram){ 0 };
    scalars(s, h);
    if (h->stale)
        return true;
    if ((h->schema < SCHEMA_LOW || h->schema > SCHEMA_HIGH) && h->schema != SCHEMA_CUSTOM)
        return false;
    if (!(h->count >= 0) || !(h->zero_count >= 0))
        return false;
    if (!side_extent(s, SPANS_N, &h->negative.n, &said_n, &h->negative.first) || !side_extent(s, SPANS_P, &h->positive.n, &said_p, &h->positive.first))
        return false;
    h->custom_n = custom_fill(s, NULL);
    if (h->custom_n > REMOTE_BUCKETS_MAX)
        return false;
    if (h->schema == SCHEMA_CUSTOM && (h->negative.n || h->positive.first < 0 || (uint64_t)h->positive.first + h->positive.n > h->custom_n + 1))
        return false;
    double *room = numbers(r, h->negative.n + h->positive.n + h->custom_n), total = h->zero_count;
    if (!room)
        return false;
    h->negative.counts = room;
    h->positive.counts = room + h->negative.n;
    if (!side_fill(s, SPANS_N, h->is_float ? COUNTS_N : DELTAS_N, !h->is_float, room, &total) ||
        !side_fill(s, SPANS_P, h->is_float ? COUNTS_P : DELTAS_P, !h->is_float, room + h->negative.n, &total))
        return false;
    (void)custom_fill(s, room + h->negative.n + h->positive.n);
    h->custom = room + h->negative.n + h->positive.n;
    for (size_t i = 1; i < h->custom_n; i++)
        if (!(h->custom[i - 1] < h->custom[i]))
            return false;
    /* NaN is counted in no bucket, so there may be more than the buckets have; never fewer. */
    return h->is_float || total <= h->count;
}

bool remote_histogram_next(struct remote_series *s, struct remote_histogram *h, uint32_t *rejected)
{
    struct slice bytes;
    while (remote_field(&s->histograms, s->of->version == REMOTE_V2 ? 3 : 4, &bytes)) {
        if (histogram_read(s->of, bytes, h))
            return true;
        if (rejected)
            ++*rejected;
    }
    return false;
}
