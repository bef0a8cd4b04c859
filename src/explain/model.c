/* explain/model.c - the tables of the structural model, and their check. */
#include "explain/model.h"

const struct cause_info cause_info[CAUSE_NODES] = {
    [CAUSE_ACTIVE]         = { "active sessions",                        METRIC_CONNECTIONS_ACTIVE, false, 1,        "",       1,   "one more of the", -1 },
    [CAUSE_LOCKS]          = { "sessions waiting for a lock",            METRIC_LOCKS_WAITING,      false, 1,        "",       1,   "one more of the", -1 },
    [CAUSE_CLEANER]        = { "blocks cleaned in the background per transaction", METRIC_BUFFERS_CLEAN, true, 1,    "blocks", 1,   "+1 of the",       0 },
    [CAUSE_FULL_PAGES]     = { "full page images per transaction",       METRIC_WAL_FPI,            true,  1,        "images", 1,   "+1 of the",       -1 },
    [CAUSE_WAL]            = { "write-ahead log per transaction",        METRIC_WAL_BYTES,          true,  1 / 1e3,  "kB",     1,   "+1 kB of",        -1 },
    [CAUSE_WAL_WAITS]      = { "waits for full WAL buffers per 1000 transactions", METRIC_WAL_BUFFERS_FULL, true, 1e3, "",      1,   "+1 of the",       -1 },
    [CAUSE_CHECKPOINT]     = { "blocks written by checkpoints per transaction", METRIC_BUFFERS_CHECKPOINT, true, 1,  "blocks", 1,   "+1 of the",       -1 },
    [CAUSE_CACHE_HIT]      = { "cache hit ratio",                        METRIC_CACHE_HIT,          false, 100,      "%",      1,   "+1 % of",         1 },
    [CAUSE_DEAD_ROWS]      = { "dead rows",                              METRIC_DEAD_TUPLES,        false, 1 / 1e3,  "thousand", 1, "+1000 of the",    -1 },
    [CAUSE_BLOCKS_READ]    = { "blocks read per transaction",            METRIC_BLOCKS_READ,        true,  1,        "blocks", 1,   "+1 of the",       -1 },
    [CAUSE_TEMP]           = { "temporary files per transaction",        METRIC_TEMP_BYTES,         true,  1 / 1e3,  "kB",     1,   "+1 kB of",        -1 },
    [CAUSE_BACKEND_WRITES] = { "blocks written by sessions per transaction", METRIC_BUFFERS_BACKEND, true, 1,        "blocks", 1,   "+1 of the",       -1 },
    [CAUSE_CPU]            = { "CPU per transaction",                    METRIC_CPU,                true,  100 * 1e3, "% at 1000/s", 1, "+1 % of",     -1 },
    [CAUSE_BYTES_READ]     = { "bytes read from disk per transaction",   METRIC_IO_READ_BYTES,      true,  1 / 1e3,  "kB",     1,   "+1 kB of",        -1 },
    [CAUSE_READ_TIME]      = { "waiting for reads per transaction",      METRIC_BLOCK_READ_TIME,    true,  1,        "ms",     1,   "+1 ms of",        -1 },
    [CAUSE_BYTES_WRITTEN]  = { "bytes written to disk per transaction",  METRIC_IO_WRITE_BYTES,     true,  1 / 1e3,  "kB",     1,   "+1 kB of",        -1 },
    [CAUSE_LATENCY]        = { "mean latency",                           METRIC_LATENCY_MEAN,       false, 1,        "ms",     1,   "+1 ms of",        -1 },
    [CAUSE_THROUGHPUT]     = { "throughput",                             METRIC_TPS,                false, 1,        "/s",     1,   "+1/s of",         1 },
};

