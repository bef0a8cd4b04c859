/*
 * tests/sim/world.h - targets, act workers and a durable store, all pretended.
 *
 * The world keeps what is really in force, apart from what the cases believe.
 * A crash loses every order and every answer in flight; an effect that was on
 * its way may still happen until somebody takes the fence.
 */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include "base/rand.h"
#include "casefile/step.h"

enum { WORLD_TARGETS = 2, WORLD_CASES = 4, WORLD_STEPS_MAX = 4, WORLD_FLIGHT_MAX = 8 };

/* One order under way, or one answer on its way back. */
struct flight {
    bool            used;
    int             slot;            /* which case */
    int64_t         action;
    enum case_order order;
    int             step;
    int             fence;           /* as it was when work on the order began */
    bool            effect_left;     /* its effect has not happened yet */
    bool            answered;        /* the answer is on its way; it may arrive twice */
    enum run_input  answer;
};

struct target_world {
    int  holder;                     /* slot + 1 of the case that may touch it, 0 for none */
    bool on[WORLD_STEPS_MAX];        /* which steps of the holder's plan are in force */
    int  fence;                      /* raised whenever somebody begins to work: older effects bounce */
};

struct world {
    struct rand         chance;
    int64_t             now_us;
    struct casefile     saved[WORLD_CASES];      /* what the store holds */
    int                 target_of[WORLD_CASES];
    int                 fence_of[WORLD_CASES];
    int64_t             timeline[WORLD_CASES];   /* rows */
    int64_t             births;
    struct target_world target[WORLD_TARGETS];
    struct flight       flight[WORLD_FLIGHT_MAX];
    int64_t             closed_kept, closed_back, parked_unknown, crashes, duplicates, ghosts, effects;
    uint64_t            trace;                   /* FNV-1a over every decision */
    const char         *broken;                  /* the promise that was broken; NULL while all is well */
};

void world_start(struct world *w, uint64_t seed);
void world_step(struct world *w);                /* one random thing happens */

#endif
