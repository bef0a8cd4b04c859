/*
 * model/sample.h - what is seen of one target at one moment, and over one window.
 *
 * A value that could not be read is NAN: unknown, never zero.  Counters have
 * been turned into rates per second before they get here.
 */
#ifndef MODEL_SAMPLE_H
#define MODEL_SAMPLE_H

#include <stdbool.h>
#include <stdint.h>

/* X(enum, name in metric_1m and /metrics, unit, what it says) */
#define METRIC_MAP(X)                                                                                        \
    X(TPS,                 "tps",                  "1/s",   "committed transactions")                        \
    X(ROLLBACKS,           "rollbacks",            "1/s",   "rolled back transactions")                      \
    X(CALLS,               "calls",                "1/s",   "statements, from pg_stat_statements")           \
    X(LATENCY_MEAN,        "latency_mean",         "ms",    "mean time of a transaction (driver) or statement") \
    X(LATENCY_P50,         "latency_p50",          "ms",    "median")                                        \
    X(LATENCY_P95,         "latency_p95",          "ms",    "95th percentile")                               \
    X(LATENCY_P99,         "latency_p99",          "ms",    "99th percentile")                               \
    X(LATENCY_ESTIMATED,   "latency_estimated",    "bool",  "1 when percentiles are estimated from statements, 0 when a driver measured them") \
    X(ERRORS,              "errors",               "1/s",   "errors the load saw, else rollbacks and deadlocks") \
    X(OFFERED,             "offered",              "1/s",   "offered load, open loop only")                  \
    X(UP,                  "up",                   "bool",  "1 when the server answered")                    \
    X(CONNECTIONS,         "connections",          "count", "client connections")                            \
    X(CONNECTIONS_ACTIVE,  "connections_active",   "count", "active client connections")                     \
    X(IDLE_IN_TRANSACTION, "idle_in_transaction",  "count", "connections idle in a transaction")             \
    X(LONGEST_XACT,        "longest_xact",         "s",     "age of the oldest transaction")                 \
    X(LOCKS_WAITING,       "locks_waiting",        "count", "backends that wait for a lock")                 \
    X(DEADLOCKS,           "deadlocks",            "1/s",   "deadlocks")                                     \
    X(CACHE_HIT,           "cache_hit",            "ratio", "blocks found in shared_buffers")                \
    X(BLOCKS_READ,         "blocks_read",          "1/s",   "blocks read from outside shared_buffers")       \
    X(BLOCK_READ_TIME,     "block_read_time",      "ms/s",  "time spent reading blocks (track_io_timing)")   \
    X(ROWS_READ,           "rows_read",           "1/s",   "rows read by scans and index entries returned (tup_returned)") \
    X(ROWS_FETCHED,        "rows_fetched",        "1/s",   "rows that an index pointed at (tup_fetched)")  \
    X(ROWS_WRITTEN,        "rows_written",        "1/s",   "rows inserted, updated and deleted")           \
    X(TEMP_BYTES,          "temp_bytes",           "B/s",   "temporary files written")                       \
    X(WAL_BYTES,           "wal_bytes",            "B/s",   "write-ahead log written")                       \
    X(WAL_FPI,             "wal_fpi",              "1/s",   "full page images")                              \
    X(WAL_BUFFERS_FULL,    "wal_buffers_full",     "1/s",   "times WAL buffers were full")                   \
    X(CHECKPOINTS_TIMED,   "checkpoints_timed",    "1/s",   "checkpoints started by time")                   \
    X(CHECKPOINTS_REQ,     "checkpoints_req",      "1/s",   "checkpoints requested (WAL volume, or by hand)") \
    X(CHECKPOINT_WRITE,    "checkpoint_write",     "ms/s",  "time spent writing checkpoints")                \
    X(BUFFERS_CHECKPOINT,  "buffers_checkpoint",   "1/s",   "buffers written by checkpoints")                \
    X(BUFFERS_CLEAN,       "buffers_clean",        "1/s",   "buffers written by the background writer")      \
    X(BUFFERS_BACKEND,     "buffers_backend",      "1/s",   "buffers written by backends")                   \
    X(MAXWRITTEN_CLEAN,    "maxwritten_clean",     "1/s",   "times the background writer stopped early")     \
    X(DEAD_TUPLES,         "dead_tuples",          "count", "dead rows not yet vacuumed")                    \
    X(DATABASE_BYTES,      "database_bytes",       "B",     "size of the database")                          \
    X(REPLICATION_LAG,     "replication_lag",      "B",     "largest byte gap to a standby")                 \
    X(STANDBYS,            "standbys",             "count", "connected standbys")                            \
    X(RECOVERY_WAL,        "recovery_wal",         "B",     "WAL since the last checkpoint's redo point")    \
    X(CPU,                 "cpu",                  "ratio", "CPU used, of the cores the server may use")     \
    X(MEMORY_USED,         "memory_used",          "B",     "memory used without page cache")                \
    X(MEMORY_LIMIT,        "memory_limit",         "B",     "the smaller of the machine's memory and the cgroup limit") \
    X(IO_READ_BYTES,       "io_read_bytes",        "B/s",   "read from block devices")                       \
    X(IO_WRITE_BYTES,      "io_write_bytes",       "B/s",   "written to block devices")                      \
    X(IO_READS,            "io_reads",             "1/s",   "read operations")                               \
    X(IO_WRITES,           "io_writes",            "1/s",   "write operations")                              \
    X(IO_BUSY,             "io_busy",              "ratio", "time the busiest block device was busy")        \
    X(PSI_CPU,             "psi_cpu",              "ratio", "time some task waited for CPU")                 \
    X(PSI_IO,              "psi_io",               "ratio", "time some task waited for IO")                  \
    X(PSI_MEMORY,          "psi_memory",           "ratio", "time some task waited for memory")              \
    X(NET_RX,              "net_rx",               "B/s",   "received from the network")                     \
    X(NET_TX,              "net_tx",               "B/s",   "sent to the network")                           \
    X(DISK_FREE,           "disk_free",            "B",     "free on the data directory's file system")

