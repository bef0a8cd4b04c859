/*
 * ship/json_read.c - see json_read.h. Members may come in any order but for the type, which is always in front; unknown ones are gone past, so that lines of
 * a later Homeostat can be read.
 */
#include "ship/json_read.h"

#include "event/rows.h"
#include "wire/json_pull.h"

#include <math.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

struct line {
    struct pull     p;
    struct arena   *a;
    struct event   *e;
    struct resource resource;
    struct scope    scope;
    int64_t         time_ns, received_ns;
    bool            full, id;
};

/* ---- values ---- */

static bool bad(struct line *l, const char *why)
{
    if (!l->p.why)
        l->p.why = why;
    return false;
}

static void *room(struct line *l, size_t size)
{
    void *p = arena_alloc(l->a, size);
    l->full = l->full || !p;
    return p;
}

/* A list of n items, of which there is room for another one. NULL: no memory. */
static void *grown(struct line *l, void *list, size_t n, size_t item)
{
    if (n & (n - 1) || n == 1)                    /* rooms are 2, 4, 8, ... items */
        return list;
    char *more = room(l, (n ? 2 * n : 2) * item);
    if (more && n)
        memcpy(more, list, n * item);
    return more;
}

static bool text_read(struct line *l, struct slice *out)
{
    if (l->p.token == PULL_NULL)
        return true;
    if (l->p.token != PULL_TEXT && l->p.token != PULL_KEY)
        return bad(l, "no text where one belongs");
    *out = l->p.text;
    if (!l->p.escaped)
        return true;
    char *plain = room(l, l->p.text.n + 1);
    *out = (struct slice){ plain, plain ? pull_unescape(l->p.text, plain) : 0 };
    return plain != NULL;
}

static bool hex_read(struct line *l, struct slice *out)
{
    struct slice s = { 0 };
    char        *bytes = text_read(l, &s) ? room(l, s.n / 2 + 1) : NULL;
    if (!bytes || s.n % 2)
        return bytes ? bad(l, "an odd number of hexadecimal digits") : false;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.s[i];
        int  digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
        if (digit < 0)
            return bad(l, "not a hexadecimal digit");
        bytes[i / 2] = (char)(i % 2 ? (unsigned char)bytes[i / 2] | (unsigned)digit : (unsigned)digit << 4);
    }
    *out = (struct slice){ bytes, s.n / 2 };
    return true;
}

static bool time_read(struct line *l, int64_t *ns)
{
    return (l->p.token == PULL_TEXT && !l->p.escaped && rows_time(l->p.text, ns)) || bad(l, "not a time");
}

static bool int_read(struct line *l, int64_t least, int64_t most, int64_t *n)
{
    return (l->p.token == PULL_NUMBER && number_i64(l->p.text, n) && *n >= least && *n <= most) || bad(l, "not a whole number, or one that is too large");
}

static bool u32_read(struct line *l, uint32_t *out)
{
    int64_t n = 0;
    bool    fine = int_read(l, 0, UINT32_MAX, &n);
    *out = (uint32_t)n;
    return fine;
}

static bool u64_read(struct line *l, uint64_t *n) { return (l->p.token == PULL_NUMBER && number_u64(l->p.text, n)) || bad(l, "not a count"); }

static bool real_read(struct line *l, double *d)
{
    return ((l->p.token == PULL_NUMBER || (l->p.token == PULL_TEXT && !l->p.escaped)) && number_double(l->p.text, l->p.token == PULL_TEXT, d)) || bad(l, "not a number");
}

static bool bool_read(struct line *l, bool *out)
{
    *out = l->p.token == PULL_TRUE;
    return *out || l->p.token == PULL_FALSE || bad(l, "neither true nor false");
}

static bool word_read(struct line *l, const char *const *words, size_t n, int *out)
{
    for (size_t i = 0; l->p.token == PULL_TEXT && i < n; i++)
        if (pull_text_is(&l->p, words[i])) {
            *out = (int)i;
            return true;
        }
    return bad(l, "a word that is not known here");
}

static bool attrs_read(struct line *l, struct attrs *out, int depth);

