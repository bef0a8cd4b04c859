/* ship/columns.c - see columns.h. */
#include "ship/columns.h"

#include "ship/json.h"

static struct slice first_text(const struct event *e, const char *of_resource, const char *second, const char *of_event, const char *other)
{
    struct slice s = attrs_text(&e->resource->attrs, of_resource);
    if (!s.n && second)
        s = attrs_text(&e->resource->attrs, second);
    if (!s.n)
        s = attrs_text(&e->attrs, of_event);
    return s.n ? s : attrs_text(&e->attrs, other);
}

struct slice columns_app(const struct event *e)  { return first_text(e, "service.name", NULL, "job", "app"); }
struct slice columns_host(const struct event *e) { return first_text(e, "host.name", "service.instance.id", "host", "instance"); }

struct slice columns_level(const struct event *e)
{
    static const char *const levels[] = { "TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL" };
    if (e->type != EVENT_LOG)
        return attrs_text(&e->attrs, "level");
    if (e->as.log.severity_text.n)
        return e->as.log.severity_text;
    return e->as.log.severity >= 1 && e->as.log.severity <= 24 ? slice_of(levels[(e->as.log.severity - 1) / 4]) : (struct slice){ 0 };
}

struct slice columns_trace(const struct event *e)
{
    if (e->type == EVENT_LOG)
        return e->as.log.trace_id;
    if (e->type == EVENT_SPAN)
        return e->as.span.trace_id;
    for (size_t i = 0; i < e->as.point.exemplars_n; i++)
        if (e->as.point.exemplars[i].trace_id.n)
            return e->as.point.exemplars[i].trace_id;
    return (struct slice){ 0 };
}

int64_t columns_time_ns(const struct event *e)
{
    int64_t t = e->type == EVENT_LOG ? e->as.log.time_ns : e->type == EVENT_POINT ? e->as.point.time_ns : e->as.span.start_ns;
    return t ? t : e->received_us * 1000;
}

struct slice columns_message(const struct event *e, struct text *scratch)
{
    const struct value *v = &e->as.log.body;
    if (v->kind == VALUE_TEXT)
        return v->as.text;
    text_clear(scratch);
    if (v->kind != VALUE_NONE)
        ship_json_value(scratch, v);
    return (struct slice){ scratch->s, scratch->used };
}

const struct attrs *columns_attrs(const struct event *e, int which)
{
    return which == 0 ? &e->resource->attrs : which == 1 ? &e->scope->attrs : &e->attrs;
}

bool columns_is_label(int which, const struct attr *a)
{
    return which != 0 || a->value.kind != VALUE_TEXT || (!slice_is(a->key, "service.name") && !slice_is(a->key, "host.name"));
}
