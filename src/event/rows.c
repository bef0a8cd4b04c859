/*
 * event/rows.c - JSON rows of POST /write/metrics and /write/logs: an array of objects, or {"table": ..., "rows": [...]}.
 *
 * A row of metrics has name, value and may have time, a row of logs has message and may have timestamp and level; both may have app (the resource's
 * service.name), host (host.name), trace_id, and labels, an object.  Other keys become attributes too, so that nothing sent is lost.
 * Which of both it is stands in the record's label "kind"; without it, and when it cannot be that, each row is what it looks like: nobody who
 * checked a body without knowing the label counted more rows than are read.
 * A trace_id of 32 hexadecimal digits is the log's, or that of an exemplar of the point; another is an attribute.
 */
#include "event/rows.h"

#include "event/inside.h"
#include "wire/json_pull.h"
#include "wire/otlp.h"
#include "wire/protobuf.h"

#include <stdio.h>
#include <strings.h>

/* A value of a row, as it stands in the body. */
struct cell { enum pull_token token; bool escaped; struct slice text; };

struct row {
    struct cell time, app, host, trace_id, message, level, name, value;
    size_t      attrs;                   /* labels and keys that are none of these */
    uint32_t    too_deep;                /* values in them that are */
    struct pull at;                      /* behind the opening brace: to read it again */
    bool        object;
};

enum rows_kind { ROWS_EITHER, ROWS_METRICS, ROWS_LOGS };

typedef bool row_take(void *ctx, const struct row *row);

/* ---- cells ---- */

static struct cell cell_of(const struct pull *p) { return (struct cell){ p->token, p->escaped, p->text }; }

static bool cell_is_set(const struct cell *c) { return c->token != PULL_BAD && c->token != PULL_NULL; }

static bool cell_number(const struct cell *c, double *d)
{
    return (c->token == PULL_NUMBER || (c->token == PULL_TEXT && !c->escaped)) && number_double(c->text, c->token == PULL_TEXT, d);
}

