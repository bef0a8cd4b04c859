/*
 * event/arrow.c - tables of Arrow Flight. Columns are mapped as keys of JSON rows are, by the same table (rows_words.c); any other column is an attribute.
 *
 * A table with a column message holds logs, another one metrics.  What zstd packed lies in the reader's memory, so it is copied.
 */
#include "event/inside.h"
#include "event/rows.h"

#include "wire/arrow.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

/* What a batch unpacks to, and its dictionaries, may be as large as a record that is not packed. */
static const struct arrow_limits limits = { .memory = RECORD_BODY_MAX };

struct table { const struct arrow_batch *batch; const struct arrow_column *of[ROW_ROLES]; bool logs; };

/* The first column of a role has it; a second one is an attribute. */
static struct table table_of(const struct arrow_batch *b)
{
    struct table t = { .batch = b };
    for (size_t i = 0; i < ROW_KEYS; i++)
        if (!t.of[row_keys[i].role])
            t.of[row_keys[i].role] = arrow_find(b, row_keys[i].name);
    t.logs = t.of[ROW_MESSAGE];
    return t;
}

static bool is_number(enum arrow_type t) { return t == ARROW_INT || t == ARROW_UINT || t == ARROW_REAL; }

/* Seconds, milli-, micro- or nanoseconds since 1970, told apart by how large they are. */
static bool time_guess(double d, int64_t n, bool whole, int64_t *ns)
{
    double  size = fabs(d);
    int64_t unit = size < 1e11 ? 1000000000 : size < 1e14 ? 1000000 : size < 1e17 ? 1000 : 1;
    if (whole)
        return !__builtin_mul_overflow(n, unit, ns);
    if (!(size < 9e18 / (double)unit))
        return false;
    *ns = (int64_t)(d * (double)unit);
    return true;
}

/* 0: none was given. */
static bool row_time(const struct arrow_column *c, size_t row, int64_t *ns)
{
    *ns = 0;
    if (!c || arrow_is_null(c, row))
        return true;
    if (c->type == ARROW_TIME)
        *ns = arrow_int(c, row);
    else if (c->type == ARROW_TEXT)
        return rows_time(arrow_text(c, row), ns);
    else if (is_number(c->type))
        return time_guess(arrow_real(c, row), arrow_int(c, row), c->type != ARROW_REAL, ns);
    else
        return false;
    return true;
}

/* Why the row is not an event; NULL: it is one. */
static const char *row_judge(const struct table *t, size_t row)
{
    const struct arrow_column *message = t->of[ROW_MESSAGE], *name = t->of[ROW_NAME], *value = t->of[ROW_VALUE];
    int64_t                    ns;
    if (!row_time(t->of[ROW_TIME], row, &ns))
        return "a time that is neither a timestamp, nor RFC 3339, nor a number since 1970";
    if (t->logs)
        return message->type != ARROW_TEXT || arrow_is_null(message, row) ? "a row of logs without a message" : NULL;
    if (!name || name->type != ARROW_TEXT || !arrow_text(name, row).n)
        return "a row of metrics without a name";
    return !value || !is_number(value->type) || arrow_is_null(value, row) ? "a row of metrics without a number as its value" : NULL;
}

/* No row of the batch can be an event: nobody walks over millions of them to find that out. */
static const char *table_judge(const struct table *t)
{
    if (t->logs)
        return t->of[ROW_MESSAGE]->type != ARROW_TEXT ? "a table whose column message is not text" : NULL;
    if (!t->of[ROW_NAME] || t->of[ROW_NAME]->type != ARROW_TEXT)
        return "a table with neither a column message nor a column name of texts";
    return !t->of[ROW_VALUE] || !is_number(t->of[ROW_VALUE]->type) ? "a table of metrics without a column value of numbers" : NULL;
}

/* Counts what is left out. false: the whole batch is. */
static bool table_begin(const struct table *t, struct event_report *report)
{
    const char *why = table_judge(t);
    if (why && t->batch->rows) {
        report_reject(report, "%s", why);
        report->rejected += (uint32_t)(t->batch->rows - 1);
    }
    return !why;
}

