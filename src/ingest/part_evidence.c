/* ingest/part_evidence.c - the thread that looks for evidence of events; events in and out. Without a digest there is none. */
#include "ingest/inside.h"

#include "ingest/digester.h"
#include "ingest/evidence.h"
#include "ingest/happened.h"
#include "store/digest_read.h"

#include <inttypes.h>

static int64_t written_to(void *ctx)
{
    struct digester_stats s;
    digester_stats(ctx, &s);
    return s.upper_us;
}

static enum err evidence_part_start(struct ingest *in, void **self, struct fault *fault)
{
    struct digester        *d = ingest_part_of(in, "digest");
    struct evidence_options o = { .folder = in->store_folder, .clock = in->clock, .keep_us = digest_keep_default().events_us, .upper = written_to, .ctx = d };
    struct evidence        *v = NULL;
    if (!d)
        return OK;
    enum err e = evidence_open(&o, &v, fault);
    if (e == OK && (e = evidence_start(v, fault)) != OK)
        evidence_close(v);
    *self = e == OK ? v : NULL;
    return e;
}

static void evidence_part_stop(struct ingest *in, void *self)
{
    (void)in;
    evidence_close(self);
}

static json_t *evidence_status(struct ingest *in, void *self)
{
    struct evidence_stats s;
    (void)in;
    evidence_stats(self, &s);
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:s}", "events", (json_int_t)s.events, "again", (json_int_t)s.again, "refused", (json_int_t)s.refused, "untold", (json_int_t)s.untold,
                     "open", (json_int_t)s.open, "looks", (json_int_t)s.looks, "pieces", (json_int_t)s.pieces, "cut", (json_int_t)s.cut, "failures", (json_int_t)s.failures, "last_error", s.why);
}

static void evidence_metrics(struct ingest *in, void *self, struct gauge *g)
{
    struct evidence_stats s;
    uint64_t              sum = 0;
    (void)in;
    evidence_stats(self, &s);
    gauge_counter(g, "homeostat_events_taken_total", "Events taken, each once however often it was told.", (double)s.events, NULL);
    gauge_counter(g, "homeostat_events_refused_total", "Events that were told and not taken: wrong, another one with the same id, or no room now.", (double)s.refused, NULL);
    gauge_counter(g, "homeostat_events_untold_total", "Events of cases that found no room in the list of those that wait to be written.", (double)s.untold, NULL);
    gauge_set(g, "homeostat_evidence_open", "Events whose evidence is not complete, since windows around them are open.", (double)s.open, NULL);
    gauge_counter(g, "homeostat_evidence_looks_total", "Looks for evidence: some six for each event.", (double)s.looks, NULL);
    gauge_counter(g, "homeostat_evidence_links_total", "Pieces of evidence that were found in these looks.", (double)s.pieces, NULL);
    gauge_counter(g, "homeostat_evidence_cut_total", "Pieces left out for better ones, and series and lines too many to look through.", (double)s.cut, NULL);
    gauge_counter(g, "homeostat_evidence_failures_total", "Turns in which evidence could not be written, and which were tried again.", (double)s.failures, NULL);
    text_add(g->out, "# HELP homeostat_evidence_write_seconds From an event being told to its first evidence being written.\n# TYPE homeostat_evidence_write_seconds histogram\n");
    for (int b = 0; b < EVIDENCE_BOUNDS; b++)
        text_printf(g->out, "homeostat_evidence_write_seconds_bucket{le=\"%g\"} %" PRIu64 "\n", evidence_bound_s[b], sum += s.write_count[b]);
    sum += s.write_count[EVIDENCE_BOUNDS];
    text_printf(g->out, "homeostat_evidence_write_seconds_bucket{le=\"+Inf\"} %" PRIu64 "\nhomeostat_evidence_write_seconds_sum %.6f\nhomeostat_evidence_write_seconds_count %" PRIu64 "\n", sum, s.write_sum_s, sum);
}

const struct ingest_part ingest_part_evidence = { "evidence", "Events, and what the digest knows around each.", evidence_part_start, NULL, evidence_part_stop, evidence_status, evidence_metrics, NULL };

/* ---- events in and out ---- */

static enum err no_digest(struct fault *fault)
{
    (void)fail(fault, ERR_MISSING, "events are not taken, since the digest is off");
    fail_hint(fault, "set ingest.digest.enabled: yes in the configuration, and restart");
    return ERR_MISSING;
}

enum err ingest_event(struct ingest *in, const json_t *request, json_t **out, struct fault *fault)
{
    (void)pthread_rwlock_rdlock(&in->lock);
    struct evidence *v = ingest_part_of(in, "evidence");
    enum err         e = v ? evidence_post(v, request, out, fault) : no_digest(fault);
    (void)pthread_rwlock_unlock(&in->lock);
    return e;
}

void ingest_happened(struct ingest *in, json_t *request)
{
    struct evidence *v = NULL;
    if (in) {
        (void)pthread_rwlock_rdlock(&in->lock);
        if ((v = ingest_part_of(in, "evidence")))
            evidence_tell(v, request);
        (void)pthread_rwlock_unlock(&in->lock);
    }
    if (!v)
        json_decref(request);
}
