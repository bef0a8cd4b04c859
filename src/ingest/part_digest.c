/* ingest/part_digest.c - the thread that makes small tables of what came in, and the questions about them. */
#include "ingest/inside.h"

#include "ingest/digester.h"
#include "ingest/look.h"
#include "ship/archive.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The archive of the settings. NULL: there is none. */
static enum err archive_of(const struct conf *conf, struct archive **out, struct fault *fault)
{
    const char             *name = ((const struct ingest_digest_conf *)conf_of(conf, &ingest_digest_section))->archive;
    const struct sink_conf *sink = *name ? conf_instance(conf, &sinks_section, name) : NULL;
    *out = NULL;
    if (!*name)
        return OK;
    enum err e = sink ? archive_fits(sink, fault) : fail(fault, ERR_INPUT, "there is no sink called %.60s", name);
    if (e == OK)
        e = archive_open(sink, out, fault);
    return e == OK ? OK : fail_in(fault, "ingest.digest.archive");
}

static enum err digest_reload(struct ingest *in, void **self, void **gone, struct fault *fault)
{
    struct archive *a;
    (void)gone;
    enum err e = *self ? archive_of(in->conf, &a, fault) : OK;
    if (e == OK && *self)
        digester_archive_set(*self, a);
    return e;
}

static enum err digest_start(struct ingest *in, void **self, struct fault *fault)
{
    const struct ingest_digest_conf *c = conf_of(in->conf, &ingest_digest_section);
    struct digester_options          o = digester_options_default(in->store_folder, in->journal);
    struct digester                 *d = NULL;
    if (!c->enabled)
        return OK;
    o.clock = in->clock;
    o.initial_us = c->initial_us;
    o.feed.metrics.series_max = (uint32_t)c->series_max;
    o.feed.metrics.tenant_max = (uint32_t)c->tenant_series_max;
    o.feed.metrics.source_max = (uint32_t)c->source_series_max;
    o.feed.metrics.metric_max = (uint32_t)c->metric_series_max;
    o.feed.logs.patterns.patterns_max = (size_t)c->patterns_max;
    o.feed.logs.patterns.bytes_max = (size_t)c->patterns_bytes;
    for (size_t i = 0; i < c->ignore_fields.count; i++)
        (void)mask_ignore_add(&o.feed.logs.patterns.ignore, slice_of(c->ignore_fields.item[i]));     /* the setting has the same bound */
    struct archive *archive;
    enum err        e = archive_of(in->conf, &archive, fault);
    if (e != OK)
        return e;
    if ((e = digester_open(&o, &d, fault)) != OK)
        archive_close(archive);
    else
        digester_archive_set(d, archive);
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

/* {"metrics": {"late": 0, ...}, ...}; of our own bounds those that were felt in the last hour, with what to do: a list. */
static json_t *left_out_json(const struct digester_stats *s, int64_t now_us, json_t **caps)
{
    json_t *all = json_object();
    *caps = json_array();
    for (size_t i = 0; i < left_out_count; i++) {
        const struct left_out *l = &left_out[i];
        json_int_t             n = (json_int_t)left_out_of(l, s);
        char                   at[32];
        if (!json_object_get(all, l->dataset))
            (void)json_object_set_new(all, l->dataset, json_object());
        (void)json_object_set_new(json_object_get(all, l->dataset), l->reason, json_integer(n));
        if (l->cap && s->caps.grew_us[i] && now_us - s->caps.grew_us[i] < LEFT_OUT_AGAIN_US)
            (void)json_array_append_new(*caps, json_pack("{s:s, s:s, s:I, s:s, s:s}", "dataset", l->dataset, "bound", l->reason, "so_far", n, "last_at",
                                                         clock_format(s->caps.grew_us[i], at, sizeof at), "hint", l->cap));
    }
    return all;
}

static json_t *digest_status(struct ingest *in, void *self)
{
    struct digester_stats s;
    struct journal_stats  j;
    digester_stats(self, &s);
    journal_stats(in->journal, &j);
    uint64_t behind = j.last_id > s.cursor && s.behind ? j.last_id - s.cursor : 0;
    json_t *caps, *left = left_out_json(&s, clock_wall_us(in->clock), &caps);
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:f, s:I, s:b, s:b, s:s, s:I, s:I, s:o, s:o}", "records", (json_int_t)s.records, "events", (json_int_t)s.events, "bad_records",
                     (json_int_t)s.bad_records, "windows", (json_int_t)s.windows, "rows", (json_int_t)s.rows, "saves", (json_int_t)s.saves, "failures", (json_int_t)s.failures, "asked_done",
                     (json_int_t)s.asked_done, "window_lag_seconds", isnan(s.window_lag_seconds) ? json_null() : json_real(s.window_lag_seconds), "save_seconds", s.save_seconds, "cursor", (json_int_t)s.cursor, "backlog", s.behind, "waiting", s.waiting,
                     "last_error", s.why, "behind", (json_int_t)behind, "damaged", (json_int_t)s.damaged, "left_out", left, "caps", caps);
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
    for (size_t i = 0; i < left_out_count; i++)
        gauge_counter(g, "homeostat_digest_left_out_total", "What the digest could not put where it belongs: events that stand in no row, or only under `other`; of patterns_max patterns, of pointers those.",
                      (double)left_out_of(&left_out[i], &s), "dataset", left_out[i].dataset, "reason", left_out[i].reason, NULL);
    gauge_set(g, "homeostat_digest_series", "Series that are remembered (ingest.digest.series_max).", (double)s.metrics.series, NULL);
    gauge_set(g, "homeostat_digest_patterns", "Patterns of log lines that are known.", (double)s.logs.patterns, NULL);
    gauge_counter(g, "homeostat_digest_damaged_total", "Times that digest.db was damaged, put aside and made anew from the journal.", (double)s.damaged, NULL);
    if (!isnan(s.window_lag_seconds))
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
    digest_start, digest_reload, digest_stop, digest_status, digest_metrics, digest_ready };

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
        (*open)->records = digester_open_trace(d, hash, (*open)->record, LOOK_RECORDS_MAX, &(*open)->read, &(*open)->busy);
    (void)pthread_rwlock_unlock(&in->lock);
    return !d || *open ? OK : fail(fault, ERR_LIMIT, "no memory to look for a trace");
}

