/* relabel/hash.h - the number that hashmod divides: the same as Prometheus', so that shards agree. */
#ifndef RELABEL_HASH_H
#define RELABEL_HASH_H

#include "base/slice.h"

#include <stdint.h>

uint64_t relabel_hash(struct slice text);      /* the last eight bytes of MD5, big end first */

#endif