/* 5 is one, 5.0 was a real number. */
static bool is_whole(const struct line *l, int64_t *n)
{
    for (size_t i = 0; i < l->p.text.n; i++)
        if (strchr(".eE", l->p.text.s[i]))
            return false;
    return number_i64(l->p.text, n);
}

static bool number_read(struct line *l, struct value *v)
{
    v->kind = VALUE_INT;
    if (is_whole(l, &v->as.integer))
        return true;
    v->kind = VALUE_REAL;
    return real_read(l, &v->as.real);
}

static bool value_read(struct line *l, struct value *v, int depth)
{
    struct value *item = NULL;
    size_t        n = 0;
    *v = (struct value){ 0 };
    switch (l->p.token) {
    case PULL_NULL:   return true;
    case PULL_TEXT:   v->kind = VALUE_TEXT; return text_read(l, &v->as.text);
    case PULL_NUMBER: return number_read(l, v);
    case PULL_TRUE:
    case PULL_FALSE:  v->kind = VALUE_BOOL; return bool_read(l, &v->as.boolean);
    case PULL_OBJECT: v->kind = VALUE_MAP; return attrs_read(l, &v->as.map, depth + 1);
    case PULL_ARRAY:
        if (depth > EVENT_DEPTH_MAX)
            return bad(l, "values too deep in one another");
        while (pull_next(&l->p) != PULL_ARRAY_END)
            if (l->p.token == PULL_BAD || !(item = grown(l, item, n, sizeof *item)) || !value_read(l, &item[n++], depth + 1))
                return false;
        v->kind = VALUE_LIST;
        v->as.list.item = item;
        v->as.list.count = n;
        return true;
    default: return bad(l, "no value where one belongs");
    }
}

static bool attrs_read(struct line *l, struct attrs *out, int depth)
{
    struct attr *item = NULL;
    size_t       n = 0;
    if (l->p.token != PULL_OBJECT || depth > EVENT_DEPTH_MAX)
        return bad(l, "no object where one belongs, or they are too deep in one another");
    while (pull_next(&l->p) == PULL_KEY) {
        if (!(item = grown(l, item, n, sizeof *item)) || !text_read(l, &item[n].key))
            return false;
        (void)pull_next(&l->p);
        if (!value_read(l, &item[n++].value, depth))
            return false;
    }
    *out = (struct attrs){ item, n };
    return l->p.token == PULL_OBJECT_END;
}

/* ---- members: a table for each kind of object ---- */

struct member { const char *name; bool (*read)(struct line *l, void *to); };

/* From its opening brace on. */
static bool object_read(struct line *l, const struct member *m, size_t members, void *to)
{
    if (l->p.token != PULL_OBJECT)
        return bad(l, "no object where one belongs");
    while (pull_next(&l->p) == PULL_KEY) {
        size_t i = 0;
        while (i < members && !pull_text_is(&l->p, m[i].name))
            i++;
        if (pull_next(&l->p) == PULL_BAD || !(i < members ? m[i].read(l, to) : pull_skip(&l->p)))
            return false;
    }
    return l->p.token == PULL_OBJECT_END;
}

#define MEMBER(name, what, expression) static bool name(struct line *l, void *to) { what; return expression; }
#define LOG   struct log_event *g = to
#define POINT struct point_event *p = to
#define SPAN  struct span_event *s = to
#define NONE  (void)to

/* logs */
static bool log_severity(struct line *l, void *to)
{
    int64_t n = 0;
    bool    fine = int_read(l, 0, 24, &n);
    ((struct log_event *)to)->severity = (int)n;
    return fine;
}
MEMBER(log_observed, LOG, time_read(l, &g->observed_ns))
MEMBER(log_severity_text, LOG, text_read(l, &g->severity_text))
MEMBER(log_name, LOG, text_read(l, &g->name))
MEMBER(log_body, LOG, value_read(l, &g->body, 0))
MEMBER(log_trace, LOG, hex_read(l, &g->trace_id))
MEMBER(log_span, LOG, hex_read(l, &g->span_id))
MEMBER(log_flags, LOG, u32_read(l, &g->flags))
MEMBER(log_dropped, LOG, u32_read(l, &g->dropped))

static const struct member log_members[] = {
    { "body", log_body }, { "severity", log_severity }, { "severity_text", log_severity_text }, { "trace_id", log_trace }, { "span_id", log_span }, { "observed", log_observed },
    { "name", log_name }, { "flags", log_flags }, { "dropped_attributes", log_dropped },
};