enum err ingest_look(struct ingest *in, const struct ingest_question *q, json_t **out, struct fault *fault)
{
    struct look_open *open = NULL;
    enum err          e = strcmp(q->what, "trace") == 0 ? ask_digest(in, q->id, &open, fault) : OK;
    if (e == OK)
        e = look_answer(&(struct look_at){ .store = in->store_folder, .journal = in->journal }, q, open, out, fault);
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

/* A text is a code, a whole number is dim_tenant's; without any it is the installation's own, whose code is "". */
static enum err tenant_of(const json_t *request, struct digest_request *q, struct fault *fault)
{
    const json_t *t = json_object_get(request, "tenant_id");
    q->tenant = !t || json_is_null(t) ? "" : json_string_value(t);
    q->tenant_id = json_integer_value(t);
    if (q->tenant && strcmp(q->tenant, DIGEST_OWN_TENANT) == 0)      /* as answers call it */
        q->tenant = "";
    if (q->tenant || json_is_integer(t))
        return OK;
    return fail(fault, ERR_INPUT, "tenant_id has to be the code of a tenant, or its number");
}

enum err ingest_enqueue(struct ingest *in, const json_t *request, json_t **out, struct fault *fault)
{
    struct digest_request q = { .job = json_string_value(json_object_get(request, "job")) };
    enum err              e = q.job ? tenant_of(request, &q, fault) : fail(fault, ERR_INPUT, "job has to be the name of a job, e.g. oo-agg");
    if (e == OK && (e = moment_of(request, "from", &q.from_us, fault)) == OK)
        e = moment_of(request, "to", &q.to_us, fault);
    if (e != OK)
        return e;
    int64_t due_us = 0;
    char    due[32];
    (void)pthread_rwlock_rdlock(&in->lock);
    struct digester *d = ingest_part_of(in, "digest");
    e = d ? digester_ask(d, &q, &due_us, fault) : fail(fault, ERR_MISSING, "the digest is off");
    (void)pthread_rwlock_unlock(&in->lock);
    if (e == OK)
        *out = json_pack("{s:s, s:o, s:O, s:O, s:s, s:o}", "job", q.job, "tenant_id", q.tenant ? json_string(q.tenant) : json_integer(q.tenant_id), "from", json_object_get(request, "from"), "to",
                         json_object_get(request, "to"), "status", "queued", "due", due_us ? json_string(clock_format(due_us, due, sizeof due)) : json_null());
    return e;
}
