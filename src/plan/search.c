/*
 * plan/search.c - when nothing speaks any more: a seeded local search around the configuration in force.
 *
 * One knob, sometimes two, moved by one to four steps of the size that policy
 * allows.  A knob that was better once is asked again in the same direction
 * (pattern search, Hooke and Jeeves 1961); one that never helped is asked less.
 * The n-th question depends on the seed and on n only, so a restarted engine
 * asks the same.
 */
#include "plan/scene.h"

#include "base/rand.h"

#include <math.h>

enum { SEARCH_GIVES_UP_AFTER = 12, SEARCH_TRIES = 64 };

/* Knobs whose effect shows within one case, most promising first in weight. */
static const struct { enum knob_id id; double weight; } field[] = {
    { KNOB_MAX_WAL_SIZE, 2 }, { KNOB_CHECKPOINT_TIMEOUT, 2 }, { KNOB_CHECKPOINT_COMPLETION_TARGET, 1 }, { KNOB_CHECKPOINT_FLUSH_AFTER, 1 },
    { KNOB_WAL_COMPRESSION, 1 }, { KNOB_WAL_WRITER_DELAY, 0.5 }, { KNOB_WAL_WRITER_FLUSH_AFTER, 0.5 }, { KNOB_COMMIT_DELAY, 0.5 },
    { KNOB_BGWRITER_DELAY, 2 }, { KNOB_BGWRITER_LRU_MAXPAGES, 2 }, { KNOB_BGWRITER_LRU_MULTIPLIER, 1.5 }, { KNOB_BGWRITER_FLUSH_AFTER, 1 },
    { KNOB_BACKEND_FLUSH_AFTER, 1.5 }, { KNOB_WORK_MEM, 1 }, { KNOB_RANDOM_PAGE_COST, 1.5 }, { KNOB_EFFECTIVE_CACHE_SIZE, 1 },
    { KNOB_EFFECTIVE_IO_CONCURRENCY, 1 }, { KNOB_JIT, 0.5 }, { KNOB_MAX_PARALLEL_WORKERS_PER_GATHER, 0.5 }, { KNOB_IO_WORKERS, 1 },
};
enum { FIELD = sizeof field / sizeof field[0] };

/* What history says of a knob: +1 or -1 is the direction that was better last, 0 none; the weight shrinks with failures. */
static double weight_of(const struct scene *s, int at, int *direction)
{
    double w = field[at].weight;
    *direction = 0;
    for (int i = 0; i < s->tolds; i++)
        for (int j = 0; j < s->told[i].proposal.changes; j++) {
            const struct proposed_change *c = &s->told[i].proposal.change[j];
            if (c->knob != field[at].id)
                continue;
            if (s->told[i].told == TOLD_BETTER && s->told[i].proposal.changes <= 2) {
                w *= 2;
                *direction = 1;
            } else if (s->told[i].told != TOLD_BETTER) {
                w *= s->told[i].proposal.changes <= 2 ? 0.5 : 0.9;
            }
        }
    return w;
}

static int pick(const struct scene *s, struct rand *r)
{
    double w[FIELD], sum = 0;
    int    direction;
    for (int i = 0; i < FIELD; i++)
        sum += w[i] = weight_of(s, i, &direction);
    double at = rand_unit(r) * sum;
    for (int i = 0; i < FIELD; i++)
        if ((at -= w[i]) < 0)
            return i;
    return FIELD - 1;
}

static void wish_move(const struct scene *s, struct proposal *p, struct rand *r)
{
    int                at = pick(s, r);
    const struct knob *k = knob_at(field[at].id);
    double             now = s->now.value[k->id];
    int                steps = (int)rand_int(r, 1, 4);
    bool               up = rand_unit(r) < 0.5;
    if (isnan(now))
        return;
    if (k->rule == KNOB_BY_JUMP) {
        int n = 0;
        while (n < KNOB_CHOICES_MAX && k->choice[n].name)
            n++;
        scene_wish(p, k->id, (double)rand_int(r, 0, n - 1));
    } else if (knob_special_of(k, now)) {
        scene_wish(p, k->id, knob_special_of(k, now)->land);
    } else if (k->rule == KNOB_BY_ONE) {
        scene_wish(p, k->id, up ? now + 1 : now - 1);
    } else {
        double ratio = s->view->bounds->step_ratio;
        scene_wish_within_reach(s, p, k->id, knob_round(k, now * pow(up ? 1 + ratio : 1 - ratio, steps)));
    }
}

/* Once more in the direction that was better last time, half as far (on the scale of ratios). */
static bool follow_success(const struct scene *s, struct proposal *p)
{
    const struct planner_told *last = s->tolds ? &s->told[s->tolds - 1] : NULL;
    if (!last || last->told != TOLD_BETTER || last->proposal.changes != 1 || last->proposal.needs_restart)
        return false;
    const struct proposed_change *c = &last->proposal.change[0];
    const struct knob            *k = knob_at(c->knob);
    double                        now = s->now.value[k->id];
    if (k->choice[0].name || !(c->from > 0) || !(c->to > 0) || !knob_equal(k, now, c->to))
        return false;
    scene_wish_within_reach(s, p, k->id, knob_round(k, now * sqrt(now / c->from)));
    scene_why(p, "%s was better last time; half as far again in the same direction.", k->name);
    return scene_finish(s, p);
}

bool draft_search(const struct scene *s, int variant, struct proposal *p)
{
    (void)variant;
    if (scene_told_of_since_better(s, p->planner) >= SEARCH_GIVES_UP_AFTER)
        return false;
    if (follow_success(s, p) && !warm_warns(s, p))
        return true;
    struct rand r;
    rand_seed(&r, s->seed ^ ((uint64_t)s->tolds * UINT64_C(0x9e3779b97f4a7c15)));
    struct proposal blank = *p;
    blank.changes = 0;
    blank.why[0] = '\0';
    for (int i = 0; i < SEARCH_TRIES; i++) {
        *p = blank;
        wish_move(s, p, &r);
        if (rand_unit(&r) < 0.25)
            wish_move(s, p, &r);
        scene_why(p, "No reading points anywhere any more; this is a small step around the best configuration so far.");
        if (scene_finish(s, p) && !warm_warns(s, p))      /* nobody is told of what was held back, so the same seed would draw it for ever */
            return true;
    }
    return false;
}
