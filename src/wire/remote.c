/*
 * wire/remote.c - reading remote write: the series, their labels, samples and exemplars. Histograms are resolved in remote_histogram.c.
 *
 * A series is walked once to its end when it is asked for: labels are gathered, and what the rest looks like is checked.  Samples are then
 * read from where the first of them lies; the second walk cannot fail any more.
 */
#include "wire/remote.h"

#include "wire/protobuf.h"
#include "wire/remote_inside.h"

#include <assert.h>
#include <stdio.h>

#define BROKEN(fault, what) fail(fault, ERR_INPUT, "remote write: malformed %s", what)

/* ---- small messages; false: malformed ---- */

/* The bytes that nearly every writer writes: the first field, then the second, nothing else. */
static bool label_read(struct slice s, struct remote_label *label)
{
    const unsigned char *p = (const unsigned char *)s.s;
    if (s.n >= 4 && p[0] == 0x0a && p[1] < 0x80 && p[1] + 4u <= s.n) {
        const unsigned char *q = p + 2 + p[1];
        if (q[0] == 0x12 && q[1] < 0x80 && (size_t)(q - p) + 2 + q[1] == s.n) {
            *label = (struct remote_label){ { s.s + 2, p[1] }, { (const char *)q + 2, q[1] } };
            return true;
        }
    }
    struct pb       m = pb_of(s);
    struct pb_field f;
    int             more;
    *label = (struct remote_label){ .name = { NULL, 0 } };
    while ((more = pb_next(&m, &f)) > 0)
        if (f.type == PB_LEN && f.number == 1)
            label->name = f.bytes;
        else if (f.type == PB_LEN && f.number == 2)
            label->value = f.bytes;
    return more == 0;
}

/* Value, time and start are 1, 2, 3 in samples of both versions. */
static bool sample_read(struct slice s, struct remote_sample *sample)
{
    struct pb       m = pb_of(s);
    struct pb_field f;
    int             more;
    sample->value = 0;
    sample->time_ms = sample->start_ms = 0;
    if (s.n >= 11 && m.at[0] == 0x09 && m.at[9] == 0x10) {
        uint64_t n;
        sample->value = pb_double(pb_u64(m.at + 1));
        m.at += 10;
        if (!pb_varint(&m, &n))
            return false;
        sample->time_ms = (int64_t)n;
    }
    while ((more = pb_next(&m, &f)) > 0)
        if (f.type == PB_I64 && f.number == 1)
            sample->value = pb_double(f.n);
        else if (f.type == PB_VARINT && f.number == 2)
            sample->time_ms = (int64_t)f.n;
        else if (f.type == PB_VARINT && f.number == 3)
            sample->start_ms = (int64_t)f.n;
    return more == 0;
}

/* Pairs of references to symbols, added to what is there. *pieces counts all of them, label[] holds as many as there is room for. */
static enum err refs_read(const struct remote *r, const struct pb_field *f, struct remote_label *label, size_t *pieces, struct fault *fault)
{
    struct pb m = f->type == PB_LEN ? pb_of(f->bytes) : (struct pb){ NULL, NULL };
    bool      one = f->type == PB_VARINT;
    if (f->type != PB_LEN && !one)
        return OK;
    while (one || m.at < m.end) {
        uint64_t n = f->n;
        if (!one && !pb_varint(&m, &n))
            return BROKEN(fault, "references to symbols");
        one = false;
        if (n >= r->symbols_n)
            return fail(fault, ERR_INPUT, "remote write: reference to symbol %llu, but there are %zu", (unsigned long long)n, r->symbols_n);
        struct remote_label *to = *pieces / 2 < REMOTE_LABELS_MAX ? &label[*pieces / 2] : NULL;
        if (to)
            *(*pieces % 2 ? &to->value : &to->name) = r->symbols[n];
        ++*pieces;
    }
    return OK;
}

