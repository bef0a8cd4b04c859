/*
 * model/workload.h - what is asked of a database, as a few numbers that can be compared between moments and between databases.
 *
 * A feature that could not be computed is NAN: unknown, never zero, and left out of comparisons.  Most features are ratios (per
 * transaction, per statement, per core), so that a large database and a small one under the same kind of load look alike.
 *
 * What clients ask is the same whatever the configuration; how fast it is served is not.  So features carry a weight: those
 * that a change of parameters moves too (times, hit ratios, rates) count less in a distance, and a tuning step hardly looks
 * like another workload.
 *
 *     struct workload now, then;
 *     workload_of(&now, t->history, t->histories, t->facts);
 *     workload_parse(json_object_get(outcome, "workload"), &then, fault);
 *     int    compared;
 *     double d = workload_distance(&now, &then, &compared);       1: clearly another one; NAN: nothing could be compared
 */
#ifndef MODEL_WORKLOAD_H
#define MODEL_WORKLOAD_H

#include "base/err.h"
#include "model/sample.h"
#include "model/target.h"

#include <jansson.h>

/*
 * X(enum, name, unit, kind, grain, scale, most, weight, text) - names are a contract: stories quote them.
 * LOG: the coordinate is ln(1 + v / grain) / scale, so that values far below grain are all alike; PLAIN: it is v / scale.
 * A difference of 1 in the coordinate is as much as another workload makes; most: the largest value that is told apart.
 */
#define WORKLOAD_MAP(X)                                                                                                              \
    X(WRITES,      "writes",      "ratio",  LOG,   0.002, 1.5, 10,   1.0,  "rows written for each row read")                          \
    X(SCANS,       "scans",       "ratio",  PLAIN, 0,     0.4, 1,    1.0,  "share of the rows read that no index pointed at")         \
    X(READS,       "reads",       "rows",   LOG,   10,    2,   1e8,  1.0,  "rows read in a transaction")                              \
    X(ROWS,        "rows",        "rows",   LOG,   1,     2,   1e6,  1.0,  "rows that a statement returns or changes")                \
    X(STATEMENTS,  "statements",  "count",  LOG,   1,     1,   1000, 1.0,  "statements in a transaction")                             \
    X(WRITTEN,     "written",     "rows",   LOG,   0.1,   2,   1e6,  0.5,  "rows that a transaction inserts, updates and deletes")    \
    X(WAL,         "wal",         "B",      LOG,   100,   2,   1e8,  0.5,  "write-ahead log of a transaction")                        \
    X(TEMP,        "temp",        "B",      LOG,   65536, 3,   1e10, 0.5,  "temporary files of a transaction: sorts and hashes that spill") \
    X(LOCKS,       "locks",       "ratio",  PLAIN, 0,     0.4, 1,    0.5,  "share of the sessions at work that wait for a lock")      \
    X(CLIENTS,     "clients",     "1/core", LOG,   0.5,   1.5, 1000, 0.5,  "sessions at work for each core")                          \
    X(RATE,        "rate",        "1/s",    LOG,   1,     3,   1e6,  0.25, "transactions a second for each core")                     \
    X(TIME,        "time",        "ms",     LOG,   0.1,   3,   1e6,  0.25, "mean time of a statement")                                \
    X(MISSES,      "misses",      "ratio",  PLAIN, 0,     0.2, 1,    0.25, "share of block reads not found in shared_buffers")        \
    X(DATABASE,    "database",    "ratio",  LOG,   0.1,   1,   1000, 0.5,  "size of the databases against the memory of the server")  \
    X(BUFFERS,     "buffers",     "ratio",  LOG,   0.1,   1,   10,   0.0,  "shared_buffers against the size of the databases")

enum workload_feature {
#define X(id, name, unit, kind, grain, scale, most, weight, text) WORKLOAD_##id,
    WORKLOAD_MAP(X)
#undef X
    WORKLOAD_COUNT
};

enum workload_kind { WORKLOAD_KIND_PLAIN, WORKLOAD_KIND_LOG };
struct workload_info {
    const char        *name, *unit;
    enum workload_kind kind;
    double             grain, scale, most, weight;
    const char        *text;
};
extern const struct workload_info workload_info[WORKLOAD_COUNT];
bool workload_feature_parse(const char *name, enum workload_feature *f);

struct workload { double v[WORKLOAD_COUNT]; };

void workload_clear(struct workload *w);              /* everything unknown */
int  workload_known(const struct workload *w);        /* how many features are known */

/* Of these windows together; those that are not whole are left out. facts may be NULL: what needs them is unknown. */
void workload_of(struct workload *w, const struct window *window, int n, const struct target_facts *facts);

/*
 * Only what clients ask, whatever the configuration and the plans that it leads to: STATEMENTS, ROWS, WRITTEN; the others become
 * unknown.  For comparing windows under different configurations.  out may be w.
 */
void workload_asked(const struct workload *w, struct workload *out);
enum { WORKLOAD_ASKED_MIN = 2 };      /* compared features without which they say nothing */

/* Where the feature's value lies on its own scale, 0 .. workload_coordinate(f, most); NAN stays NAN. */
double workload_coordinate(enum workload_feature f, double value);

/*
 * Weighted root mean square of the differences of coordinates, over the features known in both; *compared (may be NULL): how
 * many these are.  NAN when there is none; features of weight 0 do not count.
 */
double workload_distance(const struct workload *a, const struct workload *b, int *compared);
/*
 * From this distance on it is another workload, when at least so many features could be compared.  Under another configuration
 * other plans are made and other files written: then only what clients ask is compared (workload_asked()), where three features
 * swing wider than fourteen.
 */
#define WORKLOAD_ANOTHER 0.5
#define WORKLOAD_ASKED_ANOTHER 0.8
enum { WORKLOAD_COMPARED_MIN = 4 };
/* Is it another one?  Not where too little of them can be compared. */
bool workload_another(const struct workload *a, const struct workload *b, bool same_configuration);
/* The feature that contributes most to the distance; WORKLOAD_COUNT when nothing differs or can be compared. */
enum workload_feature workload_differs_most(const struct workload *a, const struct workload *b);

/* {"writes": 0.05, ...}; unknown features are left out. NULL: no memory. */
json_t *workload_json(const struct workload *w);
/* Names that this version does not know are skipped. ERR_INPUT: no object, or a feature that is no finite number >= 0. */
MUST_CHECK enum err workload_parse(const json_t *json, struct workload *w, struct fault *fault);

#endif