/* Which cell a key is; labels and unknown ones: NULL. */
static struct cell *cell_for(struct row *row, const struct pull *p)
{
    const struct { const char *key; struct cell *cell; } names[] = {
        { "time", &row->time }, { "timestamp", &row->time }, { "app", &row->app }, { "host", &row->host }, { "trace_id", &row->trace_id },
        { "message", &row->message }, { "level", &row->level }, { "name", &row->name }, { "value", &row->value },
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (pull_text_is(p, names[i].key))
            return names[i].cell;
    return NULL;
}

/* ---- times ---- */

/* Seconds, milli-, micro- or nanoseconds since 1970, told apart by how large they are: seconds end in the year 5138. */
static bool time_number(const struct cell *c, int64_t *ns)
{
    int64_t n;
    double  d;
    if (number_i64(c->text, &n)) {
        int64_t size = n < 0 ? -(n + 1) : n;
        int64_t unit = size < INT64_C(100000000000) ? 1000000000 : size < INT64_C(100000000000000) ? 1000000 : size < INT64_C(100000000000000000) ? 1000 : 1;
        return !__builtin_mul_overflow(n, unit, ns);
    }
    if (!number_double(c->text, false, &d) || d < 0)
        return false;
    d *= d < 1e11 ? 1e9 : d < 1e14 ? 1e6 : d < 1e17 ? 1e3 : 1.0;
    *ns = d < 9.2e18 ? (int64_t)d : 0;
    return d < 9.2e18;
}

static bool two(const char *s, int *n)
{
    if (s[0] < '0' || s[0] > '9' || s[1] < '0' || s[1] > '9')
        return false;
    *n = (s[0] - '0') * 10 + s[1] - '0';
    return true;
}

/* Days since 1970 of a day of the Gregorian calendar; years begin in March, so that the leap day is the last. */
static int64_t days_of(int64_t y, int m, int d)
{
    y -= m <= 2;
    int64_t era = y / 400, of_era = y % 400, of_year = (153 * (m > 2 ? m - 3 : m + 9) + 2) / 5 + d - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static int days_in(int y, int m) { return m == 2 ? 28 + ((y % 4 == 0 && y % 100 != 0) || y % 400 == 0) : 30 + ((m + (m > 7)) & 1); }

bool rows_time(struct slice text, int64_t *ns)
{
    int         c, y, mo, d, h, mi, s, oh = 0, om = 0;
    const char *t = text.s;
    if (text.n < 20 || !two(t, &c) || !two(t + 2, &y) || !two(t + 5, &mo) || !two(t + 8, &d) || !two(t + 11, &h) || !two(t + 14, &mi) || !two(t + 17, &s))
        return false;
    y += 100 * c;
    if (t[4] != '-' || t[7] != '-' || (t[10] != 'T' && t[10] != 't' && t[10] != ' ') || t[13] != ':' || t[16] != ':')
        return false;
    if (mo < 1 || mo > 12 || d < 1 || d > days_in(y, mo) || h > 23 || mi > 59 || s > 60)
        return false;
    size_t  i = 19;
    int64_t fraction = 0, unit = 100000000;
    if (t[i] == '.' || t[i] == ',') {
        size_t from = ++i;
        for (; i < text.n && t[i] >= '0' && t[i] <= '9'; i++, unit /= 10)
            fraction += (t[i] - '0') * unit;
        if (i == from)
            return false;
    }
    if (i >= text.n)
        return false;
    if (t[i] == 'Z' || t[i] == 'z') {
        i++;
    } else {
        if ((t[i] != '+' && t[i] != '-') || text.n - i < 6 || !two(t + i + 1, &oh) || t[i + 3] != ':' || !two(t + i + 4, &om) || oh > 23 || om > 59)
            return false;
        if (t[i] == '-')
            oh = -oh, om = -om;
        i += 6;
    }
    int64_t seconds = days_of(y, mo, d) * 86400 + h * 3600 + mi * 60 + s - oh * 3600 - om * 60;
    return i == text.n && !__builtin_mul_overflow(seconds, INT64_C(1000000000), ns) && !__builtin_add_overflow(*ns, fraction, ns);
}

static bool cell_time(const struct cell *c, int64_t *ns)
{
    *ns = 0;
    if (!cell_is_set(c))
        return true;
    if (c->token == PULL_NUMBER)
        return time_number(c, ns);
    return c->token == PULL_TEXT && !c->escaped && (rows_time(c->text, ns) || time_number(c, ns));
}

/* ---- the walk ---- */

/* Past a value of an attribute; counts the arrays and objects that value_of() will not look into. false: not JSON. */
static bool value_skip(struct pull *p, uint32_t *too_deep)
{
    if (p->token != PULL_OBJECT && p->token != PULL_ARRAY)
        return p->token != PULL_BAD;
    int first = p->depth;
    while (p->depth >= first) {
        enum pull_token t = pull_next(p);
        if (t == PULL_BAD)
            return false;
        *too_deep += (t == PULL_OBJECT || t == PULL_ARRAY) && p->depth - first == EVENT_DEPTH_MAX;
    }
    return true;
}

/* One row, from behind its opening brace. false: not JSON. */
static bool row_scan(struct pull *p, struct row *row)
{
    while (pull_next(p) == PULL_KEY) {
        struct cell *cell = cell_for(row, p);
        bool         labels = pull_text_is(p, "labels");
        (void)pull_next(p);
        if (labels && p->token == PULL_OBJECT) {
            while (pull_next(p) == PULL_KEY) {
                (void)pull_next(p);
                row->attrs++;
                if (!value_skip(p, &row->too_deep))
                    return false;
            }
            if (p->token != PULL_OBJECT_END)
                return false;
            continue;
        }
        if (cell && p->token >= PULL_TEXT)
            *cell = cell_of(p);
        else if (p->token != PULL_NULL)
            row->attrs++;
        if (!value_skip(p, &row->too_deep))
            return false;
    }
    return p->token == PULL_OBJECT_END;
}

/* From behind the opening bracket. */
static bool rows_scan(struct pull *p, row_take *take, void *ctx, bool *stopped)
{
    while (pull_next(p) != PULL_ARRAY_END) {
        struct row row = { .object = p->token == PULL_OBJECT, .at = *p };
        if (row.object ? !row_scan(p, &row) : !pull_skip(p))
            return false;
        if (!take(ctx, &row)) {
            *stopped = true;
            return true;
        }
    }
    return true;
}

/* ERR_INPUT: not JSON, or neither an array nor an object with rows. Rows before that place were taken. */
static enum err body_scan(struct slice body, row_take *take, void *ctx, bool *stopped, struct fault *fault)
{
    struct pull p;
    bool        found = false;
    *stopped = false;
    pull_init(&p, body);
    if (pull_next(&p) == PULL_ARRAY) {
        found = true;
        if (!rows_scan(&p, take, ctx, stopped))
            return pull_fail(&p, fault);
    } else if (p.token == PULL_OBJECT) {
        while (!*stopped && pull_next(&p) == PULL_KEY) {
            bool rows = pull_text_is(&p, "rows");
            if (pull_next(&p) == PULL_ARRAY && rows) {
                found = true;
                if (!rows_scan(&p, take, ctx, stopped))
                    return pull_fail(&p, fault);
            } else if (!pull_skip(&p)) {
                return pull_fail(&p, fault);
            }
        }
    }
    if (*stopped)
        return OK;
    if (p.token != PULL_BAD && !found)
        return fail(fault, ERR_INPUT, "rows must be a JSON array of objects, or an object whose \"rows\" is one");
    return p.token != PULL_BAD && pull_next(&p) == PULL_END ? OK : pull_fail(&p, fault);
}

/* What a row is, or why it is none. */
static enum rows_kind row_judge(const struct row *row, enum rows_kind kind, const char **why)
{
    double  value;
    int64_t ns;
    if (!row->object) {
        *why = "a row that is not an object";
        return ROWS_EITHER;
    }
    if (kind == ROWS_EITHER)
        kind = cell_is_set(&row->message) || !cell_is_set(&row->name) ? ROWS_LOGS : ROWS_METRICS;
    *why = NULL;
    if (!cell_time(&row->time, &ns))
        *why = "a time that is neither RFC 3339 nor a number since 1970";
    else if (kind == ROWS_LOGS && !cell_is_set(&row->message))
        *why = "a row of logs without a message";
    else if (kind == ROWS_METRICS && (row->name.token != PULL_TEXT || row->name.text.n == 0))
        *why = "a row of metrics without a name";
    else if (kind == ROWS_METRICS && !cell_number(&row->value, &value))
        *why = "a row of metrics without a number as its value";
    return kind;
}

/* ---- checking ---- */

static bool row_count(void *ctx, const struct row *row)
{
    struct event_report *report = ctx;
    const char          *why;
    (void)row_judge(row, ROWS_EITHER, &why);
    if (why)
        report_reject(report, "%s", why);
    else
        report->events++;
    report->too_deep += why ? 0 : row->too_deep;
    return true;
}

enum err rows_check(enum record_form form, struct slice body, struct event_report *report, struct fault *fault)
{
    bool stopped;
    if (form != FORM_JSON)
        return fail(fault, ERR_INPUT, "rows in form %d: only JSON (%d) is known", (int)form, FORM_JSON);
    enum err e = body_scan(body, row_count, report, &stopped, fault);
    report->bad_text = e == OK && !utf8_valid(body);
    return e;
}

/* ---- reading ---- */

struct rows_reading {
    struct reading        *r;
    enum rows_kind         kind;
    struct fault          *fault;
    const struct resource *resource;         /* of the last row; most rows of a body are of the same */
    struct slice           app, host;
};

static bool text_of(struct reading *r, const struct cell *c, struct slice *out)
{
    *out = (struct slice){ "", 0 };
    if (!cell_is_set(c))
        return true;
    *out = c->token == PULL_TRUE ? SLICE("true") : c->token == PULL_FALSE ? SLICE("false") : c->text;
    if (!c->escaped || c->token != PULL_TEXT)
        return true;
    char *to = reading_alloc(r, c->text.n);
    if (to)
        *out = (struct slice){ to, pull_unescape(c->text, to) };
    return to != NULL;
}

/* The value whose first token was read; deeper than values may be they become VALUE_NONE. false: the arena is full. */
static bool value_of(struct reading *r, struct pull *p, int depth, struct value *out)
{
    struct cell c = cell_of(p);
    struct pull ahead = *p;
    size_t      count = 0;
    int64_t     n;
    double      d;
    *out = (struct value){ .kind = VALUE_NONE };
    if (depth >= EVENT_DEPTH_MAX && (c.token == PULL_OBJECT || c.token == PULL_ARRAY))
        return pull_skip(p);
    switch (c.token) {
    case PULL_TEXT: out->kind = VALUE_TEXT; return text_of(r, &c, &out->as.text);
    case PULL_TRUE:
    case PULL_FALSE: *out = (struct value){ .kind = VALUE_BOOL, .as.boolean = c.token == PULL_TRUE }; return true;
    case PULL_NUMBER:
        if (number_i64(c.text, &n))
            *out = (struct value){ .kind = VALUE_INT, .as.integer = n };
        else if (number_double(c.text, false, &d))
            *out = (struct value){ .kind = VALUE_REAL, .as.real = d };
        return true;
    case PULL_ARRAY: {
        while (pull_next(&ahead) != PULL_ARRAY_END && pull_skip(&ahead))
            count++;
        struct value *item = reading_alloc(r, count * sizeof *item);
        *out = (struct value){ .kind = VALUE_LIST, .as.list = { item, count } };
        while (item && pull_next(p) != PULL_ARRAY_END)
            if (!value_of(r, p, depth + 1, item++))
                return false;
        return item != NULL;
    }
    case PULL_OBJECT: {
        while (pull_next(&ahead) == PULL_KEY) {
            (void)pull_next(&ahead);
            (void)pull_skip(&ahead);
            count++;
        }
        struct attr *item = reading_alloc(r, count * sizeof *item);
        *out = (struct value){ .kind = VALUE_MAP, .as.map = { item, count } };
        while (item && pull_next(p) == PULL_KEY) {
            struct cell key = { PULL_TEXT, p->escaped, p->text };
            (void)pull_next(p);
            if (!text_of(r, &key, &item->key) || !value_of(r, p, depth + 1, &item->value))
                return false;
            item++;
        }
        return item != NULL;
    }
    default: return true;
    }
}

/* The key of p and the value behind it. */
static bool attr_of(struct reading *r, struct pull *p, struct attr *out)
{
    struct cell key = { PULL_TEXT, p->escaped, p->text };
    (void)pull_next(p);
    return text_of(r, &key, &out->key) && value_of(r, p, 0, &out->value);
}

/* Labels and other keys; extra: how many more there will be room for behind them. */
static bool attrs_of(struct reading *r, const struct row *row, size_t extra, struct attr **item, size_t *count)
{
    struct pull p = row->at;
    struct row  unused = { 0 };
    *count = 0;
    *item = reading_alloc(r, (row->attrs + extra) * sizeof **item);
    if (!*item)
        return false;
    while (pull_next(&p) == PULL_KEY) {
        struct pull key = p;
        bool        cell = cell_for(&unused, &p) != NULL, labels = pull_text_is(&p, "labels");
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
    return true;
}

static bool resource_of(struct rows_reading *rr, const struct row *row)
{
    struct slice app, host;
    if (!text_of(rr->r, &row->app, &app) || !text_of(rr->r, &row->host, &host))
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

int rows_severity(struct slice level)
{
    static const struct { const char *word; int severity; } words[] = {
        { "trace", 1 }, { "debug", 5 }, { "info", 9 }, { "information", 9 }, { "informational", 9 }, { "notice", 10 }, { "warn", 13 }, { "warning", 13 },
        { "error", 17 }, { "err", 17 }, { "critical", 21 }, { "crit", 21 }, { "alert", 22 }, { "emergency", 24 }, { "emerg", 24 }, { "panic", 24 },
        { "fatal", 21 },
    };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strlen(words[i].word) == level.n && strncasecmp(words[i].word, level.s, level.n) == 0)
            return words[i].severity;
    return 0;
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
    (void)cell_time(&row->time, &ns);
    return ns ? ns : r->record->received_us > 0 ? r->record->received_us * 1000 : 1;
}

/* Cells of the other kind of row are not lost either: what a log has no field for is an attribute. */
static bool log_of(struct reading *r, const struct row *row, struct event *e, struct attr *item, size_t *count, struct slice trace_text, struct slice trace)
{
    struct log_event *l = &e->as.log;
    struct slice      name, value, message;
    if (!text_of(r, &row->message, &message) || !text_of(r, &row->level, &l->severity_text) || !text_of(r, &row->name, &name) || !text_of(r, &row->value, &value))
        return false;
    l->time_ns = when(r, row);
    l->severity = rows_severity(l->severity_text);
    l->body = (struct value){ .kind = VALUE_TEXT, .as.text = message };
    l->trace_id = trace;
    if (cell_is_set(&row->trace_id) && trace.n == 0)
        add(item, count, SLICE("trace_id"), trace_text);
    if (cell_is_set(&row->name))
        add(item, count, SLICE("name"), name);
    if (cell_is_set(&row->value))
        add(item, count, SLICE("value"), value);
    return true;
}

static bool point_of(struct reading *r, const struct row *row, struct event *e, struct attr *item, size_t *count, struct slice trace_text, struct slice trace)
{
    struct point_event *p = &e->as.point;
    struct slice        level, message;
    if (!text_of(r, &row->name, &p->name) || !text_of(r, &row->level, &level) || !text_of(r, &row->message, &message))
        return false;
    p->kind = POINT_GAUGE;
    p->time_ns = when(r, row);
    (void)cell_number(&row->value, &p->value);
    p->is_int = number_i64(row->value.text, &p->integer);
    if (cell_is_set(&row->level))
        add(item, count, SLICE("level"), level);
    if (cell_is_set(&row->message))
        add(item, count, SLICE("message"), message);
    if (cell_is_set(&row->trace_id) && trace.n == 0)
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
    enum rows_kind       kind = row_judge(row, rr->kind, &why);
    if (why && rr->kind != ROWS_EITHER)
        kind = row_judge(row, ROWS_EITHER, &why);
    struct attr         *item;
    size_t               count;
    struct slice         trace_text, trace;
    bool                 full;
    if (why) {
        report_reject(r->report, "%s", why);
        return true;
    }
    bool          room = resource_of(rr, row) && attrs_of(r, row, EXTRA, &item, &count) && text_of(r, &row->trace_id, &trace_text);
    struct event *e = room ? reading_event(r, kind == ROWS_LOGS ? EVENT_LOG : EVENT_POINT, rr->resource, NULL) : NULL;
    if (e) {
        trace = trace_of(r, trace_text, &full);
        if (full || !(kind == ROWS_LOGS ? log_of : point_of)(r, row, e, item, &count, trace_text, trace))
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

/* "kind" says what the rows are and is not one of the labels. */
static enum rows_kind kind_of(struct reading *r)
{
    struct attr   *item = (struct attr *)(uintptr_t)r->labels.item;     /* ours: made by read.c for this reading */
    enum rows_kind kind = ROWS_EITHER;
    size_t         kept = 0;
    for (size_t i = 0; i < r->labels.count; i++) {
        if (!slice_is(item[i].key, "kind"))
            item[kept++] = item[i];
        else
            kind = slice_is(item[i].value.as.text, "logs") ? ROWS_LOGS : slice_is(item[i].value.as.text, "metrics") ? ROWS_METRICS : kind;
    }
    r->labels.count = kept;
    return kind;
}

enum err rows_read(struct reading *r, struct fault *fault)
{
    bool stopped;
    if (r->record->form != FORM_JSON)
        return fail(fault, ERR_INPUT, "rows in form %d: only JSON (%d) is known", (int)r->record->form, FORM_JSON);
    struct rows_reading rr = { .r = r, .kind = kind_of(r), .fault = fault };
    enum err            e = body_scan(r->record->body, row_read, &rr, &stopped, fault);
    if (e == OK)
        r->report->bad_text = !utf8_valid(r->record->body);
    return stopped ? r->end : e;
}
