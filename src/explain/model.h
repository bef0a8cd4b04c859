/*
 * explain/model.h - how PostgreSQL works, as a table: what a parameter acts on first, and what acts on what after that.
 *
 * The structural causal model behind every explanation.  An arrow that is missing is the claim that there is no such
 * influence.  What happens per second is told per transaction, for a faster server does more of everything each second.
 */
#ifndef EXPLAIN_MODEL_H
#define EXPLAIN_MODEL_H

#include "base/err.h"
#include "model/knob.h"
#include "model/sample.h"

#include <stdbool.h>
#include <stdint.h>

/* In causal order: arrows go from smaller to greater numbers. */
enum cause_node {
    CAUSE_ACTIVE, CAUSE_LOCKS, CAUSE_CLEANER, CAUSE_FULL_PAGES, CAUSE_WAL, CAUSE_WAL_WAITS, CAUSE_CHECKPOINT, CAUSE_CACHE_HIT, CAUSE_DEAD_ROWS,
    CAUSE_BLOCKS_READ, CAUSE_TEMP, CAUSE_BACKEND_WRITES, CAUSE_CPU, CAUSE_BYTES_READ, CAUSE_READ_TIME, CAUSE_BYTES_WRITTEN,
    CAUSE_LATENCY, CAUSE_THROUGHPUT, CAUSE_NODES
};

struct cause_info {
    const char *name;
    enum metric metric;
    bool        per_transaction;
    double      scale;               /* metric (per transaction) x scale is in the unit */
    const char *unit;
    double      step;                /* "one unit more" in sentences */
    const char *step_text;           /* "+1 point of" */
    int         better;              /* +1: more of it is good for clients */
};
extern const struct cause_info cause_info[CAUSE_NODES];

struct cause_arrow { enum cause_node from, to; int sign; const char *why; };
extern const struct cause_arrow cause_arrows[];
extern const int                cause_arrow_count;

/* Raising the parameter moves the node up (+1), down (-1) or either way (0); why is told of raising it, or holds for both (0). Indexes, built or dropped, and statistics are changes, too. */
enum { CHANGE_INDEX = -1, CHANGE_STATISTICS = -2, CHANGE_INDEX_DROP = -3, CHANGE_ACTIONS = 3 /* how many of them */ };
struct cause_entry { int change /* enum knob_id, or one of the above */; enum cause_node to; int sign; const char *why; };
extern const struct cause_entry cause_entries[];
extern const int                cause_entry_count;

static inline uint32_t cause_bit(int node) { return UINT32_C(1) << node; }

/* Every parameter that planners may propose has an entry, arrows go forward, everything leads to the outcome. For tests. */
MUST_CHECK enum err cause_table_check(struct fault *fault);

#endif
