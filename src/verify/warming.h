/*
 * verify/warming.h - does a server that was just started still get faster?
 *
 * Caches that fill may take minutes.  The level of the load is followed in means of five seconds; what still rises by itself is
 * not judged yet.
 */
#ifndef VERIFY_WARMING_H
#define VERIFY_WARMING_H

#include <stdbool.h>
#include <stdint.h>

enum { WARMING_LEVELS_MAX = 128, WARMING_LEVEL_S = 5 };

struct warming {
    double  level[WARMING_LEVELS_MAX];       /* the latest, oldest first */
    int     levels;
    double  sum, n;                          /* of the one that is under way */
    int64_t from_us;                         /* when that began; 0: not yet */
};

void warming_clear(struct warming *w);
/* One second. level: a log, + is faster; NAN: not known. */
void warming_add(struct warming *w, double level, int64_t mono_us);
/* Has it held for half a minute? See before_after_settled(). */
bool warming_is_over(const struct warming *w);
/* Mean of n levels, the newest of them `back` before the latest; NAN: there are not so many. */
double warming_mean(const struct warming *w, int n, int back);

#endif
