/*
 * engine/inside.h - what the files of this room share and nobody else sees.
 *
 * Everything here belongs to the engine's thread unless a lock stands beside it.
 *
 *   engine.c       life: open, run, stop; the queue of notes
 *   turn.c         a turn: notes in, one transaction, replies and orders out
 *   reload.c       configuration, policy and runbooks, at start and anew
 *   commands.c     what a request may ask (command_*.c: one function a row)
 *   move.c         the only place that writes a moved case
 *   stages.c       what each order means, as one table
 *   worker.c       the threads that touch the world
 *   units.c        a plan's steps, merged to what is put back and toggled as one
 *   guarding.c     the watch window after a step, and its hard guards
 *   proving.c      trials
 *   plain_proof.c  proof that needs no trial
 *   meddling.c     what somebody else changes meanwhile
 *   autopilot.c    opens cases by itself, and drives them
 *   stop_switch.c  what a person has stopped
 *   planning.c     from what was measured to a plan that is worth a trial
 *   comparable.c   is there enough to compare a plan's effect with?
 *   restarts.c     is a restart worth asking for, and now?
 *   outcome.c      what became of a plan, and what is learned from it
 *   history.c      keeps the rolling history, as long as configuration and load stay the same
 *   knowing.c      what trials taught: told to other databases, and brought to the planner
 *   practising.c   a policy that practises for each target, and the base that they share
 *   upkeep.c       opens cases on indexes and statistics
 *   relay.c        outbox and bus
 *   live.c         what is seen right now, and the engine's own metrics
 *   watcher.c      the thread that senses
 *   surveyor.c     the thread that takes a careful look at a database when asked, and what it found
 */
#ifndef ENGINE_INSIDE_H
#define ENGINE_INSIDE_H

#include "base/clock.h"
#include "base/queue.h"
#include "base/rand.h"
#include "act/adapter.h"
#include "act/target.h"
#include "casefile/step.h"
#include "conf/daemon.h"
#include "engine/engine.h"
#include "engine/host.h"
#include "gate/judge.h"
#include "gate/policy.h"
#include "model/plan.h"
#include "model/sample.h"
#include "model/target.h"
#include "plan/knowledge.h"
#include "plan/planner.h"
#include "plan/shift.h"
#include "plan/tenants.h"
#include "plan/template.h"
#include "store/store.h"
#include "verify/trial.h"
#include "verify/warming.h"
#include "verify/window.h"

#include <pthread.h>
#include <stdatomic.h>
#include <uv.h>

enum {
    NOTES_MAX        = 4096,   /* waiting for the engine, all kinds together */
    TURN_NOTES_MAX   = 256,    /* in one transaction */
    PENDING_MAX      = 256,    /* requests that wait for work to end */
    ORDERS_MAX       = 512,    /* given in one turn */
    HISTORY_MAX      = 64,     /* rolling windows per target */
    IDLE_WINDOWS     = 3,      /* without work, before it counts as nobody's */
    PLAN_WAITS_MAX   = 4 * HISTORY_MAX,   /* looks at a plan that waits for history, two for each window */
    ANALYSIS_WINDOWS = 2 * HISTORY_MAX,   /* an analysis waits no longer for the history of a restart */
    LIVE_SECONDS     = 3600,
    SUBSCRIBERS_MAX  = 64,
    STOPS_MAX        = 65,
    RECOVER_MAX      = 20,     /* looks at a witness before it counts as lost */
    RECOVER_PAUSE_MS = 3000,
    CLOSE_WAIT_S     = 20,     /* for actions that are under way when the program is to end */
    REPLIES_MAX      = TURN_NOTES_MAX + PENDING_MAX,
    TOPICS_MAX       = 32,
    FOUND_MAX        = 256,    /* what was found earlier counts for nothing any more */
};
#define KEEP_MESSAGES_US (30 * 86400 * US_PER_S)

/* ---- what reaches the engine's thread ---- */

