/* verify/warming.c - means of five seconds, and whether the latest of them still rise. */
#include "verify/warming.h"

#include "math/stats/describe.h"
#include "verify/before_after.h"

#include <math.h>
#include <string.h>

enum { LATEST = 6 };                         /* half a minute: how long a level must hold to be one */
static const double rise_max = 0.05;         /* log ratio over that */

void warming_clear(struct warming *w) { memset(w, 0, sizeof *w); }

static void end_level(struct warming *w)
{
    if (w->levels == WARMING_LEVELS_MAX)
        memmove(w->level, w->level + 1, (size_t)--w->levels * sizeof w->level[0]);
    w->level[w->levels++] = w->sum / w->n;
}

void warming_add(struct warming *w, double level, int64_t mono_us)
{
    if (w->from_us == 0)
        w->from_us = mono_us;
    if (isfinite(level)) {
        w->sum += level;
        w->n += 1;
    }
    if (mono_us - w->from_us < WARMING_LEVEL_S * INT64_C(1000000))
        return;
    if (w->n > 0)
        end_level(w);
    w->sum = w->n = 0;
    w->from_us = mono_us;
}

bool warming_is_over(const struct warming *w)
{
    int n = w->levels < LATEST ? w->levels : LATEST;
    return before_after_settled(w->level + w->levels - n, n, rise_max);
}

double warming_mean(const struct warming *w, int n, int back)
{
    return n < 1 || back < 0 || w->levels < n + back ? (double)NAN : math_mean(w->level + w->levels - back - n, n);
}
