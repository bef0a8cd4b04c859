/* receive/flight.c - see flight.h. */
#include "receive/flight.h"

#include "wire/flat.h"
#include "wire/flight.h"

#include <stdlib.h>
#include <string.h>

enum { ARROW_SCHEMA = 1, ARROW_DICTIONARY = 2, ARROW_BATCH = 3 };

enum { FRAMES_MAX = 4096 };

enum { KEPT_PART = 4 };      /* so much of the budget, its quarter, may be held by streams that send nothing */

/* Schema and dictionaries, as frames one behind the other; the schema is frame 0. */
struct frame { int64_t dictionary; size_t n; };
struct stream { struct text before; bool has_schema; struct frame *frame; size_t frames_n, frames_room; };

unsigned flight_header_kind(struct slice header)
{
    struct flat f = { .buffer = header };
    int64_t     kind = flat_int(flat_root(&f), 1, 1, 0);
    return f.bad || kind < 0 ? 0 : (unsigned)kind;
}

/* The number of the dictionary that a message brings. */
static int64_t dictionary_of(struct slice header)
{
    struct flat       f = { .buffer = header };
    struct flat_table d = flat_table_at(flat_root(&f), 2);
    return flat_is(d) ? flat_int(d, 0, 8, 0) : 0;
}

static struct exchange *refuse(struct exchange *x, enum receive_refusal why, const char *text)
{
    answer_refused(&x->answer, why, "%s", text);
    return NULL;
}

static struct exchange *failed(struct session_host *h, struct exchange *x, enum err e, const struct fault *fault)
{
    if (e == ERR_INPUT)
        return refuse(x, REFUSED_MALFORMED, fault->text);
    if (e == ERR_LIMIT)
        return refuse(x, REFUSED_TOO_LARGE, fault->text);
    if (e == ERR_MISSING) {
        (void)refuse(x, REFUSED_UNKNOWN, *fault->text ? fault->text : "this cannot be read here");
        answer_code(&x->answer, 501, GRPC_UNIMPLEMENTED);
        return NULL;
    }
    answer_later(&x->answer, REFUSED_FULL, h->limits.retry_us, "%s", *fault->text ? fault->text : err_text(e));
    return NULL;
}

/* "shop.orders" of the path [shop, orders]. False: too long, or nothing. */
static bool table_of(struct exchange *x, const struct flight_descriptor *d)
{
    size_t n = 0;
    for (size_t i = 0; d->kind == FLIGHT_PATH && i < d->path_n; i++) {
        if (n + d->path[i].n + 1 > HEAD_TABLE_MAX)
            return false;
        if (i)
            x->table[n++] = '.';
        memcpy(x->table + n, d->path[i].s, d->path[i].n);
        n += d->path[i].n;
    }
    if (d->kind == FLIGHT_CMD && d->cmd.n <= HEAD_TABLE_MAX) {
        memcpy(x->table, d->cmd.s, d->cmd.n);
        n = d->cmd.n;
    }
    x->table[n] = '\0';
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)x->table[i] < ' ' || x->table[i] == 0x7f)
            return false;
    return n > 0;
}

/* The frame of a PutResult, ready to be sent. */
static bool result_make(struct exchange *part, struct slice metadata)
{
    char   head[5] = { 0 }, *to = malloc(metadata.n + 32);
    size_t used = 0;
    if (!to || flight_put_result(metadata, to, metadata.n + 32, &used, NULL) != OK) {
        free(to);
        return false;
    }
    for (int i = 0; i < 4; i++)
        head[1 + i] = (char)(used >> (24 - 8 * i));
    text_init(&part->out, used + 64);
    part->out_open = true;
    text_add_n(&part->out, head, 5);
    text_add_n(&part->out, to, used);
    free(to);
    return !part->out.cut;
}