/* points */
static bool reals_read(struct line *l, const double **out, size_t *count)
{
    double *item = NULL;
    size_t  n = 0;
    if (l->p.token != PULL_ARRAY)
        return bad(l, "no list where one belongs");
    while (pull_next(&l->p) != PULL_ARRAY_END)
        if (l->p.token == PULL_BAD || !(item = grown(l, item, n, sizeof *item)) || !real_read(l, &item[n++]))
            return false;
    *out = item;
    *count = n;
    return true;
}

static bool counts_read(struct line *l, const uint64_t **out, size_t *count)
{
    uint64_t *item = NULL;
    size_t    n = 0;
    if (l->p.token != PULL_ARRAY)
        return bad(l, "no list where one belongs");
    while (pull_next(&l->p) != PULL_ARRAY_END)
        if (l->p.token == PULL_BAD || !(item = grown(l, item, n, sizeof *item)) || !u64_read(l, &item[n++]))
            return false;
    *out = item;
    *count = n;
    return true;
}

static bool side_offset(struct line *l, void *to)
{
    int64_t n = 0;
    bool    fine = int_read(l, INT32_MIN, INT32_MAX, &n);
    ((struct side *)to)->offset = (int32_t)n;
    return fine;
}
static bool side_counts(struct line *l, void *to) { return counts_read(l, &((struct side *)to)->counts, &((struct side *)to)->n); }
static const struct member side_members[] = { { "offset", side_offset }, { "counts", side_counts } };

static bool quantile_q(struct line *l, void *to) { return real_read(l, &((struct quantile *)to)->q); }
static bool quantile_value(struct line *l, void *to) { return real_read(l, &((struct quantile *)to)->value); }
static const struct member quantile_members[] = { { "q", quantile_q }, { "value", quantile_value } };

static bool point_quantiles(struct line *l, void *to)
{
    struct point_event *p = to;
    struct quantile    *item = NULL;
    size_t              n = 0;
    if (l->p.token != PULL_ARRAY)
        return bad(l, "no list where one belongs");
    while (pull_next(&l->p) != PULL_ARRAY_END)
        if (l->p.token == PULL_BAD || !(item = grown(l, item, n, sizeof *item)) || !object_read(l, quantile_members, COUNT(quantile_members), &item[n++]))
            return false;
    p->quantiles = item;
    p->quantiles_n = n;
    return true;
}

static bool point_kind(struct line *l, void *to)
{
    static const char *const kinds[] = { "unknown", "gauge", "sum", "histogram", "exponential_histogram", "summary", "info", "stateset" };
    int  kind = 0;
    bool fine = word_read(l, kinds, COUNT(kinds), &kind);
    ((struct point_event *)to)->kind = (enum point_kind)kind;
    return fine;
}

static bool point_temporality(struct line *l, void *to)
{
    static const char *const words[] = { "", "delta", "cumulative" };
    int  word = 0;
    bool fine = word_read(l, words, COUNT(words), &word);
    ((struct point_event *)to)->temporality = (enum temporality)word;
    return fine;
}

static bool point_value(struct line *l, void *to)
{
    struct point_event *p = to;
    p->is_int = l->p.token == PULL_NUMBER && is_whole(l, &p->integer);
    return real_read(l, &p->value);
}

static bool point_scale(struct line *l, void *to)
{
    int64_t n = 0;
    bool    fine = int_read(l, INT32_MIN, INT32_MAX, &n);
    ((struct point_event *)to)->scale = (int32_t)n;
    return fine;
}
MEMBER(point_name, POINT, text_read(l, &p->name))
MEMBER(point_unit, POINT, text_read(l, &p->unit))
MEMBER(point_start, POINT, time_read(l, &p->start_ns))
MEMBER(point_monotonic, POINT, bool_read(l, &p->monotonic))
MEMBER(point_stale, POINT, bool_read(l, &p->stale))
MEMBER(point_count, POINT, u64_read(l, &p->count))
MEMBER(point_sum, POINT, real_read(l, &p->sum))
MEMBER(point_min, POINT, real_read(l, &p->min))
MEMBER(point_max, POINT, real_read(l, &p->max))
MEMBER(point_bounds, POINT, reals_read(l, &p->bounds, &p->bounds_n))
MEMBER(point_counts, POINT, counts_read(l, &p->counts, &p->counts_n))
MEMBER(point_zero_count, POINT, u64_read(l, &p->zero_count))
MEMBER(point_zero_threshold, POINT, real_read(l, &p->zero_threshold))
MEMBER(point_positive, POINT, object_read(l, side_members, COUNT(side_members), &p->positive))
MEMBER(point_negative, POINT, object_read(l, side_members, COUNT(side_members), &p->negative))

