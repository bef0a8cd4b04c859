/* scrape/work.c - one target: it is asked, it answers or not, and what is to be kept goes into the journal. */
#include "scrape/inside.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- into the journal ---- */

static void when_durable(void *ctx, uint64_t id, enum err result)
{
    struct scrape *s = ctx;
    if (result != OK)
        atomic_fetch_add(&s->undurable, 1);
    atomic_fetch_sub(&s->in_flight, 1);
}

static enum err append(struct scrape *s, const struct record *r, struct fault *fault)
{
    atomic_fetch_add(&s->in_flight, 1);
    enum err e = journal_append(s->journal, r, when_durable, s, fault);
    if (e != OK)
        atomic_fetch_sub(&s->in_flight, 1);
    return e;
}

static void lose(struct scrape *s, bool scraped) { ++*(scraped ? &s->stats.lost : &s->stats.reports_lost); }

static struct slice put(char **to, struct slice from)
{
    struct slice s = { *to, from.n };
    if (from.n)
        memcpy(*to, from.s, from.n);
    *to += from.n;
    return s;
}

/* once: a scrape, which is tried one more time; else until there is room. */
static void keep_waiting(struct scrape *s, const struct record *r, bool once)
{
    size_t          n = r->tenant.n + r->source.n + r->labels.n + r->body.n;
    struct waiting *w = n <= WAITING_BYTES_MAX - s->waiting_bytes ? malloc(sizeof *w + n) : NULL;
    if (!w) {
        lose(s, once);
        return;
    }
    char *to = w->data;
    w->next = NULL;
    w->r = *r;
    w->once = once;
    w->bytes = n;
    w->r.tenant = put(&to, r->tenant);
    w->r.source = put(&to, r->source);
    w->r.labels = put(&to, r->labels);
    w->r.body = put(&to, r->body);
    if (!s->first)
        s->again_us = clock_mono_us(s->clock) + TRY_AGAIN_US;
    *s->last = w;
    s->last = &w->next;
    s->waiting_bytes += n;
}

/* The faults of a record that the journal will never take are the target's. */
static void send(struct scrape *s, struct live *l, const struct record *r, bool once)
{
    struct fault fault = { 0 };
    enum err     e = s->first && !once ? ERR_BUSY : append(s, r, &fault);      /* reports keep their order */
    if (e == ERR_BUSY)
        keep_waiting(s, r, once);
    else if (e != OK) {
        lose(s, once);
        (void)snprintf(l->error, sizeof l->error, "%.230s", fault.text);
    }
}

void work_again(struct scrape *s)
{
    struct waiting **at = &s->first;
    struct fault     fault;
    bool             full = false;
    while (*at) {
        struct waiting *w = *at;
        enum err        e = full && !w->once ? ERR_BUSY : append(s, &w->r, &fault);
        if (e == ERR_BUSY && !w->once) {
            full = true;
            at = &w->next;
            continue;
        }
        if (e != OK)
            lose(s, w->once);
        *at = w->next;
        s->waiting_bytes -= w->bytes;
        free(w);
    }
    s->last = at;
    s->again_us = clock_mono_us(s->clock) + TRY_AGAIN_US;
}

/* ---- records ---- */

static struct record record_of(struct live *l, char *source, size_t size)
{
    (void)snprintf(source, size, "scrape:%s", l->job->name);
    return (struct record){ .received_us = l->begun_wall_us / US_PER_MS * US_PER_MS, .tenant = slice_of(l->job->tenant), .source = slice_of(source) };
}

static struct slice labels_of(struct scrape *s, struct live *l)
{
    static const char honor[] = "__honor_labels__\0" "1";
    size_t            n = sizeof honor;
    for (size_t i = 0; i < l->t.labels; i++)
        n += l->t.label[i].name.n + l->t.label[i].value.n + 2;
    char *all = arena_alloc(&s->turn.arena, n), *to = all;
    if (!all)
        return SLICE("");
    for (size_t i = 0; i < l->t.labels; i++) {
        (void)put(&to, l->t.label[i].name);
        *to++ = '\0';
        (void)put(&to, l->t.label[i].value);
        *to++ = '\0';
    }
    if (l->job->honor_labels)
        (void)put(&to, (struct slice){ honor, sizeof honor });
    return (struct slice){ all, (size_t)(to - all) };
}

/* What is written of an answer, or of a report. */
static void send_part(void *ctx, struct turn *t, struct remote_writer *w)
{
    struct scrape *s = ctx;
    char           source[RECORD_SOURCE_MAX + 1];
    struct record  r = record_of(s->at, source, sizeof source);
    bool           once = w == &t->data;
    r.kind = RECORD_REMOTE_WRITE;
    r.form = w->version == REMOTE_V2 ? FORM_PROTOBUF_2 : FORM_PROTOBUF;
    r.events = (uint32_t)w->samples_n;
    r.body = remote_write_take(w);
    if (r.body.n)
        send(s, s->at, &r, once);
    else                                        /* more than a record holds */
        lose(s, once);
}

