/* scrape/series.c - see series.h. */
#include "scrape/series.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum { TIDY_LEAST = 256 };

struct series_set *series_set_new(void) { return calloc(1, sizeof(struct series_set)); }

void series_clear(struct series_set *set)
{
    free(set->one);
    free(set->stand);
    free(set->by_labels);
    free(set->texts);
    *set = (struct series_set){ .turn = set->turn };
}

void series_set_free(struct series_set *set)
{
    if (set)
        series_clear(set);
    free(set);
}

size_t series_set_count(const struct series_set *set) { return set->ones; }

void series_set_rethink(struct series_set *set)
{
    free(set->stand);
    set->stand = NULL;
    set->stands = set->stands_room = 0;
}

/* ---- by how it stands in the answer ---- */

static struct stand *stand_slot(struct stand *stand, size_t room, uint64_t hash)
{
    size_t k = hash & (room - 1);
    while (stand[k].one && stand[k].hash != hash)
        k = (k + 1) & (room - 1);
    return &stand[k];
}

struct stand *series_stand(struct series_set *set, uint64_t hash)
{
    struct stand *s = set->stands_room ? stand_slot(set->stand, set->stands_room, hash) : NULL;
    return s && s->one ? s : NULL;
}

bool series_stand_add(struct series_set *set, uint64_t hash, uint32_t one)
{
    if (set->stands * 2 >= set->stands_room) {
        size_t        room = set->stands_room ? set->stands_room * 2 : 64;
        struct stand *more = calloc(room, sizeof *more);
        if (!more)
            return false;
        for (size_t i = 0; i < set->stands_room; i++)
            if (set->stand[i].one)
                *stand_slot(more, room, set->stand[i].hash) = set->stand[i];
        free(set->stand);
        set->stand = more;
        set->stands_room = room;
    }
    *stand_slot(set->stand, set->stands_room, hash) = (struct stand){ hash, one, set->turn };
    set->stands++;
    return true;
}

/* ---- by its labels ---- */

static uint32_t *label_slot(const struct series_set *set, uint32_t *slot, size_t room, uint64_t hash)
{
    size_t k = hash & (room - 1);
    while (slot[k] && set->one[slot[k] - 1].hash != hash)
        k = (k + 1) & (room - 1);
    return &slot[k];
}

static bool labels_grow(struct series_set *set)
{
    size_t    room = 64;
    uint32_t *more;
    while (room < set->ones * 4)
        room *= 2;
    if (!(more = calloc(room, sizeof *more)))
        return false;
    for (size_t i = 0; i < set->ones; i++)
        *label_slot(set, more, room, set->one[i].hash) = (uint32_t)i + 1;
    free(set->by_labels);
    set->by_labels = more;
    set->by_labels_room = room;
    return true;
}

static bool texts_room(struct series_set *set, size_t n)
{
    if (set->texts_n + n <= set->texts_room)
        return true;
    size_t room = set->texts_room ? set->texts_room : 4096;
    while (room < set->texts_n + n)
        room += room / 2;
    char *more = realloc(set->texts, room);
    if (!more)
        return false;
    set->texts = more;
    set->texts_room = room;
    return true;
}

static void text_put(struct series_set *set, struct slice s)
{
    uint32_t n = (uint32_t)s.n;
    memcpy(set->texts + set->texts_n, &n, sizeof n);
    set->texts_n += sizeof n;
    if (n)
        memcpy(set->texts + set->texts_n, s.s, n);
    set->texts_n += n;
}

bool series_one(struct series_set *set, const struct label *label, size_t n, size_t max, uint32_t *number)
{
    size_t bytes = 0, begun = set->texts_n;
    for (size_t i = 0; i < n; i++)
        bytes += label[i].name.n + label[i].value.n + 2 * sizeof(uint32_t);
    if (bytes > UINT32_MAX / 2 || !texts_room(set, bytes) || (set->ones * 2 >= set->by_labels_room && !labels_grow(set)))
        return false;
    for (size_t i = 0; i < n; i++) {
        text_put(set, label[i].name);
        text_put(set, label[i].value);
    }
    uint64_t  hash = XXH3_64bits(set->texts + begun, bytes);
    uint32_t *slot = label_slot(set, set->by_labels, set->by_labels_room, hash);
    if (*slot) {
        set->texts_n = begun;
        *number = *slot - 1;
        return true;
    }
    if (set->ones == set->ones_room) {
        size_t      room = set->ones_room ? set->ones_room * 2 : 64;
        struct one *more = realloc(set->one, room * sizeof *more);
        if (more) {
            set->one = more;
            set->ones_room = room;
        }
    }
    if (set->ones == set->ones_room || set->ones >= max || set->ones >= SERIES_DROPPED - 2) {
        set->texts_n = begun;
        return false;
    }
    set->one[set->ones] = (struct one){ .hash = hash, .at = begun, .n = (uint32_t)bytes };
    *number = (uint32_t)set->ones++;
    *slot = *number + 1;
    return true;
}

static struct slice text_get(const char **p)
{
    uint32_t n;
    memcpy(&n, *p, sizeof n);
    struct slice s = { *p + sizeof n, n };
    *p += sizeof n + n;
    return s;
}

size_t series_labels(const struct series_set *set, const struct one *o, struct remote_label *to, size_t max)
{
    const char *p = set->texts + o->at, *end = p + o->n;
    size_t      n = 0;
    while (p < end && n < max) {
        to[n].name = text_get(&p);
        to[n++].value = text_get(&p);
    }
    return n;
}

/* ---- what is gone ---- */

void series_tidy(struct series_set *set)
{
    size_t            stands = 0, alive = 0;
    struct series_set fresh = { .turn = set->turn };
    for (size_t i = 0; i < set->stands_room; i++)
        stands += set->stand[i].one && set->stand[i].seen == set->turn;
    for (size_t i = 0; i < set->ones; i++)
        alive += set->one[i].alive;
    if (set->ones - alive <= alive / 2 + TIDY_LEAST && set->stands - stands <= stands / 2 + TIDY_LEAST)
        return;
    uint32_t *moved = calloc(set->ones + 1, sizeof *moved);
    bool      fine = moved != NULL;
    for (size_t i = 0; i < set->ones && fine; i++) {
        const struct one   *o = &set->one[i];
        struct remote_label l[REMOTE_LABELS_MAX];
        struct label        label[REMOTE_LABELS_MAX];
        uint32_t            number;
        if (!o->alive)
            continue;
        size_t n = series_labels(set, o, l, REMOTE_LABELS_MAX);
        for (size_t k = 0; k < n; k++)
            label[k] = (struct label){ l[k].name, l[k].value };
        if (!(fine = series_one(&fresh, label, n, SIZE_MAX, &number)))
            break;
        fresh.one[number].seen = o->seen;
        fresh.one[number].timed = o->timed;
        fresh.one[number].alive = true;
        moved[i] = number + 1;
    }
    for (size_t i = 0; i < set->stands_room && fine; i++) {
        const struct stand *s = &set->stand[i];
        if (s->one == SERIES_DROPPED && s->seen == set->turn)
            fine = series_stand_add(&fresh, s->hash, SERIES_DROPPED);
        else if (s->one && s->one != SERIES_DROPPED && s->seen == set->turn && moved[s->one - 1])
            fine = series_stand_add(&fresh, s->hash, moved[s->one - 1]);
    }
    free(moved);
    fresh.alive = set->alive;
    if (fine) {                                  /* without memory it stays untidy until the next time */
        series_clear(set);
        *set = fresh;
    } else
        series_clear(&fresh);
}
