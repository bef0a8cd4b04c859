/* model/sample.c */
#include "model/sample.h"

#include <math.h>
#include <string.h>

const struct metric_info metric_info[METRIC_COUNT] = {
#define X(id, name, unit, text) [METRIC_##id] = { name, unit, text },
    METRIC_MAP(X)
#undef X
};

const enum metric metric_mechanism[MECHANISMS] = {
    METRIC_TPS, METRIC_LATENCY_MEAN, METRIC_LATENCY_P95, METRIC_LATENCY_P99, METRIC_OFFERED, METRIC_CONNECTIONS, METRIC_CONNECTIONS_ACTIVE, METRIC_LOCKS_WAITING,
    METRIC_CACHE_HIT, METRIC_BLOCKS_READ, METRIC_BLOCK_READ_TIME, METRIC_TEMP_BYTES, METRIC_WAL_BYTES, METRIC_WAL_FPI, METRIC_WAL_BUFFERS_FULL,
    METRIC_CHECKPOINT_WRITE, METRIC_BUFFERS_CHECKPOINT, METRIC_BUFFERS_CLEAN, METRIC_BUFFERS_BACKEND, METRIC_DEAD_TUPLES, METRIC_CPU, METRIC_IO_READ_BYTES,
    METRIC_IO_WRITE_BYTES, METRIC_IO_BUSY,
};

bool metric_parse(const char *name, enum metric *m)
{
    for (int i = 0; i < METRIC_COUNT; i++)
        if (strcmp(metric_info[i].name, name) == 0) {
            *m = (enum metric)i;
            return true;
        }
    return false;
}

void sample_clear(struct sample *s)
{
    *s = (struct sample){ .queries = -1, .checkpoints_done = -1, .redo_lsn = -1 };
    for (int i = 0; i < METRIC_COUNT; i++)
        s->v[i] = NAN;
}

void window_clear(struct window *w)
{
    *w = (struct window){ .queries = -1, .checkpoints = -1, .lull_tps = NAN, .lull_ms = NAN };
    for (int i = 0; i < METRIC_COUNT; i++)
        w->v[i] = w->max[i] = NAN;
}

/* Log-linear would do too; purely logarithmic buckets keep the relative error at 2^(1/16) everywhere. */
double latency_upper_us(int bucket) { return 64.0 * exp2((double)(bucket + 1) / LATENCY_SUB); }

int latency_bucket(double us)
{
    if (!(us > 64.0))
        return 0;
    int b = (int)floor(log2(us / 64.0) * LATENCY_SUB);
    return b < LATENCY_BUCKETS ? b : LATENCY_BUCKETS - 1;
}

double latency_quantile_ms(const struct latency_count *before, const struct latency_count *now, double q)
{
    double total = 0;
    for (int b = 0; b < LATENCY_BUCKETS; b++)
        total += now->count[b] - before->count[b];
    if (!now->known || !before->known || !(total > 0))
        return (double)NAN;
    double left = q * total;
    for (int b = 0; b < LATENCY_BUCKETS; b++) {
        double n = now->count[b] - before->count[b];
        if (n > 0 && left <= n) {
            double lo = b == 0 ? 0 : latency_upper_us(b - 1);
            return (lo + (latency_upper_us(b) - lo) * (left > 0 ? left / n : 0)) / 1000.0;
        }
        left -= n;
    }
    return latency_upper_us(LATENCY_BUCKETS - 1) / 1000.0;
}
