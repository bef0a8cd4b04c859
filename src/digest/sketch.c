/* digest/sketch.c - counting values in buckets that grow by a constant factor. */
#include "digest/sketch_inside.h"

#include <math.h>
#include <stdlib.h>

enum { ROOM_MIN = 16 };
#define GROWTH ((1 + SKETCH_ERROR) / (1 - SKETCH_ERROR))

static bool side_empty(const struct sketch_side *s) { return s->room == 0; }

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
    free(s->side[0].count);
    free(s->side[1].count);
    free(s);
}

void sketch_clear(struct sketch *s)
{
    free(s->side[0].count);
    free(s->side[1].count);
    *s = (struct sketch){ .min = NAN, .max = NAN };
}

uint64_t *sketch_bucket(struct sketch_side *s, int32_t i)
{
    int32_t first = i, top = i, least;
    if (!side_empty(s)) {
        top = i > s->top ? i : s->top;
        least = top - SKETCH_BUCKETS_MAX + 1;
        i = i < least ? least : i;
        if (i >= s->low && i < s->low + (int32_t)s->room) {
            s->top = top;
            return &s->count[i - s->low];
        }
        first = s->low;
        while (s->count[first - s->low] == 0 && first < s->top)
            first++;
        first = i < first ? i : first;
        first = first < least ? least : first;
    }
    uint32_t room = ROOM_MIN;
    while (room < (uint32_t)(top - first + 1))
        room *= 2;
    uint64_t *count = calloc(room, sizeof *count);
    if (!count)
        return NULL;
    /* It grows where it grew. */
    int32_t low = i == top ? first : top - (int32_t)room + 1;
    for (uint32_t k = 0; k < s->room; k++) {
        int32_t j = s->low + (int32_t)k;
        if (s->count[k])
            count[(j < low ? low : j) - low] += s->count[k];
    }
    free(s->count);
    *s = (struct sketch_side){ count, low, top, room };
    return &count[i - low];
}

static int32_t index_of(double magnitude) { return (int32_t)ceil(log(magnitude) / log(GROWTH)); }

/* The outermost of one sign lies in its outermost bucket; that nearest to zero in the lowest, which may be several in one. */
static bool lies_in(const struct sketch_side *side, double magnitude, bool outermost)
{
    int32_t i = index_of(magnitude), low = side->low;
    if (outermost)
        return i >= side->top - 1 && i <= side->top + 1;
    while (low < side->top && side->count[low - side->low] == 0)
        low++;
    return i <= low + 1;
}

bool sketch_agrees(const struct sketch *s)
{
    const struct sketch_side *p = &s->side[0], *n = &s->side[1];
    bool least = s->infinite[1] ? isinf(s->min) && s->min < 0
               : !side_empty(n) ? s->min < 0 && !isinf(s->min) && lies_in(n, -s->min, true)
               : s->zero        ? s->min == 0
               : !side_empty(p) ? s->min > 0 && !isinf(s->min) && lies_in(p, s->min, false)
                                : isinf(s->min) && s->min > 0;
    bool most = s->infinite[0] ? isinf(s->max) && s->max > 0
              : !side_empty(p) ? s->max > 0 && !isinf(s->max) && lies_in(p, s->max, true)
              : s->zero        ? s->max == 0
              : !side_empty(n) ? s->max < 0 && !isinf(s->max) && lies_in(n, -s->max, false)
                               : isinf(s->max) && s->max < 0;
    return least && most && s->min <= s->max;
}

static double value_of(int32_t index)
{
    double v = 2 * exp(index * log(GROWTH)) / (1 + GROWTH);
    return isinf(v) ? HUGE_VAL : v;
}

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
    bool negative = value < 0;
    if (isinf(value)) {
        s->infinite[negative] += times;
    } else if (value == 0) {
        s->zero += times;
        value = 0;
    } else {
        uint64_t *bucket = sketch_bucket(&s->side[negative], index_of(fabs(value)));
        if (!bucket)
            return false;
        *bucket += times;
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
    /* Room first, for the ends, so that nothing can fail half way. */
    for (int k = 0; k < 2; k++) {
        const struct sketch_side *f = &from->side[k];
        if (side_empty(f))
            continue;
        int32_t low = f->low;
        while (low < f->top && f->count[low - f->low] == 0)
            low++;
        bool fresh = side_empty(&into->side[k]);
        if (!sketch_bucket(&into->side[k], f->top) || !sketch_bucket(&into->side[k], low)) {
            if (fresh) {
                free(into->side[k].count);
                into->side[k] = (struct sketch_side){ 0 };
            }
            return false;
        }
    }
    for (int k = 0; k < 2; k++) {
        const struct sketch_side *f = &from->side[k];
        struct sketch_side       *t = &into->side[k];
        for (uint32_t j = 0; j < f->room; j++) {
            int32_t i = f->low + (int32_t)j;
            if (f->count[j])
                t->count[(i < t->low ? t->low : i) - t->low] += f->count[j];
        }
        into->infinite[k] += from->infinite[k];
    }
    into->zero += from->zero;
    span(into, from->min, from->max);
    into->sum += from->sum;
    into->total += from->total;
    return true;
}

uint64_t sketch_count(const struct sketch *s) { return s->total; }
double   sketch_sum(const struct sketch *s) { return s->total ? s->sum : NAN; }
double   sketch_min(const struct sketch *s) { return s->min; }
double   sketch_max(const struct sketch *s) { return s->max; }

/* The value of the rank-th smallest, rank from 1. */
static double ranked(const struct sketch *s, uint64_t rank)
{
    if (rank <= s->infinite[1])
        return -HUGE_VAL;
    rank -= s->infinite[1];
    const struct sketch_side *n = &s->side[1], *p = &s->side[0];
    for (uint32_t j = n->room; j-- > 0; rank -= n->count[j])
        if (rank <= n->count[j])
            return -value_of(n->low + (int32_t)j);
    if (rank <= s->zero)
        return 0;
    rank -= s->zero;
    for (uint32_t j = 0; j < p->room; rank -= p->count[j], j++)
        if (rank <= p->count[j])
            return value_of(p->low + (int32_t)j);
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

size_t sketch_bytes(const struct sketch *s)
{
    return sizeof *s + (s->side[0].room + s->side[1].room) * sizeof *s->side[0].count;
}
