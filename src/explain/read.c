/*
 * explain/read.c - the file of a case, as the store has it, into plain structs.
 *
 * Windows come from the trial, which keeps what went on inside during each; where it did not, minutes stand in, sorted by which
 * configuration was in force.  A minute in which that changed is nobody's and left out.
 */
#include "explain/inside.h"

#include "base/clock.h"
#include "model/verdict.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SWITCHES_MAX = 600, MINUTES_BEFORE = 120, MINUTES_AFTER = 120, WINDOWS_MIN = 3 };
#define MINUTE_US (60 * US_PER_S)
#define LATEST_US (INT64_C(253402300799) * US_PER_S)     /* the year 9999 */

const char *explain_text_of(const json_t *o, const char *name)
{
    const char *s = json_string_value(json_object_get(o, name));
    return s ? s : "";
}

double explain_real_of(const json_t *o, const char *name)
{
    const json_t *v = json_object_get(o, name);
    return json_is_number(v) ? json_number_value(v) : (double)NAN;
}

static int64_t read_time(const json_t *o, const char *name)
{
    const char *s = explain_text_of(o, name);
    int64_t     us = *s ? clock_parse(s) : -1;
    return us > 0 ? us : 0;
}

/* ---- what was changed ---- */

int explain_read_knobs(const json_t *changes, struct explain_knob *knob, int max)
{
    int     n = 0;
    size_t  i;
    json_t *one;
    json_array_foreach(changes, i, one) {
        const struct knob *k = knob_find(explain_text_of(one, "name"));
        struct fault       ignored;
        double             from, to;
        if (!k || knob_parse(k, explain_text_of(one, "from"), &from, &ignored) != OK || knob_parse(k, explain_text_of(one, "to"), &to, &ignored) != OK)
            continue;
        int at = 0;
        while (at < n && knob[at].id != k->id)
            at++;
        if (at == n && n == max)
            break;
        if (at == n)
            knob[n++] = (struct explain_knob){ k->id, from, to };
        knob[at].to = to;                                          /* steps of one plan lead from the first to the last */
    }
    return n;
}

int explain_direction(const struct explain_case *c, int change, bool *made)
{
    *made = false;
    for (int i = 0; i < CHANGE_ACTIONS && change < 0; i++)
        *made = *made || c->actions[i] == change;
    for (int i = 0; i < c->knobs; i++)
        if ((int)c->knob[i].id == change) {
            const struct knob *k = knob_at(c->knob[i].id);
            double             from = c->knob[i].from, to = c->knob[i].to;
            bool               among = k->choice[0].name && from > 0 && to > 0;      /* the first choice is "off"; the others are in no order */
            *made = true;
            return among || knob_special_of(k, from) || knob_special_of(k, to) ? 0 : (to > from) - (to < from);
        }
    return *made;
}

static void add_change(struct explanation *e, const char *what, const char *from, const char *to)
{
    struct explain_change *c = NULL;
    for (int i = 0; i < e->changes && !c; i++)
        if (*to && strcmp(e->change[i].what, what) == 0)
            c = &e->change[i];
    if (!c && e->changes == EXPLAIN_CHANGES_MAX)
        return;
    if (!c) {
        c = &e->change[e->changes++];
        *c = (struct explain_change){ 0 };
        (void)figure_label(what, c->what, sizeof c->what);
        (void)figure_label(from, c->from, sizeof c->from);
    }
    (void)figure_label(to, c->to, sizeof c->to);
}

static void add_settings(struct explanation *e, const json_t *settings)
{
    size_t  i;
    json_t *s;
    json_array_foreach(settings, i, s) {
        const char *to = json_is_null(json_object_get(s, "to")) ? "the server's default" : explain_text_of(s, "to");
        add_change(e, explain_text_of(s, "name"), explain_text_of(s, "from"), to);
    }
}

