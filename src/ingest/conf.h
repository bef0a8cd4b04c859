/*
 * ingest/conf.h - the settings of ingest that belong to none of its rooms: is it on, its journal, its digest.
 */
#ifndef INGEST_CONF_H
#define INGEST_CONF_H

#include "conf/conf.h"
#include "journal/journal.h"

#include <stdbool.h>
#include <stdint.h>

enum ingest_unrouted { INGEST_UNROUTED_COUNT, INGEST_UNROUTED_DEAD_LETTER };
struct ingest_conf { bool enabled; int unrouted; /* enum ingest_unrouted */ };

struct ingest_journal_conf {
    const char *folder;              /* "": <store>/journal */
    int64_t     segment_bytes, size_max, keep_us, dead_max;
    int64_t     commit_delay_us, commit_bytes, waiting_max, reserve_bytes;
    int64_t     pack;
    int         when_full;           /* enum journal_full */
};

struct ingest_digest_conf {
    bool    enabled;
    int64_t patterns_max, patterns_bytes, series_max, tenant_series_max, source_series_max, metric_series_max, initial_us;
    struct conf_list ignore_fields;
    const char *archive;             /* a sink's name; "": none */
};

extern const struct conf_section ingest_section, ingest_journal_section, ingest_digest_section;

/* The journal's folder, from its setting or beside the store. Returns out. */
char *ingest_journal_folder(const struct conf *c, const char *store_folder, char *out, size_t size);
/* folder must outlive the options. */
struct journal_options ingest_journal_options(const struct ingest_journal_conf *c, const char *folder);

#endif
