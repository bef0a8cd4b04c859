/* ingest/conf.c - the tables behind ingest, ingest.journal and ingest.digest. */
#include "ingest/conf.h"

#include "digest/patterns.h"

#include <stdio.h>

#define COUNT(a) (sizeof(a) / sizeof(a)[0])
enum { PATTERNS_ROOM = 256 * 1024 };

static const struct conf_knob ingest_knobs[] = {
    { "enabled", KNOB_BOOL(struct ingest_conf, enabled), "no", NULL, CONF_RESTART,
      "Take in telemetry: listeners, files, scrapes and sensors into the journal, from there into the digest and to the sinks." },
    { "unrouted", KNOB_CHOICE(struct ingest_conf, unrouted), "count", "count|dead_letter", CONF_LIVE,
      "What becomes of events that no sink takes: they are counted, or kept as dead letters of `unrouted`, which can be sent again once a sink takes them. When there is no room for more letters who sends has to wait in the end." },
};
const struct conf_section ingest_section = { .path = "ingest", .knobs = ingest_knobs, .count = COUNT(ingest_knobs), .size = sizeof(struct ingest_conf),
    .why = "Telemetry of this host and its services. Nothing listens and nothing is read before it is enabled." };

static const struct conf_knob journal_knobs[] = {
    { "folder",       KNOB_PATH(struct ingest_journal_conf, folder),          "",       NULL,             CONF_RESTART, "Where the journal lies; by default in the store's folder. Best on a disk of its own." },
    { "segment",      KNOB_SIZE(struct ingest_journal_conf, segment_bytes),   "64MiB",  "1MiB..1GiB",     CONF_RESTART, "The size of one segment. Segments are written with zeros once and used again." },
    { "size_max",     KNOB_SIZE(struct ingest_journal_conf, size_max),        "4GiB",   "4MiB..",         CONF_LIVE,    "All segments together. What a sink has not taken yet is kept up to here; then who sends has to wait." },
    { "keep",         KNOB_TIME(struct ingest_journal_conf, keep_us),         "1h",     "0s..3650d",      CONF_LIVE,    "What everybody has taken is kept this long while there is room, for replays and look-ups." },
    { "dead_max",     KNOB_SIZE(struct ingest_journal_conf, dead_max),        "256MiB", "4MiB..",         CONF_RESTART, "The dead letters together. When that is full a sink waits; none is thrown away." },
    { "commit_delay", KNOB_TIME(struct ingest_journal_conf, commit_delay_us), "5ms",    "0s..1s",         CONF_LIVE,    "How long a group waits for company before it is made durable: the price of an acknowledgement." },
    { "commit_size",  KNOB_SIZE(struct ingest_journal_conf, commit_bytes),    "1MiB",   "4KiB..64MiB",    CONF_LIVE,    "A group that is this large does not wait." },
    { "waiting_max",  KNOB_SIZE(struct ingest_journal_conf, waiting_max),     "64MiB",  "1MiB..4GiB",     CONF_LIVE,    "Bytes that came and are not durable yet. Beyond it who sends has to wait." },
    { "reserve",      KNOB_SIZE(struct ingest_journal_conf, reserve_bytes),   "256MiB", "0..",            CONF_LIVE,    "Left free on the disk: below it the journal counts as full, and recovers by itself when there is room again." },
    { "pack",         KNOB_INT(struct ingest_journal_conf, pack),             "-5",     "-50..19",        CONF_LIVE,    "The level of zstd; negative is faster, 0 does not pack." },
    { "when_full",    KNOB_CHOICE(struct ingest_journal_conf, when_full),     "block",  "block|drop_oldest", CONF_LIVE, "block: who sends has to wait. drop_oldest: the oldest segment goes, unread or not; every event of it is counted as dropped." },
};

static void check_journal(const void *instance, struct conf_checker *c)
{
    const struct ingest_journal_conf *j = instance;
    if (j->size_max < 4 * j->segment_bytes)
        conf_refuse(c, "size_max", "make it at least four times ingest.journal.segment", "there is room for fewer than four segments");
    if (j->commit_bytes > j->segment_bytes / 2)
        conf_refuse(c, "commit_size", "at most half of ingest.journal.segment", "a group would hardly fit into a segment");
}

const struct conf_section ingest_journal_section = { .path = "ingest.journal", .knobs = journal_knobs, .count = COUNT(journal_knobs),
    .size = sizeof(struct ingest_journal_conf), .check = check_journal,
    .why = "What came in is here before it is acknowledged, and stays until every sink and the digest have taken it." };

