/*
 * casefile/step.h - the one place that knows how a case moves.
 *
 * case_decide() is a pure function from a case and an input to the case as it
 * is afterwards and what is to be ordered.  The engine writes the result, the
 * timeline row and the outbox messages in one transaction, and only then does
 * anything happen.
 *
 * Two tables make the decision.  The case rules say how a case moves between
 * its states.  The run rules say how the approved plan is carried out, and put
 * back, inside EXECUTING and VERIFYING; a run rule may end in a case event,
 * which is applied in the same decision.
 */
#ifndef CASEFILE_STEP_H
#define CASEFILE_STEP_H

#include "base/err.h"
#include "model/casefile.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#define CASE_ORDER_MAP(X)                                                   \
    X(NONE,      "none",         "nothing to do")                           \
    X(ANALYSE,   "analyse",      "rank the causes")                         \
    X(PLAN,      "plan",         "make a plan")                             \
    X(GATE,      "gate",         "ask the gate")                            \
    X(BEGIN,     "begin",        "begin to execute")                        \
    X(PREPARE,   "prepare",      "look before touching, write the undo script") \
    X(PROBE,     "probe",        "look at the next step once more")         \
    X(DO,        "do",           "do the step")                             \
    X(WATCH,     "watch",        "hold and watch the guards")               \
    X(VERIFY,    "verify",       "compare with the incumbent")              \
    X(INCUMBENT, "to_incumbent", "switch back for comparison")              \
    X(CANDIDATE, "to_candidate", "switch to the candidate again")           \
    X(UNDO,      "undo",         "put back what was there before")          \
    X(RECOVER,   "recover",      "find out what is in force")               \
    X(CALL,      "call",         "call a person")                           \
    X(LEARN,     "learn",        "remember the outcome")

enum case_order {
#define X(id, name, text) ORDER_##id,
    CASE_ORDER_MAP(X)
#undef X
    ORDER_COUNT
};
const char *case_order_name(enum case_order o);
bool        case_order_is_action(enum case_order o);   /* done by an act worker, answered by a run input */

#define RUN_INPUT_MAP(X)                                                              \
    X(BEGIN,        "begin",        "execution may begin")                            \
    X(PREPARED,     "prepared",     "everything was looked at; the undo is on disk")  \
    X(REFUSED,      "refused",      "a look before the act said no; nothing was touched") \
    X(PROBED,       "probed",       "the step can be done; its snapshot is known")    \
    X(DONE,         "done",         "done and read back")                             \
    X(UNTOUCHED,    "untouched",    "failed, and read back as unchanged")             \
    X(PARTIAL,      "partial",      "failed half-way; the snapshot can undo it")      \
    X(LOST,         "lost",         "cannot be told (yet)")                           \
    X(WATCHED,      "watched",      "the guards held for the whole watch window")     \
    X(PUT_BACK,     "put_back",     "put things back: guard, deadline, stop, person or verdict") \
    X(GO_INCUMBENT, "go_incumbent", "the trial wants the incumbent")                  \
    X(GO_CANDIDATE, "go_candidate", "the trial wants the candidate")

enum run_input {
#define X(id, name, text) RUN_ON_##id,
    RUN_INPUT_MAP(X)
#undef X
    RUN_INPUT_COUNT
};
const char *run_input_name(enum run_input i);

/* What the deciding thread knows beside the case itself. */
struct case_facts {
    bool gate_approves;      /* the gate's verdict on exactly this plan, now */
    bool proven_better;      /* the trial's verdict */
    int  retry;              /* of the step under way */
    int  recover_max;        /* how often to look again before giving up on a lost result */
};

struct case_input {
    enum { INPUT_EVENT, INPUT_RUN } kind;
    enum case_event event;
    enum run_input  run;
    int64_t         action;      /* INPUT_RUN results: the number of the action answered; 0 for inputs that answer none */
    struct case_facts facts;
};

struct case_rule {
    int             number;                            /* stable; quoted by the timeline */
    enum case_state from;
    enum case_event on;
    bool          (*when)(const struct casefile *c, const struct case_facts *f);   /* NULL: always */
    enum case_state to;
    enum case_order order;
    const char     *why;                               /* shown to the operator */
    const char     *unless;                            /* why not, when the guard says no; NULL: try the next rule silently */
};

struct run_rule {
    int             number;
    enum run_phase  from;
    enum run_input  on;
    bool          (*when)(const struct casefile *c, const struct case_facts *f);
    enum run_phase  to;
    enum case_order order;
    enum case_event event;                             /* CASE_EVENT_COUNT: none */
    const char     *why;
};

#define ON_NOTHING CASE_EVENT_COUNT
enum { UNDO_TRIES_MAX = 5 };

enum case_answer {
    CASE_MOVED,      /* next is to be written; version went up by one */
    CASE_ILLEGAL,    /* this input means nothing in this state: 409 */
    CASE_GUARDED,    /* a guard said no, see why: 422 */
    CASE_IGNORED     /* an answer to an action that is not under way: a duplicate or a ghost */
};

struct case_decision {
    struct casefile         next;
    const struct case_rule *rule;       /* NULL when only the run moved */
    const struct run_rule  *run;        /* NULL when only the case moved */
    enum case_order         order;
    const char             *why;
};

/* How long a case may stay in each state before ON_DEADLINE, in microseconds; undo_us: the end of an action under way, and an undo. */
struct case_timing { int64_t stay_us[CASE_STATE_COUNT], undo_us; };
extern const struct case_timing case_timing_default;

/* Pure. now_us is wall time. */
enum case_answer case_decide(const struct casefile *c, const struct case_input *in, const struct case_timing *timing,
                             int64_t now_us, struct case_decision *out);

/*
 * The engine was restarted: what is to be ordered for a case as it was saved.  An
 * action whose result was lost gets a new number and is answered by a look at the
 * witness, never by doing it again.  CASE_ILLEGAL: nothing was under way.
 */
enum case_answer case_restart(const struct casefile *c, int64_t now_us, struct case_decision *out);

/* From the first look to the last undo a case has its target for itself. */
bool case_holds_target(const struct casefile *c);

/* The events that are legal in the state, guards aside; returns how many. */
int  case_events_from(enum case_state s, enum case_event out[CASE_EVENT_COUNT]);
bool case_is_final(enum case_state s);

/* The tables are well formed: no rule is hidden, no number twice, every state is reached and has a way out in time. */
MUST_CHECK enum err case_rules_check(struct fault *fault);
void    case_rules_mermaid(FILE *out);
json_t *case_rules_json(void);

#endif
