/*
 * ingest/left_out.h - what the digest could not put where it belongs: one table for its metrics, its status and its log.
 *
 * A row is a reason; those that are bounds of ours ("cap") announce themselves: a line in the log when one begins to bite, and at most one an
 * hour while it goes on.  Counts live in digest.db with what is open, so they go on after a restart.
 */
#ifndef INGEST_LEFT_OUT_H
#define INGEST_LEFT_OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LEFT_OUT_ROWS_MAX = 32 };
#define LEFT_OUT_AGAIN_US (INT64_C(3600) * 1000000)

struct digester_stats;

struct left_out {
    const char *dataset, *reason;
    const char *cap;                      /* what to do about a bound of ours; NULL: the data are like that */
    size_t      at;                       /* of its count, in struct digester_stats */
};
extern const struct left_out left_out[];
extern const size_t          left_out_count;

uint64_t left_out_of(const struct left_out *row, const struct digester_stats *s);

struct left_out_watch { bool began; uint64_t seen[LEFT_OUT_ROWS_MAX]; int64_t told_us[LEFT_OUT_ROWS_MAX], grew_us[LEFT_OUT_ROWS_MAX]; };   /* grew_us 0: not since the start */

/* Compares with the last look (the first one only takes note). Returns the caps to be told now, a bit for each row. */
uint32_t left_out_look(struct left_out_watch *w, const struct digester_stats *s, int64_t now_us);
/* Writes them into the log. */
void     left_out_tell(uint32_t rows, const struct digester_stats *s);

#endif
