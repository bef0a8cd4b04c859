/* wire/remote_write.c - writing remote write; of 2.0, the symbols come behind the series, where they are known. */
#include "wire/remote.h"

#include "wire/protobuf.h"

#include <stdlib.h>
#include <xxhash.h>

void remote_write_init(struct remote_writer *w, enum remote_version version, size_t limit)
{
    *w = (struct remote_writer){ .version = version };
    text_init(&w->out, limit);
    text_init(&w->texts, limit);
}

void remote_write_done(struct remote_writer *w)
{
    text_done(&w->out);
    text_done(&w->texts);
    free(w->symbol);
    free(w->slot);
    *w = (struct remote_writer){ .version = w->version };
}

void remote_write_reset(struct remote_writer *w)
{
    text_clear(&w->out);
    text_clear(&w->texts);
    w->full = w->in_series = false;
    w->series_n = w->samples_n = w->symbols_n = 0;
    if (w->slot)
        memset(w->slot, 0, w->symbols_room * 2 * sizeof *w->slot);
}

/* ---- symbols: number 0 is "", the others are 1, 2, ... and lie one behind the other in texts ---- */

static bool symbols_grow(struct remote_writer *w)
{
    size_t                room = w->symbols_room ? w->symbols_room * 2 : 256;
    struct remote_symbol *symbol = room <= REMOTE_SYMBOLS_MAX ? realloc(w->symbol, room * sizeof *symbol) : NULL;
    if (symbol)
        w->symbol = symbol;
    uint32_t *slot = symbol ? calloc(room * 2, sizeof *slot) : NULL;
    if (!slot)
        return false;
    for (size_t i = 0; i < w->symbols_n; i++) {
        size_t k = symbol[i].hash & (room * 2 - 1);
        while (slot[k])
            k = (k + 1) & (room * 2 - 1);
        slot[k] = (uint32_t)i + 1;
    }
    free(w->slot);
    w->slot = slot;
    w->symbols_room = room;
    return true;
}

static uint32_t symbol_of(struct remote_writer *w, struct slice s)
{
    if (!s.n)
        return 0;
    if (w->symbols_n == w->symbols_room && !symbols_grow(w)) {
        w->full = true;
        return 0;
    }
    uint64_t hash = XXH3_64bits(s.s, s.n);
    size_t   mask = w->symbols_room * 2 - 1, k = hash & mask;
    for (; w->slot[k]; k = (k + 1) & mask) {
        const struct remote_symbol *known = &w->symbol[w->slot[k] - 1];
        if (known->hash == hash && known->n == s.n && !memcmp(w->texts.s + known->at, s.s, s.n))
            return w->slot[k];
    }
    w->symbol[w->symbols_n++] = (struct remote_symbol){ hash, (uint32_t)w->texts.used, (uint32_t)s.n };
    text_add_n(&w->texts, s.s, s.n);
    w->full |= w->texts.cut;
    return w->slot[k] = (uint32_t)w->symbols_n;
}

/* ---- series ---- */

static void labels_put(struct remote_writer *w, const struct remote_label *label, size_t n)
{
    if (w->version == REMOTE_V2) {
        size_t refs = pb_begin(&w->out, 1);
        for (size_t i = 0; i < n; i++) {
            pb_put_raw_varint(&w->out, symbol_of(w, label[i].name));
            pb_put_raw_varint(&w->out, symbol_of(w, label[i].value));
        }
        pb_end(&w->out, refs);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        size_t one = pb_begin(&w->out, 1);
        pb_put_bytes(&w->out, 1, label[i].name);
        pb_put_bytes(&w->out, 2, label[i].value);
        pb_end(&w->out, one);
    }
}

static void series_close(struct remote_writer *w)
{
    if (w->in_series)
        pb_end(&w->out, w->begun);
    w->in_series = false;
    w->full |= w->out.cut;
}

void remote_write_series(struct remote_writer *w, const struct remote_label *label, size_t n, enum remote_type type, struct slice help, struct slice unit)
{
    series_close(w);
    w->begun = pb_begin(&w->out, w->version == REMOTE_V2 ? 5 : 1);
    w->in_series = true;
    w->series_n++;
    labels_put(w, label, n);
    if (w->version == REMOTE_V2) {
        size_t metadata = pb_begin(&w->out, 5);
        pb_put_varint(&w->out, 1, (uint64_t)type);
        pb_put_varint(&w->out, 3, symbol_of(w, help));
        pb_put_varint(&w->out, 4, symbol_of(w, unit));
        pb_end(&w->out, metadata);
    }
}

void remote_write_sample(struct remote_writer *w, double value, int64_t time_ms, int64_t start_ms)
{
    size_t one = pb_begin(&w->out, 2);
    pb_put_double(&w->out, 1, value);
    pb_put_varint(&w->out, 2, (uint64_t)time_ms);
    if (start_ms && w->version == REMOTE_V2)
        pb_put_varint(&w->out, 3, (uint64_t)start_ms);
    pb_end(&w->out, one);
    w->samples_n++;
}

