/* plan/planner.c - a planner remembers what it was told; everything else is its kind's pure function. */
#include "plan/planner.h"

#include "base/text.h"
#include "plan/practice.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const struct planner_kind *const kinds[] = { &planner_joint, &planner_joint_ppo, &planner_ladder };

struct planner {
    const struct planner_kind *kind;
    uint64_t                   seed;
    struct planner_told       *told;
    int                        tolds, room;   /* at most TOLD_MAX */
    int                        forgotten;
};

static const char *const told_names[TOLD_COUNT] = {
    [TOLD_BETTER] = "better", [TOLD_WORSE] = "worse", [TOLD_UNDECIDED] = "undecided",
    [TOLD_EQUIVALENT] = "equivalent", [TOLD_REFUSED] = "refused", [TOLD_FAILED] = "failed",
};

const char *told_name(enum told t) { return (unsigned)t < TOLD_COUNT ? told_names[t] : "?"; }

bool told_parse(const char *text, enum told *t)
{
    for (int i = 0; i < TOLD_COUNT; i++)
        if (strcmp(text, told_names[i]) == 0) {
            *t = (enum told)i;
            return true;
        }
    return false;
}

enum told told_of(enum outcome o)
{
    switch (o) {
    case OUTCOME_BETTER:     return TOLD_BETTER;
    case OUTCOME_WORSE:      return TOLD_WORSE;
    case OUTCOME_EQUIVALENT: return TOLD_EQUIVALENT;
    case OUTCOME_UNDECIDED:  break;
    }
    return TOLD_UNDECIDED;
}

enum err planner_new(const char *kind, uint64_t seed, struct planner **p, struct fault *fault)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (kind && strcmp(kind, kinds[i]->name) != 0)
            continue;
        struct planner *made = calloc(1, sizeof *made);
        if (!made)
            return fail(fault, ERR_LIMIT, "no memory for a planner");
        made->kind = kinds[i];
        made->seed = seed;
        *p = made;
        return OK;
    }
    (void)fail(fault, ERR_MISSING, "there is no planner \"%.40s\"", kind);
    fail_hint(fault, "planners: joint, joint-ppo, ladder");
    return ERR_MISSING;
}

void planner_free(struct planner *p)
{
    if (p)
        free(p->told);
    free(p);
}

enum err planner_ask(const struct planner *p, const struct planner_view *view, struct proposal *out, struct fault *fault)
{
    struct fault own;
    return p->kind->ask(p->told, p->tolds, p->seed + (uint64_t)p->forgotten, view, out, fault ? fault : &own);
}

enum err planner_practise(const struct planner *p, const struct planner_view *view, struct math_ppo *policy, struct fault *fault)
{
    struct scene  s;
    struct story  story;
    struct belief b;
    enum err      e = proposers_may(view, fault);
    if (e != OK)
        return e == ERR_STATE || e == ERR_UNKNOWN ? ERR_MISSING : e;
    scene_init(&s, view, p->told, p->tolds, p->seed);
    if ((e = story_of(&s, &story, fault)) != OK)
        return e;
    struct belief_how how = { .seed = p->seed, .portfolio = { .starts = 1 } };
    if ((e = belief_of(&s, &story, &how, &b, fault)) == OK) {
        e = b.known >= PRACTICE_TRIALS_MIN ? practice_train(policy, &b, p->seed, fault) : fail(fault, ERR_MISSING, "%d trials are too few to practise on", b.known);
        belief_done(&b);
    }
    story_done(&story);
    return e;
}

enum err planner_tell(struct planner *p, const struct proposal *proposal, enum told told, double effect, struct fault *fault)
{
    return planner_tell_measured(p, proposal, told, effect, (double)NAN, fault);
}

/* What the server could not start with is worth remembering longest. */
static void forget_oldest(struct planner *p)
{
    int i = 0;
    p->forgotten++;
    while (i < p->tolds - 1 && p->told[i].told == TOLD_FAILED)
        i++;
    memmove(p->told + i, p->told + i + 1, (size_t)(--p->tolds - i) * sizeof *p->told);
}

enum err planner_tell_measured(struct planner *p, const struct proposal *proposal, enum told told, double effect, double sd, struct fault *fault)
{
    if (p->tolds == TOLD_MAX)
        forget_oldest(p);
    if (p->tolds == p->room) {
        int                  room = p->room ? 2 * p->room : 16;
        struct planner_told *more = realloc(p->told, (size_t)room * sizeof *more);
        if (!more)
            return fail(fault, ERR_LIMIT, "no memory for what the planner was told");
        p->told = more;
        p->room = room;
    }
    struct planner_told *t = &p->told[p->tolds++];
    *t = (struct planner_told){ .proposal = *proposal, .told = told, .sd = isfinite(sd) ? sd : (double)NAN,
                                .effect = isnan(effect) ? effect : fmin(fmax(effect, -PLANNER_EFFECT_MOST), PLANNER_EFFECT_MOST) };
    workload_clear(&t->workload);
    if (proposal->has_workload)
        t->workload = proposal->workload;
    return OK;
}

