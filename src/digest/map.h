/*
 * digest/map.h - from a 64-bit hash to a small number. Open addressing, linear probing, no tombstones.
 *
 * The hash is the key: two things with the same 64 bits are one (chance 1e-9 among 200 000).  Grows by doubling; when it cannot, map_put says so.
 */
#ifndef DIGEST_MAP_H
#define DIGEST_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

struct map { struct map_slot { uint64_t key; uint32_t value, used; } *slot; size_t count, size; };

void map_done(struct map *m);
void map_clear(struct map *m);
bool map_put(struct map *m, uint64_t key, uint32_t value);     /* replaces; false: no memory */
void map_remove(struct map *m, uint64_t key);

static inline size_t map_home(const struct map *m, uint64_t key) { return (size_t)((key * UINT64_C(0x9E3779B97F4A7C15)) >> 20) & (m->size - 1); }

/* NULL: not in there. Valid until the next put or remove. */
static inline uint32_t *map_at(const struct map *m, uint64_t key)
{
    if (!m->size)
        return NULL;
    for (size_t i = map_home(m, key); m->slot[i].used; i = (i + 1) & (m->size - 1))
        if (m->slot[i].key == key)
            return &m->slot[i].value;
    return NULL;
}

/* Two numbers into one well-spread key. */
static inline uint64_t map_mix(uint64_t a, uint64_t b)
{
    uint64_t h = (a ^ (b + UINT64_C(0x9E3779B97F4A7C15) + (a << 6) + (a >> 2))) * UINT64_C(0xBF58476D1CE4E5B9);
    h = (h ^ (h >> 29)) * UINT64_C(0x94D049BB133111EB);
    return h ^ (h >> 32) ^ (b << 1);
}

#endif
