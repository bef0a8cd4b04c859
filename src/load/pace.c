/* load/pace.c - see the header. */
#include "load/pace.h"

#include <math.h>
#include <stdlib.h>

/*
 * What is to come of a Poisson process does not depend on what was, so behind a time without arrivals it may begin anew.
 * Drawing through such a time would be hundreds of millions of arrivals for nothing in a night at a high rate, under the lock of whoever asks.
 */
static void draw_next(struct load_pace *p)
{
    for (;;) {
        p->next_us += -log(1.0 - rand_unit(&p->rand)) * p->mean_gap_us;
        if (!p->share || p->next_us >= (double)p->end_us)
            return;
        int64_t until_us = 0;
        if (rand_unit(&p->rand) < p->share(p->ctx, (int64_t)p->next_us, &until_us))
            return;
        p->next_us = fmax(p->next_us, (double)until_us);
    }
}

enum err load_pace_init_varying(struct load_pace *p, double per_second, load_pace_share *share, const void *ctx, int64_t end_us,
                                size_t bound, uint64_t seed, int64_t start_us, struct fault *fault)
{
    *p = (struct load_pace){ .mean_gap_us = 1e6 / per_second, .share = share, .ctx = ctx, .next_us = (double)start_us, .end_us = end_us, .bound = bound };
    if (!(per_second > 0) || bound == 0)
        return fail(fault, ERR_INPUT, "an open loop needs a rate and a queue greater than zero");
    p->due = calloc(bound, sizeof *p->due);
    if (!p->due)
        return fail(fault, ERR_LIMIT, "no memory for a queue of %zu transactions", bound);
    rand_seed(&p->rand, seed);
    draw_next(p);
    return OK;
}

enum err load_pace_init(struct load_pace *p, double per_second, size_t bound, uint64_t seed, int64_t start_us, struct fault *fault)
{
    return load_pace_init_varying(p, per_second, NULL, NULL, INT64_MAX, bound, seed, start_us, fault);
}

void load_pace_done(struct load_pace *p)
{
    free(p->due);
    p->due = NULL;
}

void load_pace_end(struct load_pace *p, int64_t end_us) { p->end_us = end_us; }

/* Or never begun: a run that could not start is stopped like any other. */
static bool is_over(const struct load_pace *p) { return !p->due || p->next_us >= (double)p->end_us; }

size_t load_pace_advance(struct load_pace *p, int64_t now_us)
{
    while (p->next_us <= (double)now_us && !is_over(p)) {
        p->arrivals++;
        if (p->count == p->bound)
            p->dropped++;
        else
            p->due[(p->head + p->count++) % p->bound] = (int64_t)ceil(p->next_us);
        draw_next(p);
    }
    return p->count;
}

bool load_pace_take(struct load_pace *p, int64_t now_us, int64_t *arrival_us, bool *booked)
{
    *booked = false;
    if (load_pace_advance(p, now_us) > 0) {
        *arrival_us = p->due[p->head];
        p->head = (p->head + 1) % p->bound;
        p->count--;
        return true;
    }
    if (is_over(p))
        return false;
    *arrival_us = (int64_t)ceil(p->next_us);
    *booked = true;
    draw_next(p);
    return true;
}

bool load_pace_arrive(struct load_pace *p, int64_t arrival_us)
{
    if (arrival_us >= p->end_us)
        return false;
    p->arrivals++;
    return true;
}