enum note_kind { NOTE_REQUEST, NOTE_RESULT, NOTE_SAMPLE, NOTE_FACTS, NOTE_DRY_RUN, NOTE_CHECKPOINT, NOTE_LOOK, NOTE_QUIT };

struct note {
    enum note_kind kind;
    int            target;                  /* index; -1: none */
    union {
        struct engine_request *request;
        struct job            *job;         /* NOTE_RESULT, NOTE_DRY_RUN, NOTE_CHECKPOINT, NOTE_LOOK */
        struct sample         *sample;
        struct target_facts   *facts;
    } as;
};
void note_free(struct note *n);

/* ---- what is sent to an act worker, and comes back ---- */

/* Outcomes of a look before the act that say nothing of what was to be done: nobody answered, or somebody else is at work. */
#define ACTION_UNSEEN     "not looked at"
#define ACTION_IN_THE_WAY "in the way"
/* What came of a CHECKPOINT for a measurement that was not waited for, since there was something to do; NULL: anything else. */
#define CHECKPOINT_GAVE_WAY "gave way"

enum job_kind { JOB_ACTION, JOB_DRY_RUN, JOB_CHECKPOINT, JOB_LOOK };

struct job {
    enum job_kind   kind;
    char            case_id[ID_SIZE];
    int64_t         action;
    enum case_order order;
    enum run_phase  phase;                  /* ORDER_RECOVER: what was lost */
    int             target;                 /* index; -1: none */
    int             step;
    int             begun;                  /* so many steps of the plan were begun, whatever came of them; 0: nobody knows */
    int             pause_ms;               /* before it begins */
    json_t         *plan;                   /* a deep copy of its own */
    json_t         *units;                  /* [{"step":..., "snapshot":...}]; NULL before PREPARE */
    json_t         *snapshot;               /* of the step */
    /* the answer */
    enum run_input  answer;
    const char     *outcome;                /* constant text; of a CHECKPOINT NULL, or that it gave way */
    json_t         *found;                  /* PREPARE: units; PROBE: snapshot */
    json_t         *witness;
    char           *output;
    struct fault    fault;
    char            undo_path[512];
    int             plans_tried;
    char            action_id[ID_SIZE + 24];   /* what the outside knows a step by: <case>.<plan>.<step>, the same in each attempt and look */
    int64_t         took_us;
};
void job_free(struct job *j);

struct worker {
    struct engine *engine;
    struct queue   jobs;
    pthread_t      thread;
    bool           started;
    atomic_int     busy;
};

/* ---- targets ---- */

/* Grows by one with each reload, and goes with the process, as the configuration does that it points into. */
struct act_made { struct act_target act; struct act_made *older; const char *argv[]; };

struct etarget {
    const struct daemon_target *conf;
    const struct act_target *_Atomic act;   /* another one after a reload; a job keeps the one that it began with */
    struct act_made      *made;             /* what act was made from, the newest first; a worker may still use an older one */
    struct worker         worker;
    enum target_mode      mode;
    int64_t               idle_until_us;    /* wall */
    char                  idle_why[300];
    char                  trouble[400];     /* what sensing says is wrong with it; under live_lock; empty: nothing */
    int                   peak_sessions;

    struct target_facts  *facts;            /* owned; NULL before the first */
    struct target_facts  *before;           /* owned; when the plan under way began, without what it changes itself; NULL: none is, or nobody remembers */
    json_t               *facts_json;       /* made from them when asked for; NULL: make it anew */
    struct sample         last;
    bool                  seen;             /* last is filled */
    int64_t               config_us;        /* pg_conf_load_time of the configuration that history belongs to */
    int64_t               postmaster_us;

