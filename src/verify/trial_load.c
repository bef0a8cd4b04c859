/*
 * verify/trial_load.c - is the load that a trial sees still the one that its history was made under?
 *
 * A before/after compares with the past.  When clients begin to ask something else in between, a gain or a loss is theirs and not
 * the configuration's.  What they ask is the same whatever is in force: statements of a transaction, rows of a statement, rows that
 * a transaction writes.  One odd window is left out, two in a row are another load.  A switchback needs no such care: both arms
 * meet the new load.
 */
#include "math/stats/describe.h"
#include "model/workload.h"
#include "verify/trial_state.h"

#include <math.h>
#include <stddef.h>

#define STRANGE 0.3      /* log ratio: a third more or less; what is asked beside the usual load, and cheaper, lifts throughput by about as much */
#define SPREADS 6.0      /* median absolute deviations of the history */
enum { PAST_MIN = 3, ODD_MAX = 2 };

static const struct { enum workload_feature feature; size_t at; const char *text; } asked[] = {
    { WORKLOAD_STATEMENTS, offsetof(struct trial_obs, statements), "statements of a transaction" },
    { WORKLOAD_ROWS,       offsetof(struct trial_obs, rows),       "rows of a statement" },
    { WORKLOAD_WRITTEN,    offsetof(struct trial_obs, written),    "rows written by a transaction" },
};
enum { ASKED = sizeof asked / sizeof asked[0] };

static double value(const struct trial_obs *o, int i) { return *(const double *)((const char *)o + asked[i].at); }

/* The first of what clients ask that differs from the history beyond its own spread; ASKED: nothing does. usual: the history's middle. */
static int strange(const struct trial *t, const struct trial_obs *o, double *usual)
{
    double past[PAST_MAX], scratch[PAST_MAX];
    for (int i = 0; i < ASKED; i++) {
        int    n = 0;
        double now = workload_coordinate(asked[i].feature, value(o, i));
        for (int k = 0; k < t->pasts; k++)
            if (!isnan(value(&t->past[k], i)))
                past[n++] = value(&t->past[k], i);
        if (isnan(now) || n < PAST_MIN)
            continue;
        *usual = math_median(past, n, scratch);
        for (int k = 0; k < n; k++)
            past[k] = workload_coordinate(asked[i].feature, past[k]);
        double middle = workload_coordinate(asked[i].feature, *usual);
        if (fabs(now - middle) > fmax(STRANGE / workload_info[asked[i].feature].scale, SPREADS * math_mad(past, n, scratch)))
            return i;
    }
    return ASKED;
}

enum trial_load trial_load_of(struct trial *t, const struct trial_obs *o)
{
    double usual;
    int    i = trial_is_switchback(t) ? ASKED : strange(t, o, &usual);
    if (i == ASKED) {
        t->odd = 0;
        return TRIAL_LOAD_SAME;
    }
    if (++t->odd < ODD_MAX)
        return TRIAL_LOAD_ODD;
    trial_finish(t, OUTCOME_UNDECIDED, "Clients ask something else since the change than before it (%s: %.3g, and %.3g before), so nothing can be said about the change.",
                 asked[i].text, value(o, i), usual);
    return TRIAL_LOAD_ANOTHER;
}
