/*
 * load/stats.h - what the clients have done so far, and how to read it while they go on.
 *
 * Each client writes its own recorder; nobody else does.  A reading adds all
 * recorders up.  Everything in it only grows, so the difference of two readings
 * is what happened in between: a second, the time after the warm-up, or the
 * interval of whoever polls the endpoint.
 */
#ifndef LOAD_STATS_H
#define LOAD_STATS_H

#include "load/histogram.h"
#include "load/random.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Counters beside the histograms. Latency counts completed transactions, so completed ones are not among these. */
#define LOAD_COUNTER_MAP(X)                                                                                  \
    X(ERRORS,        errors,          "transactions that failed, for whatever reason")                       \
    X(RETRIES,       retries,         "attempts repeated after a serialisation failure or a deadlock")       \
    X(LOST,          lost_connections,"connections that broke, were closed by the server or timed out")      \
    X(REFUSED,       failed_connects, "attempts to connect that failed")                                     \
    X(ROLLED_BACK,   rolled_back,     "New-Orders rolled back on purpose (1 %), completed as such")          \
    X(SKIPPED,       skipped_deliveries, "districts without an undelivered order, skipped by a Delivery")    \
    X(UNFINISHED,    unfinished,      "transactions given up when the run ended")

enum load_counter {
#define X(id, name, text) LOAD_##id,
    LOAD_COUNTER_MAP(X)
#undef X
    LOAD_COUNTERS
};

const char *load_counter_name(enum load_counter c);
const char *load_counter_text(enum load_counter c);

struct load_recorder {
    struct load_histogram latency[LOAD_KINDS];
    uint64_t              errors[LOAD_KINDS], retries[LOAD_KINDS];
    uint64_t              counters[LOAD_COUNTERS];
    uint64_t              connected;   /* 0 or 1 */
};

void load_recorder_done(struct load_recorder *r, enum load_kind kind, int64_t latency_us);
void load_recorder_count(struct load_recorder *r, enum load_counter c);
void load_recorder_error(struct load_recorder *r, enum load_kind kind);
void load_recorder_retry(struct load_recorder *r, enum load_kind kind);
void load_recorder_connected(struct load_recorder *r, bool yes);

struct load_reading {
    int64_t               mono_us, wall_us;
    struct load_histogram latency[LOAD_KINDS];
    struct load_histogram all;         /* the five merged */
    uint64_t              errors[LOAD_KINDS], retries[LOAD_KINDS];
    uint64_t              counters[LOAD_COUNTERS];
    uint64_t              connected, clients;
    uint64_t              arrivals, dropped, queued;   /* open loop; queued is the length right now */
};

/* Add one client to a reading that began as zeros; load_reading_finish() then makes `all`. */
void load_reading_add(struct load_reading *into, const struct load_recorder *from);
void load_reading_finish(struct load_reading *r);

/* into becomes what happened since older; its times, connected and queued stay as they are. */
void load_reading_since(struct load_reading *into, const struct load_reading *older);

#endif