static void take_step(const json_t *step, struct explanation *e, struct explain_case *c)
{
    const char   *action = explain_text_of(step, "action");
    const json_t *params = json_object_get(step, "params");
    char          what[2 * EXPLAIN_LABEL];
    if (strcmp(action, "postgres.set") == 0 || strcmp(action, "postgres.restart") == 0) {
        add_settings(e, json_object_get(params, "settings"));
        return;
    }
    if (strcmp(action, "postgres.index") == 0) {
        bool drop = strcmp(explain_text_of(params, "do"), "drop") == 0;
        c->actions[drop ? 2 : 0] = drop ? CHANGE_INDEX_DROP : CHANGE_INDEX;
        (void)snprintf(what, sizeof what, "%sindex %s on %s", drop ? "drop of " : "", explain_text_of(params, "name"), explain_text_of(params, "table"));
    } else if (strcmp(action, "postgres.analyze") == 0) {
        c->actions[1] = CHANGE_STATISTICS;
        (void)snprintf(what, sizeof what, "statistics of %s refreshed", explain_text_of(params, "table"));
    } else {
        (void)snprintf(what, sizeof what, "%s", action);
    }
    add_change(e, what, "", "");
}

static const json_t *plan_in_force(const json_t *file)
{
    const json_t *plans = json_object_get(file, "plans"), *last = json_array_get(plans, json_array_size(plans) - 1);
    const char   *id = explain_text_of(json_object_get(file, "case"), "plan_id");
    size_t        i;
    json_t       *p;
    json_array_foreach(plans, i, p)
        if (*id && strcmp(explain_text_of(p, "id"), id) == 0)
            return p;
    return last;
}

static void take_changes(const json_t *file, struct explanation *e, struct explain_case *c)
{
    const json_t *p = plan_in_force(file), *proposal = json_object_get(p, "proposal"), *plan = json_object_get(p, "plan"), *changes = json_object_get(proposal, "changes");
    size_t        i, s;
    json_t       *step, *setting;
    (void)figure_label(explain_text_of(proposal, "why"), e->planned_why, sizeof e->planned_why);
    add_settings(e, changes);
    c->knobs = explain_read_knobs(changes, c->knob, EXPLAIN_CHANGES_MAX);
    if (e->changes > 0)
        return;
    json_t *all = json_array();
    json_array_foreach(json_object_get(plan, "steps"), i, step) {
        take_step(step, e, c);
        json_array_foreach(json_object_get(json_object_get(step, "params"), "settings"), s, setting)
            (void)json_array_append(all, setting);
    }
    c->knobs = explain_read_knobs(all, c->knob, EXPLAIN_CHANGES_MAX);
    json_decref(all);
}

/* What a change is to the model: a parameter, or one of the actions as take_step() names them. */
static int change_named(const char *what)
{
    const struct knob *k = knob_find(what);
    return k ? (int)k->id : strncmp(what, "index ", 6) == 0 ? CHANGE_INDEX : strncmp(what, "drop of index ", 14) == 0 ? CHANGE_INDEX_DROP : strncmp(what, "statistics ", 11) == 0 ? CHANGE_STATISTICS : 0;
}

/* Sentences of the model are about more of the parameter. Among choices beyond "off" there is neither more nor less, and they hold for all of them. */
static const char *turned(int change, int way, int sign)
{
    bool ordered = change > 0 && !knob_at((enum knob_id)change)->choice[0].name;
    return sign == 0 ? "" : way < 0 ? "the reverse of: " : way == 0 && ordered ? "one way or the other: " : "";
}

/* Through what the model says a change acts: of less it says the reverse, and where nobody knows whether it became more or less, as of -1 for automatic, it does not say which. */
static void tell_entries(const struct explain_case *c, struct explanation *e)
{
    for (int i = 0; i < e->changes; i++) {
        bool made;
        int  change = change_named(e->change[i].what), way = explain_direction(c, change, &made);
        struct text all;
        text_init(&all, EXPLAIN_LINE - 1);
        for (int j = 0; j < cause_entry_count && change != 0; j++)
            if (cause_entries[j].change == change && !strstr(all.s, cause_entries[j].why))
                text_printf(&all, "%s%s%s", all.used ? "; " : "", turned(change, way, cause_entries[j].sign), cause_entries[j].why);
        (void)text_copy(e->change[i].acts, sizeof e->change[i].acts, all.s);
        text_done(&all);
    }
}

