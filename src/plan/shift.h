/*
 * plan/shift.h - is this still the same load? A pure function of the workloads of recent windows.
 *
 * The last SHIFT_FRESH windows are another load when each of them lies further from the middle of the earlier ones than all of
 * these but a sixteenth, further than their spread explains, and further than SCENE_ANOTHER, which tells loads apart at all.
 *
 * The first of the three bounds false alarms whatever the noise: of m earlier windows and 2 fresh ones that are exchangeable
 * (nothing changed), the fresh ones are among the k + 2 furthest with probability C(k + 2, 2) / C(m + 2, 2) at most.  The third
 * makes it hardly ever happen.  A switch between windows is found with the second window, one amid a window with the third.
 *
 * Windows in which nothing could be compared (nobody worked, the server was down) are passed over: no load is no other load.
 */
#ifndef PLAN_SHIFT_H
#define PLAN_SHIFT_H

#include "model/workload.h"

#include <stdbool.h>

enum { SHIFT_FRESH = 2, SHIFT_EARLIER_MIN = 8, SHIFT_WINDOWS_MAX = 64 };

struct shift {
    bool                  changed;
    int                   at;            /* w[at] is the first window of the other load */
    double                distance;      /* of the fresh windows' nearest from the middle of the earlier ones */
    double                usual;         /* median distance of the earlier ones */
    double                false_alarm;   /* probability at most, in this one look */
    enum workload_feature feature;       /* that differs most; WORKLOAD_COUNT: none */
};

/* w[n]: oldest first, at most the last SHIFT_WINDOWS_MAX count. All zero but false_alarm 1 while there are too few. */
void shift_find(const struct workload *w, int n, struct shift *out);

#endif
