/* tests/unit/facts.h - what a PostgreSQL 15 with default settings shows, on a machine of one's choice. */
#ifndef TESTS_FACTS_H
#define TESTS_FACTS_H

#include "model/knob.h"
#include "model/target.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define FACTS_GIB 1073741824.0

UNUSED static void facts_set(struct target_facts *f, const char *name, const char *value, const char *unit)
{
    struct setting *s = NULL;
    for (int i = 0; i < f->settings && !s; i++)
        s = strcmp(f->setting[i].name, name) == 0 ? &f->setting[i] : NULL;
    if (!s) {
        s = &f->setting[f->settings++];
        (void)snprintf(s->boot, sizeof s->boot, "%s", value);
    }
    (void)snprintf(s->name, sizeof s->name, "%s", name);
    (void)snprintf(s->value, sizeof s->value, "%s", value);
    if (unit)
        (void)snprintf(s->unit, sizeof s->unit, "%s", unit);
}

/* As pg_settings would show it after a change: numbers in base units, words as they are. */
UNUSED static void facts_change(struct target_facts *f, enum knob_id id, double value)
{
    const struct knob *k = knob_at(id);
    char               text[48];
    if (k->choice[0].name)
        knob_format(k, value, text, sizeof text);
    else
        (void)snprintf(text, sizeof text, "%.10g", value);
    facts_set(f, k->name, text, NULL);
}

UNUSED static void facts_pg15(struct target_facts *f, double memory, int cpus)
{
    static const char *const defaults[][3] = {
        { "shared_buffers", "16384", "8kB" }, { "effective_cache_size", "524288", "8kB" }, { "work_mem", "4096", "kB" },
        { "hash_mem_multiplier", "2", "" }, { "maintenance_work_mem", "65536", "kB" }, { "autovacuum_work_mem", "-1", "kB" },
        { "wal_buffers", "-1", "8kB" }, { "huge_pages", "try", "" }, { "max_connections", "100", "" }, { "max_wal_size", "1024", "MB" },
        { "min_wal_size", "80", "MB" }, { "checkpoint_timeout", "300", "s" }, { "checkpoint_completion_target", "0.9", "" },
        { "checkpoint_flush_after", "32", "8kB" }, { "wal_compression", "off", "" }, { "wal_writer_delay", "200", "ms" },
        { "wal_writer_flush_after", "128", "8kB" }, { "commit_delay", "0", "" }, { "bgwriter_delay", "200", "ms" },
        { "bgwriter_lru_maxpages", "100", "" }, { "bgwriter_lru_multiplier", "2", "" }, { "bgwriter_flush_after", "64", "8kB" },
        { "backend_flush_after", "0", "8kB" }, { "random_page_cost", "4", "" }, { "seq_page_cost", "1", "" },
        { "effective_io_concurrency", "1", "" }, { "maintenance_io_concurrency", "10", "" }, { "default_statistics_target", "100", "" },
        { "jit", "on", "" }, { "max_worker_processes", "8", "" }, { "max_parallel_workers", "8", "" },
        { "max_parallel_workers_per_gather", "2", "" }, { "autovacuum_max_workers", "3", "" }, { "autovacuum_naptime", "60", "s" },
        { "autovacuum_vacuum_cost_limit", "-1", "" }, { "autovacuum_vacuum_cost_delay", "2", "ms" },
        { "autovacuum_vacuum_scale_factor", "0.2", "" }, { "max_wal_senders", "10", "" }, { "max_prepared_transactions", "0", "" },
        { "max_locks_per_transaction", "64", "" }, { "max_slot_wal_keep_size", "-1", "MB" }, { "fsync", "on", "" },
        { "full_page_writes", "on", "" }, { "synchronous_commit", "on", "" },
    };
    memset(f, 0, sizeof *f);
    *f = (struct target_facts){ .name = "main", .server_version = 150018, .local = true, .superuser = true, .may_alter_system = true, .may_reload = true, .may_checkpoint = true,
        .file_access = true, .cpus = cpus, .memory_bytes = memory, .memory_machine_bytes = memory, .disk_free_bytes = 50 * FACTS_GIB,
        .database_bytes = 1.3 * FACTS_GIB, .peak_sessions = 10, .wal_disk_free_bytes = (double)NAN, .slots_retained_bytes = (double)NAN };
    for (size_t i = 0; i < sizeof defaults / sizeof defaults[0]; i++)
        facts_set(f, defaults[i][0], defaults[i][1], defaults[i][2]);
}

#endif
