/*
 * bench/otlp_seen.c - reads what came out, and holds it against what was acknowledged.
 *
 *     otlp_seen --acked FILE [--batch 1000] < lines
 *
 * Standard input: text in any form that holds the lines of otlp_send as they are, e.g. JSON or COPY output.  Each must be there, whole,
 * for every request that was acknowledged.  Prints one JSON object; ends with 1 when something acknowledged is missing or a text is not as sent.
 */
#include "otlp_lines.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PIECE = 4 * 1024 * 1024, LINE_MAX_BYTES = 256, BATCH_MAX = 10000 };
static const uint64_t requests_max = 4 * 1000 * 1000;

static unsigned char *seen;          /* a bit for each record */
static uint64_t       lines, twice, damaged, highest;
static int            batch = 1000;

static bool number(const char *s, size_t n, int base, uint64_t *out)
{
    char  copy[24], *end;
    memcpy(copy, s, n);
    copy[n] = '\0';
    *out = strtoull(copy, &end, base);
    return *end == '\0';
}

/* s points at " req=", behind the text and in a piece that holds at least the tail. */
static void look(const char *begin, const char *s)
{
    uint64_t request, place;
    char     line[LINE_MAX_BYTES];
    if (memcmp(s + 21, " at=", 4) != 0 || !number(s + 5, 16, 16, &request) || !number(s + 25, 4, 10, &place) || request >= requests_max || place >= (uint64_t)batch) {
        damaged++;
        return;
    }
    size_t n = otlp_line(line, sizeof line, (int)place, request), before = n - OTLP_LINE_TAIL;
    lines++;
    if ((size_t)(s - begin) < before || memcmp(s - before, line, n) != 0) {
        damaged++;
        return;
    }
    uint64_t bit = request * (uint64_t)batch + place;
    twice += seen[bit >> 3] >> (bit & 7) & 1;
    seen[bit >> 3] |= (unsigned char)(1u << (bit & 7));
    highest = request > highest ? request : highest;
}

static void read_all(void)
{
    char  *piece = malloc(PIECE + LINE_MAX_BYTES);
    size_t kept = 0, got;
    while ((got = fread(piece + kept, 1, PIECE, stdin)) > 0) {
        size_t all = kept + got;
        char  *s = piece, *end = piece + all, *done = piece;
        while ((s = memmem(s, (size_t)(end - s), " req=", 5)) && s + OTLP_LINE_TAIL <= end) {
            look(piece, s);
            s += OTLP_LINE_TAIL;
            done = s;
        }
        /* The text stands before its number: keep enough of it, but nothing that was looked at. */
        char *from = s && s < end ? (s - piece > LINE_MAX_BYTES ? s - LINE_MAX_BYTES : piece) : end - (all < LINE_MAX_BYTES ? all : LINE_MAX_BYTES);
        from = from < done ? done : from;
        kept = (size_t)(end - from);
        memmove(piece, from, kept);
    }
    free(piece);
}

int main(int argc, char **argv)
{
    const char *acked = NULL;
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--acked") == 0)
            acked = argv[i + 1];
        else if (strcmp(argv[i], "--batch") == 0)
            batch = atoi(argv[i + 1]);
    }
    if (batch < 1 || batch > BATCH_MAX)
        return 2;
    seen = calloc(requests_max * (uint64_t)batch / 8 + 1, 1);
    FILE    *f = acked ? fopen(acked, "rb") : NULL;
    uint64_t request, missing = 0, promised = 0, distinct = 0;
    if (!seen || (acked && !f))
        return 2;
    read_all();
    while (f && fread(&request, 8, 1, f) == 1 && request < requests_max)
        for (uint64_t k = request * (uint64_t)batch; k < (request + 1) * (uint64_t)batch; k++, promised++)
            missing += !(seen[k >> 3] >> (k & 7) & 1);
    for (uint64_t k = 0; k < ((highest + 1) * (uint64_t)batch + 7) / 8; k++)
        distinct += (uint64_t)__builtin_popcount(seen[k]);
    printf("{\"lines\": %llu, \"distinct\": %llu, \"twice\": %llu, \"damaged\": %llu, \"promised\": %llu, \"missing\": %llu}\n", (unsigned long long)lines, (unsigned long long)distinct,
           (unsigned long long)twice, (unsigned long long)damaged, (unsigned long long)promised, (unsigned long long)missing);
    return missing || damaged;
}
