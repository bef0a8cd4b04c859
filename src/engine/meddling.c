/*
 * engine/meddling.c - what somebody else changes while a plan of ours is carried out and measured.
 */
#include "engine/inside.h"
#include "model/knob.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static void leave_out(struct target_facts *f, const char *name)
{
    for (int i = 0; name && i < f->settings; i++)
        if (strcasecmp(f->setting[i].name, name) == 0)
            f->setting[i] = f->setting[--f->settings];
}

/* Of what is in force when a plan begins all is to be the same when it has been carried out, an hour later it may be, but what the plan itself changes. */
void meddling_begin(struct engine *e, struct etarget *t, const struct casefile *c)
{
    struct stored_plan plan;
    struct fault       ignored;
    size_t             i, k;
    json_t            *step, *s;
    free(t->before);
    t->before = NULL;
    if (!t->facts || store_plan_get(e->store, c->plan_id, &plan, &ignored) != OK)
        return;
    t->before = malloc(sizeof *t->before);
    if (t->before)
        *t->before = *t->facts;
    json_array_foreach(t->before ? json_object_get(plan.plan, "steps") : NULL, i, step)
        json_array_foreach(json_object_get(json_object_get(step, "params"), "settings"), k, s)
            leave_out(t->before, json_string_value(json_object_get(s, "name")));
    stored_plan_done(&plan);
}

/* What the server makes of other parameters, or of the shell that started it: nobody has changed it. */
static bool is_derived(const struct setting *s)
{
    return strcmp(s->source, "default") == 0 || strcmp(s->source, "override") == 0 || strcmp(s->source, "environment variable") == 0;
}

static const struct setting *changed_since(const struct target_facts *before, const struct target_facts *fresh)
{
    struct target_facts  *rest = malloc(sizeof *rest);
    const struct setting *other = NULL;
    if (!rest)
        return NULL;
    *rest = *before;
    while ((other = target_changed(rest, fresh)) && is_derived(other) && is_derived(target_setting(rest, other->name)))
        leave_out(rest, other->name);
    free(rest);
    return other;
}

/* Before and after tell of the plan only while nothing else is changed; what takes turns meets alike what others do. */
void meddling_facts(struct etarget *t, const struct target_facts *fresh)
{
    char why[SETTING_NAME_SIZE + 120];
    const struct setting *other = NULL;
    if (!t->trial || !trial_compares_with_past(t->trial))
        return;
    if (t->facts && t->facts->read_wall_us > t->trial_wall_us)
        other = target_changed(t->facts, fresh);
    else if (t->before && fresh->read_wall_us > t->trial_wall_us)      /* the first since all of the plan is in force */
        other = changed_since(t->before, fresh);
    if (!other)
        return;
    (void)snprintf(why, sizeof why, "%s was changed by somebody else while this was tried, so nothing can be said about the change.", other->name);
    trial_give_up(t->trial, why);
}

/* Of a plan's settings one that is in force with another value than its last step brought; NULL: none, as far as it can be told. */
static const char *not_there(const json_t *plan, const struct target_facts *f)
{
    const json_t *steps = json_object_get(plan, "steps");
    const char   *gone = NULL;
    json_t       *later = json_object(), *s;
    size_t        k;
    for (size_t i = json_array_size(steps); i-- > 0; )
        json_array_foreach(json_object_get(json_object_get(json_array_get(steps, i), "params"), "settings"), k, s) {
            const char           *name = json_string_value(json_object_get(s, "name")), *to = json_string_value(json_object_get(s, "to"));
            const struct knob    *knob = name ? knob_find(name) : NULL;
            const struct setting *now = knob ? target_setting(f, knob->name) : NULL;
            bool                  first = name && !json_object_get(later, name), elsewhere = now && (strstr(now->source, "database") || strcmp(now->source, "user") == 0);
            double                wanted, is;
            struct fault          ignored;
            if (name)
                (void)json_object_set_new(later, name, json_true());
            if (!first || !now || !to || elsewhere || knob_parse(knob, to, &wanted, &ignored) != OK || knob_special_of(knob, wanted))
                continue;
            if (knob_current(knob, f, &is, &ignored) == OK && !knob_equal(knob, is, wanted))
                gone = knob->name;
        }
    json_decref(later);
    return gone;
}

/* Who finds homeostat gone amid a trial takes its undo script, and rightly so: then what is measured from now on is not what was to be tried. */
void meddling_while_away(struct engine *e, struct etarget *t, const struct target_facts *fresh)
{
    struct casefile    c;
    struct stored_plan plan;
    struct fault       ignored;
    char               why[SETTING_NAME_SIZE + 120];
    if (!t->trial || !t->trial_loaded || fresh->read_wall_us <= t->trial_wall_us)
        return;
    t->trial_loaded = false;
    if (store_case_get(e->store, t->case_id, &c, NULL, &ignored) != OK || store_plan_get(e->store, c.plan_id, &plan, &ignored) != OK)
        return;
    const char *gone = not_there(plan.plan, fresh);
    if (gone) {
        (void)snprintf(why, sizeof why, "%s was changed by somebody else while homeostat was not there, so nothing can be said about the change.", gone);
        trial_give_up(t->trial, why);
    }
    stored_plan_done(&plan);
}
