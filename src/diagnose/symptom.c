/* diagnose/symptom.c - the table and how it is read. */
#include "diagnose/symptom.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

struct row {
    int         number;
    enum metric metric;
    bool        above;           /* complains when the mean lies above the line, else below */
    double      line;
    const char *title, *means;
};

static const struct row rows[] = {
    { 1,  METRIC_CACHE_HIT,          false, 0.95,      "cache hit ratio is low",               "the working set does not fit into shared_buffers" },
    { 2,  METRIC_CHECKPOINTS_REQ,    true,  1.0 / 600, "checkpoints come by WAL volume",       "max_wal_size is too small for what is written" },
    { 3,  METRIC_BUFFERS_BACKEND,    true,  50,        "backends write buffers themselves",    "the background writer or shared_buffers cannot keep up" },
    { 4,  METRIC_MAXWRITTEN_CLEAN,   true,  0.1,       "the background writer stops early",    "bgwriter_lru_maxpages is too small" },
    { 5,  METRIC_WAL_BUFFERS_FULL,   true,  0.5,       "WAL buffers run full",                 "wal_buffers is too small" },
    { 6,  METRIC_WAL_FPI,            true,  200,       "many full page images",                "checkpoints come too often, or WAL is not compressed" },
    { 7,  METRIC_TEMP_BYTES,         true,  1e6,       "sorts and hashes spill to disk",       "work_mem is too small for some statements" },
    { 8,  METRIC_IO_BUSY,            true,  0.8,       "the disk is busy",                     "storage limits the throughput" },
    { 9,  METRIC_PSI_IO,             true,  0.3,       "tasks wait for IO",                    "storage limits the throughput" },
    { 10, METRIC_CPU,                true,  0.85,      "the CPU is busy",                      "plans, jit or connections cost CPU; memory settings will not help" },
    { 11, METRIC_PSI_MEMORY,         true,  0.1,       "tasks wait for memory",                "memory is short: nothing that needs more should be tried" },
    { 12, METRIC_LOCKS_WAITING,      true,  2,         "backends wait for locks",              "contention in the application, which no setting mends" },
    { 13, METRIC_LONGEST_XACT,       true,  600,       "a transaction is very old",            "vacuum cannot clean up behind it" },
    { 14, METRIC_IDLE_IN_TRANSACTION, true, 10,        "sessions sit idle in transactions",    "they hold locks and snapshots" },
    { 15, METRIC_DEADLOCKS,          true,  0.01,      "deadlocks",                            "transactions lock in different orders" },
    { 16, METRIC_REPLICATION_LAG,    true,  64e6,      "a standby lags",                       "WAL comes faster than it is replayed" },
};

static double mean_of(const struct window *w, int n, enum metric m)
{
    double sum = 0;
    int    known = 0;
    for (int i = 0; i < n; i++)
        if (isfinite(w[i].v[m]))
            sum += w[i].v[m], known++;
    return known ? sum / known : (double)NAN;
}

static double strength(const struct symptom *s)
{
    double a = fabs(s->value) + 1e-9, b = fabs(s->usual) + 1e-9;
    return fabs(log(a / b));
}

static int by_strength(const void *a, const void *b)
{
    double x = strength(a), y = strength(b);
    return x < y ? 1 : x > y ? -1 : ((const struct symptom *)a)->number - ((const struct symptom *)b)->number;
}

int diagnose_symptoms(const struct window *windows, int n, const struct target_facts *facts, struct symptom *list, int max)
{
    (void)facts;
    int found = 0;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0] && found < max; i++) {
        const struct row *r = &rows[i];
        double            v = mean_of(windows, n, r->metric);
        if (isnan(v) || (r->above ? v <= r->line : v >= r->line))
            continue;
        struct symptom *s = &list[found++];
        *s = (struct symptom){ .number = r->number, .metric = r->metric, .value = v, .usual = r->line, .title = r->title };
        (void)snprintf(s->text, sizeof s->text, "%s is %.4g %s over %d windows (%s %.4g is unusual): %s", metric_info[r->metric].name, v,
                       metric_info[r->metric].unit, n, r->above ? "above" : "below", r->line, r->means);
    }
    qsort(list, (size_t)found, sizeof *list, by_strength);
    return found;
}

void diagnose_print(struct text *out)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        text_printf(out, "%3d  %-20s %s %-8.4g %s: %s\n", rows[i].number, metric_info[rows[i].metric].name, rows[i].above ? "above" : "below",
                    rows[i].line, rows[i].title, rows[i].means);
}