    struct window_run     rolling;          /* the window that is being filled */
    bool                  rolling_open;
    struct window         history[HISTORY_MAX];   /* of the configuration in force, untouched; oldest first */
    int                   histories;
    int                   idles;            /* windows in which nobody worked, less those in which somebody did since: 0 to IDLE_WINDOWS */
    bool                  asleep;           /* nobody works with it */
    bool                  checkpoint_asked;
    int                   own_checkpoints;  /* asked for since windows are kept, and not seen in one yet */
    int                   own_windows;      /* so many windows ago, the latest */
    bool                  ours;             /* the last change of the configuration was the end of a case of ours */
    int64_t               upkeep_again_us, analyze_again_us;   /* mono */
    bool                  upkeep_waits;     /* for a look, or for history to compare with */
    int64_t               upkeep_patient_until_us;   /* mono; for history no longer than that; 0: it does not wait for any */
    int64_t               plan_again_us;    /* mono; the plan at hand waits for history: when to make it anew */
    bool                  restart_waits;    /* ... and it is a restart */
    bool                  too_noisy;        /* a restart waits for more of it, because nothing could be proven yet: it was said */
    int                   analysis_waits;   /* how often one was found to wait for the history of a restart, since the last that did not */
    int                   plan_waits;       /* how often one was found to wait for history since the last that did not */
    int64_t               restarts_again_us;   /* mono; none is proposed before */
    int64_t               gate_again_us;    /* mono; when the gate is asked again; 0: not by the clock */
    int64_t               steady_us;        /* mono; no window opens before: washing out, warming up */
    struct window         freshly[HISTORY_MAX];   /* of the candidate while it is verified: tomorrow's history if it is kept */
    int                   fresh;

    struct window_run     loading;          /* the window of the load that is being filled: also while something is tried */
    bool                  loading_open;
    int                   configuration;    /* grows by one whenever something was reloaded or restarted */
    struct shift_window   load[SHIFT_WINDOWS_MAX];   /* oldest first */
    int64_t               load_from_us[SHIFT_WINDOWS_MAX];   /* mono */
    int                   loads;

    struct planner       *planner;
    struct math_params    clone[2];         /* of the base policy, after it practised here: actor, critic */
    int                   practised;        /* on so many told outcomes; 0: there is no clone */
    char                  case_id[ID_SIZE]; /* the open case that is about this target; empty: none */
    struct trial         *trial;
    json_t               *trial_saved;      /* as last written, to see a change */
    bool                  trial_waits;      /* a toggle or checkpoint is under way */
    bool                  trial_loaded;     /* it was under way when we began, and whether what it compares with the past is there still was not seen yet */
    int64_t               trial_began_us;   /* mono */
    int64_t               trial_wall_us;    /* the same; what facts that were read later show is the candidate */
    atomic_int            stopped;          /* what the worker's thread may know of the stop switch */
    int64_t               watch_until_us;   /* mono; 0: no watch window is open */
    int64_t               watch_grace_us;   /* mono; nothing is judged before */
    int64_t               watch_cold_us;    /* mono; until then a latency that goes on falling is not called slow; 0: it fell, and stays */
    struct warming        warming;          /* its level, as the watch has seen it */
    int64_t               watch_last_us;    /* mono; the watch is given up, and put back, when nothing is known until then */
    double                guard_latency_ms, guard_errors;   /* of the incumbent; NAN: unknown */
    double                guard_lull_ms;           /* of the ten seconds that are the worst in one of its windows in ten; NAN: unknown */
    double                guard_errors_most;       /* a second's errors that one of its windows in ten exceeds; NAN: unknown */
    bool                  guard_stalls;            /* it commits as a rule, and does not stand still for ten seconds by itself */
    struct lull           recent, erring, going;   /* latency, errors and commits while a step is watched */
    int64_t               still_since_us;          /* mono; sessions have been at work, and nothing was committed; 0: something was */
    int                   unknown_s;
    int                   decisions, found[FOUND_MAX], founds;   /* verdicts that spent alpha; which of them (from 1) were better, the latest ones */
    int                   kept;

    float                 live[LIVE_SECONDS][METRIC_COUNT];
    int64_t               live_us[LIVE_SECONDS];   /* wall */
    int                   live_at, live_count;
};

/* ---- the engine ---- */

