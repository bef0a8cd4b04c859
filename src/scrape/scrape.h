/*
 * scrape/scrape.h - the asking side: a thread that asks each target when it is due and puts what it answers into the journal.
 *
 * A scrape is a sample of now: where the journal is full it is tried once more after a moment and then counted as lost; what is said about the target
 * (up, and which series ended) waits until there is room.  conf is used until scrape_reload() or scrape_stop() has returned.
 */
#ifndef SCRAPE_SCRAPE_H
#define SCRAPE_SCRAPE_H

#include "base/clock.h"
#include "conf/conf.h"
#include "journal/journal.h"

#include <jansson.h>

struct scrape;
/* conf holds scrape_section, scraper_section and relabel_section. Without jobs *s stays NULL, which all of these take. clock NULL: the machine's. */
MUST_CHECK enum err scrape_start(const struct conf *conf, struct journal *journal, const struct clock *clock, struct scrape **s, struct fault *fault);
/* Targets that stay keep what is known of them; the series of those that go are marked as ended. On a fault everything stays as it was. */
MUST_CHECK enum err scrape_reload(struct scrape *s, const struct conf *conf, struct fault *fault);
void                scrape_stop(struct scrape *s);

struct scrape_stats {
    uint64_t targets, up, series;                            /* now */
    uint64_t scrapes, failures, lost, late;                  /* late: due again before its turn had come */
    uint64_t samples, bytes, added, dropped, doubles, cut, ended, reports_lost;
    uint64_t targets_dropped, targets_doubles, targets_refused, targets_beyond, files_broken;
};
void    scrape_stats(struct scrape *s, struct scrape_stats *out);
/* Every target with its labels, when it was asked last, how long it took, what came and what went wrong; and the files. */
json_t *scrape_status(struct scrape *s);

#endif
