/*
 * digest/locate.h - where in the journal something lies: which records hold a thing's data of five minutes, and which a trace.
 *
 * A trace id becomes a 64-bit hash: its first byte is the shard, the next four bytes stand in the block.  A block holds what came
 * between two emissions, sorted, per shard: to find a trace one reads the blocks of one shard.  Another trace with the same
 * 40 bits may come along; whoever looks compares the id itself.
 *
 * An event whose time lies further ahead of when it was received than LOCATE_AHEAD_US has no pointer, as it has no window: its clock is wrong, and
 * pointers of years to come would stay until there is room for no others. Its trace is found all the same.
 */
#ifndef DIGEST_LOCATE_H
#define DIGEST_LOCATE_H

#include "base/err.h"
#include "digest/pack.h"
#include "event/event.h"

#include <stdbool.h>
#include <stdint.h>

enum { LOCATE_SHARDS = 256, LOCATE_TRACES_MAX = 1 << 20, LOCATE_ENTRY_BYTES = 8, LOCATE_CELLS_MAX = 200000 };
#define LOCATE_WINDOW_US (300 * INT64_C(1000000))
#define LOCATE_AHEAD_US  (600 * INT64_C(1000000))

struct located { int64_t bucket_us; uint32_t place; enum event_type type; uint64_t first, last, events; };
typedef bool locate_row(void *ctx, const struct located *row);
/* entries: count times 4 bytes of hash and 4 bytes of record minus base, both little-endian, ascending. */
typedef bool locate_block(void *ctx, unsigned shard, uint64_t base, uint64_t last, struct slice entries);

struct locate;
struct places_held;
MUST_CHECK enum err locate_new(int64_t lookback_us, struct locate **l, struct fault *fault);
void                locate_free(struct locate *l);
void                locate_take(struct locate *l, const struct event *e, uint32_t place, int64_t time_us, struct slice trace_id);
bool                locate_full(const struct locate *l);      /* settle traces soon: what does not fit is counted in lost. Pointers go with their time only, and are no reason to wait */
/* block NULL: traces go on waiting, and locate_settle is told so. upper INT64_MIN: nothing becomes too old. */
bool                locate_emit(struct locate *l, locate_row *row, locate_block *block, void *ctx);
void                locate_settle(struct locate *l, int64_t upper_us, bool traces);
void                locate_places(const struct locate *l, struct places_held *held);
uint64_t            locate_lost(const struct locate *l);      /* what found no room */
uint64_t            locate_late(const struct locate *l);      /* events of five minutes that are settled: they have no pointer. No bound of ours */
uint64_t            locate_early(const struct locate *l);     /* those too far ahead */
void                locate_save(const struct locate *l, struct pack *out);
MUST_CHECK enum err locate_load(struct locate *l, struct slice bytes, struct fault *fault);

uint64_t            locate_hash(struct slice trace_id);
/* The records since the last emission in which the trace may be; returns how many, at most max. */
size_t              locate_find_open(const struct locate *l, uint64_t hash, uint64_t *record, size_t max);
static inline unsigned locate_shard(uint64_t hash) { return (unsigned)(hash >> 56); }
/* The records of a block in which the trace may be, ascending; returns how many, at most max. */
size_t              locate_find(struct slice entries, uint64_t base, uint64_t hash, uint64_t *record, size_t max);

#endif