struct pending { struct engine_request *request; char case_id[ID_SIZE]; bool until_verified; int64_t until_us; };
struct order   { char case_id[ID_SIZE]; enum case_order order; int target; };
struct subscriber { int handle; bus_callback *f; void *ctx; };

struct counters {
    uint64_t transition[CASE_STATE_COUNT][CASE_STATE_COUNT][CASE_EVENT_COUNT];
    uint64_t conflict_409, conflict_412, conflict_422, replays, dedup, refused_store;
    struct { char topic[40]; uint64_t n; } published[TOPICS_MAX];
    uint64_t verdicts[4], gate[4], actions_done, actions_failed, actions_unknown, rollbacks;
    double   step_latency_sum, verify_latency_sum;
    uint64_t step_latency_count, verify_latency_count;
    uint64_t unsafe_steps, load_changes, policy_rounds;
    double   degraded_s;
};

/* Records of knowledge, in the order in which they came; as in the store. */
struct known_record { struct knowledge of; bool shared; };
struct knowing {
    char                     secret[DIGEST_SIZE], source[KNOWLEDGE_ID_SIZE];
    char                     mute[DAEMON_TARGETS_MAX + DAEMON_TENANTS_MAX][KNOWLEDGE_ID_SIZE];   /* tenants of the configuration that do not share */
    int                      mutes;
    struct known_record     *record;            /* at most KNOWLEDGE_MAX */
    const struct knowledge **shown;             /* what the planner may see: as much room */
    int                      n, room;
};

struct practising {
    struct math_ppo       *base;                /* NULL: nothing practises */
    struct tenants_policy  networks;            /* of base; what planners are shown */
    struct tenants_edition edition;
    char                   path[4096];
};

struct engine {
    struct conf        *conf;
    struct conf         **past;           /* those that reloads replaced; targets and parts of ingest may point into them */
    size_t                pasts;
    json_t               *waits;          /* what the file that was read last says and only a restart puts into force; NULL: it was not read again */
    struct daemon_conf  d;
    const char         *folder;           /* of the store, as it was at the start: workers ask for it while `d` may become another one */
    struct policy       policy;
    struct template_set *templates;
    struct store       *store;
    const struct clock *clock;
    struct rand         chance;

    uv_loop_t           loop;
    uv_async_t          wake;
    uv_timer_t          tick;
    uv_signal_t         on_term, on_int, on_hup;
    bool                quitting;
    int64_t             wall_us;             /* at the last tick; 0: none yet */
    atomic_int          closing;             /* workers begin nothing any more */
    int64_t             prove_again_us, pilot_again_us, count_again_us, forget_again_us, look_again_us;   /* mono */
    atomic_llong        alive_us;

    struct queue        notes;
    struct etarget     *target;
    int                 targets;
    struct worker       loose;               /* for cases without a target */

    struct pending      pending[PENDING_MAX];
    int                 pendings;
    struct order        orders[ORDERS_MAX];
    int                 orders_count;

    /* the turn */
    bool                in_turn;
    char                trace_id[TRACE_ID_SIZE];
    struct turn_reply  *replies;             /* to be sent after the commit */
    int                 replies_count;
    int64_t             marks[512];          /* outbox ids published, to be marked in the next turn */
    int                 marks_count;
    int64_t             published_to;        /* highest outbox id published since start */
    bool                outbox_waits;

    struct knowing      knowing;
    struct practising   practising;

    struct stored_stop  stops[STOPS_MAX];
    int64_t             stop_until_us[STOPS_MAX];   /* mono; none that ends by itself ends before, whatever the clock on the wall says */
    int                 stops_count;

    char                degraded[300];       /* why the engine does not act; empty: it does */
    int64_t             retry_store_us;      /* mono */
    atomic_bool         recovered;           /* read by those who ask for health */

    pthread_mutex_t     live_lock;           /* guards what engine_live(), engine_series() and engine_metrics() read */
    json_t             *live;
    struct counters     count, published;   /* ours; a copy under the lock */
    int64_t             live_again_us;       /* mono */
    int64_t             outbox_depth;
    int                 cases_by_state[CASE_STATE_COUNT];

