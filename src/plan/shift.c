/* plan/shift.c */
#include "plan/shift.h"

#include "math/stats/describe.h"
#include "plan/scene.h"

#include <math.h>

#define SPREADS 6.0      /* median absolute deviations: what one load's own noise does not reach twice in a row */

/* Feature by feature, so that one odd window does not move it. */
static void middle(const struct workload *const *w, int n, struct workload *out)
{
    double x[SHIFT_WINDOWS_MAX], scratch[SHIFT_WINDOWS_MAX];
    for (int f = 0; f < WORKLOAD_COUNT; f++) {
        int known = 0;
        for (int i = 0; i < n; i++)
            if (!isnan(w[i]->v[f]))
                x[known++] = w[i]->v[f];
        out->v[f] = 2 * known > n ? math_median(x, known, scratch) : (double)NAN;
    }
}

static bool says_enough(const struct workload *w)
{
    int compared;
    (void)workload_distance(w, w, &compared);
    return compared >= SCENE_COMPARED_MIN;
}

static double pairs(int n) { return (double)n * (n - 1) / 2; }

void shift_find(const struct workload *w, int n, struct shift *out)
{
    const struct workload *use[SHIFT_WINDOWS_MAX];
    struct workload        centre;
    double                 far[SHIFT_WINDOWS_MAX], scratch[SHIFT_WINDOWS_MAX];
    int                    used = 0, number[SHIFT_FRESH] = { 0 };
    _Static_assert((int)SHIFT_FRESH == 2, "the number of the first fresh window is remembered for two");
    *out = (struct shift){ .false_alarm = 1, .feature = WORKLOAD_COUNT };
    for (int i = n > SHIFT_WINDOWS_MAX ? n - SHIFT_WINDOWS_MAX : 0; i < n; i++)
        if (says_enough(&w[i])) {
            number[0] = number[1];
            number[1] = i;
            use[used++] = &w[i];
        }
    int earlier = used - SHIFT_FRESH, odd = earlier / 16;
    if (earlier < SHIFT_EARLIER_MIN)
        return;
    middle(use, earlier, &centre);
    for (int i = 0; i < earlier; i++) {
        far[i] = workload_distance(use[i], &centre, NULL);
        if (isnan(far[i]))
            return;
    }
    math_sort(far, earlier);
    double limit = fmax(far[earlier - 1 - odd], SCENE_ANOTHER);
    out->usual = math_quantile_sorted(far, earlier, 0.5);
    limit = fmax(limit, out->usual + SPREADS * math_mad(far, earlier, scratch));
    out->false_alarm = pairs(odd + 2) / pairs(earlier + 2);
    out->distance = INFINITY;
    for (int i = earlier; i < used; i++)
        out->distance = fmin(out->distance, workload_distance(use[i], &centre, NULL));
    out->changed = out->distance > limit;
    if (!out->changed)
        return;
    out->at = number[0];
    out->feature = workload_differs_most(use[used - 1], &centre);
}
