/*
 * load/stats.h - what the clients have done so far, and how to read it while they go on.
 *
 * Each client writes its own recorder; nobody else does.  A reading adds all
 * recorders up.  Everything in it only grows, so the difference of two readings
 * is what happened in between: a second, the time after the warm-up, or the
 * interval of whoever polls the endpoint.
 *
 * Latencies are counted by class: the five transactions of TPC-C, then the 22
 * queries of TPC-H.  A recorder has room for those of its own benchmark only.
 */
#ifndef LOAD_STATS_H
#define LOAD_STATS_H

#include "base/err.h"
#include "load/histogram.h"
#include "load/random.h"
#include "load/tpch_queries.h"

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

enum { LOAD_CLASS_QUERY_1 = LOAD_KINDS, LOAD_CLASSES = LOAD_KINDS + LOAD_QUERIES };   /* before: enum load_kind */

/* "new_order", ..., "q1", ... "q22" */
const char *load_class_name(int class);

const char *load_counter_name(enum load_counter c);
const char *load_counter_text(enum load_counter c);

struct load_recorder {
    int                    first, classes;   /* what latency has room for */
    struct load_histogram *latency;
    uint64_t               errors[LOAD_CLASSES], retries[LOAD_CLASSES];
    uint64_t               counters[LOAD_COUNTERS];
    uint64_t               connected;        /* 0 or 1 */
};

MUST_CHECK enum err load_recorder_init(struct load_recorder *r, int first, int classes, struct fault *fault);
void load_recorder_free(struct load_recorder *r);

void load_recorder_done(struct load_recorder *r, int class, int64_t latency_us);
void load_recorder_count(struct load_recorder *r, enum load_counter c);
void load_recorder_error(struct load_recorder *r, int class);
void load_recorder_retry(struct load_recorder *r, int class);
void load_recorder_connected(struct load_recorder *r, bool yes);

struct load_reading {
    int64_t               mono_us, wall_us;
    struct load_histogram latency[LOAD_CLASSES];
    struct load_histogram tpcc, tpch, all;             /* merged */
    uint64_t              errors[LOAD_CLASSES], retries[LOAD_CLASSES];
    uint64_t              counters[LOAD_COUNTERS];
    uint64_t              connected, clients;
    uint64_t              arrivals, dropped, queued;   /* open loop; queued is the length right now */
};

/* Add one client to a reading that began as zeros; load_reading_finish() then merges. */
void load_reading_add(struct load_reading *into, const struct load_recorder *from);
void load_reading_finish(struct load_reading *r);

/* into becomes what happened since older; its times, connected and queued stay as they are. */
void load_reading_since(struct load_reading *into, const struct load_reading *older);

#endif
