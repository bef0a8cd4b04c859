/* ingest/look.c */
#include "ingest/look.h"

#include "base/clock.h"
#include "base/id.h"
#include "digest/locate.h"
#include "digest/place.h"
#include "event/event.h"
#include "ingest/happened.h"
#include "journal/journal.h"

#include <stdlib.h>
#include <string.h>

#define ARENA_MAX ((size_t)512 * 1024 * 1024)
enum { TRACE_BYTES = 16 };

struct looker { struct digest_reader *reader; struct journal_view *journal; };

enum err look_open(const struct look_at *at, struct looker **out, struct fault *fault)
{
    struct looker *l = calloc(1, sizeof *l);
    if (!l)
        return fail(fault, ERR_LIMIT, "no memory to look");
    enum err e = digest_reader_open(at->store, &l->reader, fault);
    if (e == OK)
        e = at->journal ? journal_view_inside(at->journal, &l->journal, fault) : journal_view_open(at->journal_folder, &l->journal, fault);
    if (e != OK) {
        look_close(l);
        return e;
    }
    *out = l;
    return OK;
}

void look_close(struct looker *l)
{
    if (!l)
        return;
    digest_reader_close(l->reader);
    if (l->journal)
        journal_view_close(l->journal);
    free(l);
}

struct digest_reader *look_reader(struct looker *l) { return l->reader; }

struct trace_look {
    unsigned char id[TRACE_BYTES];
    const char   *tenant;
    uint64_t      hash, record[LOOK_RECORDS_MAX];
    size_t        records;
    json_t       *spans, *logs;
    struct arena  arena;
    bool          cut, found;
};

static int hex(char c) { return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1; }

static bool parse_id(const char *text, unsigned char out[TRACE_BYTES])
{
    size_t n = 0;
    for (; *text; text++) {
        if (*text == '-')
            continue;
        int v = hex(*text);
        if (v < 0 || n == 2 * TRACE_BYTES)
            return false;
        out[n / 2] = (unsigned char)(n % 2 ? out[n / 2] | v : v << 4);
        n++;
    }
    return n == 2 * TRACE_BYTES;
}

enum err look_trace_hash(const char *id, uint64_t *hash, struct fault *fault)
{
    unsigned char bytes[TRACE_BYTES];
    if (!parse_id(id, bytes))
        return fail(fault, ERR_INPUT, "a trace id is 32 hexadecimal digits");
    *hash = locate_hash((struct slice){ (const char *)bytes, TRACE_BYTES });
    return OK;
}

static bool block(void *ctx, uint64_t base, struct slice entries)
{
    struct trace_look *t = ctx;
    t->records += locate_find(entries, base, t->hash, t->record + t->records, LOOK_RECORDS_MAX - t->records);
    t->cut |= t->records == LOOK_RECORDS_MAX;
    return t->records < LOOK_RECORDS_MAX;
}

static json_t *text_of(struct slice s)
{
    json_t *j = json_stringn(s.s ? s.s : "", s.n);
    return j ? j : json_string("?");                     /* not UTF-8 */
}

static json_t *hex_of(struct slice s)
{
    static const char digits[] = "0123456789abcdef";
    char              text[2 * TRACE_BYTES + 1];
    size_t            n = 0;
    for (size_t i = 0; i < s.n && i < TRACE_BYTES; i++) {
        text[n++] = digits[(unsigned char)s.s[i] >> 4];
        text[n++] = digits[(unsigned char)s.s[i] & 15];
    }
    return n ? json_stringn(text, n) : json_null();
}

static json_t *time_of(int64_t ns)
{
    char text[32];
    return json_string(clock_format(ns / 1000, text, sizeof text));
}

static json_t *attrs_json(struct trace_look *t, const struct attrs *a)
{
    json_t *all = json_object();
    for (size_t i = 0; i < a->count; i++) {
        json_t *key = text_of(a->item[i].key);
        json_object_set_new(all, json_string_value(key), text_of(value_text(&a->item[i].value, &t->arena)));
        json_decref(key);
    }
    return all;
}

static bool of_tenant(struct slice tenant, const char *wanted) { return !*wanted || slice_is(tenant.n ? tenant : SLICE(DIGEST_OWN_TENANT), wanted); }

