/*
 * wire/otlp_check.c - one walk over a request: is it well-formed, and what is in it.
 *
 * It recurses as the tables do, which is deep only in values, and those are cut.
 */
#include "wire/otlp.h"

#include "wire/protobuf.h"

struct walk {
    struct otlp_count         *count;
    int                        values;       /* AnyValues that we are in */
    bool                       ignore;       /* in the part of a oneof that a later one replaces */
    bool                       nameless;     /* in a metric without a name */
    const uint8_t             *bad;          /* where it is malformed, and in what */
    const struct otlp_message *bad_in;
};

/* What a message's role asks about its fields. */
struct seen {
    size_t   counts, bounds;
    uint64_t flags;
    bool     trace_id, span_id, value;
};

bool otlp_id_valid(struct slice id, size_t bytes)
{
    if (id.n != bytes)
        return false;
    uint64_t bits = pb_u64(id.s);
    if (bytes == OTLP_TRACE_ID)
        bits |= pb_u64(id.s + 8);
    return bits != 0;
}

static bool bad(struct walk *w, const struct pb *m, const struct otlp_message *d)
{
    w->bad = m->at;
    w->bad_in = d;
    return false;
}

static void item(struct walk *w, const char *why)
{
    if (w->ignore)
        return;
    if (w->nameless)
        why = "a metric without a name";
    if (!why) {
        w->count->items++;
        return;
    }
    if (!w->count->rejected++)
        w->count->why = why;
}

static void judge(struct walk *w, enum otlp_role role, const struct seen *seen)
{
    bool stale = seen->flags & OTLP_NO_VALUE;
    switch (role) {
    case OTLP_LOG:
    case OTLP_POINT:
        item(w, NULL);
        break;
    case OTLP_SPAN:
        item(w, !seen->trace_id ? "a span without a valid trace id" : !seen->span_id ? "a span without a valid span id" : NULL);
        break;
    case OTLP_NUMBER:
        item(w, seen->value || stale ? NULL : "a point without a value");
        break;
    case OTLP_HISTOGRAM:
        item(w, (seen->counts == 0 && seen->bounds == 0) || seen->counts == seen->bounds + 1 ? NULL :
                "a histogram whose bucket counts are not one more than its bounds");
        break;
    default:
        break;
    }
}

/* Of a oneof the last one counts: which is it? And of names. */
static bool last_data(struct pb m, uint32_t *number, bool *nameless)
{
    struct pb_field f;
    int             more;
    *number = 0;
    *nameless = true;
    while ((more = pb_next(&m, &f)) > 0)
        if (f.type == PB_LEN && f.number == OTLP_METRIC_NAME)
            *nameless = f.bytes.n == 0;
        else if (f.type == PB_LEN && f.number >= OTLP_METRIC_GAUGE && f.number <= OTLP_METRIC_SUMMARY && (f.number & 1 || f.number == OTLP_METRIC_EXPONENTIAL))
            *number = f.number;
    return more == 0;
}

static bool message(struct walk *w, const struct otlp_message *d, struct slice bytes);

/* A repeated scalar, or one whose presence matters. */
static bool scalar(const struct otlp_message *d, const struct otlp_field *row, const struct pb_field *f, struct seen *seen)
{
    size_t n = 0;
    bool   known = true;
    if (row->repeated) {
        enum pb_type one = row->type == OTLP_UINT64 ? PB_VARINT : PB_I64;
        if (!pb_repeated(f, one, &n, &known))
            return false;
        if (d->role == OTLP_HISTOGRAM)
            *(f->number == OTLP_HISTOGRAM_COUNTS ? &seen->counts : &seen->bounds) += n;
    } else if (d->role == OTLP_NUMBER) {
        if (f->type == PB_I64 && (f->number == OTLP_NUMBER_REAL || f->number == OTLP_NUMBER_INT))
            seen->value = true;
        else if (f->type == PB_VARINT && f->number == OTLP_NUMBER_FLAGS)
            seen->flags = f->n;
    }
    return true;
}

static bool field(struct walk *w, const struct otlp_message *d, const struct pb_field *f, struct seen *seen, uint32_t data)
{
    const struct otlp_field *row = &d->field[f->number];
    bool                     before, good;
    switch (row->type) {
    case OTLP_TEXT:
        if (f->type == PB_LEN && !utf8_valid(f->bytes))
            w->count->bad_text++;
        return true;
    case OTLP_MESSAGE:
        if (f->type != PB_LEN)
            return true;
        before = w->ignore;
        if (d->role == OTLP_METRIC && f->number != data && f->number != OTLP_METRIC_METADATA)
            w->ignore = true;
        good = message(w, row->message, f->bytes);
        w->ignore = before;
        return good;
    case OTLP_ID:
        if (d->role == OTLP_SPAN && f->type == PB_LEN) {
            if (f->number == OTLP_SPAN_TRACE_ID)
                seen->trace_id = otlp_id_valid(f->bytes, OTLP_TRACE_ID);
            else if (f->number == OTLP_SPAN_SPAN_ID)
                seen->span_id = otlp_id_valid(f->bytes, OTLP_SPAN_ID);
        }
        return true;
    case OTLP_NONE:
    case OTLP_BYTES:
    case OTLP_BOOL:
    case OTLP_ENUM:
        return true;
    default:
        return scalar(d, row, f, seen);
    }
}

static bool message(struct walk *w, const struct otlp_message *d, struct slice bytes)
{
    struct pb       m = pb_of(bytes);
    struct pb_field f;
    struct seen     seen = { 0 };
    uint32_t        data = 0;
    int             more;
    if (d->role == OTLP_ANY && w->values == OTLP_VALUE_DEPTH_MAX) {
        w->count->too_deep++;
        return true;
    }
    if (d->role == OTLP_METRIC && !last_data(m, &data, &w->nameless))
        return bad(w, &m, d);
    w->values += d->role == OTLP_ANY;
    while ((more = pb_next(&m, &f)) > 0)
        if (f.number <= d->last && !field(w, d, &f, &seen, data))
            return w->bad ? false : bad(w, &m, d);
    w->values -= d->role == OTLP_ANY;
    w->nameless = w->nameless && d->role != OTLP_METRIC;
    if (more < 0)
        return bad(w, &m, d);
    if (d->role > OTLP_METRIC || d->role == OTLP_LOG)
        judge(w, d->role, &seen);
    return true;
}

enum err otlp_check(enum otlp_signal signal, struct slice body, struct otlp_count *count, struct fault *fault)
{
    *count = (struct otlp_count){ 0 };
    struct walk w = { .count = count };
    if (message(&w, otlp_request(signal), body))
        return OK;
    return fail(fault, ERR_INPUT, "malformed protobuf: %s breaks off or has an impossible field near byte %zu of %zu", w.bad_in->name,
                (size_t)(w.bad - (const uint8_t *)body.s), body.n);
}
