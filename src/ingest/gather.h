/*
 * ingest/gather.h - what digest.db knows around an event: which lines rose, which calls failed or became slow, which series stand out, and where the raw data lies.
 *
 * Looked at is the event's own thing, for a database all of that server; the host that the event names; and who calls them and whom they call (at most
 * GATHER_NEIGHBOURS_MAX, those with the most failed calls first).  Around: the five minutes before those of the event, those, and those after; compared with the
 * hour before that.  Each piece has a score from 0 to 1, a product of
 *
 *     what is new    lines:   (n - usual) / (n + usual), n in the busiest five minutes, usual per five minutes of the hour before; half when the hour before is unknown
 *                    calls:   share that failed in the worst five minutes, less the share that failed before; or 1 - usual p95 / p95, when that more than doubled, at half weight
 *                    series:  1 - 3 / z, z how many standard deviations (at least 5 % of the mean) a minute is from the mean of the hour before, from z = 3 on
 *     is it enough   n / (n + 3) lines or calls: one alone says little
 *     is it bad      lines: 1 when all are errors, half when none is
 *     is it near     1 for its own, 0.7 for its host, 0.5 for neighbours
 *
 * Pointers to the raw data score 0.2 and less, and who calls whom 0.1: they are always there. Of each kind the best stay, the rest is counted in cut.
 */
#ifndef INGEST_GATHER_H
#define INGEST_GATHER_H

#include "store/digest_evidence.h"

#include <stddef.h>

enum {
    GATHER_ABOUT_MAX = 16, GATHER_NEIGHBOURS_MAX = 8, GATHER_SIBLINGS_MAX = 4,
    GATHER_PATTERNS_MAX = 12, GATHER_CALLS_MAX = 8, GATHER_SERIES_MAX = 10, GATHER_RAW_MAX = 48, GATHER_TOPO_MAX = 8,
    GATHER_PATTERNS_READ = 500, GATHER_CALLS_READ = 100, GATHER_SERIES_READ = 4000        /* looked through for them: of one thing; all series together */
};

enum gather_kind { GATHER_PATTERN, GATHER_CALL, GATHER_SERIES, GATHER_RAW, GATHER_TOPO, GATHER_KINDS };
struct gathered { const char *dim; json_t *ref; int64_t locator; double score; char note[300]; };
struct gathering {
    struct gathered piece[GATHER_KINDS][GATHER_RAW_MAX];
    size_t          n[GATHER_KINDS];
    uint64_t        cut;                     /* pieces that were worse than as many others, and what was too much to look through */
};

/* The windows that an event needs: before, from and to as struct digest_around; again: the moments up to which windows must be written for another look. */
struct gather_when { struct digest_around around; int64_t again_us[2]; };
struct gather_when gather_when(int64_t at_us);
/*
 * When to look again (once windows that end by then are written) after windows up to upper_us were; INT64_MAX: never, it is complete.  Until what had come in by the
 * time we were told is in the tables, each further window is a reason: it may hold what came late.
 */
int64_t            gather_again(const struct gather_when *w, int64_t told_us, int64_t upper_us);

/* Looks through; writes nothing. gathering_done() also when it fails. */
MUST_CHECK enum err gather(struct digest_store *s, const struct digest_due *d, const struct digest_around *a, struct gathering *g, struct fault *fault);
void                gathering_done(struct gathering *g);

/* The parts of the score. */
double gather_rise(double now, double usual, bool known);
double gather_enough(double n);
double gather_departure(double value, double mean, double sd);

#endif
