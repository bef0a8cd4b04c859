/* event/otlp_logs.c - ExportLogsServiceRequest, also of lines that our own inputs wrote as one. */
#include "event/otlp.h"

static bool log_read(struct reading *r, const struct resource *resource, const struct scope *scope, struct slice message, struct fault *fault)
{
    struct pb       m = pb_of(message);
    struct pb_field f;
    size_t          count = 0;
    struct slice    body = { NULL, 0 };
    int64_t         time = 0;
    int             more;
    struct event   *e = reading_event(r, EVENT_LOG, resource, scope);
    if (!e)
        return otlp_full(r, fault);
    struct log_event *l = &e->as.log;
    while ((more = pb_next(&m, &f)) > 0)
        switch (pb_field(&f)) {
        case PB_FIELD(OTLP_LOG_TIME, PB_I64): time = otlp_time(f.n); break;
        case PB_FIELD(OTLP_LOG_OBSERVED, PB_I64): l->observed_ns = otlp_time(f.n); break;
        case PB_FIELD(OTLP_LOG_SEVERITY, PB_VARINT): l->severity = f.n <= 24 ? (int)f.n : 0; break;
        case PB_FIELD(OTLP_LOG_SEVERITY_TEXT, PB_LEN): l->severity_text = f.bytes; break;
        case PB_FIELD(OTLP_LOG_BODY, PB_LEN): body = f.bytes; break;
        case PB_FIELD(OTLP_LOG_ATTRS, PB_LEN): count++; break;
        case PB_FIELD(OTLP_LOG_DROPPED, PB_VARINT): l->dropped = (uint32_t)f.n; break;
        case PB_FIELD(OTLP_LOG_FLAGS, PB_I32): l->flags = (uint32_t)f.n; break;
        case PB_FIELD(OTLP_LOG_TRACE_ID, PB_LEN): l->trace_id = otlp_id(f.bytes, OTLP_TRACE_ID); break;
        case PB_FIELD(OTLP_LOG_SPAN_ID, PB_LEN): l->span_id = otlp_id(f.bytes, OTLP_SPAN_ID); break;
        case PB_FIELD(OTLP_LOG_EVENT_NAME, PB_LEN): l->name = f.bytes; break;
        default: break;
        }
    if (more < 0)
        return otlp_broken(r);
    l->time_ns = otlp_when(r, time ? time : l->observed_ns);
    if (body.n && !otlp_read_value(r, body, 0, &l->body, fault))
        return false;
    return otlp_read_attrs(r, message, OTLP_LOG_ATTRS, count, &e->attrs, fault) && reading_give(r, e, fault);
}

enum err otlp_logs_read(struct reading *r, struct fault *fault) { return otlp_read(r, OTLP_LOGS, log_read, fault); }

enum err otlp_logs_check(const struct record *r, struct event_report *report, struct fault *fault)
{
    return otlp_check_body(OTLP_LOGS, r->form, r->body, report, fault);
}