static enum err exemplar_read(struct remote *r, struct slice s, struct remote_exemplar *x, struct fault *fault)
{
    struct pb       m = pb_of(s);
    struct pb_field f;
    int             more;
    size_t          pieces = 0;
    struct remote_label beyond;
    *x = (struct remote_exemplar){ .labels.item = r->exemplar };
    while ((more = pb_next(&m, &f)) > 0) {
        if (f.number == 1 && r->version == REMOTE_V2) {
            enum err e = refs_read(r, &f, r->exemplar, &pieces, fault);
            if (e != OK)
                return e;
        } else if (f.number == 1 && f.type == PB_LEN) {
            if (!label_read(f.bytes, pieces / 2 < REMOTE_LABELS_MAX ? &r->exemplar[pieces / 2] : &beyond))
                return BROKEN(fault, "label of an exemplar");
            pieces += 2;
        } else if (f.number == 2 && f.type == PB_I64)
            x->value = pb_double(f.n);
        else if (f.number == 3 && f.type == PB_VARINT)
            x->time_ms = (int64_t)f.n;
    }
    if (more < 0)
        return BROKEN(fault, "exemplar");
    if (pieces % 2)
        return fail(fault, ERR_INPUT, "remote write: an odd number of references to symbols");
    if (pieces / 2 > REMOTE_LABELS_MAX)
        return fail(fault, ERR_LIMIT, "remote write: an exemplar has more than %d labels", REMOTE_LABELS_MAX);
    x->labels.count = pieces / 2;
    return OK;
}

static enum remote_type type_of(uint64_t n) { return n <= REMOTE_STATESET ? (enum remote_type)n : REMOTE_UNKNOWN; }

static enum err metadata_refs_read(const struct remote *r, struct slice s, struct remote_metadata *to, struct fault *fault)
{
    struct pb       m = pb_of(s);
    struct pb_field f;
    int             more;
    while ((more = pb_next(&m, &f)) > 0) {
        if (f.type != PB_VARINT)
            continue;
        if (f.number == 1)
            to->type = type_of(f.n);
        else if (f.number == 3 || f.number == 4) {
            if (f.n >= r->symbols_n)
                return fail(fault, ERR_INPUT, "remote write: reference to symbol %llu, but there are %zu", (unsigned long long)f.n, r->symbols_n);
            *(f.number == 3 ? &to->help : &to->unit) = r->symbols[f.n];
        }
    }
    return more == 0 ? OK : BROKEN(fault, "metadata of a series");
}

static bool metadata_read(struct slice s, struct remote_metadata *to)
{
    struct pb       m = pb_of(s);
    struct pb_field f;
    int             more;
    *to = (struct remote_metadata){ .type = REMOTE_UNKNOWN };
    while ((more = pb_next(&m, &f)) > 0)
        if (f.number == 1 && f.type == PB_VARINT)
            to->type = type_of(f.n);
        else if (f.type == PB_LEN && (f.number == 2 || f.number == 4 || f.number == 5))
            *(f.number == 2 ? &to->family : f.number == 4 ? &to->help : &to->unit) = f.bytes;
    return more == 0;
}

/* ---- the request ---- */

static struct slice rest_of(const struct pb *m) { return (struct slice){ (const char *)m->at, (size_t)(m->end - m->at) }; }

/* 2.0: symbols may come after what refers to them, so they are gathered first. */
static enum err symbols_read(struct remote *r, struct slice body, struct fault *fault)
{
    struct pb       m = pb_of(body);
    struct pb_field f;
    int             more;
    size_t          n = 0;
    while ((more = pb_next(&m, &f)) > 0)
        n += f.number == 4 && f.type == PB_LEN;
    if (more < 0)
        return BROKEN(fault, "request");
    if (n > REMOTE_SYMBOLS_MAX)
        return fail(fault, ERR_LIMIT, "remote write: %zu symbols, at most %d are taken", n, REMOTE_SYMBOLS_MAX);
    struct slice *symbol = arena_alloc(r->arena, (n ? n : 1) * sizeof *symbol);
    if (!symbol)
        return fail(fault, ERR_LIMIT, "remote write: %zu symbols do not fit into the memory of the request", n);
    m = pb_of(body);
    while (pb_next(&m, &f) > 0)
        if (f.number == 4 && f.type == PB_LEN)
            symbol[r->symbols_n++] = f.bytes;
    r->symbols = symbol;
    if (n && symbol[0].n)
        return fail(fault, ERR_INPUT, "remote write: the first symbol is not empty");
    return OK;
}

enum err remote_open(struct remote *r, enum remote_version version, struct slice body, struct arena *arena, struct fault *fault)
{
    r->version = version;
    r->rest = r->metadata = body;
    r->symbols = NULL;
    r->symbols_n = r->numbers_room = 0;
    r->numbers = NULL;
    r->arena = arena;
    return version == REMOTE_V2 ? symbols_read(r, body, fault) : OK;
}

static bool all_ascii(const char *p, const char *end)
{
    uint64_t bits = 0;
    for (; end - p >= 8; p += 8)
        bits |= pb_u64(p);
    for (; p < end; p++)
        bits |= (uint64_t)(unsigned char)*p;
    return !(bits & UINT64_C(0x8080808080808080));
}

