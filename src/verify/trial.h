/*
 * verify/trial.h - the proof on one live database, as a pure state machine.
 *
 * A trial compares two configurations of one target, the incumbent (arm A) and
 * the candidate (arm B).  The engine feeds it one sample a second and does what
 * it wishes; the trial never touches anything itself, so the simulator and the
 * replayed deck run the very same code.
 *
 *     trial_new(&conf, history, n, &t, &fault);
 *     trial_begin(t, now);                       the candidate has been put in force and read back
 *     each second:  wish = trial_feed(t, &sample);
 *         TRIAL_GO_INCUMBENT / TRIAL_GO_CANDIDATE: toggle, read back, then trial_toggled()
 *         TRIAL_CHECKPOINT:                        run CHECKPOINT, then trial_checkpointed(), or trial_checkpoint_failed()
 *         TRIAL_FINISHED:                          trial_verdict(t) holds the answer
 *
 * A wish is repeated with each sample until it has been answered; one that stays unanswered for a quarter of an hour ends
 * the trial undecided.  While a toggle is under way samples are not part of any window; while a CHECKPOINT is under way
 * they may be, so go on feeding.  A verdict of better is given only with the candidate in force (the trial wishes
 * TRIAL_GO_CANDIDATE first where it has to); every other verdict leaves the undo to the engine: trial_arm() says what is in
 * force.  Nothing but better may keep the candidate.
 *
 * Methods by verification class:
 *   immediate, planner   randomised switchback in blocks of two windows (verify/switchback.h), wash-out after each toggle
 *   checkpoint           the same; a CHECKPOINT wipes the slate before each window and another one pays the bill before it
 *                        ends, so that no window hands its dirty buffers to the next arm: postponed cost is not gain
 *   restart              before/after with placebo margins (verify/before_after.h); the window opens when the warm-up has
 *                        levelled off; CHECKPOINTs at least as often as the incumbent had them, one at least
 *   slow                 before/after, no restart, no CHECKPOINT of our own
 * In all of them: the candidate's seconds are watched (verify/harm_watch.h), guards need non-inferiority (verify/guards.h), a
 * window that is not whole is repeated a bounded number of times, after another warm-up or wash-out where somebody restarted the
 * server in it, a server that goes down under the candidate ends it.
 */
#ifndef VERIFY_TRIAL_H
#define VERIFY_TRIAL_H

#include "base/err.h"
#include "model/sample.h"
#include "model/verdict.h"
#include "verify/response.h"

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
    /* What follows may be left zero, which means the default. */
    enum response_kind response;  /* RESPONSE_AUTO: the best that can be had */
    int     only;                 /* the verdict is about these queries alone, from pg_stat_statements; 0: about all */
    int64_t only_id[RESPONSE_ONLY_MAX];
    int64_t sample_us;            /* how far apart samples are: 1 s */
    int64_t warmup_max_us;        /* stop waiting for a level: the larger of 4 x warmup_us and warmup_us + 2 min */
    double  disk_ratio_max;       /* free disk may shrink by this factor: 2 */
    double  recovery_wal_max;     /* bytes of WAL a crash would have to replay: not asked */
};

enum { TRIAL_WINDOWS_MAX = 256 }; /* per arm; a larger windows_max is cut down to it */

struct trial;                     /* plain data, no pointers; size known to the implementation */

/* Windows of whole history, not older than the last change, without which the verdict would be undecided. 0 for a switchback. */
int trial_history_needed(const struct trial_conf *conf);
/* How many windows of this history have a response. Where none of them tells anything it is all of them: waiting for more would not help. */
int trial_history_usable(const struct trial_conf *conf, const struct window *history, int n);
/* Could a change that takes `gap` windows to be carried out ever be judged, where so many windows of history are kept? */
bool trial_can_compare(const struct trial_conf *conf, int gap, int history);
/* Do these windows tell how well clients are answered? Without that whatever is tried ends undecided. */
bool trial_can_measure(const struct trial_conf *conf, const struct window *history, int n);
/* The smallest gain, as a log ratio, that a change of that kind could prove against this history: 0 for a switchback, INFINITY: none. */
double trial_least_provable(const struct trial_conf *conf, const struct window *history, int n, int gap);

/*
 * history: windows of the untouched incumbent, oldest first, made by verify/window.h, as long as window_us; those that are not
 * whole are skipped.  Arm A of the before/after classes and their placebos; for a switchback it is what the first candidate
 * window is watched against, and the query mix (a dozen is plenty).  Refuses a conf that makes no sense (ERR_INPUT).
 */
MUST_CHECK enum err trial_new(const struct trial_conf *conf, const struct window *history, int n, struct trial **t, struct fault *fault);
void                trial_free(struct trial *t);

void            trial_begin(struct trial *t, int64_t mono_us);       /* the candidate has just been read back as in force */
enum trial_wish trial_feed(struct trial *t, const struct sample *s);
void            trial_toggled(struct trial *t, enum trial_arm now_in_force, int64_t mono_us);
void            trial_checkpointed(struct trial *t, int64_t mono_us);
void            trial_checkpoint_failed(struct trial *t, const char *why);   /* it is wished for again; the third failure in a row ends the trial undecided */
void            trial_give_up(struct trial *t, const char *why);      /* undecided: something that the trial cannot see stands against any verdict */
void            trial_verdict(const struct trial *t, struct verdict *v);
enum trial_arm  trial_arm(const struct trial *t);                    /* which arm it believes to be in force */
bool            trial_compares_with_past(const struct trial *t);     /* false: both arms take turns, and meet alike what happens meanwhile */
double          trial_progress(const struct trial *t);               /* 0..1, a guess */

/*
 * Survives a restart of the engine: finished windows are kept, the running one is thrown away.  After trial_load() say which
 * arm was read back as in force, with trial_toggled(): a toggle may have happened after the last save.  (trial_begin() on a
 * loaded trial means: the candidate is.)
 */
json_t             *trial_save(const struct trial *t);
MUST_CHECK enum err trial_load(const json_t *saved, struct trial **t, struct fault *fault);

json_t *verdict_json(const struct verdict *v);

#endif
