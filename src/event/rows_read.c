/* event/rows_read.c - rows as logs and points. */
#include "event/rows_inside.h"

#include "wire/otlp.h"
#include "wire/protobuf.h"

#include <assert.h>
#include <string.h>

struct rows_reading {
    struct reading        *r;
    enum rows_kind         path;
    struct slice           table;            /* that the path named; empty: none */
    struct fault          *fault;
    const struct resource *resource;         /* of the last row; most rows of a body are of the same */
    struct slice           app, host;
};

static bool text_of(struct reading *r, const struct row_cell *c, struct slice *out)
{
    *out = (struct slice){ "", 0 };
    if (!row_is_set(c))
        return true;
    *out = c->token == PULL_TRUE ? SLICE("true") : c->token == PULL_FALSE ? SLICE("false") : c->text;
    if (!c->escaped || c->token != PULL_TEXT)
        return true;
    char *to = reading_alloc(r, c->text.n);
    if (to)
        *out = (struct slice){ to, pull_unescape(c->text, to) };
    return to != NULL;
}

/* The key of p and the value behind it. */
static bool attr_of(struct reading *r, struct pull *p, struct attr *out)
{
    if (!reading_json_text(r, p, &out->key))
        return false;
    (void)pull_next(p);
    return reading_json(r, p, &out->value);
}

/* Labels and other keys; extra: how many more there will be room for behind them. */
static bool attrs_of(struct reading *r, const struct row *row, size_t extra, struct attr **item, size_t *count)
{
    struct pull p = row->at;
    *count = 0;
    *item = reading_alloc(r, (row->attrs + extra) * sizeof **item);
    if (!*item)
        return false;
    while (pull_next(&p) == PULL_KEY) {
        struct pull key = p;
        size_t      k = row_key_of(&p);
        bool        cell = row_role_of(k) && row->key[row_role_of(k)] == k + 1, labels = k < ROW_KEYS && row_keys[k].role == ROW_LABELS;
        (void)pull_next(&p);
        if (labels && p.token == PULL_OBJECT) {
            while (pull_next(&p) == PULL_KEY)
                if (!attr_of(r, &p, &(*item)[(*count)++]))
                    return false;
        } else if (p.token == PULL_NULL || (cell && p.token >= PULL_TEXT)) {
            continue;
        } else {
            p = key;
            if (!attr_of(r, &p, &(*item)[(*count)++]))
                return false;
        }
    }
    assert(*count == row->attrs);
    return true;
}

static bool resource_of(struct rows_reading *rr, const struct row *row)
{
    struct slice app, host;
    if (!text_of(rr->r, &row->of[ROW_APP], &app) || !text_of(rr->r, &row->of[ROW_HOST], &host))
        return false;
    if (rr->resource && slice_same(app, rr->app) && slice_same(host, rr->host))
        return true;
    size_t       count = 0;
    struct attr *item = reading_alloc(rr->r, 2 * sizeof *item);
    if (!item)
        return false;
    if (app.n)
        item[count++] = (struct attr){ SLICE("service.name"), { .kind = VALUE_TEXT, .as.text = app } };
    if (host.n)
        item[count++] = (struct attr){ SLICE("host.name"), { .kind = VALUE_TEXT, .as.text = host } };
    rr->resource = reading_resource(rr->r, (struct attrs){ item, count });
    rr->app = app;
    rr->host = host;
    return rr->resource != NULL;
}

static int hex(char c) { return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1; }

/* Sixteen bytes in the arena; empty when the text is not a trace id, or (then *full) there is no room. */
static struct slice trace_of(struct reading *r, struct slice text, bool *full)
{
    char bytes[OTLP_TRACE_ID];
    *full = false;
    if (text.n != 2 * sizeof bytes)
        return (struct slice){ NULL, 0 };
    for (size_t i = 0; i < sizeof bytes; i++) {
        int high = hex(text.s[2 * i]), low = hex(text.s[2 * i + 1]);
        if (high < 0 || low < 0)
            return (struct slice){ NULL, 0 };
        bytes[i] = (char)(high << 4 | low);
    }
    if (!otlp_id_valid((struct slice){ bytes, sizeof bytes }, sizeof bytes))
        return (struct slice){ NULL, 0 };
    char *copy = reading_alloc(r, sizeof bytes);
    *full = !copy;
    if (copy)
        memcpy(copy, bytes, sizeof bytes);
    return (struct slice){ copy, copy ? sizeof bytes : 0 };
}

static void add(struct attr *item, size_t *count, struct slice key, struct slice text)
{
    item[(*count)++] = (struct attr){ key, { .kind = VALUE_TEXT, .as.text = text } };
}

static int64_t when(const struct reading *r, const struct row *row)
{
    int64_t ns;
    (void)row_time_of(&row->of[ROW_TIME], &ns);
    return ns ? ns : r->record->received_us > 0 ? r->record->received_us * 1000 : 1;
}

