/*
 * verify/trial.h - the proof on one live database, as a pure state machine.
 *
 * A trial compares two configurations of one target, the incumbent (arm A) and
 * the candidate (arm B).  The engine feeds it one sample a second and does what
 * it wishes; the trial never touches anything itself, so the simulator and the
 * replayed deck run the very same code.
 *
 *     trial_begin(&t, &conf, history, n, candidate in force since now);
 *     each second:  wish = trial_feed(&t, &sample);
 *         TRIAL_GO_INCUMBENT / TRIAL_GO_CANDIDATE: toggle, read back, then trial_toggled()
 *         TRIAL_CHECKPOINT:                        run CHECKPOINT, then trial_checkpointed()
 *         TRIAL_FINISHED:                          trial_verdict(&t) holds the answer
 */
#ifndef VERIFY_TRIAL_H
#define VERIFY_TRIAL_H

#include "base/err.h"
#include "model/sample.h"
#include "model/verdict.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

enum trial_arm  { ARM_INCUMBENT, ARM_CANDIDATE };
enum trial_wish { TRIAL_OBSERVE, TRIAL_GO_INCUMBENT, TRIAL_GO_CANDIDATE, TRIAL_CHECKPOINT, TRIAL_FINISHED };

struct trial_conf {
    enum verify_class method;
    int64_t window_us;            /* length of one observation */
    int64_t washout_us;           /* ignored after each toggle */
    int64_t warmup_us;            /* ignored after a restart, at least; levelling off is watched too */
    int     windows_min;          /* per arm, before the first look */
    int     windows_max;          /* per arm; then undecided */
    double  alpha;                /* to spend on this trial (two-sided) */
    double  margin;               /* smallest log ratio that matters; 0.01 is 1 % */
    double  p99_ratio_max;        /* guards: non-inferiority bounds, as ratios to the incumbent */
    double  query_ratio_max;
    double  errors_ratio_max;
    double  cpu_max;              /* absolute, 0..1 */
    double  memory_ratio_max;     /* of the limit */
    bool    open_loop;            /* throughput is offered, not earned */
    bool    saturating;           /* closed loop without think time: TPS is a response */
    uint64_t seed;                /* randomises the order of the arms */
};

struct trial;                     /* plain data, no pointers; size known to the implementation */

/* history: whole windows of the untouched incumbent, oldest first; used as arm A by the restart class and for its placebos. */
MUST_CHECK enum err trial_new(const struct trial_conf *conf, const struct window *history, int n, struct trial **t, struct fault *fault);
void                trial_free(struct trial *t);

void            trial_begin(struct trial *t, int64_t mono_us);       /* the candidate has just been read back as in force */
enum trial_wish trial_feed(struct trial *t, const struct sample *s);
void            trial_toggled(struct trial *t, enum trial_arm now_in_force, int64_t mono_us);
void            trial_checkpointed(struct trial *t, int64_t mono_us);
void            trial_verdict(const struct trial *t, struct verdict *v);
enum trial_arm  trial_arm(const struct trial *t);                    /* which arm it believes to be in force */
double          trial_progress(const struct trial *t);               /* 0..1, a guess */

/* Survives a restart of the engine: finished windows are kept, the running one is thrown away. */
json_t             *trial_save(const struct trial *t);
MUST_CHECK enum err trial_load(const json_t *saved, struct trial **t, struct fault *fault);

json_t *verdict_json(const struct verdict *v);

#endif
