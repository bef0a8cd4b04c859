/* sense/rate.c - a difference is only a rate when both of its ends belong to the same story. */
#include "sense/rate.h"

#include <math.h>

static double step(struct rate *r, double value, int64_t mono_us, int64_t gap_us, double modulus)
{
    if (isnan(value))
        return (double)NAN;
    struct rate before = *r;
    *r = (struct rate){ .last = value, .at_us = mono_us, .known = true };
    int64_t passed_us = mono_us - before.at_us;
    if (!before.known || passed_us <= 0 || passed_us > gap_us)
        return (double)NAN;
    double difference = value - before.last;
    /* A wrap goes from close below the modulus to close above zero; anything else that goes back is a reset. */
    if (difference < 0 && modulus > 0 && before.last > 0.75 * modulus && value < 0.25 * modulus)
        difference += modulus;
    return difference < 0 ? (double)NAN : difference * 1e6 / (double)passed_us;
}

double rate_next(struct rate *r, double value, int64_t mono_us, int64_t gap_us) { return step(r, value, mono_us, gap_us, 0); }

double rate_next_wrapping(struct rate *r, double value, int64_t mono_us, int64_t gap_us, int bits)
{
    return step(r, value, mono_us, gap_us, exp2(bits));
}

void rate_forget(struct rate *r) { *r = (struct rate){ 0 }; }
