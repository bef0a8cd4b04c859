/*
 * model/casefile.h - what a case is.  Plain data; how it moves is in casefile/.
 *
 * Everything that may change the world is a case: a tuning step, a script, a
 * person's command.  The states and the first ten events carry the names that
 * the API and the events use.
 */
#ifndef MODEL_CASEFILE_H
#define MODEL_CASEFILE_H

#include "base/err.h"
#include "base/id.h"

#include <stdbool.h>
#include <stdint.h>

#define CASE_STATE_MAP(X) \
    X(NEW) X(ANALYZING) X(PLANNING) X(WAIT_GATE) X(EXECUTING) X(VERIFYING) X(PARKED) X(CLOSED)

enum case_state {
#define X(name) CASE_##name,
    CASE_STATE_MAP(X)
#undef X
    CASE_STATE_COUNT
};

#define CASE_EVENT_MAP(X)                  \
    X(START_ANALYSIS, "start_analysis")    \
    X(ANALYSIS_DONE,  "analysis_done")     \
    X(PLAN_READY,     "plan_ready")        \
    X(GATE_APPROVED,  "gate_approved")     \
    X(GATE_REJECTED,  "gate_rejected")     \
    X(EXEC_DONE,      "exec_done")         \
    X(EXEC_FAILED,    "exec_failed")       \
    X(VERIFY_PASS,    "verify_pass")       \
    X(VERIFY_FAILED,  "verify_failed")     \
    X(RESUME,         "resume")            \
    X(GIVE_UP,        "give_up")           \
    X(CANCEL,         "cancel")            \
    X(UNKNOWN,        "outcome_unknown")   \
    X(PROVEN,         "in_force_proven")   \
    X(DEADLINE,       "deadline")

enum case_event {
#define X(name, text) ON_##name,
    CASE_EVENT_MAP(X)
#undef X
    CASE_EVENT_COUNT
};

/* How far the approved plan has got. One action is under way at most. */
enum run_phase {
    RUN_IDLE,           /* nothing has been touched */
    RUN_PREPARING,      /* everything is being looked at; the undo script is being written */
    RUN_PROBING,        /* looking at step `step` once more, right before it */
    RUN_DOING,          /* the intent of step `step` is recorded; its result is not */
    RUN_WATCHING,       /* steps below `step` are in force; the guards are watched for a while */
    RUN_DONE,           /* every step is done and read back */
    RUN_TO_INCUMBENT,   /* VERIFYING: on the way back to the incumbent, for comparison */
    RUN_TO_CANDIDATE,   /* VERIFYING: on the way to the candidate again */
    RUN_UNDOING,        /* the intent to undo is recorded; its result is not */
    RUN_UNDONE,         /* what was there before is in force again, read back */
    RUN_UNKNOWN,        /* a result was lost and no witness could tell */
    RUN_PHASE_COUNT
};

enum case_driver { DRIVER_PERSON, DRIVER_ENGINE };   /* who takes the next step: API calls, or the engine by itself */

enum { CASE_TITLE_SIZE = 200, CASE_NAME_SIZE = 64, CASE_PLANS_MAX = 3 };

struct casefile {
    char            id[ID_SIZE];
    char            tenant[CASE_NAME_SIZE];
    char            title[CASE_TITLE_SIZE];
    char            target[CASE_NAME_SIZE];    /* empty: touches no configured target */
    char            opened_by[CASE_NAME_SIZE];
    enum case_state state;
    int64_t         version;                   /* 1 at birth; +1 with each transition */
    int             plans_tried;
    bool            in_force_is_proven;        /* what the target runs with was read back */
    enum case_driver driver;
    enum run_phase  phase;
    int             step;                      /* next step to do; steps below it are in force */
    int             steps;                     /* of the current plan */
    int             attempts;                  /* at the action under way, after the first */
    bool            candidate_in_force;        /* RUN_DONE: which side a comparison is on */
    bool            put_back;                  /* somebody or something wants it undone as soon as possible */
    int64_t         action;                    /* number of the action under way, 0 for none: results of others are ignored */
    int64_t         actions;                   /* given out so far */
    char            plan_id[ID_SIZE];          /* the current plan; empty before the first */
    char            plan_hash[DIGEST_SIZE];
    int64_t         deadline_us;               /* wall; when ON_DEADLINE falls due; 0 only in CLOSED */
    int64_t         created_us, updated_us;    /* wall */
};

const char *case_state_name(enum case_state s);
const char *case_event_name(enum case_event e);
const char *run_phase_name(enum run_phase p);
bool        case_state_parse(const char *text, enum case_state *s);
bool        case_event_parse(const char *text, enum case_event *e);   /* accepts "fix" for resume */

#endif