/* Order, twins, names that are missing, texts that are not UTF-8. ascii: the texts need no look. */
static void labels_judge(struct remote_series *s, bool ascii)
{
    const struct remote_label *label = s->labels.item;
    s->sorted = true;
    s->flaw = REMOTE_FINE;
    s->name = (struct slice){ NULL, 0 };
    s->bad_text = 0;
    for (size_t i = 0; i < s->labels.count; i++) {
        struct slice name = label[i].name;
        if (!name.n)
            s->flaw = REMOTE_EMPTY_NAME;
        else if (name.n == 8 && !memcmp(name.s, "__name__", 8))
            s->name = label[i].value;
        if (i && s->sorted)
            s->sorted = slice_order(label[i - 1].name, name) < 0;
        if (!ascii)
            s->bad_text += (uint32_t)!utf8_valid(name) + (uint32_t)!utf8_valid(label[i].value);
    }
    if (!s->sorted)
        for (size_t i = 1; i < s->labels.count && s->flaw == REMOTE_FINE; i++)
            for (size_t k = 0; k < i; k++)
                if (slice_same(label[i].name, label[k].name))
                    s->flaw = REMOTE_DUPLICATE;
    if (s->flaw == REMOTE_FINE && !s->name.n)
        s->flaw = REMOTE_NO_NAME;
}

static enum err series_read(struct remote *r, struct slice body, struct remote_series *s, struct fault *fault)
{
    const bool      v2 = r->version == REMOTE_V2;
    const unsigned  sample_field = 2, histogram_field = v2 ? 3 : 4, exemplar_field = v2 ? 4 : 3;
    struct pb       m = pb_of(body);
    struct pb_field f;
    int             more;
    size_t          pieces = 0;
    enum err        e;
    const char     *labels_from = NULL, *labels_to = NULL;
    struct remote_label beyond;
    s->of = r;
    s->samples_n = s->histograms_n = s->exemplars_n = 0;
    s->samples = s->histograms = s->exemplars = (struct slice){ NULL, 0 };
    s->metadata = (struct remote_metadata){ .type = REMOTE_UNKNOWN };
    for (;;) {
        struct slice from = rest_of(&m);
        if ((more = pb_next(&m, &f)) <= 0)
            break;
        if (f.number == 1 && v2) {
            if ((e = refs_read(r, &f, r->label, &pieces, fault)) != OK)
                return e;
        } else if (f.type != PB_LEN)
            continue;
        else if (f.number == 1) {
            if (!label_read(f.bytes, pieces / 2 < REMOTE_LABELS_MAX ? &r->label[pieces / 2] : &beyond))
                return BROKEN(fault, "label");
            pieces += 2;
            labels_from = labels_from ? labels_from : f.bytes.s;
            labels_to = f.bytes.s + f.bytes.n;
        } else if (f.number == sample_field) {
            struct remote_sample sample;
            if (!sample_read(f.bytes, &sample))
                return BROKEN(fault, "sample");
            if (!s->samples_n++)
                s->samples = from;
        } else if (f.number == histogram_field) {
            if (!histogram_fine(f.bytes))
                return BROKEN(fault, "histogram");
            if (!s->histograms_n++)
                s->histograms = from;
        } else if (f.number == exemplar_field) {
            struct remote_exemplar x;
            if ((e = exemplar_read(r, f.bytes, &x, fault)) != OK)
                return e;
            if (!s->exemplars_n++)
                s->exemplars = from;
        } else if (v2 && f.number == 5 && (e = metadata_refs_read(r, f.bytes, &s->metadata, fault)) != OK)
            return e;
    }
    if (more < 0)
        return BROKEN(fault, "series");
    if (pieces % 2)
        return fail(fault, ERR_INPUT, "remote write: an odd number of references to symbols");
    s->labels = (struct remote_labels){ r->label, pieces / 2 < REMOTE_LABELS_MAX ? pieces / 2 : REMOTE_LABELS_MAX };
    labels_judge(s, !v2 && (!labels_from || all_ascii(labels_from, labels_to)));
    if (pieces / 2 > REMOTE_LABELS_MAX)
        s->flaw = REMOTE_MANY_LABELS;
    return OK;
}

bool remote_next(struct remote *r, struct remote_series *s, enum err *e, struct fault *fault)
{
    const unsigned  series_field = r->version == REMOTE_V2 ? 5 : 1;
    struct pb       m = pb_of(r->rest);
    struct pb_field f;
    int             more;
    while ((more = pb_next(&m, &f)) > 0)
        if (f.number == series_field && f.type == PB_LEN) {
            r->rest = rest_of(&m);
            *e = series_read(r, f.bytes, s, fault);
            return *e == OK;
        } else if (f.number == 3 && f.type == PB_LEN && r->version == REMOTE_V1) {
            struct remote_metadata metadata;
            if (!metadata_read(f.bytes, &metadata)) {
                *e = BROKEN(fault, "metadata");
                return false;
            }
        }
    r->rest = rest_of(&m);
    *e = more < 0 ? BROKEN(fault, "request") : OK;
    return false;
}

