/* ingest/part_journal.c - the journal that everything goes through. */
#include "ingest/inside.h"

static enum err journal_start(struct ingest *in, void **self, struct fault *fault)
{
    const struct ingest_journal_conf *c = conf_of(in->conf, &ingest_journal_section);
    struct journal_options            o = ingest_journal_options(c, in->journal_folder);
    enum err                          e = journal_open(&o, &in->journal, fault);
    *self = e == OK ? in->journal : NULL;
    return e;
}

static enum err journal_reload(struct ingest *in, void **self, void **gone, struct fault *fault)
{
    const struct ingest_journal_conf *c = conf_of(in->conf, &ingest_journal_section);
    struct journal_options            o = ingest_journal_options(c, in->journal_folder);
    return journal_adjust(in->journal, &o, fault);
}

static void journal_stop(struct ingest *in, void *self)
{
    journal_close(in->journal);
    in->journal = NULL;
}

static json_t *journal_status(struct ingest *in, void *self)
{
    struct journal_stats    s;
    struct journal_progress p[JOURNAL_CONSUMERS_MAX];
    journal_stats(in->journal, &s);
    json_t *consumers = json_array();
    size_t  n = journal_progress(in->journal, p, JOURNAL_CONSUMERS_MAX);
    for (size_t i = 0; i < n; i++)
        json_array_append_new(consumers, json_pack("{s:s, s:b, s:I, s:I, s:f}", "name", p[i].name, "open", p[i].open, "committed", (json_int_t)p[i].committed,
                                                   "behind", (json_int_t)p[i].behind, "lag_seconds", (double)p[i].lag_us / 1e6));
    char    when[32];
    json_t *oldest = s.oldest_us ? json_string(clock_format(s.oldest_us, when, sizeof when)) : json_null();
    return json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:f, s:b, s:s, s:o, s:o}", "folder", in->journal_folder, "first_id", (json_int_t)s.first_id,
                     "last_id", (json_int_t)s.last_id, "bytes", (json_int_t)s.bytes, "segments", (json_int_t)s.segments, "records", (json_int_t)s.records,
                     "record_bytes", (json_int_t)s.record_bytes, "refused", (json_int_t)s.refused, "dropped_events", (json_int_t)s.dropped_events,
                     "damaged_blocks", (json_int_t)s.damaged_blocks, "damaged_bytes", (json_int_t)s.damaged_bytes, "lost_segments", (json_int_t)s.lost_segments, "cut_bytes", (json_int_t)s.cut_bytes,
                     "waiting_bytes", (json_int_t)s.waiting_bytes,
                     "sync_p99_seconds", (double)s.sync_p99_us / 1e6, "full", s.full, "why_full", s.why_full, "oldest_at", oldest, "consumers", consumers);
}

static void journal_metrics(struct ingest *in, void *self, struct gauge *g)
{
    struct journal_stats    s;
    struct journal_progress p[JOURNAL_CONSUMERS_MAX];
    journal_stats(in->journal, &s);
    size_t n = journal_progress(in->journal, p, JOURNAL_CONSUMERS_MAX);
    gauge_counter(g, "homeostat_journal_records_total", "Records made durable since the start.", (double)s.records, NULL);
    gauge_counter(g, "homeostat_journal_record_bytes_total", "Their bytes, before packing.", (double)s.record_bytes, NULL);
    gauge_counter(g, "homeostat_journal_groups_total", "Groups that were made durable together.", (double)s.groups, NULL);
    gauge_counter(g, "homeostat_journal_syncs_total", "Calls of fdatasync.", (double)s.syncs, NULL);
    gauge_counter(g, "buffer_overflows_total", "Times that a request found no room in the full journal; one that waits tries several times.", (double)s.refused, NULL);
    gauge_counter(g, "homeostat_journal_dropped_events_total", "Events thrown away unread, because ingest.journal.when_full says so.", (double)s.dropped_events, NULL);
    gauge_counter(g, "homeostat_journal_damaged_blocks_total", "Blocks that could not be read and were put aside.", (double)s.damaged_blocks, NULL);
    gauge_counter(g, "homeostat_journal_damaged_bytes_total", "Bytes that could not be read and were put aside.", (double)s.damaged_bytes, NULL);
    gauge_counter(g, "homeostat_journal_lost_segments_total", "Segments that were gone at the start, with what was durable in them.", (double)s.lost_segments, NULL);
    gauge_counter(g, "homeostat_journal_cut_bytes_total", "Of writes that were not finished when it was stopped, cut at the start.", (double)s.cut_bytes, NULL);
    gauge_set(g, "homeostat_journal_bytes", "On disk, all segments.", (double)s.bytes, NULL);
    gauge_set(g, "homeostat_journal_waiting_bytes", "Came and is not durable yet.", (double)s.waiting_bytes, NULL);
    gauge_set(g, "homeostat_journal_full", "1 while nothing more is taken.", s.full, NULL);
    gauge_set(g, "homeostat_journal_sync_p99_seconds", "Of the last thousand syncs.", (double)s.sync_p99_us / 1e6, NULL);
    gauge_set(g, "homeostat_journal_last_id", "The newest durable record.", (double)s.last_id, NULL);
    for (size_t i = 0; i < n; i++)
        gauge_set(g, "homeostat_consumer_committed_id", "How far a consumer has come.", (double)p[i].committed, "consumer", p[i].name, NULL);
    for (size_t i = 0; i < n; i++)
        gauge_set(g, "homeostat_consumer_behind", "Records that a consumer has not dealt with.", (double)p[i].behind, "consumer", p[i].name, NULL);
    for (size_t i = 0; i < n; i++)
        gauge_set(g, "homeostat_consumer_lag_seconds", "Age of the oldest record that a consumer has not dealt with.", (double)p[i].lag_us / 1e6, "consumer", p[i].name, NULL);
}

static bool journal_ready(struct ingest *in, void *self, char *why, size_t size)
{
    struct journal_stats s;
    journal_stats(in->journal, &s);
    if (s.full)
        (void)snprintf(why, size, "the journal is full: %s", s.why_full);
    return !s.full;
}

const struct ingest_part ingest_part_journal = { "journal", "What came in, durable before it is acknowledged.",
    journal_start, journal_reload, journal_stop, journal_status, journal_metrics, journal_ready };
