/* ship/pump.c - see pump.h. What happens at the start (cursors of former names, letters of before a crash) is in begin.c. */
#include "ship/pump.h"

#include "base/log.h"
#include "base/rand.h"
#include "base/utf8.h"
#include "ship/begin.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    HALVES_MAX   = 40,                        /* a load of LOAD_EVENTS_MAX can be halved 23 times */
    READS_MAX    = 256,                       /* records in a step, so that a step is short */
    LEARNT_AFTER = 64,                        /* batches that went well before larger ones are tried again */
    LATE_MOST    = 3                          /* times in a row that the other side took too long over a batch, before it is halved */
};
#define IDLE_US        (1 * US_PER_S)
#define LOOK_US        (5 * US_PER_S)         /* for requests of replay */
#define COMMIT_US      (1 * US_PER_S)         /* of what was only passed by */
#define RETRY_AFTER_US (600 * US_PER_S)       /* more is not believed */
#define SAY_US         (60 * US_PER_S)        /* dead letters are told of this often at most */

enum letter { NO_LETTER, LETTER_EVENT, LETTER_COUNT };

struct pump {
    struct pump_options      o;
    const struct sink_conf  *conf;
    struct journal_consumer *consumer;
    struct route            *route;
    struct sieve             sieve, replay_sieve;
    struct rand              rand;
    struct load              load;
    uint64_t                 loads;           /* begun */

    bool          sending;                    /* the load is sent; else it is being filled */
    bool          replaying;                  /* it holds dead letters */
    size_t        at, end;                    /* [at, end) of the load is the batch in hand; empty: choose one */
    size_t        later[HALVES_MAX], later_n; /* ends of the halves that wait, the nearest last */
    size_t        most;                       /* events in a batch, as learnt from TOO_LARGE; 0: as configured */
    unsigned      went_well, late;            /* late: times in a row */
    int64_t       first_us;                   /* mono: when the load got its first event */

    enum letter   letter;                     /* to be written before anything else goes on */
    uint64_t      letter_count;
    char          letter_why[DEAD_WHY_MAX + 1];

    uint64_t      passed, committed;          /* ids */
    uint64_t      again;                      /* id to read once more, because it found no room; 0: none */
    int64_t       committed_us, idle_us, looked_us, retry_us, said_us;      /* mono; retry_us 0: does not wait */
    unsigned      attempts;
    double        tokens;
    int64_t       tokens_us;
    struct dead_replay replay;
    bool          replay_told;                /* what is asked for cannot be read */
    atomic_bool   look;

    pthread_mutex_t   lock;                   /* of shared */
    struct ship_stats s, shared;
};

static int64_t mono(const struct pump *p) { return clock_mono_us(p->o.clock); }
static int64_t wall(const struct pump *p) { return clock_wall_us(p->o.clock); }

static void share(struct pump *p)
{
    p->s.waiting = p->load.count - (p->load.count < p->at ? p->load.count : p->at);
    p->s.attempts = p->attempts;
    p->s.retry_at_us = p->retry_us ? wall(p) + (p->retry_us - mono(p)) : 0;
    (void)pthread_mutex_lock(&p->lock);
    p->shared = p->s;
    (void)pthread_mutex_unlock(&p->lock);
}

static void moved(struct pump *p)
{
    if (p->attempts)
        log_info("sink works again", F("sink", p->conf->name), F("attempts", p->attempts));
    p->attempts = 0;
    p->retry_us = 0;
    p->s.last_error[0] = '\0';
    p->s.progress_us = wall(p);
    p->s.moved_us = mono(p);
}

/* ---- waiting ---- */

static struct pump_next go_on(void)             { return (struct pump_next){ PUMP_GO_ON, 0 }; }
static struct pump_next sleep_for(int64_t us)   { return (struct pump_next){ PUMP_TIME, us }; }

/* A pause that doubles, of which chance takes up to a half, so that many do not come back at once; or longer when they asked for it. */
static struct pump_next not_now(struct pump *p, const char *why, int64_t asked_us)
{
    int64_t pause = p->conf->retry_first_us;
    for (unsigned i = 0; i < p->attempts && pause < p->conf->retry_most_us; i++)
        pause *= 2;
    if (pause > p->conf->retry_most_us)
        pause = p->conf->retry_most_us;
    pause -= (int64_t)((double)pause * 0.5 * rand_unit(&p->rand));
    if (asked_us > RETRY_AFTER_US)
        asked_us = RETRY_AFTER_US;
    if (pause < asked_us)
        pause = asked_us;
    if (p->attempts++ == 0)
        log_warn("sink has to wait", F("sink", p->conf->name), F("why", why));
    p->retry_us = mono(p) + pause;
    (void)snprintf(p->s.last_error, sizeof p->s.last_error, "%s", why);
    utf8_clean(p->s.last_error, '?');         /* words of the other side, perhaps cut; they are told in JSON */
    p->s.last_error_us = wall(p);
    return sleep_for(pause);
}