/* The next field of this number; what lay before it is done with. */
bool remote_field(struct slice *rest, unsigned number, struct slice *bytes)
{
    struct pb       m = pb_of(*rest);
    struct pb_field f;
    while (pb_next(&m, &f) > 0)
        if (f.number == number && f.type == PB_LEN) {
            *rest = rest_of(&m);
            *bytes = f.bytes;
            return true;
        }
    *rest = (struct slice){ NULL, 0 };
    return false;
}

bool remote_sample_next(struct remote_series *s, struct remote_sample *sample)
{
    struct slice bytes;
    return remote_field(&s->samples, 2, &bytes) && sample_read(bytes, sample);
}

bool remote_exemplar_next(struct remote_series *s, struct remote_exemplar *x)
{
    struct slice bytes;
    return remote_field(&s->exemplars, s->of->version == REMOTE_V2 ? 4 : 3, &bytes) && exemplar_read(s->of, bytes, x, NULL) == OK;
}

bool remote_metadata_next(struct remote *r, struct remote_metadata *m)
{
    struct slice bytes;
    return r->version == REMOTE_V1 && remote_field(&r->metadata, 3, &bytes) && metadata_read(bytes, m);
}

const char *remote_flaw_text(enum remote_flaw flaw)
{
    static const char *const texts[] = { [REMOTE_FINE] = "nothing is wrong", [REMOTE_NO_NAME] = "there is no label __name__",
                                         [REMOTE_EMPTY_NAME] = "the name of a label is empty", [REMOTE_DUPLICATE] = "the name of a label occurs twice",
                                         [REMOTE_MANY_LABELS] = "there are more than 256 labels" };
    static_assert(REMOTE_LABELS_MAX == 256, "the text says how many");
    return texts[flaw];
}

/* ---- counting ---- */

static void reject(struct remote_counts *c, uint64_t n, const struct remote_series *s, const char *why)
{
    if (n && !c->rejected)
        (void)snprintf(c->why, sizeof c->why, "series %.*s: %s", (int)(s->name.n < 80 ? s->name.n : 80), s->name.n ? s->name.s : "", why);
    c->rejected += n;
}

/* Those that belong to a series of the request are written with it. Only requests with such exemplars are walked once more. */
static enum err alone_count(struct remote *r, struct remote_counts *c, struct fault *fault)
{
    struct remote_alone  a;
    struct remote_series s;
    size_t               items, exemplars;
    enum err             e = remote_alone_find(r, &a, fault);
    while (e == OK && a.left && remote_next(r, &s, &e, fault))
        if (s.flaw == REMOTE_FINE && remote_alone_take(&a, &s, &items, &exemplars))
            c->exemplars += exemplars;
    c->left_out += a.left;
    return e;
}

enum err remote_check(enum remote_version version, struct slice body, struct arena *arena, struct remote_counts *c, struct fault *fault)
{
    struct remote        r;
    struct remote_series s;
    bool                 alone = false;
    *c = (struct remote_counts){ 0 };
    enum err e = remote_open(&r, version, body, arena, fault);
    if (e != OK)
        return e;
    while (remote_next(&r, &s, &e, fault)) {
        c->bad_text += s.bad_text;
        c->unsorted += !s.sorted;
        if (s.flaw != REMOTE_FINE) {
            reject(c, (uint64_t)s.samples_n + s.histograms_n, &s, remote_flaw_text(s.flaw));
            c->left_out += s.exemplars_n;
            continue;
        }
        c->series++;
        c->samples += s.samples_n;
        if (remote_stands_alone(&s))
            alone = true;
        else
            c->exemplars += s.exemplars_n;
        if (s.histograms_n) {
            struct remote_histogram h;
            uint32_t                rejected = 0;
            while (remote_histogram_next(&s, &h, &rejected))
                c->histograms++;
            reject(c, rejected, &s, "a histogram contradicts itself");
        }
    }
    if (e == OK && alone) {
        r.rest = body;
        e = alone_count(&r, c, fault);
    }
    struct slice bytes;
    while (e == OK && version == REMOTE_V1 && remote_field(&r.metadata, 3, &bytes))
        c->metadata++;
    return e;
}
