/*
 * verify/trial_state.h - what a trial remembers; private to trial*.c and its tests.
 *
 *     WARMUP ─┐                        ┌───────────────(next window, same arm)──────────────┐
 *     SETTLE ─┴▶ [SLATE] ─▶ WINDOW ─▶ judge ─▶ TOGGLE ─▶ SETTLE                             │
 *       ▲                               ├──────▶ SETTLE ◀───────────────────────────────────┘
 *       └───────────────────────────────┘  └───▶ CLOSING (better, but the incumbent is in force) ─▶ FINISHED
 */
#ifndef VERIFY_TRIAL_STATE_H
#define VERIFY_TRIAL_STATE_H

#include "verify/guards.h"
#include "verify/response.h"
#include "verify/switchback.h"
#include "verify/trial.h"
#include "verify/harm_watch.h"
#include "verify/warming.h"
#include "verify/window.h"

enum trial_phase {
    PHASE_NEW,        /* trial_begin() has not been called */
    PHASE_WARMUP,     /* before/after: until the level has settled */
    PHASE_SETTLE,     /* switchback: wash-out after a toggle */
    PHASE_SLATE,      /* checkpoint class: CHECKPOINT before the window */
    PHASE_WINDOW,     /* observing; a CHECKPOINT may be due inside */
    PHASE_TOGGLE,     /* the other arm is wished for */
    PHASE_CLOSING,    /* better: the candidate is wished for, for good */
    PHASE_FINISHED,
    PHASE_COUNT
};

enum { PAST_MAX = 256, OBS_MAX = 2 * TRIAL_WINDOWS_MAX, TURNS_MAX = 16 };

struct trial_turn   { int arm; int64_t from_us; };
struct trial_strays { int n; struct query_count query[QUERIES_MAX]; };

struct trial {
    struct trial_conf   conf;                 /* validated, defaults filled in */
    struct response_mix mix;
    struct query_tale   tale[QUERIES_MAX];    /* parallel to mix.q */
    struct trial_obs    past[PAST_MAX], obs[OBS_MAX];
    int      pasts, obses;

    int      phase, arm, aim;                 /* aim: the arm whose window is to be observed next */
    int64_t  since_us;                        /* when the phase began; 0: with the next sample */
    int      block;
    int      gap;                             /* before/after: windows between the last of the past and the first of ours; -1: not yet */
    int      repeats;                         /* windows thrown away */
    int      silent;                          /* windows in a row, up to the latest, in which too little ended to have a response */
    double   unheard_fails[2], unheard_tries[2];   /* of each arm, in such windows: told with its next one */
    int      odd;                             /* before/after: windows in a row, up to the latest, that are not of the history's load */
    int      looks, last_look;           /* looks taken; windows_b at the latest */
    int      proven;                          /* windows after which the gain was proven; 0: not yet. Guards may take longer */
    bool     checkpoint_due, checkpoint_wanted;   /* due: wished for, not answered yet; wanted: the window may not close without it */
    bool     checkpoint_seen;                 /* some checkpoint ran in this window */
    int      checkpoints_failed;              /* in a row, of those wished for */
    bool     pausing;                         /* a CHECKPOINT is under way: the watch looks away */
    bool     toggled_since_window;
    double   checkpoints_past;                /* per second with the incumbent; NAN: unknown */

    int64_t  last_us, changed_us, down_since_us;   /* changed: when the arm in force came into force */
    int      restarts_b;                      /* unasked-for restarts with the candidate in force */
    int64_t  postmaster_start_us;
    double   fails_b, tries_b, fail_rate_a;   /* second by second; the incumbent's share of errors, NAN unknown */
    double   fails_together;                  /* how many of the incumbent's errors come at a time, by the spread between its windows; 1: each by itself */
    double   degraded_s;
    double   stalled_s, harm_s;               /* without a commit; of clear harm: up to now */
    int64_t  warm_checkpoint_us;              /* when the warm-up's latest CHECKPOINT was asked for; 0: none */
    struct warming warming;                   /* the level, as long as the warm-up lasts */

    int                 turns;                /* not saved: what began before a restart of the engine is nobody's */
    struct trial_turn   turn[TURNS_MAX];      /* which arm came into force when, oldest first */
    struct trial_strays counted;              /* the latest sample's counters */
    int64_t             counted_since_us;     /* their reset */
    struct trial_strays foreign, waiting[2];  /* in the running window, of the other arm; of each arm, ended outside of its windows */

    struct harm_watch watch;
    struct window_run run;
    struct window     window;                 /* scratch of the latest close */
    struct estimate   estimate;               /* of the latest look */
    struct guards     guards;
    struct verdict    verdict;
    char              reason[320];            /* why, when it is not the estimate that speaks */
};

/* ---- trial.c ---- */
bool trial_is_switchback(const struct trial *t);
int  trial_windows_of(const struct trial *t, int arm);
const struct trial_obs *trial_obs_in_block(const struct trial *t, int block, int arm);   /* NULL: not observed yet */
/* Ends the trial with this outcome and reason; format NULL: the estimate and the guards speak for themselves. */
PRINTF(3, 4) void trial_finish(struct trial *t, enum outcome outcome, const char *format, ...);

/* ---- trial_harm.c ---- */
void trial_refer(struct trial *t);                  /* the incumbent has one more window: renew what the candidate is compared with */
void trial_watch_second(struct trial *t, const struct sample *s, double seconds);   /* may finish the trial */
bool trial_window_harms(struct trial *t);           /* after each window; true when it has finished the trial */

/* ---- trial_load.c ---- */
/* Before/after: is the load of a window that of the history? ODD: not that window's; ANOTHER: nor the one's before, and the trial is finished. */
enum trial_load { TRIAL_LOAD_SAME, TRIAL_LOAD_ODD, TRIAL_LOAD_ANOTHER };
enum trial_load trial_load_of(struct trial *t, const struct trial_obs *o);

/* ---- trial_stray.c ---- */
void trial_stray_turned(struct trial *t, int arm, int64_t from_us);
void trial_stray_sample(struct trial *t, const struct sample *s);    /* before the sample is a window's */
void trial_stray_opened(struct trial *t);                            /* a window */
void trial_stray_settle(struct trial *t, struct window *w);          /* it has closed: without what is the other arm's, with what waited for it */
void trial_stray_keep(struct trial *t, const struct window *w);      /* it has no response: what ended in it is told with the next */

/* ---- trial_judge.c ---- */
/* The arms' windows as arrays: blocks with both, in order, for a switchback; the last of the past, and all of ours, otherwise. Returns the number in b. */
int  trial_arms(const struct trial *t, struct trial_obs *a, int *na, struct trial_obs *b);
void trial_judge(struct trial *t);                  /* a look, when one is due; may finish the trial */
double trial_placebo_level(const struct trial_conf *c, bool first);   /* of alpha, what a before/after may spend at its first look, at its last */

/* ---- trial_words.c ---- */
void trial_speak(struct trial *t, enum outcome outcome);   /* compose t->verdict from the latest estimate and guards */

#endif