/* ---- dead letters ---- */

static void say_dead(struct pump *p)
{
    int64_t now = mono(p);
    if (p->said_us && now - p->said_us < SAY_US)
        return;
    p->said_us = now;
    log_warn("sink refuses events for good", F("sink", p->conf->name), F("why", p->letter_why), F("dead", (int64_t)p->s.dead));
}

static void next_piece(struct pump *p)
{
    p->at = p->end;
    if (p->later_n)
        p->end = p->later[--p->later_n];
}

static enum err write_letter(struct pump *p, struct fault *fault)
{
    const struct entry *x = &p->load.entry[p->at];
    struct dead_note    n = { .sink = p->conf->name, .why = p->letter_why, .of = x->of };
    if (p->letter == LETTER_COUNT)
        return dead_add_count(p->o.dead, &n, x->record->id, p->letter_count, fault);
    return p->load.event[p->at] ? dead_add_event(p->o.dead, &n, p->load.event[p->at], fault) : dead_add_record(p->o.dead, &n, x->record, fault);
}

static struct pump_next letter_step(struct pump *p)
{
    struct fault why = { 0 };
    if (write_letter(p, &why) != OK)
        return not_now(p, why.text, 0);
    p->s.dead += p->letter == LETTER_COUNT ? p->letter_count : p->load.event[p->at] ? 1 : p->load.entry[p->at].record->events;
    say_dead(p);
    p->letter = NO_LETTER;
    next_piece(p);
    moved(p);
    return go_on();
}

static struct pump_next bury(struct pump *p, enum letter letter, uint64_t count, const char *why)
{
    p->letter = letter;
    p->letter_count = count;
    (void)snprintf(p->letter_why, sizeof p->letter_why, "%s", *why ? why : "refused without a reason");
    utf8_clean(p->letter_why, '?');
    return letter_step(p);
}

/* ---- sending ---- */

/* Pieces of about the same size, none above the limits. */
static void choose(struct pump *p)
{
    size_t most = (size_t)p->conf->batch_events, left = 0, bytes = 0;
    if (p->most && p->most < most)
        most = p->most;
    if (p->conf->rate > 0 && p->conf->rate < (double)most)
        most = p->conf->rate < 1 ? 1 : (size_t)p->conf->rate;
    while (p->at + left < p->load.count && p->load.event[p->at + left])
        left++;
    size_t pieces = (left + most - 1) / most, n = pieces ? (left + pieces - 1) / pieces : 1;
    p->end = p->at;
    while (p->end < p->at + n && (p->end == p->at || bytes + p->load.entry[p->end].bytes <= (size_t)p->conf->batch_bytes))
        bytes += p->load.entry[p->end++].bytes;
    p->later_n = 0;
}

static struct pump_next halve(struct pump *p, bool too_large, const struct sent_answer *a)
{
    size_t n = p->end - p->at;
    if (n == 1)
        return bury(p, LETTER_EVENT, 1, *a->why ? a->why : too_large ? "too large for the other side" : "");
    if (too_large) {
        p->most = n / 2;
        p->went_well = 0;
    }
    p->s.halved++;
    if (p->later_n < HALVES_MAX)
        p->later[p->later_n++] = p->end;
    p->end = p->at + n / 2;
    return go_on();
}

static struct pump_next went_well(struct pump *p, const struct batch *b, const struct sent_answer *a)
{
    p->late = 0;
    p->s.batches++;
    p->s.sent += b->count;
    p->s.bytes += b->bytes;
    if (p->replaying)
        p->s.replayed += b->count;
    if (p->most && ++p->went_well >= LEARNT_AFTER) {
        p->most = p->most * 2 < (size_t)p->conf->batch_events ? p->most * 2 : 0;
        p->went_well = 0;
    }
    if (a->refused) {
        p->s.sent -= a->refused < b->count ? a->refused : b->count;
        return bury(p, LETTER_COUNT, a->refused, a->why);
    }
    next_piece(p);
    moved(p);
    return go_on();
}

/* 0: there is a token. Else how long until there is one. */
static int64_t rate_wait(struct pump *p)
{
    double  rate = p->conf->rate, most = rate < 1 ? 1 : rate;
    int64_t now = mono(p);
    if (rate <= 0)
        return 0;
    p->tokens += (double)(now - p->tokens_us) * rate / 1e6;
    p->tokens_us = now;
    if (p->tokens > most)
        p->tokens = most;
    return p->tokens >= 1 ? 0 : (int64_t)((1 - p->tokens) / rate * 1e6) + 1;
}

