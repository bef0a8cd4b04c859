/*
 * store/digest_evidence.h - events (event_envelope) and their evidence (evidence_link) in digest.db, and what is looked through to find it.
 *
 *     struct digest_event e = { .id = ..., .severity = "INFO", .kind = "deploy", ... .said = digest };
 *     digest_store_begin(s, fault);
 *     digest_event_put(s, &e, &created, fault);
 *     if (created)
 *         digest_open_put(s, e.id, now_us, INT64_MIN, fault);    // its evidence is still to be looked for
 *     digest_store_commit(s, fault);
 *
 *     while (digest_open_due(s, upper, &d, fault) == OK)       // ERR_MISSING: none
 *         ... look through patterns, calls, series; then in one transaction:
 *         digest_evidence_put() each, digest_evidence_only() those, digest_open_put() or digest_open_gone()
 *
 * An event and each piece of its evidence are there once: by the event's id; by the digest of what is pointed to and the pointer.
 */
#ifndef STORE_DIGEST_EVIDENCE_H
#define STORE_DIGEST_EVIDENCE_H

#include "store/digest_store.h"

/* ---- events ---- */

/* said: a digest of what whoever told of it said; with another one the same id is another event. May be "". */
struct digest_event { const char *id, *severity, *kind, *title, *summary, *said; int64_t tenant_id, resource_id /* 0: none */, at_us; const json_t *labels, *fingerprints; };
/* *created: false when it was there already, and e->at_us is then when that was. ERR_CONFLICT: there is one with this id, and it says something else. fingerprints has a member "said" when said is not "". */
MUST_CHECK enum err digest_event_put(struct digest_store *s, struct digest_event *e, bool *created, struct fault *fault);
/* A service of that name or URN; ERR_MISSING: nothing that came in or happened speaks of it. */
MUST_CHECK enum err digest_service_find(struct digest_store *s, int64_t tenant_id, const char *name, int64_t *id, struct fault *fault);

/* ---- evidence ---- */

/* dim: metric, log, trace, topo, kb. ref: {"table":..., "keys":{...}} or NULL; locator: 0 for none. score: 0..1. The same again is the same row, with this score and note. id may be NULL. */
MUST_CHECK enum err digest_evidence_put(struct digest_store *s, const char *event, const char *dim, const json_t *ref, int64_t locator, double score, const char *note, int64_t *id, struct fault *fault);
/* Of an event nothing stays but these numbers, and what is known of it from elsewhere (kb). */
MUST_CHECK enum err digest_evidence_only(struct digest_store *s, const char *event, const json_t *ids, struct fault *fault);

/* ---- events that are still looked at ---- */

MUST_CHECK enum err digest_open_put(struct digest_store *s, const char *event, int64_t told_us, int64_t due_us, struct fault *fault);
MUST_CHECK enum err digest_open_gone(struct digest_store *s, const char *event, struct fault *fault);
MUST_CHECK enum err digest_open_count(struct digest_store *s, int64_t *n, struct fault *fault);
struct digest_due { char id[64], urn[320], host[320]; int64_t tenant_id, resource_id, at_us, told_us; };     /* host: label of that name; "" */
MUST_CHECK enum err digest_open_due(struct digest_store *s, int64_t upper_us, struct digest_due *d, struct fault *fault);     /* the first that is due; ERR_MISSING */

/* ---- what is looked through: an hour before, from..to around an event; false from take stops ---- */

struct digest_around { int64_t before_us, from_us, to_us; };
struct digest_call_around {
    int64_t src, dst, calls, errors, calls_before, errors_before, worst_us;     /* the five minutes in which the largest share failed, or the last ones */
    double  worst, p95_ms, p95_before_ms;                                      /* that share; p95 of the slowest five minutes, NAN: there are none */
    const char *src_urn, *dst_urn;
};
struct digest_pattern_around { int64_t fingerprint, peak, total, errors, before, peak_us; const char *pattern, *severity; };   /* peak: in five minutes; before: in the whole hour */
typedef bool digest_call_take(void *ctx, const struct digest_call_around *c);
typedef bool digest_pattern_take(void *ctx, const struct digest_pattern_around *p);
typedef bool digest_minute_take(void *ctx, int64_t bucket_us, double value, const char *labels);
typedef bool digest_locator_take(void *ctx, int64_t id, int64_t from_us, int64_t events);
typedef bool digest_resource_take(void *ctx, int64_t id, const char *urn);

MUST_CHECK enum err digest_calls_around(struct digest_store *s, int64_t resource, const struct digest_around *a, int limit, digest_call_take *take, void *ctx, struct fault *fault);
MUST_CHECK enum err digest_patterns_around(struct digest_store *s, int64_t resource, const struct digest_around *a, int limit, digest_pattern_take *take, void *ctx, struct fault *fault);
/* Did it log anything in the hour before? Without, nothing can be said to have risen. */
MUST_CHECK enum err digest_logs_before(struct digest_store *s, int64_t resource, const struct digest_around *a, bool *any, struct fault *fault);
/* The next of a thing's series after this one (first: "" and INT64_MIN), in place; ERR_MISSING: that was the last; ERR_LIMIT: its name is too long to go on behind it. */
struct digest_series { char metric[512]; int64_t labels_hash; };
MUST_CHECK enum err digest_series_next(struct digest_store *s, int64_t resource, struct digest_series *at, struct fault *fault);
MUST_CHECK enum err digest_series_minutes(struct digest_store *s, int64_t resource, const struct digest_series *of, const struct digest_around *a, digest_minute_take *take, void *ctx, struct fault *fault);
MUST_CHECK enum err digest_locators(struct digest_store *s, int64_t resource, const char *dataset, int64_t from_us, int64_t to_us, digest_locator_take *take, void *ctx, struct fault *fault);
/* Things whose URN begins so. */
MUST_CHECK enum err digest_resources(struct digest_store *s, int64_t tenant_id, const char *begin, int limit, digest_resource_take *take, void *ctx, struct fault *fault);
MUST_CHECK enum err digest_resource_find(struct digest_store *s, int64_t tenant_id, const char *urn, int64_t *id, struct fault *fault);    /* ERR_MISSING */

#endif
