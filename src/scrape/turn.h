/*
 * scrape/turn.h - one answer of one target becomes what is kept of it, beside what the target had the last time: pure.
 *
 *     turn_take(&turn, &target, set, rules, form, body, time_ms, fault)      // or turn_miss() when there was no answer
 *     turn_report(&turn, ...)                                                // up and what belongs to it
 *     append(turn.body ...), append(turn.report ...)
 *
 * The body goes as it came where that says the same; it is written again as remote write 2.0, which says the kinds too, where rules drop or rename, a series came twice (the first
 * counts), or the target's own times are not wanted.  A series that was there and is not any more is marked as ended, once; those with times of
 * their own are not.  A set remembers the series of one target: a hash of how each stood in the answer, and its labels as they are kept.
 *
 * Who reads a record has room for EVENT_DECODED_MAX decoded bytes.  A body that may need more is written again too, and what is written comes in parts that
 * need less: all but the last one are given to ask.part.
 */
#ifndef SCRAPE_TURN_H
#define SCRAPE_TURN_H

#include "base/arena.h"
#include "scrape/targets.h"
#include "wire/exposition.h"
#include "wire/remote.h"

struct series_set;
struct series_set *series_set_new(void);
void               series_set_free(struct series_set *set);
size_t             series_set_count(const struct series_set *set);       /* series that are remembered */
/* Rules or labels have changed: each series is worked out again at the next answer. */
void               series_set_rethink(struct series_set *set);

struct turn {
    struct arena         arena;
    struct remote_writer data, report;
    bool                 rewritten;          /* data holds what is to be kept, else the body as it came */
    uint64_t             scraped, kept, added, dropped, doubles, cut, ended;
    size_t               decoded, data_decoded, report_decoded;      /* what readers will need: of the body as it came, and of what is written of either part */
};
void turn_init(struct turn *t);
void turn_done(struct turn *t);

struct turn_ask {
    const struct scrape_job *job;
    const struct label      *label; size_t labels;       /* the target's, sorted */
    struct relabel          *rules;                      /* of series; may be NULL */
    int64_t                  time_ms;
    size_t                   series_max;                 /* the set may grow to this */
    void                   (*part)(void *ctx, struct turn *t, struct remote_writer *w);      /* w is t->data or t->report, with samples; NULL: neither is parted */
    void                    *ctx;
};

/* On any fault nothing of the answer counts, and everything the target had is marked as ended in t->report. */
MUST_CHECK enum err turn_take(struct turn *t, const struct turn_ask *ask, struct series_set *set, enum exposition_form form, struct slice body, struct fault *fault);
/* No answer: everything it had ends. gone: so does what we say of it ourselves. */
void                turn_miss(struct turn *t, const struct turn_ask *ask, struct series_set *set, bool gone);
/* up, scrape_duration_seconds, scrape_samples_scraped, scrape_samples_post_metric_relabeling, scrape_series_added, behind what is in t->report. */
void                turn_report(struct turn *t, const struct turn_ask *ask, bool up, double seconds);

#endif
