/* plan/shift.c */
#include "plan/shift.h"

#include "math/stats/describe.h"

#include <math.h>

#define SPREADS 6.0      /* median absolute deviations: what one load's own noise does not reach twice in a row */

/* The windows that say anything, and their numbers. */
struct seen { struct workload load[SHIFT_WINDOWS_MAX]; int number[SHIFT_WINDOWS_MAX], n; };

/* Feature by feature, so that one odd window does not move it. */
static void middle(const struct workload *w, int n, struct workload *out)
{
    double x[SHIFT_WINDOWS_MAX], scratch[SHIFT_WINDOWS_MAX];
    for (int f = 0; f < WORKLOAD_COUNT; f++) {
        int known = 0;
        for (int i = 0; i < n; i++)
            if (!isnan(w[i].v[f]))
                x[known++] = w[i].v[f];
        out->v[f] = 2 * known > n ? math_median(x, known, scratch) : (double)NAN;
    }
}

static void look(struct seen *s, const struct workload *w, int number, int compared_min)
{
    int compared;
    (void)workload_distance(w, w, &compared);
    if (compared < compared_min)
        return;
    s->load[s->n] = *w;
    s->number[s->n++] = number;
}

static double pairs(int n) { return (double)n * (n - 1) / 2; }

static void find(const struct seen *s, double another, struct shift *out)
{
    struct workload centre;
    double          far[SHIFT_WINDOWS_MAX], scratch[SHIFT_WINDOWS_MAX];
    int             earlier = s->n - SHIFT_FRESH, odd = earlier / 16;
    *out = (struct shift){ .false_alarm = 1, .feature = WORKLOAD_COUNT };
    if (earlier < SHIFT_EARLIER_MIN)
        return;
    middle(s->load, earlier, &centre);
    for (int i = 0; i < earlier; i++) {
        far[i] = workload_distance(&s->load[i], &centre, NULL);
        if (isnan(far[i]))
            return;
    }
    math_sort(far, earlier);
    double limit = fmax(far[earlier - 1 - odd], another);
    out->usual = math_quantile_sorted(far, earlier, 0.5);
    limit = fmax(limit, out->usual + SPREADS * math_mad(far, earlier, scratch));
    out->false_alarm = pairs(odd + 2) / pairs(earlier + 2);
    out->distance = INFINITY;
    for (int i = earlier; i < s->n; i++)
        out->distance = fmin(out->distance, workload_distance(&s->load[i], &centre, NULL));
    out->changed = out->distance > limit;
    if (!out->changed)
        return;
    out->at = s->number[earlier];
    out->feature = workload_differs_most(&s->load[s->n - 1], &centre);
}

void shift_find(const struct shift_window *w, int n, struct shift *out)
{
    struct seen under_this = { .n = 0 }, under_any = { .n = 0 };
    int         now = n > 0 ? w[n - 1].configuration : 0;
    for (int i = n > SHIFT_WINDOWS_MAX ? n - SHIFT_WINDOWS_MAX : 0; i < n; i++) {
        struct workload asked;
        workload_asked(&w[i].load, &asked);
        look(&under_any, &asked, i, WORKLOAD_ASKED_MIN);
        if (now > 0 && w[i].configuration == now)
            look(&under_this, &w[i].load, i, WORKLOAD_COMPARED_MIN);
    }
    struct shift asked;
    find(&under_this, WORKLOAD_ANOTHER, out);
    if (under_any.n == under_this.n)
        return;                          /* there was one configuration: everything has been compared */
    find(&under_any, WORKLOAD_ASKED_ANOTHER, &asked);
    double chance = (out->false_alarm < 1 ? out->false_alarm : 0) + (asked.false_alarm < 1 ? asked.false_alarm : 0);
    if (!out->changed && (asked.changed || out->false_alarm >= 1))
        *out = asked;
    out->false_alarm = chance > 0 ? fmin(chance, 1) : 1;
}
