/*
 * event/rows.c - JSON rows of POST /write/metrics and /write/logs: an array of objects, {"table": ..., "rows": [...]}, one object alone, or an object a line.
 *
 * A row of metrics has value and should have name (or metric), a row of logs has message; both may have time (timestamp, ts), level, app (the resource's
 * service.name), host (host.name), trace_id, and labels, an object.  Other keys become attributes too, so that nothing sent is lost: so does a second
 * key of one meaning.  A point without a name is called as its table is (the record's source, when the label "table" says that it is one; else "table" in
 * the row or around the rows), or "value".
 * Which of both it is stands in the record's label "kind": that is the path it came by.  Without it, and when it cannot be that, each row is what it looks
 * like; when it is neither, it is rejected as what its path says.
 * A trace_id of 32 hexadecimal digits is the log's, or that of an exemplar of the point; another is an attribute.
 */
#include "event/rows_inside.h"

#include "wire/protobuf.h"

#include <string.h>

/* ---- cells ---- */

struct row_cell row_cell(const struct pull *p) { return (struct row_cell){ p->token, p->escaped, p->text }; }

bool row_is_set(const struct row_cell *c) { return c->token != PULL_BAD && c->token != PULL_NULL; }

bool row_number(const struct row_cell *c, double *d)
{
    return (c->token == PULL_NUMBER || (c->token == PULL_TEXT && !c->escaped)) && number_double(c->text, c->token == PULL_TEXT, d);
}

size_t row_key_of(const struct pull *p)
{
    size_t k = 0;
    while (k < ROW_KEYS && !pull_text_is(p, row_keys[k].name))
        k++;
    return k;
}

enum row_role row_role_of(size_t key) { return key < ROW_KEYS && row_keys[key].role != ROW_LABELS ? row_keys[key].role : ROW_OTHER; }

/* Of several keys with one meaning the first in the table has it, the others are attributes. Each said again is the last. */
static void row_take_cell(struct row *row, size_t key, const struct pull *p)
{
    enum row_role role = row_keys[key].role;
    if (row->key[role] && row->key[role] < key + 1) {
        row->attrs++;
        return;
    }
    if (row->key[role] > key + 1) {
        row->attrs += row->said[role];
        row->said[role] = 0;
    }
    row->key[role] = (uint8_t)(key + 1);
    row->said[role]++;
    row->of[role] = row_cell(p);
}

bool row_time_of(const struct row_cell *c, int64_t *ns)
{
    *ns = 0;
    if (!row_is_set(c))
        return true;
    if (c->token == PULL_NUMBER)
        return rows_time_number(c->text, ns);
    return c->token == PULL_TEXT && !c->escaped && (rows_time(c->text, ns) || rows_time_number(c->text, ns));
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
        size_t key = row_key_of(p);
        bool   labels = key < ROW_KEYS && row_keys[key].role == ROW_LABELS, table = key == ROW_KEYS && pull_text_is(p, "table");
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
        if (table && p->token == PULL_TEXT)
            row->table = row_cell(p);
        if (row_role_of(key) && p->token >= PULL_TEXT && p->token != PULL_NULL)
            row_take_cell(row, key, p);
        else if (p->token != PULL_NULL)
            row->attrs++;
        if (!value_skip(p, &row->too_deep))
            return false;
    }
    return p->token == PULL_OBJECT_END;
}

/* One row, whose first token was read. false: not JSON. */
static bool row_walk(struct pull *p, const struct row_cell *table, struct rows_walk *w)
{
    struct row row = { .object = p->token == PULL_OBJECT, .at = *p, .table = *table };
    if (row.object ? !row_scan(p, &row) : !pull_skip(p))
        return false;
    w->stopped = !w->take(w->ctx, &row);
    return true;
}

/* From behind the opening bracket. */
static bool rows_scan(struct pull *p, const struct row_cell *table, struct rows_walk *w)
{
    while (!w->stopped && pull_next(p) != PULL_ARRAY_END)
        if (!row_walk(p, table, w))
            return false;
    return true;
}

/* What stands in an object of rows, or in one that is a row itself. */
struct shape { bool rows, row; struct row_cell table; };

/* From behind the opening brace; p is a copy. The table may stand behind the rows, and points are named by it. */
static struct shape shape_of(struct pull p)
{
    struct shape s = { 0 };
    while (!(s.rows && s.table.token == PULL_TEXT) && pull_next(&p) == PULL_KEY) {
        bool table = pull_text_is(&p, "table");
        s.rows |= pull_text_is(&p, "rows");
        s.row |= row_key_of(&p) < ROW_KEYS;
        if (pull_next(&p) == PULL_TEXT && table)
            s.table = row_cell(&p);
        if (!pull_skip(&p))
            break;
    }
    return s;
}

/* From behind the opening brace. false: not JSON, or nothing in it is rows (then p is not BAD). */
static bool object_scan(struct pull *p, struct rows_walk *w)
{
    struct shape shape = shape_of(*p);
    bool         found = false;
    if (!shape.rows && !shape.row)
        return pull_skip(p) && false;
    if (!shape.rows)
        return row_walk(p, &shape.table, w);
    while (!w->stopped && pull_next(p) == PULL_KEY) {
        bool rows = pull_text_is(p, "rows");
        if (pull_next(p) == PULL_ARRAY && rows) {
            found = true;
            if (!rows_scan(p, &shape.table, w))
                return false;
        } else if (!pull_skip(p)) {
            return false;
        }
    }
    return found && (w->stopped || p->token == PULL_OBJECT_END);
}

