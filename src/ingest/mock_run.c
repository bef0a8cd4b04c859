/* ingest/mock_run.c - the two halves: requests into a journal, the journal into digest.db. */
#include "ingest/mock_run.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"
#include "event/encode.h"
#include "ingest/digester.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define FIVE_US  (INT64_C(300) * US_PER_S)
#define LATE_US  (INT64_C(600) * US_PER_S)       /* after the last minute everything is due */
#define TEXT_MAX ((size_t)8 * 1024 * 1024)
#define COPY_MAX ((size_t)64 * 1024 * 1024)
enum { BATCH = 500, TYPES = 3, FOLDER_SIZE = 1024 };

/* ---- into the journal ---- */

struct filling {
    struct journal     *journal;
    struct arena        arena;                   /* copies of what waits: who makes mock events uses theirs again */
    const struct event *batch[TYPES][BATCH];
    size_t              n[TYPES];
    struct mock_told   *told;
    enum err            e;
    struct fault       *fault;
};

static void send(struct filling *f, size_t type)
{
    static const enum record_kind kinds[] = { [EVENT_LOG] = RECORD_OTLP_LOGS, [EVENT_POINT] = RECORD_OTLP_METRICS, [EVENT_SPAN] = RECORD_OTLP_TRACES };
    struct text                   body;
    size_t                        n = f->n[type];
    if (!n || f->e != OK)
        return;
    text_init(&body, TEXT_MAX);
    f->e = event_encode(f->batch[type], n, &body, f->fault);
    struct record r = { .kind = kinds[type], .form = FORM_PROTOBUF, .events = (uint32_t)n, .received_us = f->batch[type][n - 1]->received_us, .source = SLICE("mock"),
                        .body = { body.s, body.used } };
    if (f->e == OK)
        f->e = journal_append_wait(f->journal, &r, NULL, f->fault);
    text_done(&body);
    f->n[type] = 0;
    f->told->records++;
    f->told->events += n;
}

static struct slice copied(struct arena *a, struct slice s)
{
    char *to = arena_alloc(a, s.n + 1);
    if (s.n)
        memcpy(to, s.s, s.n);
    return (struct slice){ to, s.n };
}

static bool take(void *ctx, const struct event *e)
{
    struct filling  *f = ctx;
    struct event    *c = arena_alloc(&f->arena, sizeof *c);
    struct resource *r = arena_alloc(&f->arena, sizeof *r);
    struct scope    *scope = arena_alloc(&f->arena, sizeof *scope);
    struct attr     *attrs = arena_alloc(&f->arena, sizeof *attrs * (e->attrs.count + e->resource->attrs.count + 1));
    *c = *e;
    *r = *e->resource;
    *scope = *e->scope;
    if (r->attrs.count)
        memcpy(attrs, e->resource->attrs.item, r->attrs.count * sizeof *attrs);
    if (c->attrs.count)
        memcpy(attrs + r->attrs.count, e->attrs.item, c->attrs.count * sizeof *attrs);
    c->attrs.item = attrs + r->attrs.count;
    r->attrs.item = attrs;
    c->resource = r;
    c->scope = scope;
    if (e->type == EVENT_LOG)
        c->as.log.body.as.text = copied(&f->arena, e->as.log.body.as.text);
    if (e->type == EVENT_SPAN) {
        c->as.span.trace_id = copied(&f->arena, e->as.span.trace_id);
        c->as.span.span_id = copied(&f->arena, e->as.span.span_id);
        c->as.span.parent_id = copied(&f->arena, e->as.span.parent_id);
    }
    f->batch[e->type][f->n[e->type]++] = c;
    if (f->n[e->type] == BATCH)
        send(f, e->type);
    return f->e == OK;
}

