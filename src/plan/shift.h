/*
 * plan/shift.h - is this still the same load? A pure function of the workloads of recent windows.
 *
 * The last SHIFT_FRESH windows are another load when each of them lies further from the middle of the earlier ones than all of
 * these but a sixteenth, further than their spread explains, and further than WORKLOAD_ANOTHER, which tells loads apart at all.
 *
 * The first of the three bounds false alarms whatever the noise: of m earlier windows and 2 fresh ones that are exchangeable
 * (nothing changed), the fresh ones are among the k + 2 furthest with probability C(k + 2, 2) / C(m + 2, 2) at most.  The third
 * makes it hardly ever happen.  A switch between windows is found with the second window, one amid a window with the third.
 *
 * Another configuration may lead to other plans, which read other rows in other ways: that is no other load.  So windows under
 * different configurations are compared by what clients ask (workload_asked()), and only those under one by everything.  Where both
 * are looked at, false_alarm bounds the two together.
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

struct shift_window {
    struct workload load;
    int             configuration;       /* equal numbers: the same was in force all the time; 0: several in this window */
};

/* w[n]: oldest first, at most the last SHIFT_WINDOWS_MAX count. All zero but false_alarm 1 while there are too few. */
void shift_find(const struct shift_window *w, int n, struct shift *out);

#endif
