/*
 * model/verdict.h - what the gate says before, and what the verifier says after.
 */
#ifndef MODEL_VERDICT_H
#define MODEL_VERDICT_H

#include <stdbool.h>
#include <stdint.h>

/* ---- the gate ---- */

enum gate_answer { GATE_APPROVE, GATE_ASK, GATE_REJECT, GATE_WAIT };   /* WAIT: not now (window, cool-down, freeze); ask again later */
const char *gate_answer_name(enum gate_answer a);

enum { GATE_REASONS_MAX = 32, RISK_PARTS_MAX = 12 };

struct gate_reason { int rule; enum gate_answer answer; char text[200]; };
struct risk_part   { char name[32]; double value; char text[120]; };

struct gate_verdict {
    enum gate_answer   answer;
    int                rule;                       /* the one that decided */
    char               why[240];
    double             risk;                       /* 0..1 */
    int                parts;
    struct risk_part   part[RISK_PARTS_MAX];
    int                reasons;                    /* everything that had something to say, the decider first */
    struct gate_reason reason[GATE_REASONS_MAX];
    int64_t            wait_until_us;              /* wall; GATE_WAIT */
    char               policy_version[65];         /* digest of the policy file */
};

/* ---- the verifier ---- */

/* How a knob's effect can be proven on one live database; each knob names its class. */
enum verify_class { VERIFY_NONE, VERIFY_IMMEDIATE, VERIFY_PLANNER, VERIFY_CHECKPOINT, VERIFY_SLOW, VERIFY_RESTART, VERIFY_CLASS_COUNT };
const char *verify_class_name(enum verify_class c);   /* "none", "immediate", ... */
bool        verify_class_parse(const char *text, enum verify_class *c);

enum outcome { OUTCOME_BETTER, OUTCOME_WORSE, OUTCOME_UNDECIDED, OUTCOME_EQUIVALENT };
const char *outcome_name(enum outcome o);

enum { GUARDS_MAX = 24 };

struct guard_result {
    char   name[32];       /* "p99", "errors", "cpu", ..., "query 123456" */
    double ratio;          /* candidate / incumbent; NAN: unknown */
    double bound;          /* the largest ratio (or absolute value) allowed */
    bool   holds;          /* unknown does not hold */
    char   text[96];
};

struct verdict {
    enum outcome        outcome;
    enum verify_class   method;
    double              effect;         /* log ratio of the response, + is better; NAN when there is no estimate */
    double              lo, hi;         /* time-uniform interval or placebo margin around it */
    double              alpha;          /* spent on this verdict */
    int                 n;              /* independent observations behind it */
    int                 windows_a, windows_b;
    int                 looks;
    double              lag1;           /* of the batch means */
    int                 guards;
    struct guard_result guard[GUARDS_MAX];
    double              degraded_s;     /* seconds spent worse than 10 % below the incumbent */
    int64_t             wall_us;
    char                why[320];       /* one sentence for a person */
};

/*
 * Does this sentence speak of the statements alone that a change was made for, as of an index?  Then the effect is theirs: nobody has
 * measured what it is to the database as a whole, and it is no part of a sum of such effects.
 */
#define VERDICT_OF_SOME "Of the statements it was made for: "
bool verdict_of_some(const char *why);     /* NULL: false */

#endif
