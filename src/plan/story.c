/* plan/story.c */
#include "plan/story.h"

#include "plan/lesson.h"

#include <math.h>
#include <stdlib.h>

static bool same_state(const struct knob_state *a, const struct knob_state *b)
{
    for (int id = 1; id < KNOB_COUNT; id++) {
        double x = a->value[id], y = b->value[id];
        if (isnan(x) != isnan(y) || (!isnan(x) && !knob_equal(knob_at((enum knob_id)id), x, y)))
            return false;
    }
    return true;
}

/* How much of what is known under one workload holds under another. */
static double carries_over(const struct workload *a, const struct workload *b)
{
    double d = workload_distance(a, b, NULL);
    return isnan(d) ? 1 : exp(-d * d);
}

/* The level of this configuration under the workload of trial i, as later trials know it; NAN: they do not. */
static double level_known(const struct scene *s, const struct story *story, int i, const struct knob_state *state)
{
    if (same_state(state, &s->now) && !scene_another(s, i, s->tolds))
        return 0;
    for (int j = s->tolds - 1; j > i; j--) {
        const struct story_trial *t = &story->trial[j];
        if (scene_another(s, i, j))
            continue;
        if (!isnan(t->y) && same_state(state, &t->tried))
            return t->y;
        if (same_state(state, &t->before))
            return t->level;
    }
    return (double)NAN;
}

/* What broke a guard is no gain, however much faster it was on average; of what was not measured there is no result. */
static double effect_of(const struct planner_told *t) { return isnan(t->effect) ? (double)NAN : lesson_reading(t->told, t->effect); }

enum err story_of(const struct scene *s, struct story *story, struct fault *fault)
{
    struct knob_state      state = s->now;
    const struct workload *later = &s->workload;
    double                 level = 0;
    *story = (struct story){ s->tolds, calloc((size_t)s->tolds + 1, sizeof *story->trial) };
    if (!story->trial)
        return fail(fault, ERR_LIMIT, "no memory for %d trials", s->tolds);
    for (int i = s->tolds - 1; i >= 0; i--) {
        const struct planner_told *t = &s->told[i];
        if (scene_another(s, i, i + 1)) {
            double known = level_known(s, story, i, &state);
            level = isnan(known) ? level * carries_over(&t->workload, later) : known;
        }
        later = &t->workload;
        if (t->told == TOLD_BETTER) {
            level -= isnan(t->effect) ? 0 : t->effect;
            for (int c = 0; c < t->proposal.changes; c++)
                state.value[t->proposal.change[c].knob] = t->proposal.change[c].from;
        }
        story->trial[i] = (struct story_trial){ .told = t, .before = state, .tried = state, .level = level, .y = level + effect_of(t) };
        for (int c = 0; c < t->proposal.changes; c++)
            story->trial[i].tried.value[t->proposal.change[c].knob] = t->proposal.change[c].to;
    }
    return OK;
}

void story_done(struct story *story)
{
    free(story->trial);
    story->trial = NULL;
}

int story_nearest(const struct scene *s)
{
    int    last = s->tolds - 1, nearest = -1;
    double least = last >= 0 ? workload_distance(&s->told[last].workload, &s->workload, NULL) : (double)NAN;
    if (isnan(least) || !s->elsewhere[last])
        return -1;
    for (int i = last - 1; i >= 0; i--) {
        double d = workload_distance(&s->told[i].workload, &s->workload, NULL);
        if (d < least && scene_another(s, i, last)) {
            least = d;
            nearest = i;
        }
    }
    for (int i = nearest + 1; nearest >= 0 && i < last; i++)      /* how it ended there, not how it was on the way */
        nearest = scene_another(s, i, nearest) ? nearest : i;
    return nearest;
}