enum metric {
#define X(id, name, unit, text) METRIC_##id,
    METRIC_MAP(X)
#undef X
    METRIC_COUNT
};

struct metric_info { const char *name, *unit, *text; };
extern const struct metric_info metric_info[METRIC_COUNT];
bool metric_parse(const char *name, enum metric *m);

/* What goes on inside while clients are answered: a trial keeps these of each window, so that it can be told afterwards through what a change acted. */
enum { MECHANISMS = 24 };
extern const enum metric metric_mechanism[MECHANISMS];

/*
 * Cumulative counters of one statement, from the moment the sensor began to follow it: differences between two samples
 * are what happened in between.  A statement that is missing in the earlier sample counts from 0, one that went back was
 * lost sight of.  Under id 0 is everything that is not followed one by one, so the sum over all ids loses nothing.
 */
struct query_count {
    int64_t id;           /* pg_stat_statements.queryid */
    double  calls;
    double  total_ms;     /* execution (and planning, where tracked) */
    double  rows;
};

enum { QUERIES_MAX = 64 };   /* the heaviest ones; the rest is summed up under id 0 */

/* Transactions by how long they took, counted since the load started: bucket b holds times below latency_upper_us(b). */
enum { LATENCY_SUB = 16, LATENCY_OCTAVES = 26, LATENCY_BUCKETS = LATENCY_SUB * LATENCY_OCTAVES };
struct latency_count { bool known; double count[LATENCY_BUCKETS]; };
double latency_upper_us(int bucket);                       /* 64 us * 2^((bucket + 1) / LATENCY_SUB) */
int    latency_bucket(double us);
/* The q-quantile (0..1) in milliseconds of the transactions counted in now but not in before; NAN when there are none. */
double latency_quantile_ms(const struct latency_count *before, const struct latency_count *now, double q);

struct sample {
    int64_t wall_us, mono_us;
    double  v[METRIC_COUNT];
    struct latency_count latency;            /* from a load driver's endpoint; known = false: there is none, or it did not answer */
    int     queries;                         /* -1: unknown (not read this time, or no pg_stat_statements) */
    struct query_count query[QUERIES_MAX];
    int64_t postmaster_start_us;             /* 0: unknown; a change means somebody restarted it */
    int64_t conf_load_us;                    /* pg_conf_load_time(); 0: unknown */
    int64_t stats_reset_us;                  /* of pg_stat_statements; a change invalidates deltas */
    int64_t forgotten;                       /* how often statements were forgotten since we look: what is under id 0 can be compared while this is the same */
    int64_t checkpoints_done;                /* cumulative, -1: unknown */
    int64_t redo_lsn;                        /* of the last finished checkpoint; -1: unknown */
    bool    in_recovery;                     /* the target is a standby: it must not be changed */
};

void sample_clear(struct sample *s);         /* everything unknown */

/* What happened between two moments: means of gauges and rates, differences of query counters. */
struct window {
    int64_t from_us, to_us;                  /* mono */
    int64_t wall_us;                         /* at the end */
    int     samples;                         /* that were read; compare with the seconds it lasted */
    bool    whole;                           /* no restart, no statistics reset, at most 10 % of samples missing */
    double  v[METRIC_COUNT];                 /* means; percentiles are true ones over the window where a driver reports them */
    double  max[METRIC_COUNT];
    double  lull_tps, lull_ms;               /* the worst ten seconds in a row: least throughput, most latency (mean over transactions); NAN: unknown */
    int     checkpoints;                     /* finished inside the window; -1: unknown */
    bool    checkpoint_asked;                /* one of them for our sake: without us clients would have been answered faster */
    int     queries;                         /* -1: unknown */
    struct query_count query[QUERIES_MAX];   /* differences over the window */
};

void window_clear(struct window *w);

#endif