    pthread_mutex_t     bus_lock;
    struct subscriber   subscriber[SUBSCRIBERS_MAX];
    int                 subscribers, next_handle;

    struct watcher     *watcher;
    struct surveying   *surveying;

    void              (*reloaded)(void *ctx);
    void               *reloaded_ctx;
};

struct turn_reply { struct engine_request *request; int status; char *body; int64_t version; bool replayed; int retry_after_s; char location[96]; };

/* engine.c */
MUST_CHECK enum err engine_note(struct engine *e, struct note *n, struct fault *fault);   /* any thread; the engine owns n afterwards */
struct etarget *engine_target(struct engine *e, const char *name);        /* NULL: none of that name */
int    engine_target_index(struct engine *e, const char *name);           /* -1 */

/* turn.c */
MUST_CHECK enum err turn_begin(struct engine *e, struct fault *fault);   /* begins the turn's transaction when there is none yet */
void   turn_fail(struct engine *e, const struct fault *fault);
/* What is missing, or has been decided otherwise meanwhile, is only told, as what; any other error fails the turn.  Returns err. */
enum err turn_outlives(struct engine *e, enum err err, const char *what, const struct fault *fault);
void   turn_end(struct engine *e);                       /* commit, publish, reply */
void   turn_trace(struct engine *e);                     /* a new trace id: what follows has another cause */
void   turn_last_words(struct engine *e);                /* what the workers still had to say, when there will be no turn any more */
void   turn_on_wake(uv_async_t *a);
void   turn_on_tick(uv_timer_t *timer);

/* reload.c */
MUST_CHECK enum err reload_policy(const struct daemon_conf *d, struct policy *p, struct fault *fault);
MUST_CHECK enum err reload_templates(const struct daemon_conf *d, struct template_set **set, struct fault *fault);   /* the caller owns it */
MUST_CHECK enum err engine_reload(struct engine *e, struct fault *fault);

/* move.c */
struct cause { const char *actor, *reason; const json_t *meta; };
/* Decide, write, count, order. *answer tells what happened; a refused input is recorded, too. */
MUST_CHECK enum err engine_feed(struct engine *e, struct casefile *c, const struct case_input *in, const struct cause *why,
                                enum case_answer *answer, struct case_decision *decision, struct fault *fault);
MUST_CHECK enum err engine_event(struct engine *e, const char *case_id, enum case_event on, const struct cause *why, struct fault *fault);
MUST_CHECK enum err engine_run(struct engine *e, const char *case_id, enum run_input on, int64_t action, int retry, const struct cause *why, struct fault *fault);
MUST_CHECK enum err engine_publish(struct engine *e, const char *topic, const char *case_id, json_t *data, struct fault *fault);   /* steals data */
MUST_CHECK enum err engine_remark(struct engine *e, const struct casefile *c, const char *event, const struct cause *why, struct fault *fault);
json_t *engine_case_json(const struct casefile *c);
MUST_CHECK enum err engine_open_case(struct engine *e, struct casefile *c, const struct principal *opener, const char *title, const char *target,
                                     const char *tenant, enum case_driver driver, struct fault *fault);
MUST_CHECK enum err engine_set_plan(struct engine *e, struct casefile *c, json_t *plan, const char *planner, const json_t *proposal, struct fault *fault);
MUST_CHECK enum err engine_judge(struct engine *e, struct casefile *c, bool at_execution, struct gate_verdict *v, struct fault *fault);
MUST_CHECK enum err engine_ask_gate(struct engine *e, struct casefile *c, const struct cause *why, struct gate_verdict *v, struct fault *fault);
void    engine_order(struct engine *e, const struct casefile *c, enum case_order order);

/* commands.c */
void command_run(struct engine *e, struct engine_request *r);
void pending_settle(struct engine *e);

