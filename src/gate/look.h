/*
 * gate/look.h - what the rules look at: the plan, simulated from the facts, step by step.
 *
 * Made once per question by gate_look(); a rule only reads.  Whatever could
 * not be understood is written down as the first trouble of its kind and left
 * to the rule that answers for it.
 */
#ifndef GATE_LOOK_H
#define GATE_LOOK_H

#include "gate/judge.h"

enum { LOOK_TROUBLE_SIZE = 200, LOOK_NAME_SIZE = 64 };

struct gate_move { enum knob_id knob; int step; bool restart_step; double from, to; };

struct gate_look {
    const struct policy        *policy;
    const struct gate_question *q;

    bool  scripts, postgres, configures;           /* what kinds of step there are; configures: parameters, not only tables */
    int   builds, drops, analyzes;                 /* steps on indexes and statistics */
    double index_bytes, table_bytes;               /* of the largest build; NAN: the plan does not say */
    int   restarts, first_restart;                 /* restart steps; index of the first, -1 */
    int   targets;                                 /* different ones named */
    char  target[LOOK_NAME_SIZE];                  /* the first */
    int64_t begins_restart_us, ends_us;            /* expected, wall */

    /* The first of each kind; empty: none. */
    char  malformed[LOOK_TROUBLE_SIZE], object_malformed[LOOK_TROUBLE_SIZE], unknown_knob[LOOK_TROUBLE_SIZE], stale_from[LOOK_TROUBLE_SIZE];

    int               moves;
    struct gate_move  move[PLAN_STEPS_MAX * 24];
    bool              touched[KNOB_COUNT];
    int               knobs_touched;
    struct knob_state before;                      /* all NAN without facts */
    int               states;
    struct knob_state after[PLAN_STEPS_MAX];       /* after each step */
};

void gate_look(const struct policy *policy, const struct gate_question *q, struct gate_look *l);

static inline bool look_touches(const struct gate_look *l, unsigned flags)
{
    for (int i = 1; i < KNOB_COUNT; i++)
        if (l->touched[i] && (knobs[i].flags & flags))
            return true;
    return false;
}

/* ---- rules ---- */

/* A rule that has something to say writes why and returns true; *wait_until_us (wall) when it is about waiting. */
struct gate_says { char *text; size_t size; int64_t wait_until_us; };

struct gate_rule {
    int              number;
    enum gate_answer answer;       /* GATE_APPROVE: a remark that stops nothing */
    bool           (*says)(const struct gate_look *l, struct gate_says *s);
    const char      *text;         /* for people */
};

extern const struct gate_rule gate_rules[];
extern const int              gate_rules_count;

/* Moves of one step, judged without the planner: is from -> to within the step rule of the knob? */
bool gate_move_is_legal(const struct knob *k, enum knob_rule rule, double from, double to, double ratio);

/* ---- risk ---- */

/* impact x probability; fills the parts of the verdict. */
void gate_risk(const struct gate_look *l, struct gate_verdict *v);

#endif