static bool one(void *ctx, const struct event *e)
{
    static const char *const kinds[] = { "unknown", "internal", "server", "client", "producer", "consumer" }, *const states[] = { "unset", "ok", "error" };
    struct trace_look       *t = ctx;
    struct place_name        name;
    struct slice             id = e->type == EVENT_SPAN ? e->as.span.trace_id : e->type == EVENT_LOG ? e->as.log.trace_id : (struct slice){ 0 };
    if (id.n != TRACE_BYTES || memcmp(id.s, t->id, TRACE_BYTES) != 0 || !of_tenant(e->tenant, t->tenant))
        return true;
    t->found = true;
    if (json_array_size(t->spans) + json_array_size(t->logs) >= LOOK_EVENTS_MAX) {
        t->cut = true;
        return false;
    }
    place_of_resource(&e->resource->attrs, e->source, &name);
    if (e->type == EVENT_SPAN) {
        const struct span_event *s = &e->as.span;
        json_array_append_new(t->spans, json_pack("{s:s, s:s, s:o, s:s, s:o, s:o, s:o, s:I, s:f, s:s, s:o, s:o, s:I}", "service", name.name, "urn", name.urn, "name", text_of(s->name), "kind",
                              kinds[s->kind], "span_id", hex_of(s->span_id), "parent_id", hex_of(s->parent_id), "start", time_of(s->start_ns), "start_ns", (json_int_t)s->start_ns, "ms",
                              (double)(s->end_ns - s->start_ns) / 1e6, "status", states[s->status], "message", text_of(s->status_message), "attributes", attrs_json(t, &e->attrs), "record",
                              (json_int_t)e->record));
    } else {
        const struct log_event *g = &e->as.log;
        json_array_append_new(t->logs, json_pack("{s:s, s:s, s:o, s:I, s:i, s:o, s:o, s:I}", "service", name.name, "urn", name.urn, "time", time_of(g->time_ns), "time_ns",
                              (json_int_t)g->time_ns, "severity", g->severity, "body", text_of(value_text(&g->body, &t->arena)), "span_id", hex_of(g->span_id), "record", (json_int_t)e->record));
    }
    return true;
}

