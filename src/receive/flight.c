/* receive/flight.c - see flight.h. */
#include "receive/flight.h"

#include "wire/flat.h"
#include "wire/flight.h"

#include <stdlib.h>
#include <string.h>

enum { ARROW_SCHEMA = 1, ARROW_DICTIONARY = 2, ARROW_BATCH = 3 };

enum { KEPT_PART = 4 };      /* so much of the budget, its quarter, may be held by streams that send nothing */

struct stream { struct text before; bool has_schema; };      /* schema and dictionaries, as frames */

unsigned flight_header_kind(struct slice header)
{
    struct flat f = { .buffer = header };
    int64_t     kind = flat_int(flat_root(&f), 1, 1, 0);
    return f.bad || kind < 0 ? 0 : (unsigned)kind;
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
        e = in->check(RECORD_ARROW, FORM_ARROW, (struct slice){ whole.s, whole.used }, &report, &fault);
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
    part->counted = n;
    atomic_fetch_add_explicit(h->in_flight, (long long)n, memory_order_relaxed);
    memcpy(part->tenant, x->tenant, sizeof part->tenant);
    memcpy(part->table, x->table, sizeof part->table);
    answer_accepted(&part->answer, report.events, report.rejected, "");
    part->record = (struct record){ .kind = RECORD_ARROW, .form = FORM_ARROW, .events = report.events, .tenant = slice_of(part->tenant),
        .source = slice_of(part->table), .body = buffer_slice(&part->body) };
    x->pending++;
    return part;
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
    if (kind == ARROW_SCHEMA)
        text_clear(&stream->before);
    stream->has_schema = true;
    e = flight_stream_add(&stream->before, &d, &fault);
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
    free(stream);
    x->extra = NULL;
}
