/*
 * bench/series.c - what remote write and expositions cost to take off snappy, to check, to read and to flatten: samples per second of CPU time.
 *                                                                                                             usage: series [SECONDS [FOLDER]]
 *
 * A request of 2000 series with six labels and one sample each, as node_exporter's come; 1.0 and 2.0; and the same as a page of text.
 * With a folder, a journal in it lies between the check and the reading; then the time of its threads counts too.
 */
#include "base/text.h"
#include "event/event.h"
#include "event/flatten.h"
#include "journal/journal.h"
#include "wire/exposition.h"
#include "wire/snappy.h"

#include <stdio.h>
#include <stdlib.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

enum { SERIES = 2000 };

static double cpu_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void must(enum err e, const struct fault *fault)
{
    if (e != OK) {
        fprintf(stderr, "series: %s\n", fault->text);
        exit(2);
    }
}

struct page { struct text text; struct remote_writer w; };

static void page_make(struct page *p, enum remote_version version)
{
    static const char *const names[] = { "node_cpu_seconds_total", "node_network_receive_bytes_total", "http_requests_total", "go_gc_duration_seconds" };
    static char              numbers[SERIES][16];
    text_init(&p->text, 16 << 20);
    remote_write_init(&p->w, version, 16 << 20);
    for (int i = 0; i < SERIES; i++) {
        (void)snprintf(numbers[i], sizeof numbers[i], "%d", i);
        struct slice        name = slice_of(names[i / 500 % 4]), number = slice_of(numbers[i]);
        double              value = i * 17.25;
        struct remote_label labels[] = { { SLICE("__name__"), name }, { SLICE("cpu"), number }, { SLICE("instance"), SLICE("node-17.example.org:9100") },
                                         { SLICE("job"), SLICE("node") }, { SLICE("mode"), SLICE("idle") }, { SLICE("zone"), SLICE("eu-west-1a") } };
        remote_write_series(&p->w, labels, 6, REMOTE_COUNTER, SLICE("Seconds spent."), SLICE("seconds"));
        remote_write_sample(&p->w, value, INT64_C(1790000000000), 0);
        if (i % 500 == 0)
            text_printf(&p->text, "# HELP %.*s Seconds spent.\n# TYPE %.*s counter\n", (int)name.n, name.s, (int)name.n, name.s);
        text_printf(&p->text, "%.*s{cpu=\"%d\",device=\"eth0\",mode=\"idle\",zone=\"eu-west-1a\"} %.17g\n", (int)name.n, name.s, i, value);
    }
}

static bool count(void *ctx, const struct event *e)
{
    *(size_t *)ctx += e->as.point.name.n > 0;
    return true;
}

struct flat { struct arena a; size_t n; };

static bool flat_count(void *ctx, const struct flatten_sample *s)
{
    ((struct flat *)ctx)->n += s->labels_n;
    return true;
}

static bool flatten(void *ctx, const struct event *e)
{
    struct fault fault;
    must(flatten_point(e, NULL, &((struct flat *)ctx)->a, flat_count, ctx, &fault), &fault);
    return true;
}

/* Repeats what `one` does for the time and says how much of it goes into a second. */
static void measure(const char *what, double seconds, void (*one)(void *ctx), void *ctx)
{
    size_t n = 0;
    double from = cpu_s(), spent;
    do {
        one(ctx);
        n++;
    } while ((spent = cpu_s() - from) < seconds);
    printf("%-40s %8.2f M samples per CPU second\n", what, (double)n * SERIES / spent / 1e6);
}

struct work { struct record r; struct slice packed; char *to; size_t room; struct arena a; };

static void do_unpack(void *ctx)
{
    struct work *w = ctx;
    struct fault fault;
    size_t       n;
    must(snappy_block_size(w->packed, w->room, &n, &fault), &fault);
    must(snappy_block_read(w->packed, w->to, n, &fault), &fault);
}

static void do_check(void *ctx)
{
    struct work        *w = ctx;
    struct fault        fault;
    struct event_report report;
    must(event_check(w->r.kind, w->r.form, w->r.body, &report, &fault), &fault);
    if (report.events != SERIES)
        abort();
}

static void do_read(void *ctx)
{
    struct work *w = ctx;
    struct fault fault;
    size_t       n = 0;
    arena_reset(&w->a);
    must(event_read(&w->r, &w->a, count, &n, NULL, &fault), &fault);
    if (n != SERIES)
        abort();
}

static void do_receive_and_read(void *ctx)
{
    do_unpack(ctx);
    do_check(ctx);
    do_read(ctx);
}

