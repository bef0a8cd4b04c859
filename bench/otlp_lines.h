/*
 * bench/otlp_lines.h - the text of each log record that the sender writes and the reader expects.
 *
 * A few kinds of lines as services write them, with values that vary; behind them the number of the request as 16 hexadecimal digits
 * and the place in it as 4 decimal ones.  Nothing in them needs an escape in JSON.
 */
#ifndef BENCH_OTLP_LINES_H
#define BENCH_OTLP_LINES_H

#include <stddef.h>
#include <stdint.h>

enum {
    OTLP_LINE_TAIL = 5 + 16 + 4 + 4,         /* " req=" digits " at=" digits */
    OTLP_VARIANTS  = 61                      /* requests whose numbers differ by less than this have other values in their texts */
};

/* Chance that is the same everywhere. */
static inline uint32_t otlp_mix(uint32_t a, uint32_t b)
{
    uint32_t h = a * 2654435761u ^ (b + 0x9e3779b9u) * 2246822519u;
    h ^= h >> 15;
    h *= 3266489917u;
    return h ^ h >> 16;
}


/* Returns its length. */
size_t otlp_line(char *to, size_t size, int place, uint64_t request);

#endif