/* stages.c */
void stages_run(struct engine *e);                       /* the orders of the turn that has just been committed */
MUST_CHECK enum err stage_result(struct engine *e, struct job *j, struct fault *fault);
void stage_look(struct engine *e, struct casefile *c);   /* what is in force, of a case that was parked as unknown */
MUST_CHECK enum err stage_looked(struct engine *e, struct job *j, struct fault *fault);
MUST_CHECK enum err stages_recover(struct engine *e, struct fault *fault);   /* at start */

/* worker.c */
MUST_CHECK enum err worker_start(struct engine *e, struct worker *w, struct fault *fault);
bool worker_stop(struct worker *w, int64_t until_us);   /* false: it is still at work; nothing of it may be freed */
MUST_CHECK enum err worker_send(struct worker *w, struct job *j, struct fault *fault);   /* owns j afterwards, also on failure */

/* units.c */
json_t *units_of(const struct plan *plan);               /* [{"step": {...}}] */

/* guarding.c */
void guarding_begin(struct engine *e, struct etarget *t, int watch_s, bool cold);
void guarding_sample(struct engine *e, struct etarget *t, const struct sample *s);      /* while a window is open */

/* proving.c */
MUST_CHECK enum err prove_begin(struct engine *e, struct casefile *c, struct fault *fault);
void prove_sample(struct engine *e, struct etarget *t, const struct sample *s);
void prove_toggled(struct engine *e, struct etarget *t, const struct casefile *c);
void prove_forget(struct etarget *t);
void prove_count(struct etarget *t, const struct stored_outcome *o);    /* each outcome once, in order: what later verdicts may spend */
const struct window *prove_history(const struct etarget *t, enum verify_class method, int *n);      /* what a trial of that kind is compared with, oldest first */
int  prove_history_needed(struct engine *e, struct etarget *t, enum verify_class method);
bool prove_history_enough(struct engine *e, struct etarget *t, enum verify_class method, const struct window *w, int n, int gap);   /* are so many windows usable that a trial whose steps take gap windows has something to compare with? */
bool prove_can_compare(struct engine *e, struct etarget *t, enum verify_class method, int gap);   /* false: a plan that takes so many windows will never have a verdict */
bool prove_can_measure(struct engine *e, struct etarget *t);             /* false: what is known of the time before does not tell how well clients are answered */
double prove_least(struct engine *e, struct etarget *t, enum verify_class method, int gap);      /* the smallest gain that could be proven now: log ratio, INFINITY: none */
/* The verdict is written down, and the case moves: better, and it stays; anything else, and it is put back. */
MUST_CHECK enum err prove_finish(struct engine *e, struct casefile *c, bool better, const char *text, const json_t *verdict, struct fault *fault);
MUST_CHECK enum err prove_method(struct engine *e, const struct casefile *c, char *method, size_t size, json_t **verify, struct fault *fault);   /* the caller owns *verify */
MUST_CHECK enum err prove_tick(struct engine *e, struct fault *fault);

/* plain_proof.c */
MUST_CHECK enum err prove_now(struct engine *e, struct casefile *c, bool *settled, struct fault *fault);   /* methods that need no waiting */

/* meddling.c */
void meddling_begin(struct engine *e, struct etarget *t, const struct casefile *c);     /* its plan begins */
void meddling_facts(struct etarget *t, const struct target_facts *fresh);      /* before they take the place of t->facts */
void meddling_while_away(struct engine *e, struct etarget *t, const struct target_facts *fresh);     /* likewise */

