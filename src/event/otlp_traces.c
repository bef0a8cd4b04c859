/* event/otlp_traces.c - ExportTraceServiceRequest. A span without valid ids is left out; otlp_check() has counted it. */
#include "event/otlp.h"

static bool note_read(struct reading *r, struct slice message, struct span_note *n, struct fault *fault)
{
    struct pb       m = pb_of(message);
    struct pb_field f;
    size_t          count = 0;
    int             more;
    while ((more = pb_next(&m, &f)) > 0)
        switch (pb_field(&f)) {
        case PB_FIELD(OTLP_SPAN_EVENT_TIME, PB_I64): n->time_ns = otlp_time(f.n); break;
        case PB_FIELD(OTLP_SPAN_EVENT_NAME, PB_LEN): n->name = f.bytes; break;
        case PB_FIELD(OTLP_SPAN_EVENT_ATTRS, PB_LEN): count++; break;
        case PB_FIELD(OTLP_SPAN_EVENT_DROPPED, PB_VARINT): n->dropped = (uint32_t)f.n; break;
        default: break;
        }
    return more < 0 ? otlp_broken(r) : otlp_read_attrs(r, message, OTLP_SPAN_EVENT_ATTRS, count, &n->attrs, fault);
}

static bool link_read(struct reading *r, struct slice message, struct span_link *l, struct fault *fault)
{
    struct pb       m = pb_of(message);
    struct pb_field f;
    size_t          count = 0;
    int             more;
    while ((more = pb_next(&m, &f)) > 0)
        switch (pb_field(&f)) {
        case PB_FIELD(OTLP_LINK_TRACE_ID, PB_LEN): l->trace_id = otlp_id(f.bytes, OTLP_TRACE_ID); break;
        case PB_FIELD(OTLP_LINK_SPAN_ID, PB_LEN): l->span_id = otlp_id(f.bytes, OTLP_SPAN_ID); break;
        case PB_FIELD(OTLP_LINK_STATE, PB_LEN): l->state = f.bytes; break;
        case PB_FIELD(OTLP_LINK_ATTRS, PB_LEN): count++; break;
        case PB_FIELD(OTLP_LINK_DROPPED, PB_VARINT): l->dropped = (uint32_t)f.n; break;
        case PB_FIELD(OTLP_LINK_FLAGS, PB_I32): l->flags = (uint32_t)f.n; break;
        default: break;
        }
    return more < 0 ? otlp_broken(r) : otlp_read_attrs(r, message, OTLP_LINK_ATTRS, count, &l->attrs, fault);
}

static bool status_read(struct reading *r, struct slice message, struct span_event *s)
{
    struct pb       m = pb_of(message);
    struct pb_field f;
    int             more;
    while ((more = pb_next(&m, &f)) > 0)
        if (pb_field(&f) == PB_FIELD(OTLP_STATUS_MESSAGE, PB_LEN))
            s->status_message = f.bytes;
        else if (pb_field(&f) == PB_FIELD(OTLP_STATUS_CODE, PB_VARINT))
            s->status = f.n <= SPAN_ERROR ? (enum span_status)f.n : SPAN_UNSET;
    return more == 0 || otlp_broken(r);
}

static bool notes_and_links(struct reading *r, struct slice message, struct span_event *s, struct fault *fault)
{
    struct span_note *note = s->notes_n ? reading_alloc(r, s->notes_n * sizeof *note) : NULL;
    struct span_link *link = s->links_n ? reading_alloc(r, s->links_n * sizeof *link) : NULL;
    if ((s->notes_n && !note) || (s->links_n && !link))
        return otlp_full(r, fault);
    s->notes = note;
    s->links = link;
    struct pb       m = pb_of(message);
    struct pb_field f;
    while (pb_next(&m, &f) > 0) {
        if (pb_field(&f) == PB_FIELD(OTLP_SPAN_EVENTS, PB_LEN) && !note_read(r, f.bytes, note++, fault))
            return false;
        if (pb_field(&f) == PB_FIELD(OTLP_SPAN_LINKS, PB_LEN) && !link_read(r, f.bytes, link++, fault))
            return false;
    }
    return true;
}

static bool span_read(struct reading *r, const struct resource *resource, const struct scope *scope, struct slice message, struct fault *fault)
{
    struct pb       m = pb_of(message);
    struct pb_field f;
    size_t          count = 0;
    struct slice    status = { NULL, 0 };
    int             more;
    struct event   *e = reading_event(r, EVENT_SPAN, resource, scope);
    if (!e)
        return otlp_full(r, fault);
    struct span_event *s = &e->as.span;
    while ((more = pb_next(&m, &f)) > 0)
        switch (pb_field(&f)) {
        case PB_FIELD(OTLP_SPAN_TRACE_ID, PB_LEN): s->trace_id = otlp_id(f.bytes, OTLP_TRACE_ID); break;
        case PB_FIELD(OTLP_SPAN_SPAN_ID, PB_LEN): s->span_id = otlp_id(f.bytes, OTLP_SPAN_ID); break;
        case PB_FIELD(OTLP_SPAN_STATE, PB_LEN): s->state = f.bytes; break;
        case PB_FIELD(OTLP_SPAN_PARENT, PB_LEN): s->parent_id = otlp_id(f.bytes, OTLP_SPAN_ID); break;
        case PB_FIELD(OTLP_SPAN_NAME, PB_LEN): s->name = f.bytes; break;
        case PB_FIELD(OTLP_SPAN_KIND, PB_VARINT): s->kind = f.n <= SPAN_CONSUMER ? (enum span_kind)f.n : SPAN_UNKNOWN; break;
        case PB_FIELD(OTLP_SPAN_START, PB_I64): s->start_ns = otlp_time(f.n); break;
        case PB_FIELD(OTLP_SPAN_END, PB_I64): s->end_ns = otlp_time(f.n); break;
        case PB_FIELD(OTLP_SPAN_ATTRS, PB_LEN): count++; break;
        case PB_FIELD(OTLP_SPAN_DROPPED, PB_VARINT): s->dropped = (uint32_t)f.n; break;
        case PB_FIELD(OTLP_SPAN_EVENTS, PB_LEN): s->notes_n++; break;
        case PB_FIELD(OTLP_SPAN_DROPPED_EVENTS, PB_VARINT): s->dropped_notes = (uint32_t)f.n; break;
        case PB_FIELD(OTLP_SPAN_LINKS, PB_LEN): s->links_n++; break;
        case PB_FIELD(OTLP_SPAN_DROPPED_LINKS, PB_VARINT): s->dropped_links = (uint32_t)f.n; break;
        case PB_FIELD(OTLP_SPAN_STATUS, PB_LEN): status = f.bytes; break;
        case PB_FIELD(OTLP_SPAN_FLAGS, PB_I32): s->flags = (uint32_t)f.n; break;
        default: break;
        }
    if (more < 0)
        return otlp_broken(r);
    if (s->trace_id.n == 0 || s->span_id.n == 0)
        return true;
    return status_read(r, status, s) && notes_and_links(r, message, s, fault) &&
           otlp_read_attrs(r, message, OTLP_SPAN_ATTRS, count, &e->attrs, fault) && reading_give(r, e, fault);
}

enum err otlp_traces_read(struct reading *r, struct fault *fault) { return otlp_read(r, OTLP_TRACES, span_read, fault); }

enum err otlp_traces_check(const struct record *r, struct event_report *report, struct fault *fault)
{
    return otlp_check_body(OTLP_TRACES, r->form, r->body, report, fault);
}