static const struct member point_members[] = {
    { "name", point_name }, { "kind", point_kind }, { "unit", point_unit }, { "start", point_start }, { "temporality", point_temporality }, { "monotonic", point_monotonic },
    { "stale", point_stale }, { "value", point_value }, { "count", point_count }, { "sum", point_sum }, { "min", point_min }, { "max", point_max }, { "bounds", point_bounds },
    { "counts", point_counts }, { "scale", point_scale }, { "zero_count", point_zero_count }, { "zero_threshold", point_zero_threshold }, { "positive", point_positive },
    { "negative", point_negative }, { "quantiles", point_quantiles },
};

/* spans */
MEMBER(link_trace, struct span_link *k = to, hex_read(l, &k->trace_id))
MEMBER(link_span, struct span_link *k = to, hex_read(l, &k->span_id))
static const struct member link_members[] = { { "trace_id", link_trace }, { "span_id", link_span } };

static bool span_links(struct line *l, void *to)
{
    struct span_event *s = to;
    struct span_link  *item = NULL;
    size_t             n = 0;
    if (l->p.token != PULL_ARRAY)
        return bad(l, "no list where one belongs");
    while (pull_next(&l->p) != PULL_ARRAY_END)
        if (l->p.token == PULL_BAD || !(item = grown(l, item, n, sizeof *item)) || !object_read(l, link_members, COUNT(link_members), &item[n++]))
            return false;
    s->links = item;
    s->links_n = n;
    return true;
}

static bool span_kind(struct line *l, void *to)
{
    static const char *const kinds[] = { "unknown", "internal", "server", "client", "producer", "consumer" };
    int  kind = 0;
    bool fine = word_read(l, kinds, COUNT(kinds), &kind);
    ((struct span_event *)to)->kind = (enum span_kind)kind;
    return fine;
}

static bool span_status(struct line *l, void *to)
{
    static const char *const states[] = { "unset", "ok", "error" };
    int  state = 0;
    bool fine = word_read(l, states, COUNT(states), &state);
    ((struct span_event *)to)->status = (enum span_status)state;
    return fine;
}
MEMBER(span_name, SPAN, text_read(l, &s->name))
MEMBER(span_message, SPAN, text_read(l, &s->status_message))
MEMBER(span_trace, SPAN, hex_read(l, &s->trace_id))
MEMBER(span_id, SPAN, hex_read(l, &s->span_id))
MEMBER(span_parent, SPAN, hex_read(l, &s->parent_id))
MEMBER(span_state, SPAN, text_read(l, &s->state))
MEMBER(span_end, SPAN, time_read(l, &s->end_ns))
MEMBER(span_flags, SPAN, u32_read(l, &s->flags))
MEMBER(span_dropped, SPAN, u32_read(l, &s->dropped))

static const struct member span_members[] = {
    { "name", span_name }, { "kind", span_kind }, { "status", span_status }, { "trace_id", span_trace }, { "span_id", span_id }, { "parent_id", span_parent }, { "end", span_end },
    { "status_message", span_message }, { "state", span_state }, { "links", span_links }, { "flags", span_flags }, { "dropped_attributes", span_dropped },
};

/* ---- what all have ---- */

/* "17-3" */
static bool id_read(struct line *l, void *to)
{
    (void)to;
    struct slice s = l->p.text;
    const char  *dash = l->p.token == PULL_TEXT ? memchr(s.s, '-', s.n) : NULL;
    uint64_t     index = 0;
    size_t       before = dash ? (size_t)(dash - s.s) : 0;
    l->id = dash && number_u64((struct slice){ s.s, before }, &l->e->record) && number_u64((struct slice){ dash + 1, s.n - before - 1 }, &index) && index <= UINT32_MAX;
    l->e->index = (uint32_t)index;
    return l->id || bad(l, "an id that is not record-index");
}

