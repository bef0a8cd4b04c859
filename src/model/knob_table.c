/*
 * model/knob_table.c - the catalogue itself, and the check that it is well formed.
 *
 * Outer bounds follow what published ranges, the server's own limits and
 * common sense agree on; where PostgreSQL would accept what no machine can
 * stand (work_mem of 2 TB), the bound here is the wall.
 */
#include "model/knob.h"

#include <math.h>
#include <string.h>

#define MB_IN_8KB 128.0
#define GB_IN_8KB (1024.0 * MB_IN_8KB)
#define MB_IN_KB  1024.0
#define GB_IN_KB  (1024.0 * MB_IN_KB)
#define GB_IN_MB  1024.0

#define HEAD(i, n, t, u)  .id = (i), .name = (n), .type = KNOB_TYPE_##t, .unit = (u)
#define RANGE(l, ...)     .lo = (l), .hi = { __VA_ARGS__ }
#define RELOAD(r, v)      .rule = KNOB_BY_##r, .verify = VERIFY_##v
#define RESTART           .restart = true, .rule = KNOB_TOGETHER, .verify = VERIFY_RESTART
#define SPECIAL(...)      .special = { __VA_ARGS__ }
#define ON_OFF            .hi = { .number = 1 }, .choice = { { "off" }, { "on" } }
#define WHY(...)          .why = __VA_ARGS__
#define NEEDS(...)        .needs = __VA_ARGS__