static bool row_begin(const struct table *t, size_t row, struct event_report *report)
{
    const char *why = row_judge(t, row);
    if (why)
        report_reject(report, "%s", why);
    else
        report_text(report, arrow_text(t->of[t->logs ? ROW_MESSAGE : ROW_NAME], row));
    return !why;
}

/* ---- checking ---- */

enum err tables_check(const struct record *r, struct event_report *report, struct fault *fault)
{
    struct arrow_reader      *reader = arrow_new(&limits);
    const struct arrow_batch *batch;
    uint64_t                  batches = 0;
    enum err                  e;
    if (r->form != FORM_ARROW || !reader) {
        arrow_free(reader);
        return fail(fault, reader ? ERR_INPUT : ERR_LIMIT, "tables: %s", reader ? "only Arrow is known" : "no memory");
    }
    arrow_feed(reader, r->body);
    for (; arrow_next(reader, &batch, &e, fault); batches++) {
        struct table t = table_of(batch);
        if (!table_begin(&t, report))
            continue;
        for (size_t row = 0; row < batch->rows; row++)
            report->events += row_begin(&t, row, report);
    }
    arrow_free(reader);
    return e;
}

/* ---- reading ---- */

struct tables { struct reading *r; struct slice app, host; const struct resource *resource; struct fault *fault; };

/* A text that stays: as it lies in the body, else a copy. false: the arena is full. */
static bool keep(struct reading *r, struct slice *s)
{
    struct slice body = r->record->body;
    if (!s->n || ((uintptr_t)s->s >= (uintptr_t)body.s && (uintptr_t)s->s < (uintptr_t)body.s + body.n))
        return true;
    char *to = reading_alloc(r, s->n);
    if (!to)
        return false;
    memcpy(to, s->s, s->n);
    s->s = to;
    return true;
}

/* A whole number; of 64 bits without a sign, such as a hash, its digits where no INT holds it. */
static bool whole_of(struct reading *r, const struct arrow_column *c, size_t row, struct value *v)
{
    char     digits[24];
    uint64_t n = arrow_uint(c, row);
    if (c->type != ARROW_UINT || n <= INT64_MAX) {
        *v = (struct value){ .kind = VALUE_INT, .as.integer = arrow_int(c, row) };
        return true;
    }
    *v = (struct value){ .kind = VALUE_TEXT, .as.text = { digits, (size_t)snprintf(digits, sizeof digits, "%" PRIu64, n) } };
    return keep(r, &v->as.text);
}

static bool value_of(struct reading *r, const struct arrow_column *c, size_t row, struct value *v)
{
    size_t first, n;
    *v = (struct value){ .kind = VALUE_NONE };
    if (arrow_is_null(c, row))
        return true;
    switch (c->type) {
    case ARROW_TEXT:
    case ARROW_BYTES:
        v->kind = c->type == ARROW_TEXT ? VALUE_TEXT : VALUE_BYTES;
        v->as.text = arrow_text(c, row);
        return keep(r, &v->as.text);
    case ARROW_BOOL: v->kind = VALUE_BOOL; v->as.boolean = arrow_int(c, row); return true;
    case ARROW_REAL: v->kind = VALUE_REAL; v->as.real = arrow_real(c, row); return true;
    case ARROW_INT:
    case ARROW_UINT:
    case ARROW_TIME: return whole_of(r, c, row, v);
    case ARROW_LIST: {
        arrow_range(c, row, &first, &n);
        struct value *item = reading_alloc(r, n * sizeof *item);
        v->kind = VALUE_LIST;
        v->as.list.item = item;
        v->as.list.count = n;
        for (size_t i = 0; item && i < n; i++)
            if (!value_of(r, &c->child[0], first + i, &item[i]))
                return false;
        return item;
    }
    case ARROW_MAP:
    case ARROW_STRUCT: {
        bool map = c->type == ARROW_MAP;
        first = 0;
        n = c->children;
        if (map)
            arrow_range(c, row, &first, &n);
        struct attr *item = reading_alloc(r, n * sizeof *item);
        v->kind = VALUE_MAP;
        v->as.map = (struct attrs){ item, n };
        for (size_t i = 0; item && i < n; i++) {
            item[i].key = map ? arrow_text(&c->child[0], first + i) : c->child[i].name;
            if (!keep(r, &item[i].key) || !value_of(r, map ? &c->child[1] : &c->child[i], map ? first + i : row, &item[i].value))
                return false;
        }
        return item;
    }
    case ARROW_NULL:
    default: return true;
    }
}

