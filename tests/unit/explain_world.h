/*
 * tests/unit/explain_world.h - made-up cases whose causes are known: files as the store has them, drawn from the structural model
 * with strengths, noise and a load that nobody measures.
 */
#ifndef EXPLAIN_WORLD_H
#define EXPLAIN_WORLD_H

#include "explain/explain.h"
#include "explain/model.h"

#include <stdbool.h>
#include <stdint.h>

enum world_design { WORLD_SWITCHBACK, WORLD_RESTART, WORLD_MINUTES };

struct explain_world {
    uint64_t          seed;
    enum knob_id      knob;
    const char       *from, *to;
    enum world_design design;
    int               pairs;             /* blocks; windows with the change where there are none */
    bool              one_way;           /* it acts on the first node that the table names for it, and on nothing else */
    double            strength;          /* relative change of what the parameter acts on first */
    double            noise;             /* of each window and node, relative */
    double            load;              /* how strongly a load nobody measured moves everything */
    uint32_t          unseen;            /* nodes that were not measured */
    /* what came out */
    double            truth[CAUSE_NODES];   /* change of each node's mean, in its unit, per transaction where it is told so */
    enum cause_node   first;             /* what the parameter acts on first */
};

/* {"case": ..., "run": ..., ...}; minutes only for WORLD_MINUTES. */
void explain_world_make(struct explain_world *w, json_t **file, json_t **minutes);
/* n outcomes of a target, newest first; the newest belongs to case_id. Larger shared_buffers and work_mem help, the rest is noise. */
json_t *explain_world_outcomes(uint64_t seed, int n, const char *case_id);

#endif