const struct knob knobs[KNOB_COUNT] = {
    /* ---- memory ---- */
    [KNOB_SHARED_BUFFERS] = { HEAD(KNOB_SHARED_BUFFERS, "shared_buffers", INT, "8kB"),
        RANGE(128 * MB_IN_8KB, .number = 32 * GB_IN_8KB, .of_memory = 0.65), RESTART,
        .flags = KNOB_TUNED | KNOB_MEMORY | KNOB_MAY_NOT_START, NEEDS("at most half of effective_cache_size; part of the memory bound"),
        WHY("The server's own page cache; where a memory limit counts the page cache too, keeping every page twice costs half of the memory.") },
    [KNOB_EFFECTIVE_CACHE_SIZE] = { HEAD(KNOB_EFFECTIVE_CACHE_SIZE, "effective_cache_size", INT, "8kB"),
        RANGE(128 * MB_IN_8KB, .number = 128 * GB_IN_8KB, .of_memory = 2), RELOAD(RATIO, PLANNER),
        .flags = KNOB_TUNED, NEEDS("at least twice shared_buffers"),
        WHY("Tells the planner how much of the data is likely in some cache; it reserves nothing, too low a value makes index scans look dear.") },
    [KNOB_WORK_MEM] = { HEAD(KNOB_WORK_MEM, "work_mem", INT, "kB"),
        RANGE(64, .number = 2 * GB_IN_KB, .of_memory = 0.125), RELOAD(RATIO, PLANNER),
        .flags = KNOB_TUNED | KNOB_MEMORY, NEEDS("work_mem x max_connections below the policy's total; part of the memory bound"),
        WHY("Memory for each sort and hash; too little spills to disk, too much can kill the server and can also flip plans for the worse.") },
    [KNOB_HASH_MEM_MULTIPLIER] = { HEAD(KNOB_HASH_MEM_MULTIPLIER, "hash_mem_multiplier", REAL, ""),
        RANGE(1, .number = 8), RELOAD(RATIO, PLANNER), .flags = KNOB_TUNED | KNOB_MEMORY, NEEDS("part of the memory bound"),
        WHY("How many times work_mem a hash may use before it spills.") },
    [KNOB_MAINTENANCE_WORK_MEM] = { HEAD(KNOB_MAINTENANCE_WORK_MEM, "maintenance_work_mem", INT, "kB"),
        RANGE(1 * MB_IN_KB, .number = 4 * GB_IN_KB, .of_memory = 0.125), RELOAD(RATIO, SLOW),
        .flags = KNOB_TUNED | KNOB_MEMORY, NEEDS("x autovacuum_max_workers in the memory bound, unless autovacuum_work_mem is set"),
        WHY("Memory for VACUUM and CREATE INDEX; with too little a table's indexes are scanned several times per vacuum.") },
    [KNOB_AUTOVACUUM_WORK_MEM] = { HEAD(KNOB_AUTOVACUUM_WORK_MEM, "autovacuum_work_mem", INT, "kB"),
        RANGE(1 * MB_IN_KB, .number = 1 * GB_IN_KB, .of_memory = 0.0625), RELOAD(RATIO, SLOW),
        SPECIAL({ -1, 64 * MB_IN_KB, "as maintenance_work_mem", "maintenance_work_mem" }),
        .flags = KNOB_TUNED | KNOB_MEMORY, NEEDS("x autovacuum_max_workers in the memory bound"),
        WHY("Memory of each autovacuum worker, apart from what a person's VACUUM may use.") },
    [KNOB_WAL_BUFFERS] = { HEAD(KNOB_WAL_BUFFERS, "wal_buffers", INT, "8kB"),
        RANGE(8, .number = 256 * MB_IN_8KB, .of_memory = 0.03), RESTART,
        SPECIAL({ -1, 16 * MB_IN_8KB, "1/32 of shared_buffers, at most 16MB" }),
        .flags = KNOB_TUNED | KNOB_MEMORY, NEEDS("part of the memory bound"),
        WHY("Write-ahead log waiting to be written; when it is full, every backend that writes has to wait.") },
    [KNOB_HUGE_PAGES] = { HEAD(KNOB_HUGE_PAGES, "huge_pages", ENUM, ""),
        .hi = { .number = 2 }, .choice = { { "off" }, { "try" }, { "on" } }, RESTART, .flags = KNOB_MAY_NOT_START,
        WHY("Fewer page table entries for large shared_buffers; \"on\" keeps the server from starting where none are reserved.") },
    [KNOB_MAX_CONNECTIONS] = { HEAD(KNOB_MAX_CONNECTIONS, "max_connections", INT, ""),
        RANGE(10, .number = 10000), RESTART, .flags = KNOB_MEMORY | KNOB_STANDBY_ORDER | KNOB_MAY_NOT_START,
        NEEDS("x work_mem below the policy's total; never below what sessions need; standbys need at least the primary's value"),
        WHY("How many sessions may exist; each can use work_mem several times over, and snapshots get slower with their number.") },

    /* ---- write-ahead log and checkpoints ---- */
    [KNOB_MAX_WAL_SIZE] = { HEAD(KNOB_MAX_WAL_SIZE, "max_wal_size", INT, "MB"),
        RANGE(128, .number = 64 * GB_IN_MB, .of_disk_free = 0.5), RELOAD(RATIO, CHECKPOINT),
        .flags = KNOB_TUNED, NEEDS("at least min_wal_size and two log segments; bounded by free disk and by the time crash recovery may take"),
        WHY("How much log may gather before a checkpoint is forced; frequent checkpoints write pages again and again and log full page images.") },
    [KNOB_MIN_WAL_SIZE] = { HEAD(KNOB_MIN_WAL_SIZE, "min_wal_size", INT, "MB"),
        RANGE(32, .number = 16 * GB_IN_MB, .of_disk_free = 0.25), RELOAD(RATIO, CHECKPOINT),
        .flags = KNOB_TUNED, NEEDS("at most max_wal_size, at least two log segments"),
        WHY("Log files kept for reuse instead of being made anew when writing comes in bursts.") },
    [KNOB_CHECKPOINT_TIMEOUT] = { HEAD(KNOB_CHECKPOINT_TIMEOUT, "checkpoint_timeout", INT, "s"),
        RANGE(30, .number = 3600), RELOAD(RATIO, CHECKPOINT), .flags = KNOB_TUNED, NEEDS("bounded by the time crash recovery may take"),
        WHY("The longest time between checkpoints; rarer ones write less, and make crash recovery longer.") },
    [KNOB_CHECKPOINT_COMPLETION_TARGET] = { HEAD(KNOB_CHECKPOINT_COMPLETION_TARGET, "checkpoint_completion_target", REAL, ""),
        RANGE(0.5, .number = 0.95), RELOAD(RATIO, CHECKPOINT), .flags = KNOB_TUNED,
        WHY("Over which share of the interval a checkpoint's writes are spread; less means bursts.") },
    [KNOB_CHECKPOINT_FLUSH_AFTER] = { HEAD(KNOB_CHECKPOINT_FLUSH_AFTER, "checkpoint_flush_after", INT, "8kB"),
        RANGE(1, .number = 256), RELOAD(RATIO, CHECKPOINT), SPECIAL({ 0, 32, "left to the operating system" }), .flags = KNOB_TUNED,
        WHY("How soon a checkpoint's writes are pushed to the disk, so that the final fsync does not stall everything.") },
    [KNOB_WAL_COMPRESSION] = { HEAD(KNOB_WAL_COMPRESSION, "wal_compression", ENUM, ""), .hi = { .number = 4 },
        .choice = { { "off" }, { "on", 0, 149999 }, { "pglz", 150000, 0 }, { "lz4", 150000, 0 }, { "zstd", 150000, 0 } },
        RELOAD(JUMP, CHECKPOINT), .flags = KNOB_TUNED, NEEDS("lz4 and zstd only where the server was built with them; it says so when it is set"),
        WHY("Compresses full page images: a little CPU for a log of a third of the size.") },
    [KNOB_WAL_WRITER_DELAY] = { HEAD(KNOB_WAL_WRITER_DELAY, "wal_writer_delay", INT, "ms"),
        RANGE(1, .number = 1000), RELOAD(RATIO, IMMEDIATE), .flags = KNOB_TUNED,
        WHY("How often the log is written in the background; with synchronous_commit off, up to three times this long can be lost.") },
    [KNOB_WAL_WRITER_FLUSH_AFTER] = { HEAD(KNOB_WAL_WRITER_FLUSH_AFTER, "wal_writer_flush_after", INT, "8kB"),
        RANGE(1, .number = 32 * MB_IN_8KB), RELOAD(RATIO, IMMEDIATE), SPECIAL({ 0, 128, "at once" }), .flags = KNOB_TUNED,
        WHY("How much log the background writer of the log gathers before it flushes.") },
    [KNOB_COMMIT_DELAY] = { HEAD(KNOB_COMMIT_DELAY, "commit_delay", INT, ""),
        RANGE(1, .number = 10000), RELOAD(RATIO, IMMEDIATE), SPECIAL({ 0, 10, "off" }), .flags = KNOB_TUNED,
        WHY("Microseconds a commit waits for others to share its flush; helps only where flushing is the bottleneck, costs latency elsewhere.") },

    /* ---- background writer ---- */
    [KNOB_BGWRITER_DELAY] = { HEAD(KNOB_BGWRITER_DELAY, "bgwriter_delay", INT, "ms"),
        RANGE(10, .number = 2000), RELOAD(RATIO, IMMEDIATE), .flags = KNOB_TUNED,
        WHY("How often the background writer wakes up to clean pages, so that backends need not write before they can read.") },
    [KNOB_BGWRITER_LRU_MAXPAGES] = { HEAD(KNOB_BGWRITER_LRU_MAXPAGES, "bgwriter_lru_maxpages", INT, ""),
        RANGE(10, .number = 10000), RELOAD(RATIO, IMMEDIATE), SPECIAL({ 0, 100, "off" }), .flags = KNOB_TUNED,
        WHY("How many pages the background writer may clean in one round.") },
    [KNOB_BGWRITER_LRU_MULTIPLIER] = { HEAD(KNOB_BGWRITER_LRU_MULTIPLIER, "bgwriter_lru_multiplier", REAL, ""),
        RANGE(0.5, .number = 10), RELOAD(RATIO, IMMEDIATE), SPECIAL({ 0, 2, "never ahead of need" }), .flags = KNOB_TUNED,
        WHY("How far ahead of the expected need pages are cleaned.") },
    [KNOB_BGWRITER_FLUSH_AFTER] = { HEAD(KNOB_BGWRITER_FLUSH_AFTER, "bgwriter_flush_after", INT, "8kB"),
        RANGE(1, .number = 256), RELOAD(RATIO, IMMEDIATE), SPECIAL({ 0, 64, "left to the operating system" }), .flags = KNOB_TUNED,
        WHY("How soon the background writer's pages are pushed to the disk.") },
    [KNOB_BACKEND_FLUSH_AFTER] = { HEAD(KNOB_BACKEND_FLUSH_AFTER, "backend_flush_after", INT, "8kB"),
        RANGE(1, .number = 256), RELOAD(RATIO, IMMEDIATE), SPECIAL({ 0, 16, "left to the operating system" }), .flags = KNOB_TUNED,
        WHY("How soon pages written by backends are pushed to the disk, which limits the stall of the next fsync.") },

    /* ---- query planner and execution ---- */
    [KNOB_RANDOM_PAGE_COST] = { HEAD(KNOB_RANDOM_PAGE_COST, "random_page_cost", REAL, ""),
        RANGE(1, .number = 10), RELOAD(RATIO, PLANNER), .flags = KNOB_TUNED, NEEDS("not below seq_page_cost"),
        WHY("What the planner believes a page out of order costs; 4 is for spinning disks, about 1.1 for flash.") },
    [KNOB_SEQ_PAGE_COST] = { HEAD(KNOB_SEQ_PAGE_COST, "seq_page_cost", REAL, ""),
        RANGE(0.1, .number = 5), RELOAD(RATIO, PLANNER), .flags = KNOB_TUNED, NEEDS("not above random_page_cost"),
        WHY("What the planner believes a page in order costs.") },
    [KNOB_EFFECTIVE_IO_CONCURRENCY] = { HEAD(KNOB_EFFECTIVE_IO_CONCURRENCY, "effective_io_concurrency", INT, ""),
        RANGE(1, .number = 512), RELOAD(RATIO, IMMEDIATE), SPECIAL({ 0, 1, "no prefetching" }), .flags = KNOB_TUNED,
        WHY("How many reads a scan may have under way; flash and cloud disks serve many at once.") },
    [KNOB_MAINTENANCE_IO_CONCURRENCY] = { HEAD(KNOB_MAINTENANCE_IO_CONCURRENCY, "maintenance_io_concurrency", INT, ""),
        RANGE(1, .number = 512), RELOAD(RATIO, SLOW), SPECIAL({ 0, 1, "no prefetching" }), .flags = KNOB_TUNED,
        WHY("The same for maintenance and for replay after a crash.") },
    [KNOB_DEFAULT_STATISTICS_TARGET] = { HEAD(KNOB_DEFAULT_STATISTICS_TARGET, "default_statistics_target", INT, ""),
        RANGE(10, .number = 1000), RELOAD(RATIO, SLOW), .flags = KNOB_TUNED, NEEDS("takes effect with the next ANALYZE"),
        WHY("How finely columns are sampled; more helps skewed data and costs planning time.") },
    [KNOB_JIT] = { HEAD(KNOB_JIT, "jit", BOOL, ""), ON_OFF, RELOAD(JUMP, PLANNER), .flags = KNOB_TUNED,
        WHY("Compiles expressions of long queries; short ones pay for it and gain nothing.") },
    [KNOB_MAX_WORKER_PROCESSES] = { HEAD(KNOB_MAX_WORKER_PROCESSES, "max_worker_processes", INT, ""),
        RANGE(1, .number = 256, .per_cpu = 16), RESTART, .flags = KNOB_STANDBY_ORDER | KNOB_MAY_NOT_START,
        NEEDS("at least max_parallel_workers; standbys need at least the primary's value"),
        WHY("Room for background workers, parallel ones among them.") },
    [KNOB_MAX_PARALLEL_WORKERS] = { HEAD(KNOB_MAX_PARALLEL_WORKERS, "max_parallel_workers", INT, ""),
        RANGE(0, .number = 256, .per_cpu = 8), RELOAD(RATIO, PLANNER), .flags = KNOB_TUNED, NEEDS("at most max_worker_processes"),
        WHY("How many workers all parallel queries share.") },
    [KNOB_MAX_PARALLEL_WORKERS_PER_GATHER] = { HEAD(KNOB_MAX_PARALLEL_WORKERS_PER_GATHER, "max_parallel_workers_per_gather", INT, ""),
        RANGE(0, .number = 16, .per_cpu = 2), RELOAD(ONE, PLANNER), .flags = KNOB_TUNED, NEEDS("at most max_parallel_workers"),
        WHY("How many helpers one query may get; 0 turns parallel queries off, which suits many short transactions.") },

    /* ---- autovacuum ---- */
    [KNOB_AUTOVACUUM_MAX_WORKERS] = { HEAD(KNOB_AUTOVACUUM_MAX_WORKERS, "autovacuum_max_workers", INT, ""),
        RANGE(1, .number = 20), RESTART, .flags = KNOB_TUNED | KNOB_MEMORY,
        NEEDS("x autovacuum_work_mem in the memory bound; reloadable from 18 on, within autovacuum_worker_slots"),
        WHY("How many tables are vacuumed at the same time; the cost limit is shared among them.") },
    [KNOB_AUTOVACUUM_NAPTIME] = { HEAD(KNOB_AUTOVACUUM_NAPTIME, "autovacuum_naptime", INT, "s"),
        RANGE(5, .number = 3600), RELOAD(RATIO, SLOW), .flags = KNOB_TUNED,
        WHY("How often each database is looked at for tables that need vacuuming.") },
    [KNOB_AUTOVACUUM_VACUUM_COST_LIMIT] = { HEAD(KNOB_AUTOVACUUM_VACUUM_COST_LIMIT, "autovacuum_vacuum_cost_limit", INT, ""),
        RANGE(10, .number = 10000), RELOAD(RATIO, SLOW), SPECIAL({ -1, 200, "as vacuum_cost_limit", "vacuum_cost_limit" }), .flags = KNOB_TUNED,
        WHY("How much autovacuum may do before it rests: too little and dead rows pile up, too much and it takes the disk.") },
    [KNOB_AUTOVACUUM_VACUUM_COST_DELAY] = { HEAD(KNOB_AUTOVACUUM_VACUUM_COST_DELAY, "autovacuum_vacuum_cost_delay", REAL, "ms"),
        RANGE(0.1, .number = 20), RELOAD(RATIO, SLOW), SPECIAL({ -1, 2, "as vacuum_cost_delay", "vacuum_cost_delay" }, { 0, 0.5, "no rest" }), .flags = KNOB_TUNED,
        WHY("How long autovacuum rests when it has used up its limit.") },
    [KNOB_AUTOVACUUM_VACUUM_SCALE_FACTOR] = { HEAD(KNOB_AUTOVACUUM_VACUUM_SCALE_FACTOR, "autovacuum_vacuum_scale_factor", REAL, ""),
        RANGE(0.001, .number = 0.5), RELOAD(RATIO, SLOW), .flags = KNOB_TUNED,
        WHY("Which share of a table may be dead before it is vacuumed; 0.2 of a large table is a lot.") },

    /* ---- known so that they can be guarded ---- */
    [KNOB_MAX_WAL_SENDERS] = { HEAD(KNOB_MAX_WAL_SENDERS, "max_wal_senders", INT, ""),
        RANGE(0, .number = 1000), RESTART, .flags = KNOB_STANDBY_ORDER | KNOB_MAY_NOT_START, NEEDS("standbys need at least the primary's value"),
        WHY("Connections for standbys and backups.") },
    [KNOB_MAX_PREPARED_TRANSACTIONS] = { HEAD(KNOB_MAX_PREPARED_TRANSACTIONS, "max_prepared_transactions", INT, ""),
        RANGE(0, .number = 10000), RESTART, .flags = KNOB_STANDBY_ORDER | KNOB_MAY_NOT_START, NEEDS("standbys need at least the primary's value"),
        WHY("Room for two-phase commits.") },
    [KNOB_MAX_LOCKS_PER_TRANSACTION] = { HEAD(KNOB_MAX_LOCKS_PER_TRANSACTION, "max_locks_per_transaction", INT, ""),
        RANGE(10, .number = 10000), RESTART, .flags = KNOB_STANDBY_ORDER | KNOB_MAY_NOT_START, NEEDS("standbys need at least the primary's value"),
        WHY("Size of the shared lock table, per session.") },
    [KNOB_MAX_SLOT_WAL_KEEP_SIZE] = { HEAD(KNOB_MAX_SLOT_WAL_KEEP_SIZE, "max_slot_wal_keep_size", INT, "MB"),
        RANGE(0, .number = 1024 * GB_IN_MB, .of_disk_free = 0.5), RELOAD(RATIO, SLOW), SPECIAL({ -1, 64 * GB_IN_MB, "without a limit" }),
        WHY("How much log a slot of an absent standby may keep; without a limit it can fill the disk.") },
    [KNOB_FSYNC] = { HEAD(KNOB_FSYNC, "fsync", BOOL, ""), ON_OFF, RELOAD(JUMP, CHECKPOINT), .flags = KNOB_DURABILITY,
        WHY("Off can destroy the whole database when the machine crashes.") },
    [KNOB_FULL_PAGE_WRITES] = { HEAD(KNOB_FULL_PAGE_WRITES, "full_page_writes", BOOL, ""), ON_OFF, RELOAD(JUMP, CHECKPOINT), .flags = KNOB_DURABILITY,
        WHY("Off lets a page that was half written in a crash stay broken.") },
    [KNOB_SYNCHRONOUS_COMMIT] = { HEAD(KNOB_SYNCHRONOUS_COMMIT, "synchronous_commit", ENUM, ""), .hi = { .number = 4 },
        .choice = { { "off" }, { "local" }, { "remote_write" }, { "on" }, { "remote_apply" } }, RELOAD(JUMP, IMMEDIATE), .flags = KNOB_DURABILITY,
        WHY("Off loses the last commits in a crash, up to three times wal_writer_delay.") },

    /* ---- newer servers ---- */
    [KNOB_IO_WORKERS] = { HEAD(KNOB_IO_WORKERS, "io_workers", INT, ""), RANGE(1, .number = 32, .per_cpu = 4), RELOAD(ONE, IMMEDIATE),
        .min_version = 180000, .flags = KNOB_TUNED, WHY("Processes that read ahead for the others, where io_method is worker.") },
};