const struct cause_arrow cause_arrows[] = {
    { CAUSE_ACTIVE,         CAUSE_LOCKS,          +1, "more sessions at once get into each other's way" },
    { CAUSE_ACTIVE,         CAUSE_CPU,            +1, "switching between sessions costs" },
    { CAUSE_LOCKS,          CAUSE_LATENCY,        +1, "who waits for a lock is late" },
    { CAUSE_CLEANER,        CAUSE_BACKEND_WRITES, -1, "what the background writer has cleaned no session has to write" },
    { CAUSE_FULL_PAGES,     CAUSE_WAL,            +1, "the first change of a page after a checkpoint logs all of it" },
    { CAUSE_WAL,            CAUSE_WAL_WAITS,      +1, "more log fills the buffers sooner" },
    { CAUSE_WAL,            CAUSE_BYTES_WRITTEN,  +1, "the log is written to disk" },
    { CAUSE_WAL,            CAUSE_LATENCY,        +1, "a commit waits for its log" },
    { CAUSE_WAL_WAITS,      CAUSE_LATENCY,        +1, "who finds the buffers full has to write them" },
    { CAUSE_CHECKPOINT,     CAUSE_BYTES_WRITTEN,  +1, "checkpoints write what was changed" },
    { CAUSE_CACHE_HIT,      CAUSE_BLOCKS_READ,    -1, "what is found in memory need not be read" },
    { CAUSE_DEAD_ROWS,      CAUSE_BLOCKS_READ,    +1, "dead rows are read like live ones" },
    { CAUSE_DEAD_ROWS,      CAUSE_CPU,            +1, "dead rows are looked at and skipped" },
    { CAUSE_BLOCKS_READ,    CAUSE_BYTES_READ,     +1, "blocks that no cache holds come from disk" },
    { CAUSE_BLOCKS_READ,    CAUSE_READ_TIME,      +1, "each block that is read is waited for" },
    { CAUSE_BLOCKS_READ,    CAUSE_CPU,            +1, "copying a block into memory costs" },
    { CAUSE_TEMP,           CAUSE_BYTES_WRITTEN,  +1, "what does not fit into memory goes to disk" },
    { CAUSE_TEMP,           CAUSE_CPU,            +1, "writing and reading it again costs" },
    { CAUSE_TEMP,           CAUSE_LATENCY,        +1, "sorts and hashes wait for their files" },
    { CAUSE_BACKEND_WRITES, CAUSE_BYTES_WRITTEN,  +1, "sessions write to disk" },
    { CAUSE_BACKEND_WRITES, CAUSE_LATENCY,        +1, "a session that writes for others is late" },
    { CAUSE_CPU,            CAUSE_LATENCY,        +1, "a transaction takes at least its CPU time" },
    { CAUSE_BYTES_READ,     CAUSE_READ_TIME,      +1, "the disk takes its time" },
    { CAUSE_READ_TIME,      CAUSE_LATENCY,        +1, "waiting for reads is part of the time" },
    { CAUSE_BYTES_WRITTEN,  CAUSE_LATENCY,        +1, "a disk that writes answers later" },
    { CAUSE_LATENCY,        CAUSE_THROUGHPUT,     -1, "clients that are answered sooner ask again sooner" },
};
const int cause_arrow_count = sizeof cause_arrows / sizeof cause_arrows[0];

#define PLANS "the planner chooses other plans (sequential scans or indexes)"
#define PACE  "work is spread differently over time"

