/*
 * base/clock.h - time comes in through here, so that any story can be replayed.
 *
 * Two times: wall (microseconds since 1970, may jump) is for people and for
 * records; mono (microseconds since some start, never goes back) is for
 * deadlines and windows.  The simulator passes a clock of its own.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

struct clock {
    int64_t (*wall_us)(void *ctx);
    int64_t (*mono_us)(void *ctx);
    void     *ctx;
};

/* The machine's clocks. */
extern const struct clock clock_real;

/* A clock that stands still until somebody moves it. */
struct clock_manual { int64_t wall_us, mono_us; };
struct clock clock_manual_of(struct clock_manual *m);   /* m must outlive the clock */

static inline int64_t clock_wall_us(const struct clock *c) { return c->wall_us(c->ctx); }
static inline int64_t clock_mono_us(const struct clock *c) { return c->mono_us(c->ctx); }

#define US_PER_S  INT64_C(1000000)
#define US_PER_MS INT64_C(1000)

/* "2026-01-31T23:59:59.123Z" (RFC 3339, UTC, milliseconds) into out, which holds at least 25 bytes. Returns out. */
char *clock_format(int64_t wall_us, char *out, size_t size);

/* The reverse; accepts a fraction of 0..6 digits and Z or +hh:mm. Returns -1 when it is not a time. */
int64_t clock_parse(const char *text);

#endif
