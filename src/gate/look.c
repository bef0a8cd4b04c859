/* gate/look.c - reading a plan as it would happen. */
#include "gate/look.h"

#include "base/clock.h"
#include "model/index.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { SET_TAKES_S = 2, RESTART_TAKES_S = 30 };   /* expected, besides watching */

PRINTF(2, 3) static void note(char out[LOOK_TROUBLE_SIZE], const char *format, ...)
{
    if (*out)
        return;
    va_list args;
    va_start(args, format);
    (void)vsnprintf(out, LOOK_TROUBLE_SIZE, format, args);
    va_end(args);
}

static void look_at_target(struct gate_look *l, int step, const json_t *params)
{
    const char *name = json_string_value(json_object_get(params, "target"));
    if (!name || !*name || strlen(name) >= LOOK_NAME_SIZE) {
        note(l->malformed, "step %d names no target", step + 1);
        return;
    }
    if (l->targets == 0)
        (void)snprintf(l->target, sizeof l->target, "%s", name);
    if (l->targets == 0 || strcmp(l->target, name) != 0)
        l->targets++;
}

static void look_at_setting(struct gate_look *l, int step, size_t at, const json_t *setting, struct knob_state *now)
{
    const char   *name = json_string_value(json_object_get(setting, "name")), *from = json_string_value(json_object_get(setting, "from"));
    const json_t *to = json_object_get(setting, "to");
    struct fault  why = { 0 };
    double        a, b;

    if (!name || !from || !to || (!json_is_string(to) && !json_is_null(to))) {
        note(l->malformed, "step %d, setting %zu: name, from and to must be text", step + 1, at + 1);
        return;
    }
    const struct knob *k = knob_find(name);
    if (!k) {
        note(l->unknown_knob, "step %d: %.80s is not in the catalogue, so nobody can say what it does", step + 1, name);
        return;
    }
    if (json_is_null(to)) {
        note(l->malformed, "step %d: a reset of %s would put a value in force that nobody knows yet", step + 1, k->name);
        return;
    }
    if (knob_parse(k, from, &a, &why) != OK || knob_parse(k, json_string_value(to), &b, &why) != OK) {
        note(l->malformed, "step %d: %.150s", step + 1, why.text);
        return;
    }
    for (int i = 0; i < l->moves; i++)
        if (l->move[i].step == step && l->move[i].knob == k->id) {
            note(l->malformed, "step %d sets %s twice", step + 1, k->name);
            return;
        }
    if (l->moves == sizeof l->move / sizeof l->move[0]) {
        note(l->malformed, "the plan has more settings than can be judged");
        return;
    }
    if (isnan(now->value[k->id]))
        note(l->stale_from, "step %d: what %s is now is not known", step + 1, k->name);
    else if (!knob_equal(k, now->value[k->id], a))
        note(l->stale_from, "step %d: %s is not %.40s at that point, as the plan says", step + 1, k->name, from);
    l->move[l->moves++] = (struct gate_move){ k->id, step, l->q->plan->step[step].action == PLAN_POSTGRES_RESTART, now->value[k->id], b };
    l->knobs_touched += !l->touched[k->id];
    l->touched[k->id] = true;
    now->value[k->id] = b;
}

static void look_at_settings(struct gate_look *l, int step, const json_t *params, struct knob_state *now)
{
    const json_t *list = json_object_get(params, "settings");
    bool          restart = l->q->plan->step[step].action == PLAN_POSTGRES_RESTART;
    if (list && !json_is_array(list))
        note(l->malformed, "step %d: settings must be a list", step + 1);
    else if (json_array_size(list) == 0 && !restart)
        note(l->malformed, "step %d sets nothing", step + 1);
    else if (json_array_size(list) > KNOB_COUNT)
        note(l->malformed, "step %d sets more parameters than there are", step + 1);
    else
        for (size_t i = 0; i < json_array_size(list); i++)
            look_at_setting(l, step, i, json_array_get(list, i), now);
}

static void look_at_object(struct gate_look *l, int step, const struct plan_step *s)
{
    struct index_step   index;
    struct analyze_step analyze;
    struct fault        why = { 0 };
    bool on_index = s->action == PLAN_POSTGRES_INDEX;
    if ((on_index ? index_step_parse(s->params, &index, &why) : analyze_step_parse(s->params, &analyze, &why)) != OK) {
        note(l->object_malformed, "step %d: %.150s", step + 1, why.text);
        return;
    }
    l->analyzes += !on_index;
    l->drops += on_index && index.drop;
    if (on_index && !index.drop && l->builds++ == 0) {
        l->index_bytes = index.bytes;
        l->table_bytes = index.table_bytes;
    }
}

void gate_look(const struct policy *policy, const struct gate_question *q, struct gate_look *l)
{
    memset(l, 0, sizeof *l);
    l->policy = policy;
    l->q = q;
    l->first_restart = -1;
    l->index_bytes = l->table_bytes = (double)NAN;
    l->begins_restart_us = l->ends_us = q->now_us;
    if (q->facts)
        knob_state_of(&l->before, q->facts);
    else
        for (int i = 0; i < KNOB_COUNT; i++)
            l->before.value[i] = (double)NAN;

    struct knob_state now = l->before;
    for (int i = 0; i < q->plan->steps; i++) {
        const struct plan_step *step = &q->plan->step[i];
        bool set = step->action == PLAN_POSTGRES_SET, restart = step->action == PLAN_POSTGRES_RESTART;
        l->scripts |= step->action == PLAN_SCRIPT_EXEC;
        bool object = step->action == PLAN_POSTGRES_INDEX || step->action == PLAN_POSTGRES_ANALYZE;
        l->postgres |= set || restart || object;
        l->configures |= set || restart;
        if (object) {
            look_at_target(l, i, step->params);
            look_at_object(l, i, step);
        }
        if (restart && l->restarts++ == 0) {
            l->first_restart = i;
            l->begins_restart_us = l->ends_us;
        }
        if (set || restart) {
            look_at_target(l, i, step->params);
            look_at_settings(l, i, step->params, &now);
        }
        l->ends_us += (step->watch_s + (restart ? RESTART_TAKES_S : set ? SET_TAKES_S : 0)) * US_PER_S;
        l->after[l->states++] = now;
    }
}

bool gate_move_is_legal(const struct knob *k, enum knob_rule rule, double from, double to, double ratio)
{
    if (isnan(from) || isnan(to))
        return false;
    if (knob_equal(k, from, to) || rule == KNOB_BY_JUMP || rule == KNOB_TOGETHER || knob_special_of(k, to))
        return true;
    const struct knob_special *leaving = knob_special_of(k, from);
    if (leaving)
        return knob_equal(k, to, leaving->land);
    double moved = fabs(to - from);
    if (rule == KNOB_BY_ONE)
        return moved <= 1;
    return moved <= ratio * fabs(from) * (1 + 1e-9) || (k->type == KNOB_TYPE_INT && moved <= 1);
}
