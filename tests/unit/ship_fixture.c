/* tests/unit/ship_fixture.c - see ship_fixture.h. */
#include "ship_fixture.h"

#include "base/log.h"
#include "event/encode.h"
#include "ship/folder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct fault fault;

/* ---- the sink that does as it is told ---- */

int number_of(const struct event *e)
{
    char text[16];
    if (e->type == EVENT_POINT)
        return (int)e->as.point.value;
    (void)snprintf(text, sizeof text, "%.*s", (int)e->as.log.body.as.text.n, e->as.log.body.as.text.s);
    return atoi(text);
}

bool poisoned(const struct told *t, int number)
{
    for (size_t i = 0; i < t->poisons; i++)
        if (t->poison[i] == number)
            return true;
    return false;
}

static enum err told_open(const struct sink_conf *conf, void **self, struct fault *f)
{
    struct told *t = (struct told *)strtoul(conf->url, NULL, 10);      /* the only way in that the settings leave */
    (void)pthread_mutex_lock(&t->lock);
    bool fails = t->open_fails;
    t->opens += !fails;
    (void)pthread_mutex_unlock(&t->lock);
    *self = t;
    return fails ? fail(f, ERR_INPUT, "told not to open") : OK;
}

static enum sent answer(struct told *t, const struct batch *b, struct sent_answer *a)
{
    t->sends++;
    if (t->later) {
        t->later -= t->later > 0;
        a->retry_after_us = t->retry_after_us;
        a->timed_out = t->late;
        (void)snprintf(a->why, sizeof a->why, "%s", t->says ? t->says : "told to wait");
        return SENT_LATER;
    }
    if (t->none || (t->most && b->count > (size_t)t->most))
        return SENT_TOO_LARGE;
    for (size_t i = 0; i < b->count; i++)
        if (poisoned(t, number_of(b->event[i]))) {
            (void)snprintf(a->why, sizeof a->why, "%s", t->says ? t->says : "poison in it");
            return SENT_REFUSED;
        }
    for (size_t i = 0; i < b->count && t->n < GOT_MAX; i++)
        t->got[t->n++] = number_of(b->event[i]);
    if (t->partial) {
        a->refused = (uint64_t)t->partial;
        (void)snprintf(a->why, sizeof a->why, "some were not wanted");
    }
    t->largest = (int)b->count > t->largest ? (int)b->count : t->largest;
    return SENT_ALL;
}

static enum sent told_send(void *self, const struct batch *b, struct sent_answer *a)
{
    struct told *t = self;
    (void)pthread_mutex_lock(&t->lock);
    enum sent s = answer(t, b, a);
    (void)pthread_mutex_unlock(&t->lock);
    return s;
}

static void told_close(void *self)
{
    struct told *t = self;
    (void)pthread_mutex_lock(&t->lock);
    t->closes++;
    (void)pthread_mutex_unlock(&t->lock);
}

/* Numbers that are this many are held by nobody; sieves have no context. */
static bool told_holds(const struct event *e) { return number_of(e) != UNFIT; }

const struct sink_kind kind_told = { .name = "told", .takes = 1u << EVENT_LOG | 1u << EVENT_POINT, .why = "for tests", .open = told_open, .send = told_send, .close = told_close,
    .holds = told_holds, .lacks = "that number" };

/* ---- the world ---- */

static void open_journals(struct world *w)
{
    struct journal_options o = journal_options_default(w->folder);
    o.segment_bytes = 1024 * 1024;
    o.size_max = 32 * o.segment_bytes;
    o.reserve_bytes = 0;
    o.commit_delay_us = 0;
    o.clock = &w->clock;
    assert_ok(journal_open(&o, &w->journal, &fault), &fault);
    assert_ok(dead_open(w->folder, 4 * 1024 * 1024, &w->clock, &w->dead, &fault), &fault);
}

static void sensible(struct world *w)
{
    static char url[32];
    (void)snprintf(url, sizeof url, "%lu", (unsigned long)&w->told);
    w->conf = (struct sink_conf){ .name = "s", .kind = "told", .path = SHIP_FOLDER_PATH, .batch_events = 10, .batch_bytes = 1024 * 1024, .batch_delay_us = 0, .timeout_us = US_PER_S, .retry_first_us = 100 * US_PER_MS,
        .retry_most_us = 10 * US_PER_S, .stuck_after_us = 60 * US_PER_S, .url = url, .user = "", .tls_ca = "", .tls_certificate = "", .folder = "", .database = "", .schema = "", .table = "",
        .bucket = "", .region = "", .prefix = "", .topic = "", .subject = "", .stream = "", .dsn = "", .origin = "", .token = { "", "", 0 }, .password = { "", "", 0 }, .tls_key = { "", "", 0 } };
}

void world_begin(struct world *w, bool real)
{
    memset(w, 0, sizeof *w);
    log_setup(LOG_LOGFMT, LOG_ERROR, NULL);
    (void)pthread_mutex_init(&w->told.lock, NULL);
    (void)snprintf(w->folder, sizeof w->folder, "/tmp/ship-XXXXXX");
    assert_non_null(mkdtemp(w->folder));
    w->manual = (struct clock_manual){ .wall_us = INT64_C(1700000000000000), .mono_us = 1000000 };
    w->clock = real ? clock_real : clock_manual_of(&w->manual);
    open_journals(w);
    sensible(w);
}

static void close_journals(struct world *w)
{
    dead_close(w->dead);
    journal_close(w->journal);
    w->dead = NULL;
    w->journal = NULL;
}