static const struct conf_knob digest_knobs[] = {
    { "enabled",        KNOB_BOOL(struct ingest_digest_conf, enabled),        "yes",    NULL,             CONF_RESTART, "Make minutes of metrics, calls between services and patterns of log lines out of what comes in." },
    { "patterns_max",   KNOB_INT(struct ingest_digest_conf, patterns_max),    "20000",  "100..1000000",   CONF_RESTART, "How many patterns of log lines are kept of each tenant; the one not seen for longest goes." },
    { "patterns_memory", KNOB_SIZE(struct ingest_digest_conf, patterns_bytes), "32MiB", "1MiB..4GiB",     CONF_RESTART, "And how much memory those of one tenant may take." },
    { "ignore_fields",  KNOB_LIST(struct ingest_digest_conf, ignore_fields),  "",       "0..64",          CONF_RESTART, "Keys such as msg or sql: what stands in a line as key=value or \"key\": value is no part of its pattern, whatever it looks like. What comes from then on gets new patterns." },
    { "series_max",     KNOB_INT(struct ingest_digest_conf, series_max),      "200000", "100..10000000",  CONF_RESTART, "How many series all tenants together may have that came within 15 minutes; the rest becomes one series called other, which is counted." },
    { "tenant_series_max", KNOB_INT(struct ingest_digest_conf, tenant_series_max), "100000", "100..10000000", CONF_RESTART, "And one tenant of them." },
    { "source_series_max", KNOB_INT(struct ingest_digest_conf, source_series_max), "50000",  "100..10000000", CONF_RESTART, "And one source of a tenant: a scraped target, or all that comes by one protocol." },
    { "metric_series_max", KNOB_INT(struct ingest_digest_conf, metric_series_max), "10000",  "10..10000000",  CONF_RESTART, "And one metric of a tenant; here the rest becomes one series of that metric with the label other." },
    { "archive",        KNOB_TEXT(struct ingest_digest_conf, archive),        "",       "0..31",          CONF_LIVE,    "A sink of kind object or files that takes everything, as JSON: where a back-fill reads what the journal does not hold any more. Unset: nowhere." },
    { "initial_lookback", KNOB_TIME(struct ingest_digest_conf, initial_us),   "15min",  "1min..7d",         CONF_RESTART, "Where nothing was made yet, the first window of oo-agg begins so long before what is due. When the notes of what was made were deleted, so much is made again. Also written tenants.initial_lookback.oo-agg.", NULL, "tenants.initial_lookback.oo-agg" },
};
/* Without this much there would be no pattern at all, and no line would be counted. */
static void check_digest(const void *instance, struct conf_checker *c)
{
    const struct ingest_digest_conf *d = instance;
    size_t                           least = patterns_least_bytes((size_t)d->patterns_max) + PATTERNS_ROOM;
    if ((size_t)d->patterns_bytes < least)
        conf_refuse(c, "patterns_memory", "raise it, or lower ingest.digest.patterns_max", "%lld patterns need %zu MiB before there is one of them", (long long)d->patterns_max, (least >> 20) + 1);
}

const struct conf_section ingest_digest_section = { .path = "ingest.digest", .knobs = digest_knobs, .count = COUNT(digest_knobs),
    .size = sizeof(struct ingest_digest_conf), .check = check_digest,
    .why = "The small tables that diagnosis needs, made from everything that comes in, each window exactly once." };

char *ingest_journal_folder(const struct conf *c, const char *store_folder, char *out, size_t size)
{
    const struct ingest_journal_conf *j = conf_of(c, &ingest_journal_section);
    (void)snprintf(out, size, "%s%s", *j->folder ? j->folder : store_folder, *j->folder ? "" : "/journal");
    return out;
}

struct journal_options ingest_journal_options(const struct ingest_journal_conf *c, const char *folder)
{
    struct journal_options o = journal_options_default(folder);
    o.segment_bytes = c->segment_bytes;
    o.size_max = c->size_max;
    o.keep_us = c->keep_us;
    o.commit_delay_us = c->commit_delay_us;
    o.commit_bytes = c->commit_bytes;
    o.waiting_max = c->waiting_max;
    o.reserve_bytes = c->reserve_bytes;
    o.pack = (int)c->pack;
    o.when_full = (enum journal_full)c->when_full;
    return o;
}
