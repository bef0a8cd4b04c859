/* model/verdict.c - names, and whom a sentence is about. */
#include "model/verdict.h"

#include <string.h>

const char *gate_answer_name(enum gate_answer a)
{
    static const char *const names[] = { "approve", "ask", "reject", "wait" };
    return (unsigned)a < 4 ? names[a] : "?";
}

static const char *const class_names[VERIFY_CLASS_COUNT] = {
    [VERIFY_NONE] = "none", [VERIFY_IMMEDIATE] = "immediate", [VERIFY_PLANNER] = "planner",
    [VERIFY_CHECKPOINT] = "checkpoint", [VERIFY_SLOW] = "slow", [VERIFY_RESTART] = "restart",
};

const char *verify_class_name(enum verify_class c) { return (unsigned)c < VERIFY_CLASS_COUNT ? class_names[c] : "?"; }

bool verify_class_parse(const char *text, enum verify_class *c)
{
    for (int i = 0; i < VERIFY_CLASS_COUNT; i++)
        if (strcmp(text, class_names[i]) == 0) {
            *c = (enum verify_class)i;
            return true;
        }
    return false;
}

const char *outcome_name(enum outcome o)
{
    static const char *const names[] = { "better", "worse", "undecided", "equivalent" };
    return (unsigned)o < 4 ? names[o] : "?";
}

bool verdict_of_some(const char *why) { return why && strncmp(why, VERDICT_OF_SOME, sizeof VERDICT_OF_SOME - 1) == 0; }