/* autopilot.c */
MUST_CHECK enum err autopilot_start(struct engine *e, struct fault *fault);
MUST_CHECK enum err autopilot_recall(struct engine *e, struct fault *fault);   /* stop switches, modes, rests: from the store */
MUST_CHECK enum err autopilot_equip(struct etarget *t, struct fault *fault);   /* t->act anew from t->conf */
void                autopilot_facts(struct engine *e, struct etarget *t);
MUST_CHECK enum err autopilot_tick(struct engine *e, struct fault *fault);
MUST_CHECK enum err autopilot_stop(struct engine *e, struct fault *fault);     /* what acts on a target that is stopped is put back, from now on */
bool                autopilot_opened(const struct casefile *c);
bool                autopilot_rests(const struct engine *e, const struct etarget *t);   /* no case is opened now */
MUST_CHECK enum err autopilot_rest(struct engine *e, struct etarget *t, int64_t us, const char *why, struct fault *fault);   /* no case is opened for so long */
MUST_CHECK enum err autopilot_overtake(struct engine *e, const struct casefile *c, const char *reason, struct fault *fault);   /* give it up; nobody said no to it */
MUST_CHECK enum err autopilot_is_late(struct engine *e, const struct casefile *c, struct fault *fault);          /* too late for its restart: it is put back */
MUST_CHECK enum err autopilot_lost_its_past(struct engine *e, const struct casefile *c, struct fault *fault);    /* nothing left to compare with: it is put back */
MUST_CHECK enum err autopilot_load_changed(struct engine *e, struct etarget *t, struct fault *fault);      /* what was planned for the old load and is not begun is given up */

/* stop_switch.c */
MUST_CHECK enum err stop_switches_recall(struct engine *e, struct fault *fault);    /* from the store */
MUST_CHECK enum err stop_switches_expire(struct engine *e, struct fault *fault);    /* those that are over */
const struct stored_stop *engine_stopped(struct engine *e, const char *target);   /* NULL: not stopped */

/* planning.c */
#define NOBODY_WORKS  "nobody works with it, so nothing could be measured"
#define NOTHING_TELLS "nothing tells how well clients are answered, so nothing could be proven: it takes pg_stat_statements in this database, " \
                      "a driver that reports (load_endpoint), or load_saturates: true where the load always asks for more"
bool                planning_cannot_measure(const struct etarget *t);      /* nobody works with it */
MUST_CHECK enum err planning_analyse(struct engine *e, struct casefile *c, bool *ready, struct fault *fault);
MUST_CHECK enum err planning_plan(struct engine *e, struct casefile *c, struct fault *fault);
/* The next proposal for a target, composed to a plan; ERR_MISSING: nothing left to try. The caller owns both. */
MUST_CHECK enum err planning_propose(struct engine *e, struct etarget *t, json_t **plan, json_t **proposal, char *planner, size_t size, struct fault *fault);

/* comparable.c */
bool                comparable_class(const json_t *plan, enum verify_class *class);     /* false: it names none */
int                 comparable_gap(const struct engine *e, const json_t *plan, enum verify_class class);
MUST_CHECK enum err comparable_check(struct engine *e, struct etarget *t, const json_t *plan, struct fault *fault);     /* ERR_INPUT: there will never be enough */
bool                comparable_enough(struct engine *e, struct etarget *t, const json_t *plan);
bool                comparable_fresh(struct engine *e, const struct etarget *t, const json_t *plan);
bool                comparable_near(struct engine *e, struct etarget *t, const json_t *plan);
bool                comparable_still(struct engine *e, struct etarget *t, const struct casefile *c);      /* false: what the plan under way was to be compared with is gone */

/* restarts.c */
bool                restart_may_be_asked(struct engine *e, const struct etarget *t);
bool                restart_is_near(const struct engine *e, const struct etarget *t);      /* allowed now, or while a case may wait at the gate */
bool                restart_window_is_near(const struct engine *e, const struct week_window *list, int n);      /* one is open, or opens while a case may wait at the gate */
bool                restart_is_worth_it(struct engine *e, struct etarget *t, const json_t *plan, bool planned);      /* false: its gain could not be told from noise; planned: it could when this was planned */
bool                restart_is_in_time(struct engine *e, struct etarget *t, const struct casefile *c);       /* false: the next step is a restart for which it is too late */
void                restart_came_too_late(struct engine *e, struct etarget *t);      /* none is proposed for a week */
void                restarts_pause(struct engine *e, struct etarget *t, const char *why);      /* likewise */