static enum err check_row(const struct knob *k, int at, struct fault *fault)
{
    bool number = k->type == KNOB_TYPE_INT || k->type == KNOB_TYPE_REAL;
    if ((int)k->id != at || !k->name || !*k->name || !k->why || !k->unit)
        return fail(fault, ERR_INPUT, "knob %d has no name, unit, reason or another number", at);
    if (k->restart != (k->rule == KNOB_TOGETHER) || k->restart != (k->verify == VERIFY_RESTART))
        return fail(fault, ERR_INPUT, "%s: a restart goes with its own rule and its own verification", k->name);
    if (k->verify == VERIFY_NONE)
        return fail(fault, ERR_INPUT, "%s: nobody says how its effect is proven", k->name);
    if (!(k->hi.number > k->lo))
        return fail(fault, ERR_INPUT, "%s: the range is empty", k->name);
    if (number == (k->choice[0].name != NULL) || (!number && !k->restart && k->rule != KNOB_BY_JUMP) || (number && k->rule == KNOB_BY_JUMP))
        return fail(fault, ERR_INPUT, "%s: choices and jumps are for what is no number", k->name);
    if (k->rule == KNOB_BY_RATIO && k->lo <= 0 && k->type != KNOB_TYPE_INT)
        return fail(fault, ERR_INPUT, "%s: a ratio leads nowhere from zero", k->name);
    if ((k->flags & KNOB_DURABILITY) && (k->flags & KNOB_TUNED))
        return fail(fault, ERR_INPUT, "%s: durability is not for planners", k->name);
    if (k->type == KNOB_TYPE_INT && (rint(k->lo) < k->lo || rint(k->hi.number) < k->hi.number))
        return fail(fault, ERR_INPUT, "%s: bounds of an integer are whole", k->name);
    for (int i = 0; i < KNOB_SPECIALS_MAX && k->special[i].means; i++)
        if (k->special[i].value >= k->lo || k->special[i].land < k->lo || k->special[i].land > k->hi.number)
            return fail(fault, ERR_INPUT, "%s: special value %g lies in the range, or lands outside of it", k->name, k->special[i].value);
    if (*k->unit && knob_unit_bytes(k) <= 0 && knob_unit_seconds(k) <= 0)
        return fail(fault, ERR_INPUT, "%s: unit %s is not known", k->name, k->unit);
    return OK;
}

enum err knob_table_check(struct fault *fault)
{
    for (int i = 1; i < KNOB_COUNT; i++) {
        enum err e = check_row(&knobs[i], i, fault);
        if (e != OK)
            return e;
        for (int j = 1; j < i; j++)
            if (strcmp(knobs[i].name, knobs[j].name) == 0)
                return fail(fault, ERR_INPUT, "%s stands in the table twice", knobs[i].name);
    }
    return OK;
}