/* From here on, and for a while. */
static void be_smaller(struct pump *p, size_t most)
{
    p->most = most;
    p->went_well = p->late = 0;
    p->s.halved++;
    p->later_n = 0;
    p->end = p->at;                           /* choose again */
}

static struct pump_next send_step(struct pump *p)
{
    if (p->at == p->end) {
        if (!p->load.event[p->at]) {
            p->end = p->at + 1;
            return bury(p, LETTER_EVENT, 1, p->load.entry[p->at].why ? p->load.entry[p->at].why : "the record cannot be read");
        }
        choose(p);
    }
    int64_t wait = rate_wait(p);
    if (wait)
        return sleep_for(wait);
    struct batch       b = { .event = p->load.event + p->at, .count = p->end - p->at, .load = p->loads, .at = p->at, .again = p->replaying };
    struct sent_answer a = { 0 };
    for (size_t i = p->at; i < p->end; i++)
        b.bytes += p->load.entry[i].bytes;
    p->tokens -= p->conf->rate > 0 ? (double)b.count : 0;      /* also of attempts in vain: it is the other side that is to be spared */
    switch (p->o.kind->send(p->o.self, &b, &a)) {
    case SENT_ALL:       return went_well(p, &b, &a);
    case SENT_REFUSED:   return halve(p, false, &a);
    case SENT_TOO_LARGE: return halve(p, true, &a);
    case SENT_LATER:     break;
    }
    p->s.retries++;
    p->late = a.timed_out ? p->late + 1 : 0;
    if (p->late >= LATE_MOST && b.count > 1)
        be_smaller(p, b.count / 2);
    return not_now(p, *a.why ? a.why : "not now", a.retry_after_us);
}

/* ---- the end of a load ---- */

static enum err commit(struct pump *p, uint64_t id, struct fault *fault)
{
    if (id <= p->committed)
        return OK;
    enum err e = journal_commit(p->consumer, id, fault);
    if (e != OK)
        return e;
    p->committed = id;
    p->committed_us = mono(p);
    if (p->sieve.seen_n && p->sieve.seen[p->sieve.seen_n - 1].at.record <= id)
        p->sieve.seen_n = 0;
    return OK;
}

static void begin_load(struct pump *p)
{
    load_reset(&p->load);
    p->loads++;
    p->sending = p->replaying = false;
    p->at = p->end = p->later_n = 0;
}

static void be_idle(struct pump *p)
{
    if (!p->o.kind->idle || mono(p) - p->idle_us < IDLE_US)
        return;
    p->idle_us = mono(p);
    p->o.kind->idle(p->o.self, p->idle_us);
}

static struct pump_next end_load(struct pump *p)
{
    struct fault why = { 0 };
    enum err     e = p->replaying ? begin_replay_done(p->o.dead, p->conf, p->load.last, &why) : commit(p, p->load.last, &why);
    if (e != OK)
        return not_now(p, why.text, 0);
    if (p->replaying)
        p->replay.done = p->load.last;
    else
        p->passed = p->load.last;
    begin_load(p);
    moved(p);
    be_idle(p);
    return go_on();
}

/* ---- filling ---- */

static void note(struct pump *p, const struct load_counts *c)
{
    if (c->unfit && !p->s.unfit)
        log_warn("a sink leaves out what it cannot hold; it is counted", F("sink", p->conf->name), F("why", p->o.kind->lacks));
    p->s.unfit += c->unfit;
    p->s.skipped += c->skipped + (p->o.kind->rest ? c->dropped : 0);     /* its rule is no choice to drop */
    p->s.dropped += p->o.kind->rest ? 0 : c->dropped;
    p->s.unparsed += c->unparsed;
    p->s.rejected += c->rejected;
    p->s.undecodable += c->undecodable;
}

static bool is_full(const struct pump *p)
{
    return p->load.count >= (size_t)p->conf->batch_events || p->load.bytes >= (size_t)p->conf->batch_bytes;
}