static void do_flatten(void *ctx)
{
    struct work *w = ctx;
    struct fault fault;
    struct flat  flat = { .n = 0 };
    arena_init(&flat.a, 64 << 20);
    arena_reset(&w->a);
    must(event_read(&w->r, &w->a, flatten, &flat, NULL, &fault), &fault);
    arena_done(&flat.a);
}

static void do_parse(void *ctx)
{
    struct work *w = ctx;
    struct fault fault;
    uint64_t     n;
    arena_reset(&w->a);
    must(exposition_check(EXPOSITION_TEXT, w->r.body, NULL, &w->a, &n, &fault), &fault);
}

static void one_done(void *ctx, uint64_t id, enum err result)
{
    if (result != OK)
        abort();
    atomic_fetch_add((atomic_size_t *)ctx, 1);
}

/* Off snappy, checked, durable, read from the journal, as events. */
static void through_journal(struct work *w, const char *folder, double seconds)
{
    enum { IN_FLIGHT = 64 };
    struct journal_options   o = journal_options_default(folder);
    struct journal          *j;
    struct journal_consumer *c;
    struct journal_stats     stats;
    struct fault             fault;
    struct record            sent = w->r, got;
    atomic_size_t            done = 0;
    size_t                   appended = 0, seen = 0;
    must(journal_open(&o, &j, &fault), &fault);
    must(journal_consumer_open(j, "bench", JOURNAL_FROM_NOW, &c, &fault), &fault);
    do {
        (void)usleep(50000);        /* what is zeroed first is not what is measured */
        journal_stats(j, &stats);
    } while (stats.segments_free < 2);
    double from = cpu_s();
    while (cpu_s() - from < seconds || seen < appended) {
        if (cpu_s() - from < seconds && appended - atomic_load(&done) < IN_FLIGHT) {
            do_unpack(w);
            sent.body = (struct slice){ w->to, w->room };
            w->r = sent;
            do_check(w);
            sent.events = SERIES;
            if (journal_append(j, &sent, one_done, &done, &fault) == OK)
                appended++;
        } else
            (void)usleep(200);
        while (journal_read(c, &got, &fault) == OK) {
            w->r = got;
            do_read(w);
            seen++;
            if (seen % IN_FLIGHT == 0)
                must(journal_commit(c, got.id, &fault), &fault);
        }
    }
    printf("%-40s %8.2f M samples per CPU second\n", "  snappy, check, journal and read", (double)seen * SERIES / (cpu_s() - from) / 1e6);
    journal_consumer_close(c);
    journal_close(j);
}

int main(int argc, char **argv)
{
    double seconds = argc > 1 ? atof(argv[1]) : 1;
    for (enum remote_version version = REMOTE_V1; version <= REMOTE_V2; version++) {
        struct page  p;
        struct fault fault;
        struct work  w = { .r = { .id = 1, .received_us = 1, .kind = RECORD_REMOTE_WRITE, .form = version == REMOTE_V1 ? FORM_PROTOBUF : FORM_PROTOBUF_2 } };
        size_t       used;
        page_make(&p, version);
        w.r.body = remote_write_take(&p.w);
        char *packed = malloc(snappy_block_bound(w.r.body.n));
        w.room = w.r.body.n;
        w.to = malloc(w.room);
        if (!packed || !w.to)
            return 2;
        must(snappy_block_write(w.r.body, packed, snappy_block_bound(w.r.body.n), &used, &fault), &fault);
        w.packed = (struct slice){ packed, used };
        arena_init(&w.a, 64 << 20);
        printf("remote write %d.0: %zu series, %zu bytes, %zu with snappy\n", (int)version, (size_t)SERIES, w.r.body.n, used);
        measure("  snappy", seconds, do_unpack, &w);
        measure("  check", seconds, do_check, &w);
        measure("  read", seconds, do_read, &w);
        measure("  snappy, check and read", seconds, do_receive_and_read, &w);
        measure("  read and flatten", seconds, do_flatten, &w);
        if (argc > 2) {
            const struct record kept = w.r;
            through_journal(&w, argv[2], seconds);
            w.r = kept;
        }
        if (version == REMOTE_V2) {
            w.r = (struct record){ .id = 1, .received_us = 1, .kind = RECORD_EXPOSITION, .form = FORM_TEXT, .body = { p.text.s, p.text.used },
                                   .labels = { "job\0node\0instance\0node-17:9100", 31 } };
            printf("exposition: %zu bytes\n", p.text.used);
            measure("  parse", seconds, do_parse, &w);
            measure("  read", seconds, do_read, &w);
        }
        arena_done(&w.a);
        remote_write_done(&p.w);
        text_done(&p.text);
        free(packed);
        free(w.to);
    }
    return 0;
}
