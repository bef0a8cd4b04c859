/*
 * verify/guards.h - what must not get worse while the response gets better.
 *
 * A guard holds when non-inferiority has been shown: the upper end of the interval of its ratio lies within the bound.
 * "No harm seen" is not the test, because no data pass it too.  It fails when the lower end lies beyond the bound; in
 * between it is open, and more windows may settle it.  Known for the incumbent and unknown for the candidate never holds.
 * Unknown in both arms was not measured: it is reported, does not hold and does not block.
 *
 * Single queries may vary so much from window to window that no affordable number of windows could show it.  When the last
 * look has come, and neither their total nor their usual time per call is beyond the bound, and nothing says that they became
 * slower at all, they are called unproven: reported, not held, not blocking.  p99 and errors, which every caller feels, are
 * never let off so.
 */
#ifndef VERIFY_GUARDS_H
#define VERIFY_GUARDS_H

#include "model/verdict.h"
#include "verify/trial.h"

#include <stdint.h>

/* One finished window, reduced to what estimates and guards need. NAN: unknown. */
struct trial_obs {
    int     arm, block;
    int64_t from_us, to_us;
    double  seconds;
    double  response;       /* verify/response.h */
    double  level;          /* what the watch compares */
    double  lull;           /* the same of the worst ten seconds; NAN: unknown */
    double  tps, p99;
    double  fails, tries;   /* errors, and transactions tried, in the window */
    double  cpu, memory;    /* ratios: of the cores, of the limit (highest) */
    double  disk_free, recovery_wal;
    int     checkpoints;    /* -1: unknown */
    double  statements, rows, written;   /* what clients ask: of a transaction, of a statement, of a transaction (model/workload.h) */
    double  mechanism[MECHANISMS];   /* no verdict asks for these; explanations do */
};

/* How one query of the mix did in each arm. */
struct query_arm  { double calls, total_ms, windows, mean_log, ss_log; };   /* windows in which it was called often enough to have a mean */
struct query_tale { struct query_arm arm[2]; };

enum guard_state { GUARD_HOLDS, GUARD_OPEN, GUARD_FAILS, GUARD_UNMEASURED, GUARD_UNPROVEN };

struct guards {
    int                 n;
    struct guard_result result[GUARDS_MAX];
    enum guard_state    state[GUARDS_MAX];
    int                 fails, open;      /* how many */
    int                 worst;            /* the first that fails, else the first that is open, else -1 */
};

/* a[i] and b[i] are the two windows of one block when paired, else independent; both oldest first. */
struct guard_case {
    const struct trial_conf   *conf;
    const struct response_mix *mix;
    const struct query_tale   *tale;      /* one for each query of the mix */
    const struct trial_obs    *a, *b;
    int  na, nb;
    bool paired;
    bool last;          /* no more windows will come */
};

void guards_judge(const struct guard_case *c, struct guards *g);

/* Adds what the window's queries say to the tale of one arm. */
void guards_tell(const struct response_mix *m, struct query_tale *tale, enum trial_arm arm, const struct window *w);

#endif