void remote_write_exemplar(struct remote_writer *w, const struct remote_label *label, size_t n, double value, int64_t time_ms)
{
    size_t one = pb_begin(&w->out, w->version == REMOTE_V2 ? 4 : 3);
    labels_put(w, label, n);
    pb_put_double(&w->out, 2, value);
    pb_put_varint(&w->out, 3, (uint64_t)time_ms);
    pb_end(&w->out, one);
}

void remote_write_metadata(struct remote_writer *w, const struct remote_metadata *m)
{
    if (w->version != REMOTE_V1)
        return;
    series_close(w);
    size_t one = pb_begin(&w->out, 3);
    pb_put_varint(&w->out, 1, (uint64_t)m->type);
    pb_put_bytes(&w->out, 2, m->family);
    if (m->help.n)
        pb_put_bytes(&w->out, 4, m->help);
    if (m->unit.n)
        pb_put_bytes(&w->out, 5, m->unit);
    pb_end(&w->out, one);
}

/* ---- histograms ---- */

/* A gap of more empty buckets than this is cheaper as a new span. */
enum { GAP_MAX = 2 };

static void span_put(struct remote_writer *w, uint32_t field, int64_t offset, size_t length)
{
    size_t one = pb_begin(&w->out, field);
    pb_put_sint(&w->out, 1, offset);
    pb_put_varint(&w->out, 2, length);
    pb_end(&w->out, one);
}

/* The span that begins at or behind `from`: *begin .. *end. false: there are only empty buckets. */
static bool span_next(const struct remote_side *side, size_t from, size_t *begin, size_t *end)
{
    while (from < side->n && !(side->counts[from] > 0))
        from++;
    *begin = *end = from;
    for (size_t i = from; i < side->n && i - *end <= GAP_MAX; i++)
        if (side->counts[i] > 0)
            *end = i + 1;
    return from < side->n;
}

static void side_put(struct remote_writer *w, const struct remote_side *side, bool is_float, uint32_t spans)
{
    size_t  begin, end = 0;
    int64_t last = 0;
    while (span_next(side, end, &begin, &end)) {
        int64_t at = (int64_t)side->first + (int64_t)begin;
        span_put(w, spans, at - last, end - begin);
        last = (int64_t)side->first + (int64_t)end;
    }
    size_t packed = pb_begin(&w->out, spans + (is_float ? 2 : 1));
    double before = 0;
    end = 0;
    while (span_next(side, end, &begin, &end))
        for (size_t i = begin; i < end; i++) {
            if (is_float) {
                uint64_t bits;
                memcpy(&bits, &side->counts[i], 8);
                pb_put_raw_fixed64(&w->out, bits);
            } else {
                int64_t delta = (int64_t)(side->counts[i] - before);
                pb_put_raw_varint(&w->out, (uint64_t)delta << 1 ^ (delta < 0 ? UINT64_MAX : 0));
            }
            before = side->counts[i];
        }
    pb_end(&w->out, packed);
}

void remote_write_histogram(struct remote_writer *w, const struct remote_histogram *h)
{
    struct text *t = &w->out;
    size_t       one = pb_begin(t, w->version == REMOTE_V2 ? 3 : 4);
    if (h->is_float)
        pb_put_double(t, 2, h->count);
    else
        pb_put_varint(t, 1, (uint64_t)h->count);
    if (h->stale)
        pb_put_fixed64(t, 3, REMOTE_STALE_BITS);
    else
        pb_put_double(t, 3, h->sum);
    pb_put_sint(t, 4, h->schema);
    pb_put_double(t, 5, h->zero_threshold);
    if (h->is_float)
        pb_put_double(t, 7, h->zero_count);
    else
        pb_put_varint(t, 6, (uint64_t)h->zero_count);
    if (!h->stale) {
        side_put(w, &h->negative, h->is_float, 8);
        side_put(w, &h->positive, h->is_float, 11);
    }
    pb_put_varint(t, 14, (uint64_t)h->reset_hint);
    pb_put_varint(t, 15, (uint64_t)h->time_ms);
    if (h->custom_n) {
        size_t packed = pb_begin(t, 16);
        for (size_t i = 0; i < h->custom_n; i++) {
            uint64_t bits;
            memcpy(&bits, &h->custom[i], 8);
            pb_put_raw_fixed64(t, bits);
        }
        pb_end(t, packed);
    }
    if (h->start_ms && w->version == REMOTE_V2)
        pb_put_varint(t, 17, (uint64_t)h->start_ms);
    pb_end(t, one);
    w->samples_n++;
}

struct slice remote_write_take(struct remote_writer *w)
{
    series_close(w);
    if (w->version == REMOTE_V2 && !w->full) {
        pb_put_bytes(&w->out, 4, (struct slice){ NULL, 0 });
        for (size_t i = 0; i < w->symbols_n; i++)
            pb_put_bytes(&w->out, 4, (struct slice){ w->texts.s + w->symbol[i].at, w->symbol[i].n });
        w->full |= w->out.cut;
    }
    return w->full ? (struct slice){ NULL, 0 } : (struct slice){ w->out.s, w->out.used };
}