static struct exchange *batch(struct intake *in, struct session_host *h, struct exchange *x, const struct flight_data *d)
{
    struct stream      *stream = x->extra;
    struct fault        fault = { 0 };
    struct event_report report = { 0 };
    struct text         whole;
    text_init(&whole, h->limits.body_max);
    text_add_n(&whole, stream->before.s, stream->before.used);
    enum err e = whole.cut ? fail(&fault, ERR_LIMIT, "a batch with its schema is too large") : flight_stream_add(&whole, d, &fault);
    if (e == OK)
        e = in->check(&(struct record){ .kind = RECORD_ARROW, .form = FORM_ARROW, .body = { whole.s, whole.used } }, &report, &fault);
    if (e == OK)
        e = event_fits(&(struct record){ .kind = RECORD_ARROW, .form = FORM_ARROW, .events = report.events, .body = { whole.s, whole.used } }, &fault);
    if (e == OK && !report.events && report.rejected)
        e = fail(&fault, ERR_INPUT, "nothing of a batch can be taken: %s", report.why);
    struct exchange *part = e == OK ? exchange_new(h) : NULL;
    if (part && (!buffer_add(&h->stock, &part->body, whole.s, whole.used, whole.used) || !result_make(part, d->app_metadata))) {
        request_exchange_free(h, part);
        part = NULL;
    }
    size_t n = whole.used;
    text_done(&whole);
    if (!part)
        return failed(h, x, e == OK ? ERR_BUSY : e, &fault);
    part->of = x;
    part->route = x->route;
    part->state = EXCHANGE_WITH_HOST;
    part->raw = n;
    exchange_count(h, part);
    memcpy(part->tenant, x->tenant, sizeof part->tenant);
    memcpy(part->table, x->table, sizeof part->table);
    answer_accepted(&part->answer, report.events, report.rejected, "");
    part->record = (struct record){ .kind = RECORD_ARROW, .form = FORM_ARROW, .events = report.events, .tenant = slice_of(part->tenant),
        .source = slice_of(part->table), .body = buffer_slice(&part->body) };
    x->pending++;
    return part;
}

/*
 * A schema begins anew; a dictionary takes the place of the one with its number, so that a writer who sends his with each batch does not make
 * every record longer than the one before.  One that adds to another is refused when a batch is read with it.
 */
static enum err frame_keep(struct stream *stream, const struct flight_data *d, bool schema, struct fault *fault)
{
    struct text *t = &stream->before;
    int64_t      dictionary = schema ? 0 : dictionary_of(d->header);
    size_t       at = 0, i = 0;
    if (schema) {
        text_clear(t);
        stream->frames_n = 0;
    }
    for (; i < stream->frames_n && (i == 0 || stream->frame[i].dictionary != dictionary); i++)
        at += stream->frame[i].n;
    if (i < stream->frames_n) {
        size_t n = stream->frame[i].n;
        memmove(t->s + at, t->s + at + n, t->used - at - n);
        t->used -= n;
        memmove(&stream->frame[i], &stream->frame[i + 1], (--stream->frames_n - i) * sizeof *stream->frame);
    }
    if (stream->frames_n == FRAMES_MAX)
        return fail(fault, ERR_LIMIT, "a stream has more than %d dictionaries", FRAMES_MAX - 1);
    if (stream->frames_n == stream->frames_room) {
        size_t        room = stream->frames_room ? 2 * stream->frames_room : 8;
        struct frame *more = realloc(stream->frame, room * sizeof *more);
        if (!more)
            return fail(fault, ERR_BUSY, "out of memory for the dictionaries of this stream");
        stream->frame = more;
        stream->frames_room = room;
    }
    size_t   before = t->used;
    enum err e = flight_stream_add(t, d, fault);
    stream->frame[stream->frames_n++] = (struct frame){ dictionary, t->used - before };
    return e;
}

