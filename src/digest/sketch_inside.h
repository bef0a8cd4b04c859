/* digest/sketch_inside.h - what a sketch is made of; for sketch.c and sketch_pack.c. */
#ifndef DIGEST_SKETCH_INSIDE_H
#define DIGEST_SKETCH_INSIDE_H

#include "digest/sketch.h"

enum {
    SKETCH_INDEX_MAX = 40000,                /* of any double: log(DBL_MAX) / log(g) is 35 489, of the smallest -37 223 */
    SKETCH_LEVEL_MAX = 6                     /* there all doubles of both signs have fewer than SKETCH_BUCKETS_MAX buckets */
};

/* Bucket i of a level holds (G^(i-1), G^i], G being g^(2^level); its key has the sign of what it holds and ascends as the values do. */
struct sketch {
    uint64_t *count;                         /* none is 0; and behind them in the same block: */
    int32_t  *key;                           /* ascending */
    uint32_t  used, room, level;
    uint64_t  zero, infinite[2], total;      /* infinite: positive, negative */
    double    sum, min, max;
};

static inline int32_t sketch_key(int32_t index, bool negative) { return negative ? -(index + SKETCH_INDEX_MAX + 1) : index + SKETCH_INDEX_MAX + 1; }
static inline int32_t sketch_index(int32_t key) { return (key < 0 ? -key : key) - SKETCH_INDEX_MAX - 1; }
/* The bucket so many levels up that a bucket is a part of. */
int32_t sketch_coarser(int32_t key, uint32_t levels);
/* Room for so many buckets, for at least those in use; false: out of memory, and nothing changed. */
bool sketch_room(struct sketch *s, uint32_t room);
/* So many more in a bucket of its level; nothing but the bucket. False: out of memory, and nothing changed. */
bool sketch_put(struct sketch *s, int32_t key, uint64_t times);
/* Do min and max fit what was counted? Not for an empty one. */
bool sketch_agrees(const struct sketch *s);

#endif
