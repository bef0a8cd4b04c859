/*
 * casefile/rules.c - the two tables.  Everything else reads them: the decision,
 * the timeline, the diagram, the JSON, and the checks.
 */
#include "casefile/rules.h"

#include <stddef.h>

/* ---- guards of the case rules ---- */

static bool plan_complete(const struct casefile *c, const struct case_facts *f)   { (void)f; return c->plan_id[0] != '\0' && c->steps > 0; }
static bool gate_approves(const struct casefile *c, const struct case_facts *f)   { (void)c; return f->gate_approves; }
static bool all_done(const struct casefile *c, const struct case_facts *f)        { (void)f; return c->phase == RUN_DONE && c->step == c->steps; }
static bool untouched(const struct casefile *c, const struct case_facts *f)       { (void)f; return c->phase == RUN_IDLE || c->phase == RUN_UNDONE; }
static bool lost(const struct casefile *c, const struct case_facts *f)            { (void)f; return c->phase == RUN_UNKNOWN; }
static bool asked_before(const struct casefile *c, const struct case_facts *f)    { (void)f; return c->put_back && c->phase != RUN_IDLE; }
static bool better(const struct casefile *c, const struct case_facts *f)          { return f->proven_better && c->phase == RUN_DONE && c->candidate_in_force; }
static bool may_try_again(const struct casefile *c, const struct case_facts *f)   { (void)f; return c->plans_tried < CASE_PLANS_MAX && c->in_force_is_proven; }
static bool proven_in_force(const struct casefile *c, const struct case_facts *f) { (void)f; return c->in_force_is_proven; }

/*
 * Undoing is part of EXECUTING and VERIFYING: a case leaves them only after the
 * undo was read back, or as "unknown".  PARKED never acts.
 */
