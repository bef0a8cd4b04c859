/*
 * ship/pump.h - one sink's work, step by step: a step reads, or sends one batch, or writes one dead letter, or commits; it never waits.
 *
 *     pump_open(&options, &p, fault);
 *     for (;;) { struct pump_next n = pump_step(p); ... wait as n says ... }
 *     pump_close(p, &resume);
 *
 * The thread around it is in worker.c; tests drive it with a clock of their own and let go of it at any step, as a crash would.
 *
 * Threads: one at a time, but for pump_stats() and pump_cancel().
 */
#ifndef SHIP_PUMP_H
#define SHIP_PUMP_H

#include "ship/load.h"
#include "ship/worker.h"

struct pump_options {
    struct journal         *journal;
    struct dead            *dead;
    const struct clock     *clock;
    uint64_t                seed;
    const struct sink_conf *conf;             /* lives until the pump is closed */
    const struct sink_kind *kind;
    void                   *self;             /* opened with conf; the pump's from now on, also when pump_open() fails */
    ship_rule              *rule;
    void                   *rule_ctx;
    struct place            resume;           /* what is before was sent by a pump of this process; {0, 0}: nothing is known */
};

struct pump;
/* Opens the cursor, taking over that of a former name. */
MUST_CHECK enum err pump_open(const struct pump_options *o, struct pump **p, struct fault *fault);
/* Commits what was dealt with; resume (may be NULL) gets the place to go on from. */
void                pump_close(struct pump *p, struct place *resume);
/* As a crash would: nothing is committed. For tests. */
void                pump_abandon(struct pump *p);

enum pump_wait { PUMP_GO_ON, PUMP_JOURNAL, PUMP_TIME };
struct pump_next {
    enum pump_wait wait;                      /* not at all; until the journal has something or it is time; until it is time, whatever the journal has */
    int64_t        for_us;                    /* < 0: until woken */
};
struct pump_next pump_step(struct pump *p);
/* What PUMP_JOURNAL waits on: journal_wait(), and journal_wake() from another thread. */
struct journal_consumer *pump_consumer(struct pump *p);
/* A replay was asked for: look soon. Any thread. */
void                pump_look(struct pump *p);
/* A send() that runs shall end soon. Any thread; close the pump afterwards. */
void                pump_cancel(struct pump *p);
/* Without name, committed, behind, lag, running and stuck, which the journal and the worker know. Any thread. */
void                pump_stats(struct pump *p, struct ship_stats *s);

#endif