void world_end(struct world *w)
{
    char command[128];
    close_journals(w);
    (void)snprintf(command, sizeof command, "rm -rf %s", w->folder);
    assert_int_equal(system(command), 0);
    (void)pthread_mutex_destroy(&w->told.lock);
}

void world_reopen(struct world *w)
{
    close_journals(w);
    open_journals(w);
}

/* ---- records ---- */

uint64_t append_raw(struct world *w, enum record_kind kind, enum record_form form, struct slice body, uint32_t events)
{
    uint64_t      id = 0;
    struct record r = { .kind = kind, .form = form, .events = events, .source = SLICE("test"), .body = body };
    assert_ok(journal_append_wait(w->journal, &r, &id, &fault), &fault);
    return id;
}

uint64_t append_lines(struct world *w, int from, int to)
{
    struct text        body CLEANUP(text_done);
    struct event_lines l;
    struct attr        host = { SLICE("host.name"), { VALUE_TEXT, { .text = SLICE("h1") } } };
    text_init(&body, 16 * 1024 * 1024);
    event_lines_begin(&l, &body, &(struct attrs){ &host, 1 }, SLICE(""));
    for (int i = from; i <= to; i++) {
        char             text[16];
        struct log_event log = { .time_ns = 1 + i, .severity = i % 24 + 1 };
        struct attr      parity = { SLICE("parity"), { VALUE_TEXT, { .text = i % 2 ? SLICE("odd") : SLICE("even") } } };
        (void)snprintf(text, sizeof text, "%d", i);
        log.body = (struct value){ VALUE_TEXT, { .text = slice_of(text) } };
        event_lines_add(&l, &log, &(struct attrs){ &parity, 1 });
    }
    assert_ok(event_lines_end(&l, &fault), &fault);
    return append_raw(w, RECORD_LINES, FORM_PROTOBUF, (struct slice){ body.s, body.used }, (uint32_t)(to - from + 1));
}

uint64_t append_point(struct world *w, const char *name, double value)
{
    struct text     body CLEANUP(text_done);
    struct resource none = { 0 };
    struct scope    scope = { 0 };
    struct event    e = { .type = EVENT_POINT, .resource = &none, .scope = &scope };
    const struct event *one = &e;
    e.as.point = (struct point_event){ .name = slice_of(name), .kind = POINT_GAUGE, .time_ns = 1000000, .value = value };
    text_init(&body, 4096);
    assert_ok(event_encode(&one, 1, &body, &fault), &fault);
    return append_raw(w, RECORD_OTLP_METRICS, FORM_PROTOBUF, (struct slice){ body.s, body.used }, 1);
}

/* ---- driving a pump ---- */

struct pump *pump_begin(struct world *w, const struct place *resume)
{
    void               *self = NULL;
    struct pump        *p = NULL;
    assert_ok(kind_told.open(&w->conf, &self, &fault), &fault);
    struct pump_options o = { .journal = w->journal, .dead = w->dead, .clock = &w->clock, .seed = 7, .conf = &w->conf, .kind = &kind_told, .self = self };
    if (resume)
        o.resume = *resume;
    assert_ok(pump_open(&o, &p, &fault), &fault);
    return p;
}

struct journal_progress progress_of(struct world *w, const char *cursor)
{
    struct journal_progress list[JOURNAL_CONSUMERS_MAX];
    size_t                  n = journal_progress(w->journal, list, JOURNAL_CONSUMERS_MAX);
    for (size_t i = 0; i < n; i++)
        if (strcmp(list[i].name, cursor) == 0)
            return list[i];
    return (struct journal_progress){ 0 };
}

static bool all_done(struct world *w, struct pump *p)
{
    char              cursor[80];
    struct ship_stats s;
    (void)snprintf(cursor, sizeof cursor, "sink:%s", w->conf.name);
    pump_stats(p, &s);
    return progress_of(w, cursor).behind == 0 && s.waiting == 0;
}

int drive(struct world *w, struct pump *p, int steps)
{
    for (int i = 1; i <= steps; i++) {
        struct pump_next n = pump_step(p);
        if (n.wait == PUMP_JOURNAL && all_done(w, p))
            return i;
        if (n.wait == PUMP_TIME && n.for_us < 0)
            return i;
        if (n.wait != PUMP_GO_ON) {
            w->manual.mono_us += n.for_us;
            w->manual.wall_us += n.for_us;
        }
    }
    return steps;
}

void assert_numbers(struct world *w, int from, int to)
{
    assert_int_equal(w->told.n, to - from + 1);
    for (int i = from; i <= to; i++)
        assert_int_equal(w->told.got[i - from], i);
}

struct reading { int number; };
static bool read_one(void *ctx, const struct event *e)
{
    ((struct reading *)ctx)->number = number_of(e);
    return true;
}

size_t letters_of(struct world *w, const char *sink, int *numbers, size_t max)
{
    struct dead_letter l CLEANUP(dead_letter_done) = { 0 };
    size_t             n = 0;
    for (uint64_t from = 1; dead_next(w->dead, from, &l, &fault) == OK; from = l.id + 1) {
        struct arena        a;
        struct reading      r = { -1 };
        struct event_report report = { 0 };
        if (strcmp(l.sink, sink) != 0 || n >= max)
            continue;
        arena_init(&a, 1 << 20);
        if (l.known && !l.whole)
            assert_ok(event_read(&l.content, &a, read_one, &r, &report, &fault), &fault);
        arena_done(&a);
        numbers[n++] = r.number;
    }
    return n;
}