const struct case_rule case_rules[] = {
    { 101, CASE_NEW,       ON_START_ANALYSIS, NULL,            CASE_ANALYZING, ORDER_ANALYSE, "somebody or something asked for a look", NULL },
    { 108, CASE_NEW,       ON_CANCEL,         NULL,            CASE_PARKED,    ORDER_NONE,    "cancelled before it began", NULL },
    { 109, CASE_NEW,       ON_DEADLINE,       NULL,            CASE_PARKED,    ORDER_NONE,    "nobody started it", NULL },

    { 201, CASE_ANALYZING, ON_ANALYSIS_DONE,  NULL,            CASE_PLANNING,  ORDER_PLAN,    "the causes are ranked", NULL },
    { 208, CASE_ANALYZING, ON_CANCEL,         NULL,            CASE_PARKED,    ORDER_NONE,    "cancelled during analysis", NULL },
    { 209, CASE_ANALYZING, ON_DEADLINE,       NULL,            CASE_PARKED,    ORDER_NONE,    "analysis took too long", NULL },

    { 301, CASE_PLANNING,  ON_PLAN_READY,     plan_complete,   CASE_WAIT_GATE, ORDER_GATE,    "a complete plan is ready for the gate", "there is no complete plan yet" },
    { 308, CASE_PLANNING,  ON_CANCEL,         NULL,            CASE_PARKED,    ORDER_NONE,    "cancelled, or no planner knows what to do", NULL },
    { 309, CASE_PLANNING,  ON_DEADLINE,       NULL,            CASE_PARKED,    ORDER_NONE,    "planning took too long", NULL },

    { 401, CASE_WAIT_GATE, ON_GATE_APPROVED,  gate_approves,   CASE_EXECUTING, ORDER_BEGIN,   "the gate allows the plan", "the gate does not approve this plan" },
    { 402, CASE_WAIT_GATE, ON_GATE_REJECTED,  NULL,            CASE_PARKED,    ORDER_NONE,    "policy or a person refused", NULL },
    { 408, CASE_WAIT_GATE, ON_CANCEL,         NULL,            CASE_PARKED,    ORDER_NONE,    "cancelled at the gate", NULL },
    { 409, CASE_WAIT_GATE, ON_DEADLINE,       NULL,            CASE_PARKED,    ORDER_NONE,    "nobody answered in time, which is not a refusal", NULL },

    { 501, CASE_EXECUTING, ON_EXEC_DONE,      all_done,        CASE_VERIFYING, ORDER_VERIFY,  "every step was done and read back", "not every step has been done and read back" },
    { 502, CASE_EXECUTING, ON_EXEC_FAILED,    untouched,       CASE_PARKED,    ORDER_NONE,    "a step failed; what was done has been put back", "something is still in force; cancel puts it back first" },
    { 503, CASE_EXECUTING, ON_UNKNOWN,        lost,            CASE_PARKED,    ORDER_CALL,    "we cannot tell what is in force", "the outcome is not lost" },
    { 507, CASE_EXECUTING, ON_DEADLINE,       asked_before,    CASE_PARKED,    ORDER_CALL,    "putting things back took too long, we cannot tell what is in force", NULL },
    { 508, CASE_EXECUTING, ON_CANCEL,         NULL,            CASE_EXECUTING, ORDER_UNDO,    "cancelled, put things back", NULL },
    { 509, CASE_EXECUTING, ON_DEADLINE,       NULL,            CASE_EXECUTING, ORDER_UNDO,    "the plan ran past its deadline, put things back", NULL },

    { 601, CASE_VERIFYING, ON_VERIFY_PASS,    better,          CASE_CLOSED,    ORDER_LEARN,   "proven better", "it has not been proven better" },
    { 602, CASE_VERIFYING, ON_VERIFY_FAILED,  untouched,       CASE_PARKED,    ORDER_NONE,    "not proven better, and put back", "something is still in force; cancel puts it back first" },
    { 603, CASE_VERIFYING, ON_UNKNOWN,        lost,            CASE_PARKED,    ORDER_CALL,    "we cannot tell what is in force", "the outcome is not lost" },
    { 607, CASE_VERIFYING, ON_DEADLINE,       asked_before,    CASE_PARKED,    ORDER_CALL,    "putting things back took too long, we cannot tell what is in force", NULL },
    { 608, CASE_VERIFYING, ON_CANCEL,         NULL,            CASE_VERIFYING, ORDER_UNDO,    "cancelled, put things back", NULL },
    { 609, CASE_VERIFYING, ON_DEADLINE,       NULL,            CASE_VERIFYING, ORDER_UNDO,    "undecided for too long, put things back", NULL },

    { 701, CASE_PARKED,    ON_RESUME,         may_try_again,   CASE_PLANNING,  ORDER_PLAN,    "try a different plan", "three plans were tried, or what is in force is not proven" },
    { 702, CASE_PARKED,    ON_GIVE_UP,        proven_in_force, CASE_CLOSED,    ORDER_LEARN,   "learn from what did not help", "what is in force has not been proven" },
    { 703, CASE_PARKED,    ON_DEADLINE,       proven_in_force, CASE_CLOSED,    ORDER_LEARN,   "parked for so long that it is history", NULL },
    { 704, CASE_PARKED,    ON_PROVEN,         NULL,            CASE_PARKED,    ORDER_NONE,    "what is in force was read back after all", NULL },
    { 709, CASE_PARKED,    ON_DEADLINE,       NULL,            CASE_PARKED,    ORDER_CALL,    "still unknown: call a person again", NULL },
};
const size_t case_rules_count = sizeof case_rules / sizeof case_rules[0];

/* ---- guards of the run rules ---- */

