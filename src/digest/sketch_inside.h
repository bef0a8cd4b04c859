/* digest/sketch_inside.h - what a sketch is made of; for sketch.c and sketch_pack.c. */
#ifndef DIGEST_SKETCH_INSIDE_H
#define DIGEST_SKETCH_INSIDE_H

#include "digest/sketch.h"

/* Buckets low .. low + room - 1 of one sign; bucket i holds (g^(i-1), g^i].  Beyond SKETCH_BUCKETS_MAX below top the smallest are one. */
struct sketch_side { uint64_t *count; int32_t low, top; uint32_t room; };

enum { SKETCH_INDEX_MAX = 40000 };           /* of any double: log(DBL_MAX) / log(g) is 35 489, of the smallest -37 223 */

struct sketch {
    struct sketch_side side[2];              /* positive, negative */
    uint64_t           zero, infinite[2], total;
    double             sum, min, max;
};

/* Room for bucket i, and the bucket; NULL: out of memory, and nothing changed. */
uint64_t *sketch_bucket(struct sketch_side *s, int32_t i);
/* Do min and max fit what was counted? Not for an empty one. */
bool sketch_agrees(const struct sketch *s);

#endif