const struct cause_entry cause_entries[] = {
    { KNOB_SHARED_BUFFERS, CAUSE_CACHE_HIT, +1, "more of the data stays in the server's own cache" },
    { KNOB_SHARED_BUFFERS, CAUSE_BACKEND_WRITES, -1, "fewer changed pages are evicted by sessions" },
    { KNOB_SHARED_BUFFERS, CAUSE_CHECKPOINT, 0, "changed pages stay in the cache until a checkpoint, or leave it before" },
    { KNOB_EFFECTIVE_CACHE_SIZE, CAUSE_BLOCKS_READ, 0, PLANS },
    { KNOB_EFFECTIVE_CACHE_SIZE, CAUSE_CPU, 0, PLANS },
    { KNOB_WORK_MEM, CAUSE_TEMP, -1, "more sorts and hashes fit into memory" },
    { KNOB_WORK_MEM, CAUSE_CPU, 0, PLANS },
    { KNOB_HASH_MEM_MULTIPLIER, CAUSE_TEMP, -1, "more hashes fit into memory" },
    { KNOB_HASH_MEM_MULTIPLIER, CAUSE_CPU, 0, PLANS },
    { KNOB_MAINTENANCE_WORK_MEM, CAUSE_DEAD_ROWS, -1, "a vacuum needs fewer passes" },
    { KNOB_AUTOVACUUM_WORK_MEM, CAUSE_DEAD_ROWS, -1, "a vacuum needs fewer passes" },
    { KNOB_WAL_BUFFERS, CAUSE_WAL_WAITS, -1, "more log waits in memory before somebody must write it" },
    { KNOB_HUGE_PAGES, CAUSE_CPU, -1, "fewer misses when addresses are translated" },
    { KNOB_MAX_CONNECTIONS, CAUSE_ACTIVE, +1, "more sessions may work at once" },
    { KNOB_MAX_WAL_SIZE, CAUSE_FULL_PAGES, -1, "checkpoints come less often" },
    { KNOB_MAX_WAL_SIZE, CAUSE_CHECKPOINT, -1, "checkpoints come less often" },
    { KNOB_MIN_WAL_SIZE, CAUSE_BYTES_WRITTEN, -1, "files of the log are used again" },
    { KNOB_CHECKPOINT_TIMEOUT, CAUSE_FULL_PAGES, -1, "checkpoints come less often" },
    { KNOB_CHECKPOINT_TIMEOUT, CAUSE_CHECKPOINT, -1, "checkpoints come less often" },
    { KNOB_CHECKPOINT_COMPLETION_TARGET, CAUSE_CHECKPOINT, 0, PACE },
    { KNOB_CHECKPOINT_COMPLETION_TARGET, CAUSE_LATENCY, -1, PACE },
    { KNOB_CHECKPOINT_FLUSH_AFTER, CAUSE_BYTES_WRITTEN, 0, PACE },
    { KNOB_WAL_COMPRESSION, CAUSE_WAL, -1, "full page images are compressed" },
    { KNOB_WAL_COMPRESSION, CAUSE_CPU, +1, "compressing costs CPU" },
    { KNOB_WAL_WRITER_DELAY, CAUSE_BYTES_WRITTEN, 0, PACE },
    { KNOB_WAL_WRITER_FLUSH_AFTER, CAUSE_BYTES_WRITTEN, 0, PACE },
    { KNOB_COMMIT_DELAY, CAUSE_BYTES_WRITTEN, -1, "commits share a flush" },
    { KNOB_COMMIT_DELAY, CAUSE_LATENCY, 0, "a commit waits for others, or does not" },
    { KNOB_BGWRITER_DELAY, CAUSE_CLEANER, -1, "the background writer comes less often" },
    { KNOB_BGWRITER_LRU_MAXPAGES, CAUSE_CLEANER, +1, "the background writer may clean more each time" },
    { KNOB_BGWRITER_LRU_MULTIPLIER, CAUSE_CLEANER, +1, "the background writer cleans further ahead" },
    { KNOB_BGWRITER_FLUSH_AFTER, CAUSE_BYTES_WRITTEN, 0, PACE },
    { KNOB_BACKEND_FLUSH_AFTER, CAUSE_BYTES_WRITTEN, 0, PACE },
    { KNOB_RANDOM_PAGE_COST, CAUSE_BLOCKS_READ, 0, PLANS },
    { KNOB_RANDOM_PAGE_COST, CAUSE_CPU, 0, PLANS },
    { KNOB_SEQ_PAGE_COST, CAUSE_BLOCKS_READ, 0, PLANS },
    { KNOB_SEQ_PAGE_COST, CAUSE_CPU, 0, PLANS },
    { KNOB_EFFECTIVE_IO_CONCURRENCY, CAUSE_READ_TIME, -1, "reads are asked for ahead" },
    { KNOB_MAINTENANCE_IO_CONCURRENCY, CAUSE_DEAD_ROWS, -1, "a vacuum reads ahead" },
    { KNOB_DEFAULT_STATISTICS_TARGET, CAUSE_BLOCKS_READ, 0, PLANS },
    { KNOB_DEFAULT_STATISTICS_TARGET, CAUSE_CPU, 0, PLANS },
    { KNOB_JIT, CAUSE_CPU, +1, "compiling a short query costs more than it saves" },
    { KNOB_MAX_WORKER_PROCESSES, CAUSE_CPU, 0, "more or less is done in parallel" },
    { KNOB_MAX_PARALLEL_WORKERS, CAUSE_CPU, 0, "more or less is done in parallel" },
    { KNOB_MAX_PARALLEL_WORKERS_PER_GATHER, CAUSE_CPU, 0, "more or less is done in parallel" },
    { KNOB_MAX_PARALLEL_WORKERS_PER_GATHER, CAUSE_LATENCY, 0, "more or less is done in parallel" },
    { KNOB_AUTOVACUUM_MAX_WORKERS, CAUSE_DEAD_ROWS, -1, "dead rows are cleaned away sooner" },
    { KNOB_AUTOVACUUM_NAPTIME, CAUSE_DEAD_ROWS, +1, "dead rows are cleaned away later" },
    { KNOB_AUTOVACUUM_VACUUM_COST_LIMIT, CAUSE_DEAD_ROWS, -1, "dead rows are cleaned away sooner" },
    { KNOB_AUTOVACUUM_VACUUM_COST_LIMIT, CAUSE_BYTES_WRITTEN, +1, "vacuum works faster beside the clients" },
    { KNOB_AUTOVACUUM_VACUUM_COST_DELAY, CAUSE_DEAD_ROWS, +1, "dead rows are cleaned away later" },
    { KNOB_AUTOVACUUM_VACUUM_SCALE_FACTOR, CAUSE_DEAD_ROWS, +1, "dead rows are cleaned away later" },
    { KNOB_SYNCHRONOUS_COMMIT, CAUSE_LATENCY, 0, "a commit waits, or does not, until its log is on disk" },
    { KNOB_IO_WORKERS, CAUSE_READ_TIME, 0, "reads are asked for by other processes" },
    { CHANGE_INDEX, CAUSE_BLOCKS_READ, -1, "a scan becomes a look-up" },
    { CHANGE_INDEX, CAUSE_CPU, -1, "a scan becomes a look-up" },
    { CHANGE_INDEX, CAUSE_WAL, +1, "each write keeps the index, too" },
    { CHANGE_INDEX_DROP, CAUSE_WAL, -1, "writes keep one index less" },
    { CHANGE_INDEX_DROP, CAUSE_BLOCKS_READ, 0, "its pages leave the cache to others; what it answered is scanned" },
    { CHANGE_INDEX_DROP, CAUSE_CPU, 0, "writes keep one index less" },
    { CHANGE_STATISTICS, CAUSE_BLOCKS_READ, 0, PLANS },
    { CHANGE_STATISTICS, CAUSE_CPU, 0, PLANS },
};
const int cause_entry_count = sizeof cause_entries / sizeof cause_entries[0];