static bool first(const struct casefile *c, const struct case_facts *f)        { (void)f; return c->step == 0; }
static bool more(const struct casefile *c, const struct case_facts *f)         { (void)f; return c->step < c->steps; }
static bool wanted_back(const struct casefile *c, const struct case_facts *f)  { (void)f; return c->put_back; }
static bool first_and_back(const struct casefile *c, const struct case_facts *f) { (void)f; return c->step == 0 && c->put_back; }
static bool retry_left(const struct casefile *c, const struct case_facts *f)   { return c->attempts < f->retry && !c->put_back; }
static bool look_again(const struct casefile *c, const struct case_facts *f)   { return c->attempts < f->recover_max; }
static bool undo_again(const struct casefile *c, const struct case_facts *f)   { (void)f; return c->attempts < UNDO_TRIES_MAX; }
static bool on_candidate(const struct casefile *c, const struct case_facts *f) { (void)f; return c->candidate_in_force; }
static bool on_incumbent(const struct casefile *c, const struct case_facts *f) { (void)f; return !c->candidate_in_force; }

const struct run_rule run_rules[] = {
    { 1001, RUN_IDLE,         RUN_ON_BEGIN,        NULL,         RUN_PREPARING,    ORDER_PREPARE,   ON_NOTHING,     "look at everything before touching anything" },
    { 1002, RUN_IDLE,         RUN_ON_PUT_BACK,     NULL,         RUN_IDLE,         ORDER_NONE,      ON_EXEC_FAILED, "nothing was touched, nothing to put back" },

    { 1011, RUN_PREPARING,    RUN_ON_PREPARED,     wanted_back,  RUN_IDLE,         ORDER_NONE,      ON_EXEC_FAILED, "nothing was touched, nothing to put back" },
    { 1012, RUN_PREPARING,    RUN_ON_PREPARED,     NULL,         RUN_PROBING,      ORDER_PROBE,     ON_NOTHING,     "the undo is on disk" },
    { 1013, RUN_PREPARING,    RUN_ON_REFUSED,      NULL,         RUN_IDLE,         ORDER_NONE,      ON_EXEC_FAILED, "a look before the act said no; nothing was touched" },
    { 1014, RUN_PREPARING,    RUN_ON_LOST,         NULL,         RUN_IDLE,         ORDER_NONE,      ON_EXEC_FAILED, "it could not be looked at; nothing was touched" },
    { 1019, RUN_PREPARING,    RUN_ON_PUT_BACK,     NULL,         RUN_PREPARING,    ORDER_NONE,      ON_NOTHING,     "stop after this look" },

    { 1020, RUN_PROBING,      RUN_ON_PROBED,       first_and_back, RUN_IDLE,       ORDER_NONE,      ON_EXEC_FAILED, "nothing was touched, nothing to put back" },
    { 1021, RUN_PROBING,      RUN_ON_PROBED,       wanted_back,  RUN_UNDOING,      ORDER_UNDO,      ON_NOTHING,     "put back instead of going on" },
    { 1022, RUN_PROBING,      RUN_ON_PROBED,       NULL,         RUN_DOING,        ORDER_DO,        ON_NOTHING,     "the intent is recorded" },
    { 1023, RUN_PROBING,      RUN_ON_REFUSED,      first,        RUN_IDLE,         ORDER_NONE,      ON_EXEC_FAILED, "the first step is refused; nothing was touched" },
    { 1024, RUN_PROBING,      RUN_ON_REFUSED,      NULL,         RUN_UNDOING,      ORDER_UNDO,      ON_NOTHING,     "a later step is refused; put back the earlier ones" },
    { 1025, RUN_PROBING,      RUN_ON_LOST,         first,        RUN_IDLE,         ORDER_NONE,      ON_EXEC_FAILED, "it could not be looked at; nothing was touched" },
    { 1026, RUN_PROBING,      RUN_ON_LOST,         NULL,         RUN_UNDOING,      ORDER_UNDO,      ON_NOTHING,     "it could not be looked at; put back the earlier steps" },
    { 1029, RUN_PROBING,      RUN_ON_PUT_BACK,     NULL,         RUN_PROBING,      ORDER_NONE,      ON_NOTHING,     "put back after this look" },

    { 1031, RUN_DOING,        RUN_ON_DONE,         wanted_back,  RUN_UNDOING,      ORDER_UNDO,      ON_NOTHING,     "done, but it is to be put back" },
    { 1032, RUN_DOING,        RUN_ON_DONE,         NULL,         RUN_WATCHING,     ORDER_WATCH,     ON_NOTHING,     "done and read back" },
    { 1033, RUN_DOING,        RUN_ON_UNTOUCHED,    retry_left,   RUN_PROBING,      ORDER_PROBE,     ON_NOTHING,     "failed without a trace, try again" },
    { 1034, RUN_DOING,        RUN_ON_UNTOUCHED,    first,        RUN_UNDONE,       ORDER_NONE,      ON_EXEC_FAILED, "failed without a trace" },
    { 1035, RUN_DOING,        RUN_ON_UNTOUCHED,    NULL,         RUN_UNDOING,      ORDER_UNDO,      ON_NOTHING,     "failed without a trace; put back the earlier steps" },
    { 1036, RUN_DOING,        RUN_ON_PARTIAL,      NULL,         RUN_UNDOING,      ORDER_UNDO,      ON_NOTHING,     "failed half-way, put back" },
    { 1037, RUN_DOING,        RUN_ON_LOST,         look_again,   RUN_DOING,        ORDER_RECOVER,   ON_NOTHING,     "the result is lost, look at the witness" },
    { 1038, RUN_DOING,        RUN_ON_LOST,         NULL,         RUN_UNKNOWN,      ORDER_NONE,      ON_UNKNOWN,     "the result is lost and the witness cannot tell" },
    { 1039, RUN_DOING,        RUN_ON_PUT_BACK,     NULL,         RUN_DOING,        ORDER_NONE,      ON_NOTHING,     "put back as soon as the step has ended" },

    { 1041, RUN_WATCHING,     RUN_ON_WATCHED,      more,         RUN_PROBING,      ORDER_PROBE,     ON_NOTHING,     "the guards held, next step" },
    { 1042, RUN_WATCHING,     RUN_ON_WATCHED,      NULL,         RUN_DONE,         ORDER_NONE,      ON_EXEC_DONE,   "the guards held after the last step" },
    { 1049, RUN_WATCHING,     RUN_ON_PUT_BACK,     NULL,         RUN_UNDOING,      ORDER_UNDO,      ON_NOTHING,     "put back" },

    { 1051, RUN_DONE,         RUN_ON_GO_INCUMBENT, on_candidate, RUN_TO_INCUMBENT, ORDER_INCUMBENT, ON_NOTHING,     "compare with the incumbent" },
    { 1052, RUN_DONE,         RUN_ON_GO_CANDIDATE, on_incumbent, RUN_TO_CANDIDATE, ORDER_CANDIDATE, ON_NOTHING,     "compare with the candidate" },
    { 1059, RUN_DONE,         RUN_ON_PUT_BACK,     NULL,         RUN_UNDOING,      ORDER_UNDO,      ON_NOTHING,     "put back" },

    { 1061, RUN_TO_INCUMBENT, RUN_ON_DONE,         wanted_back,  RUN_UNDOING,      ORDER_UNDO,      ON_NOTHING,     "put back for good" },
    { 1062, RUN_TO_INCUMBENT, RUN_ON_DONE,         NULL,         RUN_DONE,         ORDER_NONE,      ON_NOTHING,     "the incumbent is in force, read back" },
    { 1063, RUN_TO_INCUMBENT, RUN_ON_UNTOUCHED,    NULL,         RUN_UNDOING,      ORDER_UNDO,      ON_NOTHING,     "the switch failed, put back" },
    { 1064, RUN_TO_INCUMBENT, RUN_ON_PARTIAL,      NULL,         RUN_UNDOING,      ORDER_UNDO,      ON_NOTHING,     "the switch failed half-way, put back" },
    { 1065, RUN_TO_INCUMBENT, RUN_ON_LOST,         look_again,   RUN_TO_INCUMBENT, ORDER_RECOVER,   ON_NOTHING,     "the result is lost, look at the witness" },
    { 1066, RUN_TO_INCUMBENT, RUN_ON_LOST,         NULL,         RUN_UNKNOWN,      ORDER_NONE,      ON_UNKNOWN,     "the result is lost and the witness cannot tell" },
    { 1069, RUN_TO_INCUMBENT, RUN_ON_PUT_BACK,     NULL,         RUN_TO_INCUMBENT, ORDER_NONE,      ON_NOTHING,     "put back as soon as the switch has ended" },

    { 1071, RUN_TO_CANDIDATE, RUN_ON_DONE,         wanted_back,  RUN_UNDOING,      ORDER_UNDO,      ON_NOTHING,     "put back" },
    { 1072, RUN_TO_CANDIDATE, RUN_ON_DONE,         NULL,         RUN_DONE,         ORDER_NONE,      ON_NOTHING,     "the candidate is in force, read back" },
    { 1073, RUN_TO_CANDIDATE, RUN_ON_UNTOUCHED,    NULL,         RUN_UNDOING,      ORDER_UNDO,      ON_NOTHING,     "the switch failed, put back" },
    { 1074, RUN_TO_CANDIDATE, RUN_ON_PARTIAL,      NULL,         RUN_UNDOING,      ORDER_UNDO,      ON_NOTHING,     "the switch failed half-way, put back" },
    { 1075, RUN_TO_CANDIDATE, RUN_ON_LOST,         look_again,   RUN_TO_CANDIDATE, ORDER_RECOVER,   ON_NOTHING,     "the result is lost, look at the witness" },
    { 1076, RUN_TO_CANDIDATE, RUN_ON_LOST,         NULL,         RUN_UNKNOWN,      ORDER_NONE,      ON_UNKNOWN,     "the result is lost and the witness cannot tell" },
    { 1079, RUN_TO_CANDIDATE, RUN_ON_PUT_BACK,     NULL,         RUN_TO_CANDIDATE, ORDER_NONE,      ON_NOTHING,     "put back as soon as the switch has ended" },

    { 1081, RUN_UNDOING,      RUN_ON_DONE,         NULL,         RUN_UNDONE,       ORDER_NONE,      ON_EXEC_FAILED, "put back and read back" },
    { 1082, RUN_UNDOING,      RUN_ON_UNTOUCHED,    undo_again,   RUN_UNDOING,      ORDER_UNDO,      ON_NOTHING,     "putting back failed, try again" },
    { 1083, RUN_UNDOING,      RUN_ON_PARTIAL,      undo_again,   RUN_UNDOING,      ORDER_UNDO,      ON_NOTHING,     "putting back failed half-way, try again" },
    { 1084, RUN_UNDOING,      RUN_ON_UNTOUCHED,    NULL,         RUN_UNKNOWN,      ORDER_NONE,      ON_UNKNOWN,     "putting back failed too often" },
    { 1085, RUN_UNDOING,      RUN_ON_PARTIAL,      NULL,         RUN_UNKNOWN,      ORDER_NONE,      ON_UNKNOWN,     "putting back failed half-way too often" },
    { 1086, RUN_UNDOING,      RUN_ON_LOST,         look_again,   RUN_UNDOING,      ORDER_UNDO,      ON_NOTHING,     "the undo's result is lost; undoing twice does no harm" },
    { 1087, RUN_UNDOING,      RUN_ON_LOST,         NULL,         RUN_UNKNOWN,      ORDER_NONE,      ON_UNKNOWN,     "the undo's result is lost" },
    { 1089, RUN_UNDOING,      RUN_ON_PUT_BACK,     NULL,         RUN_UNDOING,      ORDER_NONE,      ON_NOTHING,     "it is being put back already" },
};
const size_t run_rules_count = sizeof run_rules / sizeof run_rules[0];