/* Letters up to what was asked for, a load of them. False: there are none. */
static bool fill_from_dead(struct pump *p, struct fault *fault, enum err *e)
{
    *e = OK;
    if (p->replay.done >= p->replay.until)
        return false;
    uint64_t           from = p->replay.done + 1;
    struct dead_letter l CLEANUP(dead_letter_done) = { 0 };
    while (*e == OK && !is_full(p) && from <= p->replay.until) {
        struct load_counts c = { 0 };
        if ((*e = dead_next(p->o.dead, from, &l, fault)) == ERR_MISSING || (*e == OK && l.id > p->replay.until)) {
            p->load.last = p->replay.until;
            *e = OK;
            break;
        }
        struct place at = { l.record, l.whole ? LOAD_WHOLE : l.index };
        if (*e == OK && begin_is_ours(p->conf, l.sink) && l.known && !begin_was_seen(&p->replay_sieve, l.id))
            *e = load_add(&p->load, &l.content, &p->replay_sieve, &at, l.id, &c, fault);
        if (*e == ERR_LIMIT) {                /* the load is full; go on from here next time */
            *e = OK;
            break;
        }
        if (*e == OK) {
            note(p, &c);
            p->load.last = l.id;
            from = l.id + 1;
        }
    }
    if (p->load.last <= p->replay.done)
        return false;
    *e = OK;                                  /* if it went wrong on the way: what was read goes first */
    return p->replaying = p->sending = true;
}

static bool look_for_replay(struct pump *p)
{
    struct fault why = { 0 };
    if (!atomic_exchange(&p->look, false) && p->replay.done >= p->replay.until && mono(p) - p->looked_us < LOOK_US)
        return p->replay.done < p->replay.until;
    struct dead_replay r;
    p->looked_us = mono(p);
    if (p->replay.done < p->replay.until)
        return true;
    bool unreadable = begin_replay_read(p->o.dead, p->conf, &r, &why) != OK, news = unreadable && !p->replay_told;
    p->replay_told = unreadable;
    if (news)
        log_fault(LOG_WARN, "whether dead letters of a sink are to be sent again cannot be read, so none are", &why);
    if (unreadable || r.done >= r.until)
        return false;
    if (begin_seen_letters(p->o.dead, p->conf, r.done, &p->replay_sieve, &why) != OK) {
        log_fault(LOG_WARN, "dead letters cannot be sent again", &why);
        return false;
    }
    p->replay = r;
    return true;
}

/* Nothing new in the journal. */
static struct pump_next nothing_new(struct pump *p)
{
    int64_t now = mono(p);
    if (p->load.count) {
        int64_t left = p->first_us + p->conf->batch_delay_us - now;
        p->sending = left <= 0;
        return p->sending ? go_on() : (struct pump_next){ PUMP_JOURNAL, left };
    }
    struct fault why = { 0 };
    int64_t      wait = LOOK_US;
    if (p->passed > p->committed) {           /* only passed by: not worth a write each time */
        int64_t left = p->committed_us + COMMIT_US - now;
        if (left <= 0 && commit(p, p->passed, &why) != OK)
            return not_now(p, why.text, 0);
        if (left > 0)
            wait = left;
        else
            moved(p);
    }
    p->s.moved_us = now;                      /* nothing waits */
    be_idle(p);
    if (p->o.kind->idle && wait > IDLE_US)
        wait = IDLE_US;
    return (struct pump_next){ PUMP_JOURNAL, wait };
}

/* What is in the load will be sent before anything else is read. */
static struct pump_next full_step(struct pump *p)
{
    p->sending = true;
    return go_on();
}

static struct pump_next fill_step(struct pump *p)
{
    struct fault why = { 0 };
    enum err     e = OK;
    if (p->load.count == 0 && look_for_replay(p) && fill_from_dead(p, &why, &e))
        return go_on();
    if (e == OK && p->again && (e = journal_seek(p->consumer, p->again, false, &why)) == OK)
        p->again = 0;
    if (e != OK)
        return not_now(p, why.text, 0);
    for (int i = 0; i < READS_MAX && !is_full(p); i++) {
        struct record      r;
        struct load_counts c = { 0 };
        if ((e = journal_read(p->consumer, &r, &why)) == ERR_MISSING)
            return nothing_new(p);
        if (e != OK)
            return not_now(p, why.text, 0);
        if ((e = load_add(&p->load, &r, &p->sieve, NULL, 0, &c, &why)) != OK)
            p->again = r.id;
        if (e == ERR_LIMIT)
            return full_step(p);
        if (e != OK)
            return not_now(p, why.text, 0);
        note(p, &c);
        p->passed = r.id;
        if (p->load.count && !p->first_us)
            p->first_us = mono(p);
    }
    if (is_full(p))
        return full_step(p);
    if (!p->load.count)
        p->s.moved_us = mono(p);              /* it reads what is not for it */
    if (!p->load.count && mono(p) - p->committed_us >= COMMIT_US && commit(p, p->passed, &why) != OK)
        return not_now(p, why.text, 0);
    return go_on();
}