/* ---- what came of it ---- */

/* The verdict of a case, from its outcome, or from the run while there is none. */
static const json_t *verdict_in(const json_t *file)
{
    const json_t *v = json_object_get(json_object_get(file, "outcome"), "verdict");
    return json_is_string(json_object_get(v, "outcome")) ? v : json_object_get(json_object_get(file, "run"), "verdict");
}

static int64_t decided_at(const json_t *verdict)
{
    int64_t us = (int64_t)json_integer_value(json_object_get(verdict, "wall_us"));
    return us < 0 || us > LATEST_US ? 0 : us;
}

static void take_verdict(const json_t *file, struct explanation *e, struct explain_case *c)
{
    static const char *const responses[] = { "", "time per call of the usual statements", "transactions per second", "mean latency of transactions" };
    const json_t *run = json_object_get(file, "run"), *outcome = json_object_get(file, "outcome"), *v = verdict_in(file);
    (void)figure_label(explain_text_of(v, "method"), e->method, sizeof e->method);
    (void)figure_label(*explain_text_of(outcome, "result") ? explain_text_of(outcome, "result") : explain_text_of(v, "outcome"), e->outcome, sizeof e->outcome);
    (void)figure_label(explain_text_of(v, "why"), e->why, sizeof e->why);
    e->kept = json_is_true(json_object_get(outcome, "kept"));
    e->effect = explain_real_of(v, "effect");
    e->lo = explain_real_of(v, "lo");
    e->hi = explain_real_of(v, "hi");
    e->alpha = explain_real_of(v, "alpha");
    e->degraded_s = explain_real_of(v, "degraded_s");
    if (isnan(e->degraded_s))      /* nobody let the trial end; what it cost was counted all the same */
        e->degraded_s = explain_real_of(outcome, "degraded_s");
    e->proven = strcmp(explain_text_of(v, "outcome"), "better") == 0 && e->effect > 0;
    e->at_us = decided_at(v);
    bool some = verdict_of_some(explain_text_of(v, "why"));
    int  kind = some ? 1 : (int)json_integer_value(json_object_get(json_object_get(json_object_get(run, "trial"), "mix"), "kind"));
    (void)text_copy(e->response, sizeof e->response, some ? "time per call of the statements it was made for" : kind >= 1 && kind <= 3 ? responses[kind] : "");
    c->by_throughput = kind == 2;
    e->of_time = kind == 1 || kind == 3;
    if (!verify_class_parse(e->method, &c->method))
        c->method = VERIFY_NONE;
}

/* ---- windows of the trial ---- */

static bool is_switchback(enum verify_class c) { return c == VERIFY_IMMEDIATE || c == VERIFY_PLANNER || c == VERIFY_CHECKPOINT; }

static void take_windows(const json_t *obs, const json_t *names, const json_t *values, bool past, struct explain_case *c)
{
    size_t  i, m;
    json_t *o, *name;
    json_array_foreach(obs, i, o) {
        if (c->rows == EXPLAIN_ROWS_MAX)
            return;
        bool                with = json_integer_value(json_object_get(o, "arm")) == 1;
        struct explain_row *r = &c->row[c->rows++];
        *r = (struct explain_row){ .period = past ? PERIOD_BEFORE : with ? PERIOD_WITH : PERIOD_WITHOUT, .seconds = explain_real_of(o, "seconds"),
                                   .block = past || !is_switchback(c->method) ? -1 : (int)json_integer_value(json_object_get(o, "block")) };
        for (int k = 0; k < MECHANISMS; k++)
            r->v[k] = (double)NAN;
        json_array_foreach(names, m, name) {
            const json_t *v = json_array_get(json_array_get(values, i), m);
            for (int k = 0; k < MECHANISMS && json_is_number(v); k++)
                if (json_is_string(name) && strcmp(json_string_value(name), metric_info[metric_mechanism[k]].name) == 0)
                    r->v[k] = json_number_value(v);
        }
    }
}