static bool scope_name(struct line *l, void *to) { return text_read(l, &((struct scope *)to)->name); }
static bool scope_version(struct line *l, void *to) { return text_read(l, &((struct scope *)to)->version); }
static const struct member scope_members[] = { { "name", scope_name }, { "version", scope_version } };

MEMBER(any_time, NONE, time_read(l, &l->time_ns))
MEMBER(any_received, NONE, time_read(l, &l->received_ns))
MEMBER(any_tenant, NONE, text_read(l, &l->e->tenant))
MEMBER(any_source, NONE, text_read(l, &l->e->source))
MEMBER(any_resource, NONE, attrs_read(l, &l->resource.attrs, 0))
MEMBER(any_scope, NONE, object_read(l, scope_members, COUNT(scope_members), &l->scope))
MEMBER(any_attributes, NONE, attrs_read(l, &l->e->attrs, 0))

static const struct member any_members[] = {
    { "id", id_read }, { "time", any_time }, { "received", any_received }, { "tenant", any_tenant }, { "source", any_source }, { "resource", any_resource }, { "scope", any_scope },
    { "attributes", any_attributes },
};

static bool type_read(struct line *l)
{
    static const char *const types[] = { "log", "metric", "span" };
    int type = 0;
    if (pull_next(&l->p) != PULL_OBJECT || pull_next(&l->p) != PULL_KEY || !pull_text_is(&l->p, "type"))
        return bad(l, "no object that begins with its type");
    (void)pull_next(&l->p);
    bool fine = word_read(l, types, COUNT(types), &type);
    l->e->type = (enum event_type)type;
    return fine;
}

static bool members_read(struct line *l)
{
    static const struct { const struct member *m; size_t n; } of[] = { { log_members, COUNT(log_members) }, { point_members, COUNT(point_members) }, { span_members, COUNT(span_members) } };
    enum event_type t = l->e->type;
    if (t == EVENT_POINT)
        l->e->as.point.sum = l->e->as.point.min = l->e->as.point.max = NAN;
    while (pull_next(&l->p) == PULL_KEY) {
        const struct member *m = NULL;
        for (size_t i = 0; !m && i < COUNT(any_members); i++)
            m = pull_text_is(&l->p, any_members[i].name) ? &any_members[i] : NULL;
        for (size_t i = 0; !m && i < of[t].n; i++)
            m = pull_text_is(&l->p, of[t].m[i].name) ? &of[t].m[i] : NULL;
        if (pull_next(&l->p) == PULL_BAD || !(m ? m->read(l, &l->e->as) : pull_skip(&l->p)))
            return false;
    }
    return l->p.token == PULL_OBJECT_END && pull_next(&l->p) == PULL_END;
}

static bool whole(struct line *l)
{
    if (!l->id || !l->received_ns)
        return bad(l, "no id, or no time of reception");
    struct resource *resource = room(l, sizeof *resource);
    struct scope    *scope = resource ? room(l, sizeof *scope) : NULL;
    if (!scope)
        return false;
    *resource = l->resource;
    resource->id = attrs_id(&resource->attrs);
    *scope = l->scope;
    l->e->resource = resource;
    l->e->scope = scope;
    l->e->received_us = l->received_ns / 1000;
    *(l->e->type == EVENT_LOG ? &l->e->as.log.time_ns : l->e->type == EVENT_POINT ? &l->e->as.point.time_ns : &l->e->as.span.start_ns) = l->time_ns;
    return true;
}

enum err ship_json_read(struct slice line, struct arena *a, struct event *e, struct fault *fault)
{
    struct line l = { .a = a, .e = e };
    *e = (struct event){ 0 };
    pull_init(&l.p, line);
    if (type_read(&l) && members_read(&l) && whole(&l))
        return OK;
    if (l.full)
        return fail(fault, ERR_LIMIT, "an event does not fit into %zu bytes", a->bound);
    return fail(fault, ERR_INPUT, "at byte %td of the line: %s", l.p.at - l.p.begin, l.p.why ? l.p.why : "not a line of events");
}