struct pump_next pump_step(struct pump *p)
{
    struct pump_next n;
    int64_t          now = mono(p);
    if (p->conf->paused)
        n = sleep_for(-1);
    else if (p->retry_us > now)
        n = sleep_for(p->retry_us - now);
    else if (p->letter != NO_LETTER)
        n = letter_step(p);
    else if (!p->sending)
        n = fill_step(p);
    else if (p->at < p->load.count)
        n = send_step(p);
    else
        n = end_load(p);
    if (!p->load.count)
        p->first_us = 0;
    share(p);
    return n;
}

/* ---- open, close ---- */

enum err pump_open(const struct pump_options *o, struct pump **out, struct fault *fault)
{
    *out = NULL;
    struct pump *p = calloc(1, sizeof *p);
    if (!p) {
        o->kind->close(o->self);
        return fail(fault, ERR_LIMIT, "no memory for sink %s", o->conf->name);
    }
    p->o = *o;
    p->conf = o->conf;
    (void)pthread_mutex_init(&p->lock, NULL);
    load_init(&p->load);
    p->loads = 1;
    rand_seed(&p->rand, o->seed);
    atomic_init(&p->look, true);
    p->tokens_us = p->committed_us = p->idle_us = mono(p);
    p->tokens = 1;
    p->s.progress_us = wall(p);
    p->s.moved_us = mono(p);
    p->s.paused = o->conf->paused;
    (void)snprintf(p->s.kind, sizeof p->s.kind, "%s", o->kind->name);
    enum err e = route_new(o->conf->match.item, o->conf->match.count, &p->route, fault);
    if (e == OK)
        e = begin_consumer(o->journal, o->dead, o->conf, &p->consumer, &p->committed, fault);
    p->sieve = (struct sieve){ .types = begin_types(o->conf, o->kind), .holds = o->kind->holds, .route = p->route, .rule = o->rule, .rule_ctx = o->rule_ctx, .resume = o->resume, .readable = o->kind->rest };
    p->replay_sieve = (struct sieve){ .types = o->kind->rest ? o->kind->takes : p->sieve.types, .holds = o->kind->holds, .route = p->route, .rule = o->rule, .rule_ctx = o->rule_ctx };
    if (e == OK)
        e = begin_seen_events(o->dead, o->conf, p->committed, &p->sieve, fault);
    p->passed = p->committed;
    if (e != OK) {
        pump_abandon(p);
        return e;
    }
    share(p);
    *out = p;
    return OK;
}

void pump_abandon(struct pump *p)
{
    if (!p)
        return;
    p->o.kind->close(p->o.self);
    journal_consumer_close(p->consumer);
    route_free(p->route);
    free(p->sieve.seen);
    free(p->replay_sieve.seen);
    load_done(&p->load);
    (void)pthread_mutex_destroy(&p->lock);
    free(p);
}

void pump_close(struct pump *p, struct place *resume)
{
    struct fault why = { 0 };
    uint64_t     done = p->passed;
    struct place next = { done + 1, 0 };
    if (p->replaying) {                       /* the letters come again as far as they were not noted */
        const struct entry *x = p->at < p->load.count ? &p->load.entry[p->at] : NULL;
        uint64_t            letter = x ? x->of - 1 : p->load.last;
        if (letter > p->replay.done && begin_replay_done(p->o.dead, p->conf, letter, &why) != OK)
            log_fault(LOG_WARN, "how far dead letters were sent again could not be noted", &why);
    } else if (p->load.count && p->at < p->load.count) {
        const struct event *e = p->load.event[p->at];
        uint64_t            id = p->load.entry[p->at].record->id;
        next = (struct place){ id, e ? e->index : (uint32_t)LOAD_WHOLE };
        done = id - 1;
    }
    if (place_order(next, p->o.resume) < 0)   /* it had not come so far as the one before it */
        next = p->o.resume;
    if (commit(p, done, &why) != OK)
        log_fault(LOG_WARN, "how far a sink came could not be noted; some events will come again", &why);
    if (resume)
        *resume = next;
    pump_abandon(p);
}

struct journal_consumer *pump_consumer(struct pump *p) { return p->consumer; }
void pump_look(struct pump *p) { atomic_store(&p->look, true); }

void pump_cancel(struct pump *p)
{
    if (p->o.kind->cancel)
        p->o.kind->cancel(p->o.self);
}

void pump_stats(struct pump *p, struct ship_stats *s)
{
    (void)pthread_mutex_lock(&p->lock);
    *s = p->shared;
    (void)pthread_mutex_unlock(&p->lock);
}
