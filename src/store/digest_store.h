/*
 * store/digest_store.h - digest.db: what the digest makes of what came in, and how far it has come.
 *
 * The rows of a window, that the window was run, what is still open and the number of the last record all stand in one transaction:
 *
 *     digest_store_begin(s, fault);
 *     ... rows, digest_run_put(), digest_state_put() ...
 *     digest_store_commit(s, fault);          // or digest_store_rollback(s): as if nothing of it had been
 *
 * Every row is written over by the same row, so a replay changes nothing.  WAL with synchronous=NORMAL: after a power cut the newest
 * transactions may be missing, whole; digest_store_sync() is when they cannot be any more.  Each connection belongs to one thread at a time. The
 * digest has one and writes for as long as a window takes; events and their evidence (store/digest_evidence.h) come through connections beside it that live
 * as long as what they are opened for, have short transactions, and wait for the digest's.
 * ERR_DAMAGED from any of these: the file itself is wrong.  It may be thrown away: digest_store_aside(), and another is opened.
 */
#ifndef STORE_DIGEST_STORE_H
#define STORE_DIGEST_STORE_H

#include "base/err.h"
#include "base/slice.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct digest_store;

MUST_CHECK enum err digest_store_open(const char *folder, struct digest_store **s, struct fault *fault);   /* makes the folder, 0700, and digest.db */
/* Beside the digest's own, which must be there: what is committed is on disk (synchronous=FULL), and who waits longer than this for the digest is told ERR_BUSY. */
MUST_CHECK enum err digest_store_open_beside(const char *folder, int patience_ms, struct digest_store **s, struct fault *fault);
void                digest_store_close(struct digest_store *s);
/* While nobody has it open: digest.db gets another name, which is told, with what belongs to it. Of such copies the newest DIGEST_DAMAGED_KEPT stay. */
enum { DIGEST_DAMAGED_KEPT = 2 };
MUST_CHECK enum err digest_store_aside(const char *folder, int64_t now_us, char *name, size_t size, struct fault *fault);
MUST_CHECK enum err digest_store_begin(struct digest_store *s, struct fault *fault);
MUST_CHECK enum err digest_store_commit(struct digest_store *s, struct fault *fault);
void                digest_store_rollback(struct digest_store *s);
MUST_CHECK enum err digest_store_sync(struct digest_store *s, struct fault *fault);     /* outside a transaction: what was committed is on disk. ERR_BUSY: not all of it yet, since somebody reads */
bool                digest_store_is_fatal(struct digest_store *s);                      /* an fsync failed: nobody knows what is on disk */

/* ---- dimensions: there is one of each, again gives the same number ---- */

struct digest_resource { int64_t tenant_id; const char *urn, *type, *name, *env, *region, *zone; };
MUST_CHECK enum err digest_tenant(struct digest_store *s, const char *code, int64_t now_us, int64_t *id, struct fault *fault);
MUST_CHECK enum err digest_tenant_find(struct digest_store *s, const char *code, int64_t *id, struct fault *fault);      /* ERR_MISSING: there is none; no fault is filled */
MUST_CHECK enum err digest_resource(struct digest_store *s, const struct digest_resource *r, int64_t now_us, int64_t *id, struct fault *fault);

/* ---- rows ---- */

struct digest_metric {
    int64_t bucket_us, tenant_id, resource_id, labels_hash, samples;
    const char *metric, *labels;
    double avg, max, p95, min, sum;
};
struct digest_call { int64_t bucket_us, tenant_id, src, dst, calls, errors, record; double rps, err_rate, p50_ms, p95_ms; };
struct digest_pattern { int64_t tenant_id; uint64_t pattern; const char *text, *sample, *severity; int64_t first_us, last_us; const char *schema; };   /* text "", severity NULL, schema NULL or "": what is there stays */
struct digest_log { int64_t bucket_us, tenant_id, resource_id; uint64_t pattern; int64_t total, errors; };
struct digest_locator { int64_t tenant_id, resource_id, from_us, to_us, first, last, events; const char *dataset; };

