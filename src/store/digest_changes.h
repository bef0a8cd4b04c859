/*
 * store/digest_changes.h - which rows of digest.db changed, and these rows, for who copies them elsewhere.
 *
 * Each transaction of the digest has a number; what it wrote is marked with it, by window where rows are many and by row where they are few. A mark says
 * "this is different from before", not what was before: whoever meets it reads the rows as they are now and puts them in the place of those it has.
 * A window that changes again has its mark moved to the end, so there is one of each, and whoever goes through them in order and keeps the last one
 * as its place misses nothing. Marks outlive rows that go by age by 30 days; digest_changes_forgot() tells the two apart.
 *
 * A read-only connection of its own, for one thread. No snapshot is held between calls, so nobody waits for us, whoever we wait for.
 */
#ifndef STORE_DIGEST_CHANGES_H
#define STORE_DIGEST_CHANGES_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* In this order within a transaction. The key is a time for the first four, then fingerprint_id, rowid, id, tenant_id. An event changes with its evidence. */
enum digest_kind { DIGEST_LOCATORS = 1, DIGEST_METRICS, DIGEST_CALLS, DIGEST_LOGS, DIGEST_PATTERNS, DIGEST_EVENTS, DIGEST_RUNS, DIGEST_CIRCUITS, DIGEST_KINDS };

struct digest_change { int64_t seq, key; int kind; };       /* {0}: before all of them */
struct digest_head { char epoch[40]; int64_t seq; };        /* epoch: another digest.db has another, also one that was made anew. seq: of the newest transaction, in about µs of wall time */

/* Sets of rows, by a key. What rows point to can be had by the same key, so that it can be there before them. */
enum digest_rows {
    ROWS_TENANTS, ROWS_RESOURCES,                           /* those with a larger id: they are added and never change */
    ROWS_LOCATORS, ROWS_METRICS, ROWS_CALLS, ROWS_LOGS, ROWS_PATTERNS_OF_LOGS, ROWS_PATTERN, ROWS_EVENT, ROWS_EVIDENCE, ROWS_LOCATORS_OF_EVIDENCE,
    ROWS_PATTERNS_OF_EVIDENCE, ROWS_RUN, ROWS_CIRCUITS, ROWS_SETS
};

struct digest_changes;
struct db_rows;
typedef enum err digest_row(void *ctx, struct db_rows *row, struct fault *fault);       /* columns as in sql/digest/changes.sql */

MUST_CHECK enum err digest_changes_open(const char *folder, struct digest_changes **c, struct fault *fault);    /* ERR_MISSING: there is no digest.db, or one of before there were marks */
void                digest_changes_close(struct digest_changes *c);
/* Another file has this name by now: what is read here does not change any more. Close it and open it again. */
bool                digest_changes_is_replaced(const struct digest_changes *c);
MUST_CHECK enum err digest_changes_head(struct digest_changes *c, struct digest_head *h, struct fault *fault);
MUST_CHECK enum err digest_changes_next(struct digest_changes *c, const struct digest_change *after, struct digest_change *list, size_t max, size_t *n, struct fault *fault);
/* How many come after, at most as many as `max`. */
MUST_CHECK enum err digest_changes_behind(struct digest_changes *c, const struct digest_change *after, int64_t max, int64_t *n, struct fault *fault);
/* Rows of this kind from before *before_us are gone by age; INT64_MIN: nothing is. */
MUST_CHECK enum err digest_changes_forgot(struct digest_changes *c, enum digest_kind kind, int64_t *before_us, struct fault *fault);
MUST_CHECK enum err digest_changes_rows(struct digest_changes *c, enum digest_rows set, int64_t key, digest_row *take, void *ctx, struct fault *fault);

#endif
