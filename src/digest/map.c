/* digest/map.c */
#include "digest/map.h"

#include <string.h>

void map_done(struct map *m)
{
    free(m->slot);
    *m = (struct map){ 0 };
}

void map_clear(struct map *m)
{
    if (m->size)
        memset(m->slot, 0, m->size * sizeof *m->slot);
    m->count = 0;
}

static void place_slot(struct map *m, struct map_slot s)
{
    size_t i = map_home(m, s.key);
    while (m->slot[i].used)
        i = (i + 1) & (m->size - 1);
    m->slot[i] = s;
}

bool map_put(struct map *m, uint64_t key, uint32_t value)
{
    uint32_t *there = map_at(m, key);
    if (there) {
        *there = value;
        return true;
    }
    if (m->count + 1 > m->size / 10 * 7) {
        struct map bigger = { .size = m->size ? 2 * m->size : 64, .count = m->count };
        bigger.slot = calloc(bigger.size, sizeof *bigger.slot);
        if (!bigger.slot)
            return false;
        for (size_t i = 0; i < m->size; i++)
            if (m->slot[i].used)
                place_slot(&bigger, m->slot[i]);
        free(m->slot);
        *m = bigger;
    }
    place_slot(m, (struct map_slot){ key, value, 1 });
    m->count++;
    return true;
}

void map_remove(struct map *m, uint64_t key)
{
    if (!m->size)
        return;
    size_t mask = m->size - 1, i = map_home(m, key);
    while (m->slot[i].used && m->slot[i].key != key)
        i = (i + 1) & mask;
    if (!m->slot[i].used)
        return;
    for (size_t j = (i + 1) & mask; m->slot[j].used; j = (j + 1) & mask) {
        size_t home = map_home(m, m->slot[j].key);
        if (((j - home) & mask) >= ((j - i) & mask)) {     /* it may stand at i, too */
            m->slot[i] = m->slot[j];
            i = j;
        }
    }
    m->slot[i].used = 0;
    m->count--;
}