/* outcome.c */
MUST_CHECK enum err outcome_learn(struct engine *e, struct casefile *c, struct fault *fault);          /* in a turn, once, when the case is over; its target is free again */
void outcome_set_free(struct engine *e, struct etarget *t, const struct casefile *c, bool put_back);     /* its case does nothing with it any more; put_back: something was */
MUST_CHECK enum err outcomes_recall(struct engine *e, struct etarget *t, struct fault *fault);        /* all that outcomes taught, from the store and nothing else */
MUST_CHECK enum err outcomes_recall_all(struct engine *e, struct fault *fault);   /* of every target, and of others: after a turn was lost memory may know what the store does not */
bool   outcome_teaches_nothing(const struct stored_outcome *o);   /* nobody refused it and nothing was found out: it may be asked again */
double outcome_sd(const struct stored_outcome *o);   /* of its effect, log units: the interval holds at any time, so it is wider than two of them on either side, about 2.8 */

/* history.c */
void history_sample(struct engine *e, struct etarget *t, const struct sample *s);

/* knowing.c */
MUST_CHECK enum err knowing_start(struct engine *e, struct fault *fault);
void knowing_stop(struct engine *e);
MUST_CHECK enum err knowing_mark_again(struct engine *e, struct fault *fault);   /* in a turn; what cannot be written now is written when the store can be */
MUST_CHECK enum err knowing_mark(struct engine *e, struct fault *fault);       /* which records may be handed out, after the configuration changed */
void knowing_show(struct engine *e, const struct etarget *t, struct planner_view *view);   /* until the next record comes */
/*
 * Into the store; and, once that is sure to hold, to the planners.  as_told: the JSON that a record of elsewhere came as, which may have
 * members that only a later version knows, and whose digest its id is; NULL: it is ours.
 */
MUST_CHECK enum err knowing_put(struct engine *e, struct knowledge *record, const json_t *as_told, bool *added, struct fault *fault);
MUST_CHECK enum err knowing_take(struct engine *e, const struct knowledge *record, struct fault *fault);
MUST_CHECK enum err knowing_learn(struct engine *e, struct etarget *t, const struct proposal *p, enum told told, const struct stored_outcome *o, struct fault *fault);

/* practising.c */
MUST_CHECK enum err practising_start(struct engine *e, struct fault *fault);
void practising_stop(struct engine *e);
void practising_show(struct engine *e, const struct etarget *t, struct planner_view *view);
void practising_learn(struct engine *e, struct etarget *t, const struct planner_view *view);   /* when something new was told */

/* relay.c */
void relay_run(struct engine *e);
MUST_CHECK enum err relay_mark(struct engine *e, struct fault *fault);
void bus_publish(struct engine *e, const struct bus_message *m);

/* The case is about to act on its target: whatever else only thinks about it gives way. */
MUST_CHECK enum err engine_take_target(struct engine *e, const struct casefile *c, struct fault *fault);

/* live.c */
void live_sample(struct etarget *t, const struct sample *s);
void live_refresh(struct engine *e);

/* watcher.c */
MUST_CHECK enum err watcher_start(struct engine *e, struct fault *fault);
void watcher_stop(struct engine *e);
void watcher_refresh_facts(struct engine *e, int target);

/* surveyor.c */
MUST_CHECK enum err surveying_start(struct engine *e, struct fault *fault);
void surveying_stop(struct engine *e);
void engine_report_forget(struct engine *e, const char *target);   /* it is out of date */

/* upkeep.c: opens a case on an index or on statistics where there is reason to; opened: nothing else is to be begun. */
json_t *upkeep_choose(struct engine *e, struct etarget *t, const json_t *report);   /* the plan of the report that is worth a case now, borrowed; NULL: none */
void upkeep_waits_for_others(struct engine *e, struct etarget *t);
MUST_CHECK enum err upkeep_tick(struct engine *e, struct etarget *t, bool *opened, struct fault *fault);

#endif
