/*
 * bench/digest.c - what the digest costs, and what a question costs afterwards.
 *
 *     digest FOLDER [RECORDS]    RECORDS batches of 1000 lines (default 300) through journal, digest and questions; 0: only the mock
 *
 * First a mock minute and the memory of 100 000 lines with 20 000 spans, then events by themselves, then a journal as a daemon would
 * find it.  CPU seconds, not wall time; one line of name=value for each.
 */
#include "event/encode.h"
#include "ingest/digester.h"
#include "ingest/look.h"
#include "ingest/mock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#define MINUTE (60 * US_PER_S)
#define BEGIN  (INT64_C(1700000100) * US_PER_S)
enum { BATCH = 1000, LINES = 20000 };

static _Atomic int64_t wall = BEGIN;
static int64_t the_wall(void *ctx) { (void)ctx; return wall; }
static int64_t the_mono(void *ctx) { (void)ctx; return clock_mono_us(&clock_real); }
static const struct clock the_clock = { the_wall, the_mono, NULL };

static double cpu(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double rss_mb(void)
{
    struct rusage r;
    (void)getrusage(RUSAGE_SELF, &r);
    return (double)r.ru_maxrss / 1024;
}

static void must(enum err e, const struct fault *fault)
{
    if (e == OK)
        return;
    (void)fprintf(stderr, "%s\n", fault->text);
    exit(1);
}

static bool feed_it(void *ctx, const struct event *e)
{
    digester_feed(ctx, e);
    return true;
}

/* How many lines digest.db knows of, by asking it. */
static int64_t logs_written(const char *path)
{
    struct fault          fault = { 0 };
    struct digest_reader *r;
    json_t               *out = NULL, *one;
    size_t                i;
    int64_t               n = 0;
    must(digest_reader_open(path, &r, &fault), &fault);
    must(digest_read_errors(r, "", 0, 1000, &out, &fault), &fault);
    json_array_foreach(out, i, one)
        n += json_integer_value(json_object_get(one, "logs"));
    json_decref(out);
    digest_reader_close(r);
    return n;
}

static void mock(const char *folder, const char *name, struct mock_size size)
{
    char                    path[256];
    struct fault            fault = { 0 };
    struct digester        *d;
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    struct digester_options o = digester_options_default(path, NULL);
    double                  began = cpu();
    int64_t                 at = clock_mono_us(&clock_real);
    must(digester_open(&o, &d, &fault), &fault);
    mock_minute(1, size, BEGIN, 1, feed_it, d);
    must(digester_close_windows(d, BEGIN + 10 * MINUTE, &fault), &fault);
    digester_close(d);
    int64_t written = logs_written(path);
    (void)printf("%s logs=%u points=%u spans=%u s=%.3f cpu_s=%.3f rss_mb=%.0f wrong=%lld\n", name, size.logs, size.points, size.spans,
                 (double)(clock_mono_us(&clock_real) - at) / 1e6, cpu() - began, rss_mb(), (long long)(size.logs - written));
}

/* ---- lines that are there before the clock starts ---- */

struct lines { struct event e[LINES]; size_t n; struct arena a; };

static bool keep(void *ctx, const struct event *e)
{
    static const struct scope none;
    struct lines *l = ctx;
    if (l->n == LINES || e->type != EVENT_LOG)
        return l->n < LINES;
    struct event *c = &l->e[l->n++];
    *c = *e;
    c->scope = &none;
    char *s = arena_alloc(&l->a, e->as.log.body.as.text.n + 1);
    memcpy(s, e->as.log.body.as.text.s, e->as.log.body.as.text.n);
    c->as.log.body.as.text.s = s;
    struct resource *r = arena_alloc(&l->a, sizeof *r);
    struct attr     *a = arena_alloc(&l->a, sizeof *a);
    char            *id = arena_alloc(&l->a, 16);
    *a = e->resource->attrs.item[0];
    *r = *e->resource;
    r->attrs.item = a;
    c->resource = r;
    memcpy(id, &l->n, sizeof l->n);
    c->as.log.trace_id = (struct slice){ id, 16 };
    return true;
}

static int by_resource(const void *a, const void *b)
{
    uint64_t x = ((const struct event *)a)->resource->id, y = ((const struct event *)b)->resource->id;
    return (x > y) - (x < y);
}

static void events_alone(struct lines *l, bool traces)
{
    struct fault        fault = { 0 };
    struct feed_options o = feed_options_default();
    struct arena        a;
    struct feed        *f;
    uint64_t            record = 0;
    arena_init(&a, 1 << 24);
    must(feed_new(&o, &a, &f, &fault), &fault);
    double began = cpu();
    for (int round = 0; round < 50; round++) {
        for (size_t i = 0; i < l->n; i++) {
            struct event *e = &l->e[i];
            record += i % BATCH == 0;
            e->record = record;
            struct slice id = e->as.log.trace_id;
            if (!traces)
                e->as.log.trace_id = (struct slice){ 0 };
            feed_take(f, e);
            e->as.log.trace_id = id;
        }
        locate_settle(f->locate, INT64_MIN, true);
    }
    double took = cpu() - began;
    (void)printf("events traces=%d logs_per_s=%.0f ns=%.0f\n", traces, 50. * (double)l->n / took, took * 1e9 / (50. * (double)l->n));
    feed_free(f);
    arena_done(&a);
}

static void from_journal(const char *folder, struct lines *l, int records)
{
    char                   path[256], store[256];
    struct fault           fault = { 0 };
    struct journal        *j;
    struct text            body;
    const struct event   **list = malloc(BATCH * sizeof *list);
    (void)snprintf(path, sizeof path, "%s/journal", folder);
    (void)snprintf(store, sizeof store, "%s/store", folder);
    struct journal_options o = journal_options_default(path);
    o.size_max = INT64_C(16) << 30;
    o.clock = &the_clock;
    must(journal_open(&o, &j, &fault), &fault);
    text_init(&body, 64 << 20);
    unsigned char id[16] = { 0 };
    for (int i = 0; i < records; i++) {
        wall = BEGIN + i * MINUTE / 20;
        text_clear(&body);
        for (int k = 0; k < BATCH; k++) {
            struct event *e = &l->e[((size_t)i * BATCH + (size_t)k) % l->n];
            uint64_t      n = (uint64_t)i * BATCH + (uint64_t)k;
            e->as.log.time_ns = wall * 1000;
            memcpy((char *)(uintptr_t)e->as.log.trace_id.s, &n, sizeof n);
            list[k] = e;
        }
        must(event_encode(list, BATCH, &body, &fault), &fault);
        struct record r = { .kind = RECORD_OTLP_LOGS, .form = FORM_PROTOBUF, .events = BATCH, .source = SLICE("otlp"), .body = { body.s, body.used } };
        must(journal_append_wait(j, &r, NULL, &fault), &fault);
    }
    (void)printf("journal records=%d bytes_per_log=%.0f\n", records, (double)body.used / BATCH);
    uint64_t n = (uint64_t)records / 2 * BATCH + 5;
    memcpy(id, &n, sizeof n);
    text_done(&body);
    free(list);
    wall += 10 * MINUTE;
    struct digester_options d_o = digester_options_default(store, j);
    struct digester        *d;
    d_o.clock = &the_clock;
    double began = cpu();
    must(digester_open(&d_o, &d, &fault), &fault);
    for (bool idle = false; !idle;)
        must(digester_step(d, &idle, &fault), &fault);
    double took = cpu() - began;
    struct digester_stats s;
    digester_stats(d, &s);
    (void)printf("digest logs_per_s=%.0f cpu_s=%.2f windows=%llu saves=%llu rss_mb=%.0f\n", (double)s.events / took, took, (unsigned long long)s.windows, (unsigned long long)s.saves, rss_mb());
    digester_close(d);
    /* Questions, each from a cold start of its own. */
    char           text[33];
    struct looker *look;
    json_t        *out = NULL;
    for (int i = 0; i < 16; i++)
        (void)snprintf(text + 2 * i, 3, "%02x", id[i]);
    int64_t t0 = clock_mono_us(&clock_real);
    must(look_open(&(struct look_at){ .store = store, .journal_folder = path }, &look, &fault), &fault);
    must(look_trace(look, "", text, NULL, &out, &fault), &fault);
    int64_t t1 = clock_mono_us(&clock_real);
    json_decref(out);
    must(digest_read_errors(look_reader(look), "", wall - 60 * MINUTE, 100, &out, &fault), &fault);
    json_decref(out);
    int64_t t2 = clock_mono_us(&clock_real);
    must(digest_read_patterns(look_reader(look), "", "cart", wall - 60 * MINUTE, 20, &out, &fault), &fault);
    json_decref(out);
    int64_t t3 = clock_mono_us(&clock_real);
    (void)printf("queries trace_ms=%.1f errors_ms=%.1f patterns_ms=%.1f\n", (double)(t1 - t0) / 1e3, (double)(t2 - t1) / 1e3, (double)(t3 - t2) / 1e3);
    look_close(look);
    journal_close(j);
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        (void)fprintf(stderr, "usage: digest FOLDER [RECORDS]\n");
        return 2;
    }
    struct lines *l = calloc(1, sizeof *l);
    mock(argv[1], "mock", MOCK_MINUTE);
    mock(argv[1], "large", (struct mock_size){ 100000, 500, 20000 });
    if (argc > 2 && atoi(argv[2]) == 0) {
        free(l);
        return 0;
    }
    arena_init(&l->a, 1 << 26);
    mock_minute(3, (struct mock_size){ LINES + 1, 0, 0 }, BEGIN, 1, keep, l);
    qsort(l->e, l->n, sizeof *l->e, by_resource);
    events_alone(l, false);
    events_alone(l, true);
    from_journal(argv[1], l, argc > 2 ? atoi(argv[2]) : 300);
    arena_done(&l->a);
    free(l);
    return 0;
}
