/* digest/sketch.c - counting values in buckets that grow by a constant factor. */
#include "digest/sketch_inside.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROOM_MIN = 8 };
#define GROWTH ((1 + SKETCH_ERROR) / (1 - SKETCH_ERROR))

struct sketch *sketch_new(void)
{
    struct sketch *s = calloc(1, sizeof *s);
    if (s)
        sketch_clear(s);
    return s;
}

void sketch_free(struct sketch *s)
{
    if (!s)
        return;
    free(s->count);
    free(s);
}

void sketch_clear(struct sketch *s)
{
    free(s->count);
    *s = (struct sketch){ .min = NAN, .max = NAN };
}

/* ---- buckets ---- */

int32_t sketch_coarser(int32_t key, uint32_t levels)
{
    int32_t i = sketch_index(key);
    return sketch_key(i > 0 ? (i + (1 << levels) - 1) >> levels : -(-i >> levels), key < 0);
}

bool sketch_room(struct sketch *s, uint32_t room)
{
    uint32_t size = ROOM_MIN;
    while (size < room || size < s->used)
        size *= 2;
    if (size == s->room)
        return true;
    uint64_t *count = malloc(size * (sizeof *s->count + sizeof *s->key));
    if (!count)
        return false;
    int32_t *key = (int32_t *)(count + size);
    if (s->used) {
        memcpy(count, s->count, s->used * sizeof *count);
        memcpy(key, s->key, s->used * sizeof *key);
    }
    free(s->count);
    s->count = count;
    s->key = key;
    s->room = size;
    return true;
}

/* The first bucket that is not below the key. Without a branch on what is compared: nobody could foretell it. */
static uint32_t find(const struct sketch *s, int32_t key)
{
    const int32_t *at = s->key;
    uint32_t       n = s->used;
    if (!n)
        return 0;
    for (; n > 1; n -= n / 2)
        at += (n / 2) * (at[n / 2 - 1] < key);
    return (uint32_t)(at - s->key) + (*at < key);
}

/* Behind the last one, or into it. */
static void append(struct sketch *s, int32_t key, uint64_t times)
{
    if (s->used && s->key[s->used - 1] == key) {
        s->count[s->used - 1] += times;
        return;
    }
    s->key[s->used] = key;
    s->count[s->used++] = times;
}

/* Neighbours become one, everywhere: what was too much for one level is the same whatever came first. */
static void collapse(struct sketch *s)
{
    uint32_t n = s->used;
    assert(s->level < SKETCH_LEVEL_MAX);
    s->level++;
    s->used = 0;
    for (uint32_t i = 0; i < n; i++)
        append(s, sketch_coarser(s->key[i], 1), s->count[i]);
}

bool sketch_put(struct sketch *s, int32_t key, uint64_t times)
{
    uint32_t at = find(s, key);
    while (at == s->used || s->key[at] != key) {
        if (s->used < SKETCH_BUCKETS_MAX) {
            if (s->used == s->room && !sketch_room(s, s->used + 1))
                return false;
            memmove(&s->key[at + 1], &s->key[at], (s->used - at) * sizeof *s->key);
            memmove(&s->count[at + 1], &s->count[at], (s->used - at) * sizeof *s->count);
            s->key[at] = key;
            s->count[at] = 0;
            s->used++;
            break;
        }
        collapse(s);
        key = sketch_coarser(key, 1);
        at = find(s, key);
    }
    s->count[at] += times;
    return true;
}

static int32_t key_of(const struct sketch *s, double value)
{
    return sketch_coarser(sketch_key((int32_t)ceil(log(fabs(value)) / log(GROWTH)), value < 0), s->level);
}

static double growth_of(const struct sketch *s) { return pow(GROWTH, 1 << s->level); }

/* What is equally far, relatively, from both ends of the bucket. */
static double value_of(const struct sketch *s, int32_t key)
{
    double growth = growth_of(s), v = exp(sketch_index(key) * log(growth) + log(2 / (1 + growth)));
    v = isinf(v) ? DBL_MAX : v;
    return key < 0 ? -v : v;
}

/* An end that is finite lies in the bucket at that end; version 1 had put what was too small into the lowest of one sign. */
static bool lies_in(const struct sketch *s, int32_t key, double value, bool outermost)
{
    int32_t i = sketch_index(key_of(s, value)), bucket = sketch_index(key);
    return i <= bucket + 1 && (!outermost || i >= bucket - 1);
}