/* ---- minutes ---- */

enum side { SIDE_WITHOUT, SIDE_WITH, SIDE_NEITHER, SIDE_AS_IT_WAS };
struct in_force { int switches; int64_t at_us[SWITCHES_MAX]; enum side side[SWITCHES_MAX]; };

/* What an action left in force. One that failed without a trace left what it found; of one that failed half-way, or whose result was lost, nobody knows. */
static enum side side_of(const json_t *action)
{
    const char *kind = explain_text_of(action, "kind"), *outcome = explain_text_of(action, "outcome");
    bool look = strcmp(kind, "recover") == 0, over = look || strcmp(kind, "do") == 0 || strcmp(kind, "to_candidate") == 0;
    bool back = strcmp(kind, "undo") == 0 || strcmp(kind, "to_incumbent") == 0;
    if (!over && !back)
        return SIDE_AS_IT_WAS;
    if (strcmp(outcome, "done") == 0)
        return over ? SIDE_WITH : SIDE_WITHOUT;
    return strcmp(outcome, "untouched") != 0 ? SIDE_NEITHER : look ? SIDE_WITHOUT : SIDE_AS_IT_WAS;
}

/* A case may have tried another plan before; its change is not this one's. */
static void forget_other_plans(struct in_force *f)
{
    for (int i = 0; i < f->switches; i++)
        f->side[i] = f->side[i] == SIDE_WITH ? SIDE_NEITHER : f->side[i];
}

/* Before `from` something was under way: a step that does not end in an instant belongs to neither side. */
static void take_switches(const json_t *file, struct in_force *f)
{
    size_t  i;
    json_t *a;
    f->switches = 0;
    json_array_foreach(json_object_get(file, "actions"), i, a) {
        enum side side = side_of(a);
        int64_t   at = read_time(a, "result_at");
        if (strcmp(explain_text_of(a, "kind"), "prepare") == 0)
            forget_other_plans(f);
        if (side == SIDE_AS_IT_WAS || at == 0 || f->switches == SWITCHES_MAX)
            continue;
        f->at_us[f->switches] = at;
        f->side[f->switches++] = side;
    }
}

/* Afterwards begins with the verdict: where nothing is switched back and forth that is hours, or days, behind the last action. */
bool explain_span(const json_t *file, int64_t *from_us, int64_t *to_us)
{
    struct in_force f;
    take_switches(file, &f);
    if (f.switches == 0)
        return false;
    int64_t last = f.at_us[f.switches - 1], decided = decided_at(verdict_in(file));
    *from_us = f.at_us[0] - MINUTES_BEFORE * MINUTE_US;
    *to_us = (last > decided ? last : decided) + MINUTES_AFTER * MINUTE_US;
    return true;
}

/* Which period a whole minute belongs to. False: the configuration changed in it, or in the one before, or nobody knows which one was in force. */
static bool period_of(const struct in_force *f, int64_t minute_us, int64_t decided_us, bool kept, enum explain_period *p)
{
    enum side side = SIDE_WITHOUT;
    bool      any = false;
    for (int i = 0; i < f->switches; i++) {
        if (f->at_us[i] > minute_us - MINUTE_US && f->at_us[i] < minute_us + MINUTE_US)
            return false;
        if (f->at_us[i] <= minute_us) {
            side = f->side[i];
            any = true;
        }
    }
    if (side == SIDE_NEITHER)
        return false;
    bool with = side == SIDE_WITH;
    bool after = any && decided_us > 0 && minute_us >= decided_us && minute_us >= f->at_us[f->switches - 1];
    if (after && with != kept)
        return false;                                              /* somebody else has changed it since */
    *p = !any ? PERIOD_BEFORE : after ? PERIOD_AFTER : with ? PERIOD_WITH : PERIOD_WITHOUT;
    return true;
}

