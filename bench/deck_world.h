/*
 * bench/deck_world.h - a database that exists only as its samples: one a second, with the noise of a real one.
 *
 * Measured on small shared machines: throughput of single seconds varies by 22 % (CV), means of 30 s by 8 %, and levels drift
 * by 10 % and more within minutes.  The world has neighbouring seconds that resemble each other, drift, a daily wave, heavy
 * tails, stalls, checkpoints that cost something, caches that must warm up after a change, and samples that go missing.
 * Used by bench/deck_replay.c and by the tests of verify/.
 */
#ifndef DECK_WORLD_H
#define DECK_WORLD_H

#include "base/rand.h"
#include "model/sample.h"

#include <stdbool.h>
#include <stdint.h>

enum { WORLD_QUERIES = 8 };

struct world_conf {
    uint64_t seed;
    bool     saturating, open_loop;
    bool     has_queries, has_driver;
    double   tps;                     /* usual transactions per second */
    double   ar_phi, ar_sd;           /* seconds: AR(1), marginal sd of the log level */
    double   slow_sd, slow_s;         /* drift: its sd, and the time over which it forgets */
    double   wave, wave_s;            /* amplitude and period of the daily wave */
    bool     heavy;                   /* t3 instead of Gaussian innovations */
    double   stall_each_s;            /* a stall of a few seconds about this often; 0: never */
    double   checkpoint_each_s;       /* natural checkpoints; 0: none */
    double   query_wait;              /* factor on the time of one rare query, half a minute in every four, whatever is in force; 0 or 1: none */
    double   missing;                 /* share of samples that go missing */
    /* what the candidate does */
    double   effect;                  /* log ratio of speed, + is better */
    double   warm_depth, warm_s;      /* after each change: log loss at first, and the time over which it heals */
    double   postponed;               /* extra log speed, paid back in full by checkpoints */
    double   query_flip;              /* factor on the time of one rare query; 0 or 1: none */
    double   p99_stretch;             /* factor on the tail only; 0 or 1: none */
    double   errors;                  /* share of transactions that fail with the candidate */
    int      dies_after_s;            /* the server goes down after so many seconds with the candidate, all told; 0: never */
};

struct world {
    struct world_conf conf;
    struct rand       rand;
    int64_t mono_us;
    bool    candidate;
    int64_t changed_us;               /* of the last change of arms; 0: never */
    double  ar, slow, stall, stall_left_s;
    double  checkpoint_left_s, since_checkpoint_s, debt;
    int64_t checkpoints_done, postmaster_start_us, conf_load_us;
    double  missing_left_s;
    int     candidate_s;              /* seconds with the candidate so far */
    struct latency_count latency;
    struct query_count   query[WORLD_QUERIES];
};

void   world_init(struct world *w, const struct world_conf *conf);
void   world_change(struct world *w, bool candidate, bool restart);
void   world_checkpoint(struct world *w);              /* starts one */
bool   world_in_checkpoint(const struct world *w);
void   world_second(struct world *w, struct sample *s); /* one second passes; a missing sample has everything unknown */

/* What surrounds a trial: the history before it, and somebody who does what it wishes (toggles take a second). */
struct trial;
struct world_answers { bool no_toggles, sham_checkpoints; int toggles, checkpoints; int64_t begun_us, ended_us; };
void   world_history(struct world *w, int64_t window_us, struct window *history, int n);
/* Puts the candidate in force and feeds the trial until it has finished; false when it has not within limit_s. */
bool   world_try(struct world *w, struct trial *t, bool restart, double limit_s, struct world_answers *a);

/* The usual noise of the measurements quoted above; seed and the rest left zero. */
struct world_conf world_usual(uint64_t seed);

#endif