bool sketch_agrees(const struct sketch *s)
{
    uint32_t n = find(s, 0);                             /* so many are negative */
    bool     plus = n < s->used;
    bool     least = s->infinite[1] ? isinf(s->min) && s->min < 0
                   : n              ? s->min < 0 && !isinf(s->min) && lies_in(s, s->key[0], s->min, true)
                   : s->zero        ? s->min == 0
                   : plus           ? s->min > 0 && !isinf(s->min) && lies_in(s, s->key[n], s->min, false)
                                    : isinf(s->min) && s->min > 0;
    bool     most = s->infinite[0] ? isinf(s->max) && s->max > 0
                  : plus           ? s->max > 0 && !isinf(s->max) && lies_in(s, s->key[s->used - 1], s->max, true)
                  : s->zero        ? s->max == 0
                  : n              ? s->max < 0 && !isinf(s->max) && lies_in(s, s->key[n - 1], s->max, false)
                                   : isinf(s->max) && s->max < 0;
    return least && most && s->min <= s->max;
}

/* ---- adding ---- */

static void span(struct sketch *s, double min, double max)
{
    s->min = s->total == 0 || min < s->min ? min : s->min;
    s->max = s->total == 0 || max > s->max ? max : s->max;
}

bool sketch_add(struct sketch *s, double value, uint64_t times)
{
    if (isnan(value) || times == 0)
        return true;
    if (times > UINT64_MAX - s->total)
        return false;
    if (isinf(value)) {
        s->infinite[value < 0] += times;
    } else if (value == 0) {
        s->zero += times;
        value = 0;
    } else if (!sketch_put(s, key_of(s, value), times)) {
        return false;
    }
    span(s, value, value);
    s->sum += value * (double)times;
    s->total += times;
    return true;
}

bool sketch_merge(struct sketch *into, const struct sketch *from)
{
    if (from->total == 0)
        return true;
    if (from->total > UINT64_MAX - into->total)
        return false;
    struct sketch both = { .level = into->level > from->level ? into->level : from->level };
    if (!sketch_room(&both, into->used + from->used))
        return false;
    for (uint32_t i = 0, k = 0; i < into->used || k < from->used;) {
        int32_t a = i < into->used ? sketch_coarser(into->key[i], both.level - into->level) : INT32_MAX;
        int32_t b = k < from->used ? sketch_coarser(from->key[k], both.level - from->level) : INT32_MAX;
        append(&both, a < b ? a : b, a < b ? into->count[i] : from->count[k]);
        i += a < b;
        k += a >= b;
    }
    while (both.used > SKETCH_BUCKETS_MAX)
        collapse(&both);
    if (!sketch_room(&both, both.used)) {
        free(both.count);
        return false;
    }
    free(into->count);
    into->count = both.count;
    into->key = both.key;
    into->used = both.used;
    into->room = both.room;
    into->level = both.level;
    into->infinite[0] += from->infinite[0];
    into->infinite[1] += from->infinite[1];
    into->zero += from->zero;
    span(into, from->min, from->max);
    into->sum += from->sum;
    into->total += from->total;
    return true;
}

/* ---- asking ---- */

uint64_t sketch_count(const struct sketch *s) { return s->total; }
double   sketch_sum(const struct sketch *s) { return s->total ? s->sum : NAN; }
double   sketch_min(const struct sketch *s) { return s->min; }
double   sketch_max(const struct sketch *s) { return s->max; }
double   sketch_error(const struct sketch *s) { return (growth_of(s) - 1) / (growth_of(s) + 1); }

/* The value of the rank-th smallest, rank from 1. */
static double ranked(const struct sketch *s, uint64_t rank)
{
    if (rank <= s->infinite[1])
        return -HUGE_VAL;
    rank -= s->infinite[1];
    uint32_t i = 0;
    for (; i < s->used && s->key[i] < 0; rank -= s->count[i++])
        if (rank <= s->count[i])
            return value_of(s, s->key[i]);
    if (rank <= s->zero)
        return 0;
    rank -= s->zero;
    for (; i < s->used; rank -= s->count[i++])
        if (rank <= s->count[i])
            return value_of(s, s->key[i]);
    return HUGE_VAL;
}

double sketch_quantile(const struct sketch *s, double q)
{
    if (s->total == 0 || isnan(q))
        return NAN;
    double rank = ceil(q * (double)s->total);
    if (rank <= 1)
        return s->min;
    if (rank >= (double)s->total)
        return s->max;
    double v = ranked(s, (uint64_t)rank);
    return v < s->min ? s->min : v > s->max ? s->max : v;
}

size_t sketch_bytes(const struct sketch *s) { return sizeof *s + s->room * (sizeof *s->count + sizeof *s->key); }
