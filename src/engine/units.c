/*
 * engine/units.c - a plan's steps, merged to what is put back and toggled as one.
 *
 * A plan may raise one parameter in eight small steps; putting it back is one
 * step.  All steps that set parameters on one target become one unit with the first "from"
 * and the last "to" of each parameter; every other step is a unit of its own.
 */
#include "engine/inside.h"

#include <string.h>

static bool is_postgres(const char *action) { return action && (strcmp(action, "postgres.set") == 0 || strcmp(action, "postgres.restart") == 0); }

static json_t *find_setting(json_t *settings, const char *name)
{
    size_t  i;
    json_t *s;
    json_array_foreach(settings, i, s)
        if (strcmp(json_string_value(json_object_get(s, "name")), name) == 0)
            return s;
    return NULL;
}

/* Take the settings of one step into the unit; "passed" collects every value that the plan goes through, so that an undo knows them as ours. */
static void merge(json_t *unit_step, json_t *step)
{
    json_t *into = json_object_get(json_object_get(unit_step, "params"), "settings");
    json_t *from = json_object_get(json_object_get(step, "params"), "settings"), *s;
    size_t  i;
    json_array_foreach(from, i, s) {
        const char *name = json_string_value(json_object_get(s, "name"));
        if (!name)
            continue;
        json_t *known = find_setting(into, name);
        if (!known) {
            known = json_deep_copy(s);
            json_object_set_new(known, "passed", json_array());
            json_array_append_new(into, known);
        }
        json_object_set(known, "to", json_object_get(s, "to"));
        json_array_append(json_object_get(known, "passed"), json_object_get(s, "to"));
    }
    if (strcmp(json_string_value(json_object_get(step, "action")), "postgres.restart") == 0)
        json_object_set_new(unit_step, "action", json_string("postgres.restart"));
    json_int_t a = json_integer_value(json_object_get(unit_step, "timeout_s")), b = json_integer_value(json_object_get(step, "timeout_s"));
    json_object_set_new(unit_step, "timeout_s", json_integer(a > b ? a : b));
}

static json_t *unit_for(json_t *units, json_t *step)
{
    const char *target = json_string_value(json_object_get(json_object_get(step, "params"), "target"));
    size_t      i;
    json_t     *u;
    json_array_foreach(units, i, u) {
        json_t     *s = json_object_get(u, "step");
        const char *theirs = json_string_value(json_object_get(json_object_get(s, "params"), "target"));
        if (is_postgres(json_string_value(json_object_get(s, "action"))) && strcmp(target ? target : "", theirs ? theirs : "") == 0)
            return u;
    }
    return NULL;
}

json_t *units_of(const struct plan *plan)
{
    json_t *units = json_array();
    for (int i = 0; i < plan->steps; i++) {
        json_t *step = json_array_get(json_object_get(plan->json, "steps"), (size_t)i);
        if (!is_postgres(json_string_value(json_object_get(step, "action")))) {
            json_array_append_new(units, json_pack("{s:o,s:i}", "step", json_deep_copy(step), "first", i));
            continue;
        }
        json_t *u = unit_for(units, step);
        if (!u) {
            json_t *empty = json_deep_copy(step);
            json_object_set_new(json_object_get(empty, "params"), "settings", json_array());
            u = json_pack("{s:o,s:i}", "step", empty, "first", i);
            json_array_append_new(units, u);
        }
        merge(json_object_get(u, "step"), step);
    }
    return units;
}
