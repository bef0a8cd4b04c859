/*
 * engine/comparable.c - what a plan's effect is going to be compared with: is there enough of it, is it fresh, and near?
 */
#include "engine/inside.h"

bool comparable_class(const json_t *plan, enum verify_class *class)
{
    const char *method = json_string_value(json_object_get(json_object_get(plan, "verify"), "method"));
    return method && verify_class_parse(method, class);
}

/* Windows between before and after, where they cannot be had in turns. */
int comparable_gap(const struct engine *e, const json_t *plan, enum verify_class class)
{
    int64_t seconds = 20;
    size_t  i;
    json_t *step;
    json_array_foreach(json_object_get(plan, "steps"), i, step)
        seconds += json_integer_value(json_object_get(step, "watch_s")) + 2;
    return class == VERIFY_RESTART || class == VERIFY_SLOW ? (int)(seconds * US_PER_S / e->d.tune->window_us) : 0;
}

/* Whoever changes something must be able to find out whether it helped, or a restart is paid for twice and nothing is learned. */
enum err comparable_check(struct engine *e, struct etarget *t, const json_t *plan, struct fault *fault)
{
    enum verify_class class;
    if (t->mode < MODE_APPROVE || !comparable_class(plan, &class) || class == VERIFY_NONE)
        return OK;
    if (class == VERIFY_CHECKPOINT && !t->facts->may_checkpoint) {
        (void)fail(fault, ERR_INPUT, "no verdict could come of \"%.160s\": the role %.60s may not CHECKPOINT, and cost that is put off would look like gain",
                   json_string_value(json_object_get(plan, "title")), t->facts->role);
        fail_hint(fault, "GRANT pg_checkpoint TO %.60s", t->facts->role);
        return ERR_INPUT;
    }
    if (prove_can_compare(e, t, class, comparable_gap(e, plan, class)))
        return OK;
    (void)fail(fault, ERR_INPUT, "no verdict could come of \"%.160s\": its steps take %d windows, and the %d that are kept of the time before do not say how far this database moves by itself over so long",
               json_string_value(json_object_get(plan, "title")), comparable_gap(e, plan, class), HISTORY_MAX);
    fail_hint(fault, "a shorter tune.watch, a longer tune.window or a smaller tune.windows_min");
    return ERR_INPUT;
}

/* Before and after lie as far apart as the plan takes to be carried out, and placebos must have the same gap. */
bool comparable_enough(struct engine *e, struct etarget *t, const json_t *plan)
{
    enum verify_class class;
    if (!comparable_class(plan, &class))
        return true;
    int                  n;
    const struct window *w = prove_history(t, class, &n);
    return prove_history_enough(e, t, class, w, n, comparable_gap(e, plan, class));
}

enum { FRESH_WINDOWS = 10, FRESH_MIN = 3 };

/*
 * Where both arms take turns the first window is watched against the latest ones.  Those of an hour ago, with other caches and another log behind
 * them, would end trials for nothing.  Where work comes and goes there may never be as many: that is not waited for.
 */
bool comparable_fresh(struct engine *e, const struct etarget *t, const json_t *plan)
{
    enum verify_class class;
    int               n, fresh = 0;
    if (!comparable_class(plan, &class) || class == VERIFY_NONE || class == VERIFY_RESTART || class == VERIFY_SLOW || t->plan_waits > 2 * FRESH_WINDOWS)
        return true;
    const struct window *w = prove_history(t, class, &n);
    int64_t              since = clock_mono_us(e->clock) - FRESH_WINDOWS * e->d.tune->window_us;
    for (int i = 0; i < n; i++)
        fresh += w[i].to_us >= since;
    return fresh >= FRESH_MIN;
}

/* Where nobody has worked for hours, before and after would lie hours apart when the plan has been carried out. */
bool comparable_near(struct engine *e, struct etarget *t, const json_t *plan)
{
    enum verify_class class;
    if (!comparable_class(plan, &class) || class == VERIFY_NONE || t->histories == 0)
        return true;
    int64_t windows = (clock_mono_us(e->clock) - t->history[t->histories - 1].to_us) / e->d.tune->window_us;
    return prove_can_compare(e, t, class, comparable_gap(e, plan, class) + (windows < 0 ? 0 : windows < 10000 ? (int)windows : 10000));
}

/*
 * A plan of several steps takes its time.  When the load has become another one meanwhile, or we were ended and know nothing of the time
 * before any more, nothing can come of it but "undecided": whoever went on would restart the server, and then once more to take it back.
 */
bool comparable_still(struct engine *e, struct etarget *t, const struct casefile *c)
{
    struct stored_plan plan;
    struct fault       ignored;
    enum verify_class  class = VERIFY_NONE;
    if (c->driver != DRIVER_ENGINE || store_plan_get(e->store, c->plan_id, &plan, &ignored) != OK)
        return true;
    bool planned = json_object_get(plan.proposal, "changes") && comparable_class(plan.plan, &class) && (class == VERIFY_RESTART || class == VERIFY_SLOW);
    int                  n;
    const struct window *w = prove_history(t, class, &n);
    bool                 yes = !planned || prove_history_enough(e, t, class, w, n, 0);
    stored_plan_done(&plan);
    return yes;
}
