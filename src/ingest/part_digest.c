/* ingest/part_digest.c - the thread that makes small tables of what came in, and the questions about them. */
#include "ingest/inside.h"

#include "ingest/digester.h"
#include "ingest/look.h"

#include <stdlib.h>
#include <string.h>

static enum err digest_start(struct ingest *in, void **self, struct fault *fault)
{
    const struct ingest_digest_conf *c = conf_of(in->conf, &ingest_digest_section);
    struct digester_options          o = digester_options_default(in->store_folder, in->journal);
    struct digester                 *d = NULL;
    if (!c->enabled)
        return OK;
    o.clock = in->clock;
    o.feed.metrics.series_max = (uint32_t)c->series_max;
    o.feed.logs.patterns.patterns_max = (size_t)c->patterns_max;
    o.feed.logs.patterns.bytes_max = (size_t)c->patterns_bytes;
    enum err e = digester_open(&o, &d, fault);
    if (e == OK && (e = digester_start(d, fault)) != OK)
        digester_close(d);
    *self = e == OK ? d : NULL;
    return e;
}

static void digest_stop(struct ingest *in, void *self)
{
    digester_stop(self);
    digester_close(self);
}

static json_t *digest_status(struct ingest *in, void *self)
{
    struct digester_stats s;
    struct journal_stats  j;
    digester_stats(self, &s);
    journal_stats(in->journal, &j);
    uint64_t behind = j.last_id > s.cursor && s.behind ? j.last_id - s.cursor : 0;
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:f, s:f, s:I, s:b, s:b, s:s, s:I}", "records", (json_int_t)s.records, "events", (json_int_t)s.events, "bad_records",
                     (json_int_t)s.bad_records, "windows", (json_int_t)s.windows, "rows", (json_int_t)s.rows, "saves", (json_int_t)s.saves, "failures", (json_int_t)s.failures, "asked_done",
                     (json_int_t)s.asked_done, "window_lag_seconds", s.window_lag_seconds, "save_seconds", s.save_seconds, "cursor", (json_int_t)s.cursor, "backlog", s.behind, "waiting", s.waiting,
                     "last_error", s.why, "behind", (json_int_t)behind);
}

static void digest_metrics(struct ingest *in, void *self, struct gauge *g)
{
    struct digester_stats s;
    digester_stats(self, &s);
    gauge_counter(g, "homeostat_digest_events_total", "Events digested since the start.", (double)s.events, NULL);
    gauge_counter(g, "homeostat_digest_bad_records_total", "Records that could not be decoded; they stay in the journal as long as it keeps them.", (double)s.bad_records, NULL);
    gauge_counter(g, "homeostat_digest_windows_total", "Windows that were written.", (double)s.windows, NULL);
    gauge_counter(g, "homeostat_digest_rows_total", "Rows of windows.", (double)s.rows, NULL);
    gauge_counter(g, "homeostat_digest_failures_total", "Turns that failed and were tried again.", (double)s.failures, NULL);
    gauge_counter(g, "homeostat_digest_asked_failed_total", "Windows that were asked for and could not be made again.", (double)s.asked_failed, NULL);
    gauge_counter(g, "homeostat_digest_lost_total", "Pointers into the journal and traces for which there was no room.", (double)s.lost, NULL);
    gauge_counter(g, "homeostat_digest_places_refused_total", "Events under `other`, since there were too many tenants or services.", (double)s.places_refused, NULL);
    gauge_counter(g, "homeostat_digest_series_capped_total", "Samples that went under `other`, since there were too many series.", (double)s.metrics.capped, NULL);
    gauge_counter(g, "homeostat_digest_calls_capped_total", "Calls that stand in no row, since there were too many pairs of services.", (double)s.calls.capped, NULL);
    gauge_counter(g, "homeostat_digest_calls_hurried_total", "Halves of calls for which no other half was waited, since too many wait.", (double)s.calls.hurried, NULL);
    gauge_counter(g, "homeostat_digest_late_total", "Events too late for their window.", (double)(s.metrics.late + s.calls.late + s.logs.late), NULL);
    gauge_set(g, "homeostat_digest_series", "Series in open windows.", (double)s.metrics.series, NULL);
    gauge_set(g, "homeostat_digest_patterns", "Patterns of log lines that are known.", (double)s.logs.patterns, NULL);
    gauge_counter(g, "homeostat_digest_patterns_evicted_total", "Patterns that were forgotten to make room.", (double)s.logs.evicted, NULL);
    gauge_set(g, "window_lag_seconds", "How far the end of the last finished window lies back.", s.window_lag_seconds, "job", "oo-agg", NULL);
}