static void send_answer(struct scrape *s, struct live *l, enum exposition_form form, struct slice body)
{
    char          source[RECORD_SOURCE_MAX + 1];
    struct record r = record_of(l, source, sizeof source);
    if (s->turn.kept == 0)
        return;
    if (s->turn.rewritten) {
        send_part(s, &s->turn, &s->turn.data);
        return;
    }
    r.kind = RECORD_EXPOSITION;
    r.form = form == EXPOSITION_OPENMETRICS ? FORM_OPENMETRICS : FORM_TEXT;
    r.events = (uint32_t)s->turn.kept;
    r.labels = labels_of(s, l);
    r.body = body;
    if (r.labels.n)
        send(s, l, &r, true);
    else                                        /* every target has job and instance, so there was no memory */
        lose(s, true);
}

/* ---- a scrape ---- */

static struct turn_ask ask_of(struct scrape *s, struct live *l)
{
    uint64_t others = s->series - series_set_count(l->set);
    uint64_t most = (uint64_t)s->jobs->limits->series_max;
    s->at = l;
    return (struct turn_ask){ .job = l->job, .label = l->t.label, .labels = l->t.labels, .rules = l->t.job < s->jobs->n ? s->jobs->of_series[l->t.job] : NULL,
        .time_ms = l->begun_wall_us / US_PER_MS, .series_max = others < most ? (size_t)(most - others) : 0, .part = send_part, .ctx = s };
}

static void count(struct scrape *s)
{
    s->stats.samples += s->turn.kept;
    s->stats.added += s->turn.added;
    s->stats.dropped += s->turn.dropped;
    s->stats.doubles += s->turn.doubles;
    s->stats.cut += s->turn.cut;
    s->stats.ended += s->turn.ended;
}

static void next_time(struct scrape *s, struct live *l)
{
    int64_t now_us = clock_mono_us(s->clock);
    l->running = false;
    l->due_us = target_due_us(&l->t, l->due_us);
    if (l->due_us <= now_us) {
        s->stats.late++;
        l->due_us = target_due_us(&l->t, now_us);
    }
    due_push(s, l);
}

static void finish(struct scrape *s, struct live *l, bool up, int64_t took_us)
{
    struct turn_ask ask = ask_of(s, l);
    turn_report(&s->turn, &ask, up, (double)took_us / 1e6);
    s->stats.scrapes++;
    s->stats.failures += !up;
    l->asked++;
    l->failed += !up;
    l->up = up;
    l->took_us = took_us;
    l->samples = (int64_t)s->turn.scraped;
    count(s);
    send_part(s, &s->turn, &s->turn.report);
    next_time(s, l);
}

static void miss(struct scrape *s, struct live *l, const char *why, int64_t took_us)
{
    struct turn_ask ask = ask_of(s, l);
    s->series -= series_set_count(l->set);
    turn_miss(&s->turn, &ask, l->set, false);
    (void)snprintf(l->error, sizeof l->error, "%s", why);
    finish(s, l, false, took_us);
}

void work_begin(struct scrape *s, struct live *l)
{
    struct fault     fault = { 0 };
    struct fetch_ask ask = { .url = l->t.url, .job = l->job, .timeout_us = l->t.timeout_us, .ctx = l };
    l->begun_us = clock_mono_us(s->clock);
    l->begun_wall_us = clock_wall_us(s->clock);
    enum err e = fetch_start(s->fetches, &ask, &fault);
    if (e == OK)
        l->running = true;
    else
        miss(s, l, fault.text, 0);
}

void work_end(struct scrape *s, struct live *l, const struct fetch_done *d)
{
    struct fault    fault = { 0 };
    struct turn_ask ask = ask_of(s, l);
    if (!d->fine) {
        miss(s, l, d->why, d->took_us);
        return;
    }
    enum exposition_form form = exposition_form_of(d->type);
    s->stats.bytes += d->body.n;
    s->series -= series_set_count(l->set);
    l->error[0] = '\0';                         /* a part that the journal does not take says so */
    enum err e = turn_take(&s->turn, &ask, l->set, form, d->body, &fault);
    s->series += series_set_count(l->set);
    if (e == OK)
        send_answer(s, l, form, d->body);
    else
        (void)snprintf(l->error, sizeof l->error, "%.239s", fault.text);
    finish(s, l, e == OK, d->took_us);
}

void work_gone(struct scrape *s, struct live *l)
{
    if (l->running)
        fetch_forget(s->fetches, l);
    if (!l->asked)                           /* nothing was ever said of it */
        return;
    l->begun_wall_us = clock_wall_us(s->clock);
    struct turn_ask ask = ask_of(s, l);
    s->series -= series_set_count(l->set);
    turn_miss(&s->turn, &ask, l->set, true);
    count(s);
    send_part(s, &s->turn, &s->turn.report);
}