static bool attr_add(struct reading *r, const struct arrow_column *c, size_t row, struct attr *item, size_t *n)
{
    if (arrow_is_null(c, row))
        return true;
    item[*n].key = c->name;
    return value_of(r, c, row, &item[(*n)++].value);
}

/* Columns that the event has no place for, and labels. */
static bool attrs_of(struct reading *r, const struct table *t, size_t row, bool trace_taken, struct attrs *out)
{
    const struct arrow_column *labels = t->of[ROW_LABELS];
    struct value               map = { .kind = VALUE_NONE };
    if (labels && (labels->type == ARROW_MAP || labels->type == ARROW_STRUCT)) {
        if (!value_of(r, labels, row, &map))
            return false;
    } else
        labels = NULL;
    size_t       extra = map.kind == VALUE_MAP ? map.as.map.count : 0, n = 0;
    struct attr *item = reading_alloc(r, (t->batch->columns + extra) * sizeof *item);
    if (!item)
        return false;
    for (size_t i = 0; i < extra; i++)
        if (map.as.map.item[i].value.kind != VALUE_NONE)
            item[n++] = map.as.map.item[i];
    for (size_t i = 0; i < t->batch->columns; i++) {
        const struct arrow_column *c = &t->batch->column[i];
        bool taken = c == t->of[ROW_TIME] || c == t->of[ROW_APP] || c == t->of[ROW_HOST] || c == labels || (c == t->of[ROW_TRACE] && trace_taken);
        if (t->logs)
            taken = taken || c == t->of[ROW_MESSAGE] || c == t->of[ROW_LEVEL];
        else
            taken = taken || c == t->of[ROW_NAME] || c == t->of[ROW_VALUE];
        if (!taken && !attr_add(r, c, row, item, &n))
            return false;
    }
    *out = (struct attrs){ item, n };
    return true;
}

static struct slice cell_text(const struct arrow_column *c, size_t row) { return c && c->type == ARROW_TEXT ? arrow_text(c, row) : (struct slice){ NULL, 0 }; }

static bool resource_of(struct tables *ts, const struct table *t, size_t row)
{
    struct slice app = cell_text(t->of[ROW_APP], row), host = cell_text(t->of[ROW_HOST], row);
    if (ts->resource && slice_same(app, ts->app) && slice_same(host, ts->host))
        return true;
    struct attr *item = reading_alloc(ts->r, 2 * sizeof *item);
    size_t       n = 0;
    if (!item || !keep(ts->r, &app) || !keep(ts->r, &host))
        return false;
    if (app.n)
        item[n++] = (struct attr){ SLICE("service.name"), { .kind = VALUE_TEXT, .as.text = app } };
    if (host.n)
        item[n++] = (struct attr){ SLICE("host.name"), { .kind = VALUE_TEXT, .as.text = host } };
    ts->app = app;
    ts->host = host;
    ts->resource = reading_resource(ts->r, (struct attrs){ item, n });
    return ts->resource;
}

static int digit_of(char c) { return c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1; }

/* Sixteen bytes, or their 32 hexadecimal digits; empty: the column says something else. false: the arena is full. */
static bool trace_of(struct reading *r, const struct arrow_column *c, size_t row, struct slice *trace)
{
    unsigned char bytes[16], any = 0;
    struct slice  s = c ? arrow_text(c, row) : (struct slice){ NULL, 0 };
    *trace = (struct slice){ NULL, 0 };
    if (c && c->type == ARROW_BYTES && s.n == sizeof bytes)
        memcpy(bytes, s.s, sizeof bytes);
    else if (s.n == 2 * sizeof bytes)
        for (size_t i = 0; i < sizeof bytes; i++) {
            int high = digit_of(s.s[2 * i]), low = digit_of(s.s[2 * i + 1]);
            if (high < 0 || low < 0)
                return true;
            bytes[i] = (unsigned char)(high << 4 | low);
        }
    else
        return true;
    for (size_t i = 0; i < sizeof bytes; i++)
        any |= bytes[i];
    char *to = any ? reading_alloc(r, sizeof bytes) : NULL;
    if (!to)
        return !any;
    memcpy(to, bytes, sizeof bytes);
    *trace = (struct slice){ to, sizeof bytes };
    return true;
}