static struct explain_row *row_of_minute(struct explain_case *c, int first, int64_t us)
{
    for (int i = c->rows - 1; i >= first; i--)
        if (c->row[i].at_us == us)
            return &c->row[i];
    if (c->rows == EXPLAIN_ROWS_MAX)
        return NULL;
    struct explain_row *r = &c->row[c->rows++];
    *r = (struct explain_row){ .block = -1, .seconds = 60, .at_us = us };
    for (int k = 0; k < MECHANISMS; k++)
        r->v[k] = (double)NAN;
    return r;
}

static int by_time(const void *a, const void *b)
{
    const struct explain_row *x = a, *y = b;
    return (x->at_us > y->at_us) - (x->at_us < y->at_us);
}

/* Minutes of the periods that are wanted (a set), in their order: a series may begin later than the one before it, and lack minutes. */
static void take_minutes(const struct explain_source *s, unsigned wanted, const struct explanation *e, struct explain_case *c)
{
    struct in_force f;
    int             first = c->rows;
    take_switches(s->file, &f);
    for (int k = 0; k < MECHANISMS; k++) {
        const json_t *series = json_object_get(s->minutes, metric_info[metric_mechanism[k]].name), *avg = json_object_get(series, "avg");
        size_t        i;
        json_t       *bucket;
        json_array_foreach(json_object_get(series, "bucket"), i, bucket) {
            enum explain_period p;
            const char         *text = json_string_value(bucket);
            int64_t             us = text ? clock_parse(text) : -1;
            if (us <= 0 || !json_is_number(json_array_get(avg, i)) || !period_of(&f, us, e->at_us, e->kept, &p) || !(wanted & (1U << p)))
                continue;
            struct explain_row *r = row_of_minute(c, first, us);
            if (r) {
                r->period = p;
                r->v[k] = json_number_value(json_array_get(avg, i));
            }
        }
    }
    qsort(c->row + first, (size_t)(c->rows - first), sizeof *c->row, by_time);
}

static int rows_with_something(const struct explain_case *c, enum explain_period p)
{
    int n = 0;
    for (int i = 0; i < c->rows; i++)
        for (int k = 0; k < MECHANISMS; k++)
            if (c->row[i].period == p && isfinite(c->row[i].v[k])) {
                n++;
                break;
            }
    return n;
}

static void take_rows(const struct explain_source *s, struct explanation *e, struct explain_case *c)
{
    const json_t *trial = json_object_get(json_object_get(s->file, "run"), "trial"), *kept = json_object_get(trial, "mechanisms"), *names = json_object_get(kept, "names");
    take_windows(json_object_get(trial, "past"), names, json_object_get(kept, "past"), true, c);
    take_windows(json_object_get(trial, "obs"), names, json_object_get(kept, "obs"), false, c);
    e->from_minutes = rows_with_something(c, PERIOD_WITH) < WINDOWS_MIN && json_object_size(s->minutes) > 0;
    if (e->from_minutes)
        c->rows = 0;
    take_minutes(s, e->from_minutes ? ~0U : 1U << PERIOD_AFTER, e, c);
}

void explain_read(const struct explain_source *s, struct explanation *e, struct explain_case *c)
{
    const json_t *one = json_object_get(s->file, "case");
    (void)figure_label(explain_text_of(one, "id"), e->case_id, sizeof e->case_id);
    (void)figure_label(explain_text_of(one, "title"), e->title, sizeof e->title);
    (void)figure_label(explain_text_of(one, "target"), e->target, sizeof e->target);
    (void)figure_label(explain_text_of(one, "status"), e->state, sizeof e->state);
    e->in_force = force_of(s->file);
    take_changes(s->file, e, c);
    tell_entries(c, e);
    take_verdict(s->file, e, c);
    take_rows(s, e, c);
    e->randomised = is_switchback(c->method) && !e->from_minutes;
}