/* Cells of the other kind of row are not lost either: what a log has no field for is an attribute. */
static bool log_of(const struct rows_reading *rr, const struct row *row, struct event *e, struct attr *item, size_t *count, struct slice trace_text, struct slice trace)
{
    struct reading   *r = rr->r;
    struct log_event *l = &e->as.log;
    struct slice      name, value, message;
    if (!text_of(r, &row->of[ROW_MESSAGE], &message) || !text_of(r, &row->of[ROW_LEVEL], &l->severity_text) || !text_of(r, &row->of[ROW_NAME], &name) ||
        !text_of(r, &row->of[ROW_VALUE], &value))
        return false;
    l->time_ns = when(r, row);
    l->severity = rows_severity(l->severity_text);
    l->body = (struct value){ .kind = VALUE_TEXT, .as.text = message };
    l->trace_id = trace;
    if (row_is_set(&row->of[ROW_TRACE]) && trace.n == 0)
        add(item, count, SLICE("trace_id"), trace_text);
    if (row_is_set(&row->of[ROW_NAME]))
        add(item, count, slice_of(row_keys[row->key[ROW_NAME] - 1].name), name);
    if (row_is_set(&row->of[ROW_VALUE]))
        add(item, count, SLICE("value"), value);
    return true;
}

/* What a point is called that brought no name. */
static bool name_of(const struct rows_reading *rr, const struct row *row, struct slice *name)
{
    if (row_is_set(&row->of[ROW_NAME]))
        return text_of(rr->r, &row->of[ROW_NAME], name);
    *name = rr->table;
    if (!name->n && !text_of(rr->r, &row->table, name))
        return false;
    *name = name->n ? *name : SLICE("value");
    return true;
}

static bool point_of(const struct rows_reading *rr, const struct row *row, struct event *e, struct attr *item, size_t *count, struct slice trace_text, struct slice trace)
{
    struct reading     *r = rr->r;
    struct point_event *p = &e->as.point;
    struct slice        level, message;
    if (!name_of(rr, row, &p->name) || !text_of(r, &row->of[ROW_LEVEL], &level) || !text_of(r, &row->of[ROW_MESSAGE], &message))
        return false;
    p->kind = POINT_GAUGE;
    p->time_ns = when(r, row);
    (void)row_number(&row->of[ROW_VALUE], &p->value);
    p->is_int = number_i64(row->of[ROW_VALUE].text, &p->integer);
    if (row_is_set(&row->of[ROW_LEVEL]))
        add(item, count, SLICE("level"), level);
    if (row_is_set(&row->of[ROW_MESSAGE]))
        add(item, count, SLICE("message"), message);
    if (row_is_set(&row->of[ROW_TRACE]) && trace.n == 0)
        add(item, count, SLICE("trace_id"), trace_text);
    if (trace.n) {
        struct exemplar *x = reading_alloc(r, sizeof *x);
        if (!x)
            return false;
        *x = (struct exemplar){ .time_ns = p->time_ns, .value = p->value, .trace_id = trace };
        p->exemplars = x;
        p->exemplars_n = 1;
    }
    return true;
}

enum { EXTRA = 3 };

static bool row_read(void *ctx, const struct row *row)
{
    struct rows_reading *rr = ctx;
    struct reading      *r = rr->r;
    const char          *why;
    enum rows_kind       kind = rows_judge(row, rr->path, &why);
    struct attr         *item;
    size_t               count;
    struct slice         trace_text, trace;
    bool                 full;
    if (why) {
        report_reject(r->report, "%s", why);
        return true;
    }
    bool          room = resource_of(rr, row) && attrs_of(r, row, EXTRA, &item, &count) && text_of(r, &row->of[ROW_TRACE], &trace_text);
    struct event *e = room ? reading_event(r, kind == ROWS_LOGS ? EVENT_LOG : EVENT_POINT, rr->resource, NULL) : NULL;
    if (e) {
        trace = trace_of(r, trace_text, &full);
        if (full || !(kind == ROWS_LOGS ? log_of : point_of)(rr, row, e, item, &count, trace_text, trace))
            e = NULL;
    }
    if (!e) {
        r->end = reading_full(r, rr->fault);
        return false;
    }
    e->attrs = (struct attrs){ item, count };
    r->report->too_deep += row->too_deep;
    return reading_give(r, e, rr->fault);
}

static void marks_off(struct reading *r)
{
    struct attr *item = (struct attr *)(uintptr_t)r->labels.item;     /* ours: made by read.c for this reading */
    size_t       kept = 0;
    for (size_t i = 0; i < r->labels.count; i++)
        if (!rows_is_mark(item[i].key, item[i].value.as.text))
            item[kept++] = item[i];
    r->labels.count = kept;
}

enum err rows_read(struct reading *r, struct fault *fault)
{
    struct rows_marks        marks = rows_marks_of(r->record->labels);
    struct rows_reading rr = { .r = r, .path = marks.path, .table = marks.table ? r->record->source : (struct slice){ "", 0 }, .fault = fault };
    struct rows_walk         walk = { .take = row_read, .ctx = &rr };
    marks_off(r);
    enum err e = rows_walk(r->record->form, r->record->body, &walk, fault);
    if (e == OK)
        r->report->bad_text = !utf8_valid(r->record->body);
    return walk.stopped ? r->end : e;
}