static struct exchange *data_take(struct intake *in, struct session_host *h, struct exchange *x, struct slice message)
{
    struct stream     *stream = x->extra;
    struct flight_data d = { 0 };
    struct fault       fault = { 0 };
    enum err           e = flight_data_read(message, &d, &fault);
    if (e != OK)
        return failed(h, x, e, &fault);
    if (d.has_descriptor && !table_of(x, &d.descriptor))
        return refuse(x, REFUSED_MALFORMED, "the descriptor names no table");
    if (d.header.n == 0)
        return NULL;
    unsigned kind = flight_header_kind(d.header);
    if (kind == ARROW_BATCH && stream->has_schema)
        return batch(in, h, x, &d);
    if (!*x->table)
        return refuse(x, REFUSED_MALFORMED, "the first message has no descriptor that names a table");
    if (kind != ARROW_SCHEMA && (kind != ARROW_DICTIONARY || !stream->has_schema))
        return refuse(x, REFUSED_MALFORMED, "a message is neither a schema nor a dictionary or batch after one");
    h->kept -= stream->before.used;
    stream->has_schema = true;
    e = frame_keep(stream, &d, kind == ARROW_SCHEMA, &fault);
    h->kept += stream->before.used;
    if (e == OK && h->kept > (size_t)h->limits.budget / KEPT_PART)
        e = fail(&fault, ERR_BUSY, "the schemas and dictionaries of all streams are too large together");
    return e == OK ? NULL : failed(h, x, e, &fault);
}

struct exchange *flight_message(struct intake *in, struct session_host *h, struct exchange *x, struct slice message, bool packed)
{
    struct stream *stream = x->extra;
    struct fault   fault = { 0 };
    if (!stream) {
        if (!(stream = calloc(1, sizeof *stream))) {
            answer_later(&x->answer, REFUSED_FULL, h->limits.retry_us, "out of memory for this stream");
            return NULL;
        }
        text_init(&stream->before, h->limits.body_max);
        x->extra = stream;
    }
    if (!packed)
        return data_take(in, h, x, message);
    if (atomic_load_explicit(h->in_flight, memory_order_relaxed) - (long long)x->counted >= h->limits.budget) {      /* many small messages may each become large */
        answer_later(&x->answer, REFUSED_FULL, h->limits.retry_us, "there is no room to unpack this message right now");
        return NULL;
    }
    struct buffer plain = { 0 };
    enum err      e = x->packing == PACKED_NOT ? fail(&fault, ERR_INPUT, "the message says it is packed, the call says it is not")
                                               : unpack(&in->unpacker, x->packing, message, h->limits.body_max, &h->stock, &plain, &fault);
    struct exchange *part = e == OK ? data_take(in, h, x, buffer_slice(&plain)) : failed(h, x, e, &fault);
    buffer_drop(&h->stock, &plain);
    return part;
}

void flight_settle(struct session_host *h, struct exchange *part)
{
    struct exchange *x = part->of;
    bool             alive = x->session && x->state != EXCHANGE_ANSWERED;
    if (!alive || part->answer.why == REFUSED_NOT) {
        x->answer.events += part->answer.events;
        x->answer.rejected += part->answer.rejected;
        session_flight_put(h, x, (struct slice){ part->out.s, part->out.used });
        if (alive && x->state == EXCHANGE_WITH_HOST && x->pending == 0)
            session_flight_end(h, x);
    } else {
        x->pending--;
        x->answer = part->answer;
        session_flight_end(h, x);
    }
    request_exchange_free(h, part);
}

void flight_ended(struct session_host *h, struct exchange *x)
{
    if (x->body.n) {
        answer_refused(&x->answer, REFUSED_MALFORMED, "the stream ends within a message");
        session_flight_end(h, x);
        return;
    }
    answer_accepted(&x->answer, x->answer.events, x->answer.rejected, "");
    if (x->pending == 0)
        session_flight_end(h, x);
}

void flight_forget(struct session_host *h, struct exchange *x)
{
    struct stream *stream = x->extra;
    h->kept -= stream ? stream->before.used : 0;
    if (stream)
        text_done(&stream->before);
    if (stream)
        free(stream->frame);
    free(stream);
    x->extra = NULL;
}