static bool digest_ready(struct ingest *in, void *self, char *why, size_t size)
{
    struct digester_stats s;
    digester_stats(self, &s);
    if (s.waiting)
        (void)snprintf(why, size, "the digest does not get on: %.120s", s.why);
    return !s.waiting;
}

const struct ingest_part ingest_part_digest = { "digest", "Minutes of metrics, calls between services, patterns of lines, pointers into the journal.",
    digest_start, NULL, digest_stop, digest_status, digest_metrics, digest_ready };

/* ---- questions ---- */

/* What the digest has open of a trace. *open stays NULL while it does not run. */
static enum err ask_digest(struct ingest *in, const char *id, struct look_open **open, struct fault *fault)
{
    uint64_t hash;
    enum err e = look_trace_hash(id, &hash, fault);
    if (e != OK)
        return e;
    (void)pthread_rwlock_rdlock(&in->lock);
    struct digester *d = ingest_part_of(in, "digest");
    if (d && (*open = malloc(sizeof **open)))
        (*open)->records = digester_open_trace(d, hash, (*open)->record, LOOK_RECORDS_MAX, &(*open)->read);
    (void)pthread_rwlock_unlock(&in->lock);
    return !d || *open ? OK : fail(fault, ERR_LIMIT, "no memory to look for a trace");
}

enum err ingest_look(struct ingest *in, const struct ingest_question *q, json_t **out, struct fault *fault)
{
    struct looker    *l = NULL;
    struct look_open *open = NULL;
    enum err          e = strcmp(q->what, "trace") == 0 ? ask_digest(in, q->id, &open, fault) : OK;
    if (e == OK)
        e = look_open(in->store_folder, in->journal_folder, &l, fault);
    if (e != OK) {
        free(open);
        return e;
    }
    struct digest_reader *r = look_reader(l);
    if (q->until_us)
        digest_reader_until(r, q->until_us);
    const char           *tenant = q->tenant ? q->tenant : "";
    if (strcmp(q->what, "trace") == 0)
        e = look_trace(l, tenant, q->id, open, out, fault);
    else if (strcmp(q->what, "services") == 0)
        e = digest_read_errors(r, tenant, q->since_us, q->limit, out, fault);
    else if (strcmp(q->what, "downstreams") == 0)
        e = digest_read_downstreams(r, tenant, q->id, q->since_us, q->limit, out, fault);
    else if (strcmp(q->what, "patterns") == 0)
        e = digest_read_patterns(r, tenant, q->service ? q->service : "", q->since_us, q->limit, out, fault);
    else if (strcmp(q->what, "jobs") == 0)
        e = digest_read_jobs(r, q->limit, out, fault);
    else if (strcmp(q->what, "events") == 0)
        e = digest_read_events(r, tenant, q->kind ? q->kind : "", q->service ? q->service : "", q->since_us, q->limit, out, fault);
    else if (strcmp(q->what, "event") == 0)
        e = evidence_read(in, r, q->id, out, fault);
    else
        e = fail(fault, ERR_INPUT, "there is no such question");
    look_close(l);
    free(open);
    return e;
}

static enum err moment_of(const json_t *request, const char *name, int64_t *us, struct fault *fault)
{
    const char *text = json_string_value(json_object_get(request, name));
    if (text && (*us = clock_parse(text)) >= 0)
        return OK;
    return fail(fault, ERR_INPUT, "%s has to be a moment such as 2026-01-31T12:00:00Z", name);
}

enum err ingest_enqueue(struct ingest *in, const json_t *request, json_t **out, struct fault *fault)
{
    const char *job = json_string_value(json_object_get(request, "job")), *tenant = json_string_value(json_object_get(request, "tenant_id"));
    int64_t     from_us, to_us;
    enum err    e = job ? OK : fail(fault, ERR_INPUT, "job has to be the name of a job, e.g. oo-agg");
    if (e == OK && (e = moment_of(request, "from", &from_us, fault)) == OK)
        e = moment_of(request, "to", &to_us, fault);
    if (e != OK)
        return e;
    (void)pthread_rwlock_rdlock(&in->lock);
    struct digester *d = ingest_part_of(in, "digest");
    e = d ? digester_ask(d, job, tenant ? tenant : "", from_us, to_us, fault) : fail(fault, ERR_MISSING, "the digest is off");
    (void)pthread_rwlock_unlock(&in->lock);
    if (e == OK)
        *out = json_pack("{s:s, s:s, s:O, s:O}", "job", job, "tenant_id", tenant ? tenant : "", "from", json_object_get(request, "from"), "to", json_object_get(request, "to"));
    return e;
}