bool planner_was_unsafe(const struct proposal *p, enum told told, double effect, const struct bounds *b)
{
    if (told == TOLD_REFUSED)
        return false;
    if (told == TOLD_FAILED || isnan(effect))
        return told == TOLD_FAILED || told == TOLD_WORSE;
    return effect < log1p(-b->harm_max[p->verify]);
}

void planner_stats_of(const struct planner *p, const struct bounds *b, struct planner_stats *out)
{
    *out = (struct planner_stats){ .told = p->tolds, .ever = p->tolds + p->forgotten, .worst = (double)NAN };
    for (int i = 0; i < p->tolds; i++) {
        const struct planner_told *t = &p->told[i];
        out->by[t->told]++;
        out->restarts += t->proposal.needs_restart && t->told != TOLD_REFUSED;
        out->unsafe += planner_was_unsafe(&t->proposal, t->told, t->effect, b);
        if (!isnan(t->effect) && !(t->effect > out->worst))
            out->worst = t->effect;
    }
    if (p->kind->arms)
        p->kind->arms(p->told, p->tolds, p->seed, out->arm, &out->arms);
}

/* ---- a proposal as JSON ---- */

json_t *proposal_json(const struct proposal *p)
{
    json_t *changes = json_array();
    for (int i = 0; i < p->changes; i++) {
        char from[48], to[48];
        const struct knob *k = knob_at(p->change[i].knob);
        if (json_array_append_new(changes, json_pack("{s:s, s:s, s:s}", "name", k->name, "from", knob_format(k, p->change[i].from, from, sizeof from),
                                                     "to", knob_format(k, p->change[i].to, to, sizeof to))) != 0) {
            json_decref(changes);
            return NULL;
        }
    }
    json_t *workload = p->has_workload ? workload_json(&p->workload) : NULL;
    return json_pack("{s:s, s:s, s:s, s:o, s:b, s:s, s:o*}", "planner", p->planner, "title", p->title, "why", p->why, "changes", changes,
                     "needs_restart", (int)p->needs_restart, "verify", verify_class_name(p->verify), "workload", workload);
}

static enum err parse_text(const json_t *json, const char *key, char *out, size_t size, struct fault *fault)
{
    const char *text = json_string_value(json_object_get(json, key));
    if (!text || !text_copy(out, size, text))
        return fail(fault, ERR_INPUT, "the proposal's %s is missing, not text or longer than %zu bytes", key, size - 1);
    return OK;
}

static enum err parse_change(const json_t *json, struct proposed_change *c, struct fault *fault)
{
    const char *name = json_string_value(json_object_get(json, "name")), *to = json_string_value(json_object_get(json, "to"));
    const char *from = json_string_value(json_object_get(json, "from"));
    const struct knob *k = name ? knob_find(name) : NULL;
    if (!k || !from || !to)
        return fail(fault, ERR_INPUT, "a change of the proposal names no knob that is known, or no values");
    c->knob = k->id;
    enum err e = knob_parse(k, from, &c->from, fault);
    return e == OK ? knob_parse(k, to, &c->to, fault) : e;
}

enum err proposal_parse(const json_t *json, struct proposal *p, struct fault *fault)
{
    struct proposal got = { 0 };
    char            class[24];
    enum err        e = parse_text(json, "planner", got.planner, sizeof got.planner, fault);
    if (e == OK)
        e = parse_text(json, "title", got.title, sizeof got.title, fault);
    if (e == OK)
        e = parse_text(json, "why", got.why, sizeof got.why, fault);
    if (e == OK)
        e = parse_text(json, "verify", class, sizeof class, fault);
    if (e != OK)
        return e;
    const json_t *changes = json_object_get(json, "changes"), *restart = json_object_get(json, "needs_restart");
    size_t        n = json_array_size(changes);
    if (!verify_class_parse(class, &got.verify) || !json_is_boolean(restart) || n < 1 || n > PROPOSAL_CHANGES_MAX)
        return fail(fault, ERR_INPUT, "the proposal's verify, needs_restart or changes are not as they should be");
    got.needs_restart = json_is_true(restart);
    for (size_t i = 0; i < n && e == OK; i++)
        e = parse_change(json_array_get(changes, i), &got.change[got.changes++], fault);
    const json_t *workload = json_object_get(json, "workload");
    got.has_workload = workload != NULL;
    if (e == OK && workload)
        e = workload_parse(workload, &got.workload, fault);
    if (e == OK)
        *p = got;
    return e;
}
