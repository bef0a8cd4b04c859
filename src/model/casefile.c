/* model/casefile.c - names of states and events. */
#include "model/casefile.h"

#include <string.h>

static const char *const state_names[CASE_STATE_COUNT] = {
#define X(name) [CASE_##name] = #name,
    CASE_STATE_MAP(X)
#undef X
};

static const char *const event_names[CASE_EVENT_COUNT] = {
#define X(name, text) [ON_##name] = text,
    CASE_EVENT_MAP(X)
#undef X
};

static const char *const phase_names[RUN_PHASE_COUNT] = {
    [RUN_IDLE] = "idle", [RUN_PREPARING] = "preparing", [RUN_PROBING] = "probing", [RUN_DOING] = "doing",
    [RUN_WATCHING] = "watching", [RUN_DONE] = "done", [RUN_TO_INCUMBENT] = "to_incumbent",
    [RUN_TO_CANDIDATE] = "to_candidate", [RUN_UNDOING] = "undoing", [RUN_UNDONE] = "undone", [RUN_UNKNOWN] = "unknown",
};

const char *case_state_name(enum case_state s) { return (unsigned)s < CASE_STATE_COUNT ? state_names[s] : "?"; }
const char *case_event_name(enum case_event e) { return (unsigned)e < CASE_EVENT_COUNT ? event_names[e] : "?"; }
const char *run_phase_name(enum run_phase p)   { return (unsigned)p < RUN_PHASE_COUNT ? phase_names[p] : "?"; }

bool case_state_parse(const char *text, enum case_state *s)
{
    for (int i = 0; i < CASE_STATE_COUNT; i++)
        if (strcmp(text, state_names[i]) == 0) {
            *s = (enum case_state)i;
            return true;
        }
    return false;
}

bool case_event_parse(const char *text, enum case_event *e)
{
    if (strcmp(text, "fix") == 0)
        text = event_names[ON_RESUME];
    for (int i = 0; i < CASE_EVENT_COUNT; i++)
        if (strcmp(text, event_names[i]) == 0) {
            *e = (enum case_event)i;
            return true;
        }
    return false;
}