/* ERR_INPUT: not JSON, or neither rows nor a row. Rows before that place were taken. */
static enum err body_scan(struct slice body, struct rows_walk *w, struct fault *fault)
{
    static const struct row_cell no_table;
    struct pull              p;
    pull_init(&p, body);
    bool read = pull_next(&p) == PULL_ARRAY ? rows_scan(&p, &no_table, w) : p.token == PULL_OBJECT && object_scan(&p, w);
    if (w->stopped)
        return OK;
    if (!read && p.token != PULL_BAD)
        return fail(fault, ERR_INPUT, "rows must be a JSON array of objects, an object whose \"rows\" is one, or one object with the keys of a row");
    return read && pull_next(&p) == PULL_END ? OK : pull_fail(&p, fault);
}

/* Each line that is not blank is a row. */
static enum err lines_scan(struct slice body, struct rows_walk *w, struct fault *fault)
{
    static const struct row_cell no_table;
    struct pull              p;
    size_t                   line = 0;
    while (body.n && !w->stopped) {
        const char  *end = memchr(body.s, '\n', body.n);
        struct slice one = { body.s, end ? (size_t)(end - body.s) : body.n };
        size_t       blank = 0;
        line++;
        body.s += one.n + (end != NULL);
        body.n -= one.n + (end != NULL);
        while (blank < one.n && (one.s[blank] == ' ' || one.s[blank] == '\t' || one.s[blank] == '\r'))
            blank++;
        if (blank == one.n)
            continue;
        pull_init(&p, one);
        if (pull_next(&p) == PULL_BAD || !row_walk(&p, &no_table, w) || (!w->stopped && pull_next(&p) != PULL_END))
            return fail(fault, ERR_INPUT, "line %zu at byte %zu is no JSON: %s", line, (size_t)(p.at - p.begin), p.why ? p.why : "it is malformed");
    }
    return OK;
}

enum err rows_walk(enum record_form form, struct slice body, struct rows_walk *w, struct fault *fault)
{
    if (form == FORM_JSON_LINES)
        return lines_scan(body, w, fault);
    if (form != FORM_JSON)
        return fail(fault, ERR_INPUT, "rows in form %d: only JSON (%d) and lines of JSON (%d) are known", (int)form, FORM_JSON, FORM_JSON_LINES);
    return body_scan(body, w, fault);
}

static enum rows_kind looks_like(const struct row *row)
{
    return row_is_set(&row->of[ROW_MESSAGE]) || !row_is_set(&row->of[ROW_NAME]) ? ROWS_LOGS : ROWS_METRICS;
}

/* Why it is none of this kind; NULL: it is one. nameless: a point needs no name. */
static const char *why_not(const struct row *row, enum rows_kind kind, bool nameless)
{
    const struct row_cell *name = &row->of[ROW_NAME];
    double             value;
    int64_t            ns;
    if (!row_time_of(&row->of[ROW_TIME], &ns))
        return "a time that is neither RFC 3339 nor a number since 1970";
    if (kind == ROWS_LOGS)
        return row_is_set(&row->of[ROW_MESSAGE]) ? NULL : "a row of logs without a message";
    if (!(nameless && !row_is_set(name)) && (name->token != PULL_TEXT || name->text.n == 0))
        return "a row of metrics without a name";
    return row_number(&row->of[ROW_VALUE], &value) ? NULL : "a row of metrics without a number as its value";
}

enum rows_kind rows_judge(const struct row *row, enum rows_kind path, const char **why)
{
    enum rows_kind looks = looks_like(row), kind = path == ROWS_EITHER ? looks : path;
    if (!row->object) {
        *why = "a row that is not an object";
        return ROWS_EITHER;
    }
    *why = why_not(row, kind, path == ROWS_METRICS);
    if (!*why || looks == kind || why_not(row, looks, false))
        return kind;
    *why = NULL;
    return looks;
}

/* ---- what the record says ---- */

bool rows_is_mark(struct slice key, struct slice value) { return slice_is(key, "kind") || (slice_is(key, "table") && !value.n); }

/* key NUL value NUL ..., as read.c has them. */
struct rows_marks rows_marks_of(struct slice labels)
{
    struct rows_marks m = { ROWS_EITHER, false };
    while (labels.n) {
        struct slice part[2];
        for (int i = 0; i < 2; i++) {
            const char *end = labels.n ? memchr(labels.s, '\0', labels.n) : NULL;
            part[i] = (struct slice){ labels.s, end ? (size_t)(end - labels.s) : labels.n };
            labels.s += part[i].n + (end != NULL);
            labels.n -= part[i].n + (end != NULL);
        }
        if (slice_is(part[0], "kind"))
            m.path = slice_is(part[1], "logs") ? ROWS_LOGS : slice_is(part[1], "metrics") ? ROWS_METRICS : m.path;
        m.table |= slice_is(part[0], "table") && !part[1].n;
    }
    return m;
}

/* ---- checking ---- */

struct rows_checking { struct event_report *report; enum rows_kind path; };

static bool row_count(void *ctx, const struct row *row)
{
    const struct rows_checking *rc = ctx;
    const char                 *why;
    (void)rows_judge(row, rc->path, &why);
    if (why)
        report_reject(rc->report, "%s", why);
    else
        rc->report->events++;
    rc->report->too_deep += why ? 0 : row->too_deep;
    return true;
}

enum err rows_check(const struct record *r, struct event_report *report, struct fault *fault)
{
    struct rows_checking rc = { report, rows_marks_of(r->labels).path };
    enum err             e = rows_walk(r->form, r->body, &(struct rows_walk){ .take = row_count, .ctx = &rc }, fault);
    report->bad_text = e == OK && !utf8_valid(r->body);
    return e;
}
