/*
 * plan/recall.c - the load changed: first of all back to what was best under the known load nearest to this one.
 *
 * What was proven there is proposed as one change, and proven again.
 */
#include "plan/story.h"

bool draft_recall(const struct scene *s, int variant, struct proposal *p)
{
    struct story story;
    struct fault ignored;
    int          at = story_nearest(s);
    (void)variant;
    if (at < 0 || story_of(s, &story, &ignored) != OK)
        return false;
    const struct knob_state *best = story_after(&story, at);
    for (int id = 1; id < KNOB_COUNT; id++)      /* where loads alternate, restarts in vain must not */
        if (scene_may_change(s, (enum knob_id)id) && !knob_equal(knob_at((enum knob_id)id), best->value[id], s->now.value[id]))
            scene_wish_within_reach(s, p, (enum knob_id)id, best->value[id]);
    story_done(&story);
    scene_why(p, "The load is another one now, and nearest to one that is known (%.2f from it, %.2f from the last); this was the best configuration there.",
              workload_distance(&s->told[at].workload, &s->workload, NULL), workload_distance(&s->told[s->tolds - 1].workload, &s->workload, NULL));
    return scene_finish(s, p);
}