static bool log_fill(struct reading *r, const struct table *t, size_t row, struct log_event *l)
{
    const struct arrow_column *level = t->of[ROW_LEVEL];
    l->body = (struct value){ .kind = VALUE_TEXT, .as.text = arrow_text(t->of[ROW_MESSAGE], row) };
    l->severity_text = cell_text(level, row);
    if (level && (level->type == ARROW_INT || level->type == ARROW_UINT)) {
        int64_t n = arrow_int(level, row);
        l->severity = n >= 1 && n <= 24 ? (int)n : 0;
    } else
        l->severity = rows_severity(l->severity_text);
    return keep(r, &l->body.as.text) && keep(r, &l->severity_text);
}

static bool point_fill(struct reading *r, const struct table *t, size_t row, struct point_event *p)
{
    const struct arrow_column *value = t->of[ROW_VALUE];
    p->name = arrow_text(t->of[ROW_NAME], row);
    p->kind = POINT_GAUGE;
    p->value = arrow_real(value, row);
    p->is_int = value->type == ARROW_INT || (value->type == ARROW_UINT && arrow_uint(value, row) <= INT64_MAX);
    p->integer = p->is_int ? arrow_int(value, row) : 0;
    p->sum = p->min = p->max = (double)NAN;
    return keep(r, &p->name);
}

/* NULL: the arena is full. */
static struct event *event_of(struct tables *ts, const struct table *t, size_t row)
{
    struct reading *r = ts->r;
    struct slice    trace = { NULL, 0 };
    int64_t         ns;
    if (!resource_of(ts, t, row) || (t->logs && !trace_of(r, t->of[ROW_TRACE], row, &trace)))
        return NULL;
    struct event *e = reading_event(r, t->logs ? EVENT_LOG : EVENT_POINT, ts->resource, NULL);
    if (!e || !attrs_of(r, t, row, trace.n > 0, &e->attrs))
        return NULL;
    (void)row_time(t->of[ROW_TIME], row, &ns);
    if (!ns)
        ns = r->record->received_us > 0 ? r->record->received_us * 1000 : 1;
    if (t->logs) {
        e->as.log.time_ns = ns;
        e->as.log.trace_id = trace;
        return log_fill(r, t, row, &e->as.log) ? e : NULL;
    }
    e->as.point.time_ns = ns;
    return point_fill(r, t, row, &e->as.point) ? e : NULL;
}

static enum err batches_read(struct tables *ts, struct arrow_reader *reader)
{
    const struct arrow_batch *batch;
    enum err                  e;
    while (arrow_next(reader, &batch, &e, ts->fault)) {
        struct table t = table_of(batch);
        if (!table_begin(&t, ts->r->report))
            continue;
        for (size_t row = 0; row < batch->rows; row++) {
            if (!row_begin(&t, row, ts->r->report))
                continue;
            struct event *event = event_of(ts, &t, row);
            if (!event)
                return reading_full(ts->r, ts->fault);
            if (!reading_give(ts->r, event, ts->fault))
                return ts->r->end;
        }
    }
    return e;
}

enum err tables_read(struct reading *r, struct fault *fault)
{
    struct arrow_reader *reader = arrow_new(&limits);
    struct tables        ts = { .r = r, .fault = fault };
    if (r->record->form != FORM_ARROW || !reader) {
        arrow_free(reader);
        return fail(fault, reader ? ERR_INPUT : ERR_LIMIT, "tables: %s", reader ? "only Arrow is known" : "no memory");
    }
    arrow_feed(reader, r->record->body);
    enum err e = batches_read(&ts, reader);
    arrow_free(reader);
    return e;
}