static enum err fill(const struct mock_run *m, struct journal *j, int64_t begin_us, struct mock_told *told, struct fault *fault)
{
    struct filling f = { .journal = j, .told = told, .fault = fault };
    arena_init(&f.arena, COPY_MAX);
    for (int i = 0; i < m->minutes && f.e == OK; i++) {
        mock_minute(m->seed, m->size, begin_us + i * 60 * US_PER_S, 0, take, &f);
        for (size_t type = 0; type < TYPES; type++)
            send(&f, type);
        arena_reset(&f.arena);
    }
    arena_done(&f.arena);
    return f.e;
}

/* ---- through the digest ---- */

struct mock_clock { int64_t wall_us; };

static int64_t mock_wall(void *ctx) { return ((struct mock_clock *)ctx)->wall_us; }
static int64_t real_mono(void *ctx) { return clock_mono_us(&clock_real); }

static enum err digest(struct journal *j, const char *folder, const struct clock *clock, struct mock_told *told, struct fault *fault)
{
    struct digester_options o = digester_options_default(folder, j);
    struct digester        *d = NULL;
    struct digester_stats   s;
    bool                    idle = false;
    o.clock = clock;
    o.save_us = INT64_C(3600) * US_PER_S;        /* windows say how far it is */
    enum err e = digester_open(&o, &d, fault);
    while (e == OK && !idle)
        e = digester_step(d, &idle, fault);
    if (e == OK)
        e = digester_save(d, fault);
    if (d)
        digester_stats(d, &s);
    if (e == OK) {
        told->windows = s.windows;
        told->rows = s.rows;
        told->lost = s.lost + s.bad_records + s.metrics.late + s.logs.late + s.calls.late + (told->events - s.events);
    }
    digester_close(d);
    return e;
}

static enum err check(const struct mock_run *m, const char *folder, struct fault *fault)
{
    static const char *const ours[] = { "journal", "digest.db" };
    char                     path[FOLDER_SIZE + 16];
    if (m->minutes < 1 || m->minutes > MOCK_MINUTES_MAX)
        return fail(fault, ERR_INPUT, "1 to %d mock minutes can be made, not %d", MOCK_MINUTES_MAX, m->minutes);
    if (strlen(folder) >= FOLDER_SIZE)
        return fail(fault, ERR_INPUT, "the name of the folder is too long");
    for (int i = 0; i < 2; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", folder, ours[i]);
        if (access(path, F_OK) == 0) {
            (void)fail(fault, ERR_CONFLICT, "there is a %s already", path);
            fail_hint(fault, "mock minutes want a folder of their own, so that nothing of yours is mixed with them");
            return ERR_CONFLICT;
        }
    }
    return file_make_dirs(folder, 0700, fault);
}

enum err mock_run(const struct mock_run *m, const char *folder, struct mock_told *told, struct fault *fault)
{
    int64_t           begin = m->begin_us - m->begin_us % FIVE_US;
    struct mock_clock now = { begin + m->minutes * 60 * US_PER_S + LATE_US };
    struct clock      clock = { mock_wall, real_mono, &now };
    char              path[FOLDER_SIZE + 16];
    struct journal   *j = NULL;
    *told = (struct mock_told){ 0 };
    enum err e = check(m, folder, fault);
    if (e != OK)
        return e;
    (void)snprintf(path, sizeof path, "%s/journal", folder);
    struct journal_options o = journal_options_default(path);
    o.segment_bytes = 16 * 1024 * 1024;          /* a few minutes fit into one */
    o.commit_delay_us = 0;
    o.clock = &clock;
    int64_t at = clock_mono_us(&clock_real);
    e = journal_open(&o, &j, fault);
    if (e == OK)
        e = fill(m, j, begin, told, fault);
    told->journal_us = clock_mono_us(&clock_real) - at;
    at = clock_mono_us(&clock_real);
    if (e == OK)
        e = digest(j, folder, &clock, told, fault);
    told->digest_us = clock_mono_us(&clock_real) - at;
    journal_close(j);
    return e;
}