MUST_CHECK enum err digest_metric_put(struct digest_store *s, const struct digest_metric *m, struct fault *fault);
MUST_CHECK enum err digest_calls_clear(struct digest_store *s, int64_t bucket_us, struct fault *fault);      /* before all its rows come again */
MUST_CHECK enum err digest_call_put(struct digest_store *s, const struct digest_call *c, struct fault *fault);
MUST_CHECK enum err digest_pattern_put(struct digest_store *s, const struct digest_pattern *p, struct fault *fault);
MUST_CHECK enum err digest_pattern_merge(struct digest_store *s, int64_t tenant_id, uint64_t gone, uint64_t into, struct fault *fault);
MUST_CHECK enum err digest_log_put(struct digest_store *s, const struct digest_log *l, struct fault *fault);
MUST_CHECK enum err digest_locator_put(struct digest_store *s, const struct digest_locator *l, struct fault *fault);   /* before the rows that point to it */
/* How many events the pointers of these five-minute windows count. */
MUST_CHECK enum err digest_located(struct digest_store *s, int64_t tenant_id, int64_t from_us, int64_t to_us, int64_t *events, struct fault *fault);
MUST_CHECK enum err digest_trace_put(struct digest_store *s, unsigned shard, uint64_t block, uint64_t last, struct slice entries, struct fault *fault);
/* A window is done again from the beginning: its rows of one tenant go, of minutes those in from..to, of five minutes those in from_5m..to_5m. */
MUST_CHECK enum err digest_window_clear(struct digest_store *s, int64_t tenant_id, int64_t from_us, int64_t to_us, int64_t from_5m, int64_t to_5m, struct fault *fault);
int64_t             digest_fingerprint(int64_t tenant_id, uint64_t pattern);

/* ---- how far it has come ---- */

MUST_CHECK enum err digest_state_put(struct digest_store *s, const char *part, struct slice bytes, struct fault *fault);
/* *bytes: a copy of the caller's, NULL and size 0 when there is none. */
MUST_CHECK enum err digest_state_get(struct digest_store *s, const char *part, char **bytes, size_t *size, struct fault *fault);

/* ---- jobs ---- */

struct digest_run { const char *job, *status, *error; int64_t tenant_id, from_us, to_us, rows; };    /* status: "success", "failed", "refused" */
MUST_CHECK enum err digest_run_put(struct digest_store *s, const struct digest_run *r, int64_t now_us, struct fault *fault);
/* Where the last good window ended; INT64_MIN: there was none. */
MUST_CHECK enum err digest_run_last(struct digest_store *s, const char *job, int64_t tenant_id, int64_t *to_us, struct fault *fault);
struct digest_asked { char job[32], tenant[64]; int64_t id, tenant_id, from_us, to_us; };
/*
 * Any thread, while the digest goes on: over a connection of its own, on disk when it is OK.  tenant NULL: the one with the number tenant_id.
 * ERR_MISSING: no such tenant; ERR_BUSY: the digest writes for too long, or DIGEST_ASKED_MAX wait already that are over; ERR_INPUT: DIGEST_AHEAD_MAX wait that are not.
 */
enum { DIGEST_ASKED_MAX = 64, DIGEST_AHEAD_MAX = 16 };
struct digest_request { const char *job, *tenant; int64_t tenant_id, from_us, to_us; };
MUST_CHECK enum err digest_run_ask(const char *folder, const struct digest_request *q, int64_t now_us, struct fault *fault);
/* When no window of the job is noted as good for anybody, this one is asked for each tenant. *asked: how many. */
MUST_CHECK enum err digest_run_ask_all(struct digest_store *s, const char *job, int64_t from_us, int64_t to_us, int64_t now_us, int *asked, struct fault *fault);
MUST_CHECK enum err digest_run_asked(struct digest_store *s, int64_t upper_us, struct digest_asked *a, struct fault *fault);   /* the oldest that ends by then; ERR_MISSING: none */
struct digest_circuit { char state[16]; int64_t failures, until_us; };
MUST_CHECK enum err digest_circuit_put(struct digest_store *s, const char *job, int64_t tenant_id, const struct digest_circuit *c, int64_t now_us, struct fault *fault);
MUST_CHECK enum err digest_circuit_get(struct digest_store *s, const char *job, int64_t tenant_id, struct digest_circuit *c, struct fault *fault);   /* ERR_MISSING */

/* ---- pointers, schemas ---- */

/* The newest pointer to a thing's raw data (dataset: logs, metrics, traces) at or before a time, for evidence. ERR_MISSING: there is none. */
MUST_CHECK enum err digest_locator_find(struct digest_store *s, int64_t tenant_id, const char *urn, const char *dataset, int64_t at_us, int64_t *id, struct fault *fault);
/* A table that somebody registered; registered again it has the new schema, and created_at stays. */
MUST_CHECK enum err digest_table_put(struct digest_store *s, const char *name, const char *schema, int64_t now_us, struct fault *fault);

/* ---- keeping ---- */

struct digest_keep { int64_t metrics_us, calls_us, logs_us, locators_us, runs_us, events_us; };
struct digest_keep  digest_keep_default(void);      /* 180, 365, 180, 180, 30, 365 days */
/* What is older goes, and traces of records before first_record. In a transaction of its own. */
MUST_CHECK enum err digest_store_forget(struct digest_store *s, const struct digest_keep *k, int64_t now_us, uint64_t first_record, struct fault *fault);

#endif