static int by_number(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static int by_start(const void *a, const void *b)
{
    int64_t x = json_integer_value(json_object_get(*(json_t *const *)a, "start_ns")), y = json_integer_value(json_object_get(*(json_t *const *)b, "start_ns"));
    return (x > y) - (x < y);
}

/* The array in the order of time. */
static json_t *sorted(json_t *list)
{
    size_t   n = json_array_size(list);
    json_t **item = malloc((n + 1) * sizeof *item), *out = json_array();
    if (!item)
        return json_decref(out), list;
    for (size_t i = 0; i < n; i++)
        item[i] = json_array_get(list, i);
    qsort(item, n, sizeof(json_t *), by_start);
    for (size_t i = 0; i < n; i++)
        json_array_append(out, item[i]);
    free(item);
    json_decref(list);
    return out;
}

static void read_events(struct trace_look *t, const struct record *r, json_t *records)
{
    struct event_report report = { 0 };
    arena_reset(&t->arena);
    t->found = false;
    (void)!event_read(r, &t->arena, one, t, &report, NULL);      /* what could be read of it was given */
    if (t->found)
        json_array_append_new(records, json_integer((json_int_t)r->id));
}

/* The records that the digest had not read when it was asked, but for those that were found in digest.db since then. When it is far behind, they are too many, and the answer is cut. */
static enum err read_unread(struct looker *l, struct trace_look *t, uint64_t after, json_t *records, struct fault *fault)
{
    struct record r;
    for (int i = 0; i < LOOK_UNREAD_MAX; i++) {
        enum err e = journal_view_read(l->journal, after + 1, &r, fault);
        if (e != OK)
            return e == ERR_MISSING ? OK : e;
        after = r.id;
        if (!bsearch(&r.id, t->record, t->records, sizeof *t->record, by_number))
            read_events(t, &r, records);
    }
    t->cut = true;
    return OK;
}

static enum err read_records(struct looker *l, struct trace_look *t, json_t *records, int64_t *gone, struct fault *fault)
{
    enum err e = OK;
    qsort(t->record, t->records, sizeof *t->record, by_number);
    for (size_t i = 0; i < t->records && e == OK; i++) {
        struct record r;
        if (i && t->record[i] == t->record[i - 1])
            continue;
        e = journal_view_read(l->journal, t->record[i], &r, fault);
        if (e == ERR_MISSING || (e == OK && r.id != t->record[i])) {
            ++*gone;
            e = OK;
            continue;
        }
        if (e == OK)
            read_events(t, &r, records);
    }
    return e;
}

enum err look_trace(struct looker *l, const char *tenant, const char *id, const struct look_open *open, json_t **out, struct fault *fault)
{
    struct trace_look *t = calloc(1, sizeof *t);
    int64_t            gone = 0;
    if (!t)
        return fail(fault, ERR_LIMIT, "no memory to look for a trace");
    if (look_trace_hash(id, &t->hash, fault) != OK || !parse_id(id, t->id)) {
        free(t);
        return ERR_INPUT;
    }
    arena_init(&t->arena, ARENA_MAX);
    t->tenant = tenant;
    t->cut = open && open->busy;                         /* what it has open could not be looked at */
    for (size_t i = 0; open && i < open->records; i++)
        t->record[t->records++] = open->record[i];
    t->spans = json_array();
    t->logs = json_array();
    json_t  *records = json_array();
    enum err e = digest_read_trace(l->reader, locate_shard(t->hash), block, t, fault);
    if (e == OK)
        e = read_records(l, t, records, &gone, fault);
    if (e == OK && open && open->read != UINT64_MAX)
        e = read_unread(l, t, open->read, records, fault);
    if (e == OK && json_array_size(records) == 0) {
        e = fail(fault, ERR_MISSING, gone ? "trace %s was there, but the journal no longer holds it" : "there is no trace %s", id);
        if (t->cut || !open)
            fail_hint(fault, open ? "the digest is behind: what came in last is found once it was read" : "what came in within the last minutes is found by a daemon that runs");
    }
    t->spans = sorted(t->spans);
    if (e == OK)
        *out = json_pack("{s:s, s:O, s:O, s:O, s:I, s:b}", "trace_id", id, "spans", t->spans, "logs", t->logs, "records", records, "gone", (json_int_t)gone, "cut", (int)t->cut);
    json_decref(records);
    json_decref(t->spans);
    json_decref(t->logs);
    arena_done(&t->arena);
    free(t);
    return e;
}

/* ---- questions by their name ---- */

struct asking { struct looker *l; const struct ingest_question *q; const struct look_open *open; const char *tenant, *id, *service, *metric; };
typedef enum err answerer(const struct asking *a, json_t **out, struct fault *fault);

static enum err services(const struct asking *a, json_t **out, struct fault *fault) { return digest_read_errors(a->l->reader, a->tenant, a->q->since_us, a->q->limit, out, fault); }
static enum err downstreams(const struct asking *a, json_t **out, struct fault *fault) { return digest_read_downstreams(a->l->reader, a->tenant, a->service, a->q->since_us, a->q->limit, out, fault); }
static enum err metrics(const struct asking *a, json_t **out, struct fault *fault) { return digest_read_metrics(a->l->reader, a->tenant, a->service, a->metric, a->q->since_us, a->q->limit, out, fault); }
static enum err patterns(const struct asking *a, json_t **out, struct fault *fault) { return digest_read_patterns(a->l->reader, a->tenant, a->service, a->q->since_us, a->q->limit, out, fault); }
static enum err jobs(const struct asking *a, json_t **out, struct fault *fault) { return digest_read_jobs(a->l->reader, a->tenant, a->q->limit, out, fault); }
static enum err tables(const struct asking *a, json_t **out, struct fault *fault) { return digest_read_tables(a->l->reader, a->tenant, a->q->limit, out, fault); }
static enum err events(const struct asking *a, json_t **out, struct fault *fault) { return digest_read_events(a->l->reader, a->tenant, a->q->kind ? a->q->kind : "", a->service, a->q->since_us, a->q->limit, out, fault); }

/* Under the id with which it was told, and which of its raw data is still there. */
static enum err event(const struct asking *a, json_t **out, struct fault *fault)
{
    char          id[ID_SIZE];
    size_t        i;
    json_t       *piece;
    struct record r;
    happened_id(a->id, id);
    enum err e = digest_read_event(a->l->reader, a->tenant, id, out, fault);
    if (e == ERR_MISSING)
        return fail(fault, ERR_MISSING, "there is no event %.63s", a->id);
    if (e != OK)
        return e;
    json_array_foreach(json_object_get(*out, "evidence"), i, piece) {
        const json_t *last = json_object_get(piece, "last_record");
        uint64_t      record = (uint64_t)json_integer_value(last);
        json_object_set_new(piece, "in_journal", json_is_integer(last) ? json_boolean(journal_view_read(a->l->journal, record, &r, NULL) == OK && r.id == record) : json_null());
    }
    return OK;
}

static enum err trace(const struct asking *a, json_t **out, struct fault *fault) { return look_trace(a->l, a->tenant, a->id, a->open, out, fault); }

static const struct { const char *what; answerer *answer; } questions[] = {
    { "trace", trace }, { "services", services }, { "downstreams", downstreams }, { "metrics", metrics }, { "patterns", patterns }, { "jobs", jobs }, { "tables", tables }, { "events", events }, { "event", event },
};

enum err look_answer(const struct look_at *at, const struct ingest_question *q, const struct look_open *open, json_t **out, struct fault *fault)
{
    answerer     *answer = NULL;
    struct asking a = { .q = q, .open = open, .tenant = q->tenant ? q->tenant : "", .id = q->id ? q->id : "", .service = q->service ? q->service : "", .metric = q->metric ? q->metric : "" };
    for (size_t i = 0; i < sizeof questions / sizeof *questions && !answer; i++)
        if (strcmp(questions[i].what, q->what) == 0)
            answer = questions[i].answer;
    if (!answer)
        return fail(fault, ERR_INPUT, "there is no question '%.40s'", q->what);
    enum err e = look_open(at, &a.l, fault);
    if (e != OK)
        return e;
    if (q->until_us)
        digest_reader_until(a.l->reader, q->until_us);
    e = answer(&a, out, fault);
    look_close(a.l);
    return e;
}
