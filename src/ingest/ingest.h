/*
 * ingest/ingest.h - everything that takes telemetry in, digests it and sends it on, under one roof.
 *
 *     ingest_start(conf, "/var/lib/homeostat", &in, fault);     // in is NULL when ingest.enabled is no
 *     ...
 *     ingest_reload(in, fresh);                                 // returns at once; what can change without a restart does, nothing is lost or repeated
 *     ingest_stop(in);                                          // what was acknowledged is in the journal; the rest was told to come again
 *
 * What runs is a table of parts (ingest/parts.c): each is started, reloaded, stopped and asked in the order of the table,
 * so that sources stop before the journal does.  A part that cannot start makes the start fail, and says why; a part that
 * cannot take a reload keeps what it had, says so in the log, in GET /ingest and in a metric.
 *
 * A reload may take as long as a sink needs to let go, so it has a thread of its own.  Of several that wait only the newest is done.
 *
 * Threads: start, reload and stop belong to one thread; status, metrics, ready, look and enqueue may be called from any, and wait for no reload.
 */
#ifndef INGEST_INGEST_H
#define INGEST_INGEST_H

#include "base/err.h"
#include "base/text.h"
#include "conf/conf.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct ingest;

/* conf must hold all sections of ingest/conf.h's list; it must live until ingest has stopped. *in is NULL when it is off. */
MUST_CHECK enum err ingest_start(const struct conf *conf, const char *store_folder, struct ingest **in, struct fault *fault);
void                ingest_reload(struct ingest *in, const struct conf *conf);     /* conf lives as long */
void                ingest_stop(struct ingest *in);          /* NULL is fine */

/* One object with a member for each part; the caller decrefs. */
json_t *ingest_status(struct ingest *in);
/* Prometheus text, every family once. */
void    ingest_metrics(struct ingest *in, struct text *out);
/* Health is progress: false when something waits and nothing moves. checks (may be NULL) gets a row for each part. */
bool    ingest_ready(struct ingest *in, json_t *checks, char *why, size_t size);

struct ingest_question {
    const char *what;                /* trace, services, downstreams, metrics, patterns, jobs, events, event */
    const char *id;                  /* of a trace or an event */
    const char *service, *metric, *tenant, *kind;            /* what it is about; NULL or "": any; kind: of events. See store/digest_read.h */
    int64_t     since_us, until_us;  /* wall; until_us 0: no end */
    int         limit;
};
/* Reads digest.db and the journal with connections of its own. *out is the caller's. ERR_MISSING: there is no such thing. */
MUST_CHECK enum err ingest_look(struct ingest *in, const struct ingest_question *q, json_t **out, struct fault *fault);

/* {"job", "tenant_id", "from", "to"}: those windows are made again. *out tells what was understood. */
MUST_CHECK enum err ingest_enqueue(struct ingest *in, const json_t *request, json_t **out, struct fault *fault);

/* {"from": id} or {"since": moment, or how long ago}: the sink of a consumer, e.g. sink:lake, reads again from there. It stops and begins anew meanwhile. */
MUST_CHECK enum err ingest_replay(struct ingest *in, const char *consumer, const json_t *request, json_t **out, struct fault *fault);
/* A consumer that will not come back does not hold the journal any more. ERR_BUSY: it is there. */
MUST_CHECK enum err ingest_forget(struct ingest *in, const char *consumer, json_t **out, struct fault *fault);
/* Something happened (ingest/happened.h): durable when it says OK. *out has "event_id" and "created". ERR_MISSING: the digest is off. */
MUST_CHECK enum err ingest_event(struct ingest *in, const json_t *request, json_t **out, struct fault *fault);
/* The same for who may not wait; takes the request. Without a digest, or in NULL, it is forgotten. */
void                ingest_happened(struct ingest *in, json_t *request);

#endif
