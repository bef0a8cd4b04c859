/* receive/intake.c - see intake.h. */
#include "receive/intake.h"

#include "receive/schema.h"
#include "wire/remote.h"

#include <string.h>

enum { INTAKE_ARENA = 64 * 1024 * 1024 };      /* symbols of remote write 2.0 */

void intake_init(struct intake *in, receive_check *check)
{
    *in = (struct intake){ .check = check };
    arena_init(&in->arena, INTAKE_ARENA);
}

void intake_done(struct intake *in)
{
    unpacker_done(&in->unpacker);
    arena_done(&in->arena);
}

/* What a fault from below means to whoever sent this. */
static bool faulty(struct session_host *h, struct exchange *x, enum err e, const struct fault *fault)
{
    const char *why = *fault->text ? fault->text : err_text(e);
    switch (e) {
    case ERR_INPUT: answer_refused(&x->answer, REFUSED_MALFORMED, "%s", why); break;
    case ERR_LIMIT: answer_refused(&x->answer, REFUSED_TOO_LARGE, "%s", why); break;
    case ERR_MISSING:
        answer_refused(&x->answer, REFUSED_UNKNOWN, "%s", why);
        answer_code(&x->answer, 501, GRPC_UNIMPLEMENTED);
        break;
    case ERR_BUSY: answer_later(&x->answer, REFUSED_FULL, h->limits.retry_us, "%s", why); break;
    default:       answer_later(&x->answer, REFUSED_TROUBLE, h->limits.retry_us, "%s", why); break;
    }
    return false;
}

/* Framing and packing off. False: refused. */
static bool uncover(struct intake *in, struct session_host *h, struct exchange *x, struct slice *body)
{
    struct fault fault = { 0 };
    enum packing packing = x->packing;
    *body = buffer_slice(&x->body);
    if (x->grpc) {
        const unsigned char *p = (const unsigned char *)body->s;
        uint32_t             said = body->n < 5 ? 0 : (uint32_t)p[1] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 8 | p[4];
        if (body->n < 5 || said != body->n - 5 || p[0] > 1) {
            answer_refused(&x->answer, REFUSED_MALFORMED, "the body is not one whole message of gRPC");
            return false;
        }
        *body = (struct slice){ body->s + 5, said };
        if (p[0] && packing == PACKED_NOT) {
            answer_refused(&x->answer, REFUSED_MALFORMED, "the message says it is packed, the call says it is not");
            answer_code(&x->answer, 400, GRPC_INTERNAL);
            return false;
        }
        if (!p[0])
            packing = PACKED_NOT;
    }
    if (packing == PACKED_NOT)
        return true;
    struct buffer plain = { 0 };
    enum err      e = unpack(&in->unpacker, packing, *body, h->limits.body_max, &h->stock, &plain, &fault);
    buffer_drop(&h->stock, &x->body);
    x->body = plain;
    *body = buffer_slice(&x->body);
    return e == OK || faulty(h, x, e, &fault);
}

static bool remote_read(struct intake *in, struct session_host *h, struct exchange *x, struct slice body)
{
    struct fault         fault = { 0 };
    struct remote_counts c = { 0 };
    bool                 two = x->media == MEDIA_REMOTE_2;
    arena_reset(&in->arena);
    enum err e = remote_check(two ? REMOTE_V2 : REMOTE_V1, body, &in->arena, &c, &fault);
    if (e != OK)
        return faulty(h, x, e, &fault);
    uint64_t fine = c.samples + c.histograms;
    if (c.rejected)
        answer_refused(&x->answer, REFUSED_MALFORMED, "%llu of %llu were left out: %s", (unsigned long long)c.rejected,
                       (unsigned long long)(c.rejected + c.samples + c.histograms + c.exemplars + c.left_out), c.why);
    else
        answer_accepted(&x->answer, fine, 0, "");
    x->answer.events = fine;
    x->answer.rejected = c.rejected + c.left_out;      /* an exemplar that belongs to nothing here is no reason to say no */
    x->answer.samples = c.samples;
    x->answer.histograms = c.histograms;
    x->answer.exemplars = c.exemplars;
    x->record.form = two ? FORM_PROTOBUF_2 : FORM_PROTOBUF;
    x->record.source = SLICE("remote-write");
    return fine + c.exemplars + c.metadata > 0;
}

/* What the path says of its rows (event/rows.c). */
static void rows_mark(struct exchange *x)
{
    static const char logs[] = "kind\0logs", metrics[] = "kind\0metrics", named[] = "kind\0metrics\0table\0";
    if (x->route->word[0] == 'l')
        x->record.labels = (struct slice){ logs, sizeof logs };
    else
        x->record.labels = *x->table ? (struct slice){ named, sizeof named } : (struct slice){ metrics, sizeof metrics };
    x->record.source = *x->table ? slice_of(x->table) : slice_of(x->route->word);
}

static bool events_read(struct intake *in, struct session_host *h, struct exchange *x, struct slice body)
{
    struct fault        fault = { 0 };
    struct event_report report = { 0 };
    x->record.form = x->media == MEDIA_JSON ? FORM_JSON : x->media == MEDIA_JSON_LINES ? FORM_JSON_LINES : FORM_PROTOBUF;
    x->record.source = SLICE("otlp");
    if (x->route->shape == ROUTE_ROWS)
        rows_mark(x);
    enum err e = in->check(&x->record, &report, &fault);
    if (e != OK)
        return faulty(h, x, e, &fault);
    answer_accepted(&x->answer, report.events, report.rejected, report.why);
    return report.events + report.rejected > 0;
}

/* As the digest will read it (ingest/digester_table.c): what is acknowledged must fit there. */
static bool table_read(struct session_host *h, struct exchange *x, struct slice body)
{
    struct fault fault = { 0 };
    const char  *kind;
    struct text  schema CLEANUP(text_done);
    text_init(&schema, SCHEMA_TEXT_MAX);
    enum err e = schema_read(body, x->table, sizeof x->table, &kind, &schema, &fault);
    if (e != OK)
        return faulty(h, x, e, &fault);
    answer_accepted(&x->answer, 1, 0, "");
    x->record.form = FORM_JSON;
    x->record.source = slice_of(x->table);
    return true;
}

bool intake_read(struct intake *in, struct session_host *h, struct exchange *x)
{
    struct slice body;
    if (!uncover(in, h, x, &body))
        return false;
    x->record = (struct record){ .kind = x->route->kind, .tenant = slice_of(x->tenant), .body = body };
    bool keep = false;
    switch (x->route->shape) {
    case ROUTE_GRPC:
    case ROUTE_OTLP:
    case ROUTE_ROWS:   keep = events_read(in, h, x, body); break;
    case ROUTE_REMOTE: keep = remote_read(in, h, x, body); break;
    case ROUTE_SCHEMA: keep = table_read(h, x, body); break;
    case ROUTE_FLIGHT:
    case ROUTE_HEALTH: answer_accepted(&x->answer, 0, 0, ""); break;
    }
    x->record.events = x->answer.events > UINT32_MAX ? UINT32_MAX : (uint32_t)x->answer.events;
    struct fault fault = { 0 };
    enum err     e = keep ? event_fits(&x->record, &fault) : OK;
    return e == OK ? keep : faulty(h, x, e, &fault);
}
