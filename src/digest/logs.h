/*
 * digest/logs.h - lines into patterns, and how often each was seen by five minutes and thing.
 *
 * Each tenant has patterns of its own, so that nobody reads a line of another in a sample.  A pattern that becomes part of an older one
 * takes its counts along, here and (logs_merged) in what was written.
 */
#ifndef DIGEST_LOGS_H
#define DIGEST_LOGS_H

#include "base/arena.h"
#include "base/err.h"
#include "digest/pack.h"
#include "digest/patterns.h"
#include "digest/place.h"
#include "event/event.h"

#include <stdbool.h>
#include <stdint.h>

enum { LOGS_WINDOWS_MAX = 64 };
#define LOGS_WINDOW_US (300 * INT64_C(1000000))

struct logs_options { int64_t lookback_us, ahead_us; uint32_t cells_max; struct patterns_options patterns; };
struct logs_options logs_options_default(void);

struct logs_stats { uint64_t logs, errors, late, early, capped, no_memory, unmerged, unfit, evicted; uint32_t cells, patterns; };

struct logs_row { int64_t bucket_us; uint32_t place, tenant; uint64_t pattern, count, errors; int severity; /* the gravest */ };
struct logs_pattern { uint32_t tenant; const struct pattern *pattern; int severity; /* the gravest of its rows */ const char *schema; /* patterns_schema() */ };
struct logs_merge { uint32_t tenant; uint64_t gone, into; };

struct logs_emit {
    bool (*merged)(void *ctx, const struct logs_merge *m);      /* first: what was written under `gone` belongs to `into` */
    bool (*pattern)(void *ctx, const struct logs_pattern *p);   /* before the rows that speak of it; an empty text, schema: not known any more, keep what you have */
    bool (*row)(void *ctx, const struct logs_row *row);
    void  *ctx;
};

struct logs;
MUST_CHECK enum err logs_new(const struct logs_options *o, struct logs **l, struct fault *fault);
/* One that counts for itself but learns patterns together with `main`, so that numbers mean the same; freed before it, one at a time. */
MUST_CHECK enum err logs_new_beside(struct logs *main, struct logs **l, struct fault *fault);
void                logs_free(struct logs *l);
void                logs_take(struct logs *l, const struct places *p, const struct event *e, uint32_t place, struct arena *a);
bool                logs_emit(struct logs *l, int64_t upper_us, const struct logs_emit *to);
/*
 * Windows that begin from here on are open. Who makes one of them again takes what is here instead: a line that is read again may find another pattern
 * than it had, and when this window changes it is given out as it was counted first, beside what was made of it meanwhile.
 */
int64_t             logs_open_us(const struct logs *l);
/* Those of them that begin within this time, changed or not; without the merges, which logs_emit() tells. */
bool                logs_emit_open(struct logs *l, int64_t from_us, int64_t to_us, const struct logs_emit *to);
void                logs_settle(struct logs *l, int64_t upper_us);
/* Every window goes, and whichever comes next may be an older one; patterns stay. For a clock that was put back. */
void                logs_put_back(struct logs *l);
void                logs_places(const struct logs *l, struct places_held *held);
void                logs_stats(const struct logs *l, struct logs_stats *s);
MUST_CHECK enum err logs_save(const struct logs *l, struct pack *out, struct fault *fault);
MUST_CHECK enum err logs_load(struct logs *l, struct slice bytes, struct fault *fault);

#endif