enum err cause_table_check(struct fault *fault)
{
    uint32_t leads = cause_bit(CAUSE_THROUGHPUT);
    for (int i = 0; i < cause_arrow_count; i++)
        if (cause_arrows[i].from >= cause_arrows[i].to || cause_arrows[i].sign == 0 || !cause_arrows[i].why)
            return fail(fault, ERR_STATE, "arrow %d goes backwards, or says neither up nor down, or not why", i);
    for (int v = CAUSE_NODES - 1; v >= 0; v--)
        for (int i = 0; i < cause_arrow_count; i++)
            if ((int)cause_arrows[i].from == v && (leads & cause_bit((int)cause_arrows[i].to)))
                leads |= cause_bit(v);
    for (int v = 0; v < CAUSE_NODES; v++) {
        bool kept = false;
        for (int m = 0; m < MECHANISMS; m++)
            kept = kept || metric_mechanism[m] == cause_info[v].metric;
        if (!kept || !cause_info[v].name || !(leads & cause_bit(v)))
            return fail(fault, ERR_STATE, "node %d has no name, leads nowhere, or no trial keeps its metric", v);
    }
    for (int id = 1; id < KNOB_COUNT; id++) {
        bool has = !(knobs[id].flags & KNOB_TUNED);
        for (int i = 0; i < cause_entry_count; i++)
            has = has || cause_entries[i].change == id;
        if (!has)
            return fail(fault, ERR_STATE, "%s acts on nothing", knobs[id].name);
    }
    return OK;
}
