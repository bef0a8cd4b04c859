/*
 * ship/conf.h - the settings of sinks: a map of names, `sinks:`, each of some kind (ship/sinks.c).
 *
 *     sinks:
 *       lake:
 *         kind: files
 *         types: [logs, traces]
 *         match: ["service.name=shop", "tenant~eu-.*"]
 *         folder: /srv/lake
 *
 * One struct holds what all kinds need.  What every sink has (types, batch, retry, ...) is always allowed; of the rest a kind names
 * what it knows and what it cannot do without (`settings` of struct sink_kind), and anything else is refused when the file is read.
 */
#ifndef SHIP_CONF_H
#define SHIP_CONF_H

#include "base/arena.h"
#include "base/err.h"
#include "conf/conf.h"

#include <stdbool.h>
#include <stdint.h>

/* Each has a thread, and a cursor in the journal, which has room for 64; one more than can be configured, for what none of them takes. */
enum { SHIP_SINKS_CONF_MAX = 24, SHIP_SINKS_MAX = SHIP_SINKS_CONF_MAX + 1 };
#define SHIP_UNROUTED "unrouted"          /* what that one is called; no sink of the configuration may be */

enum sink_start    { SINK_FROM_START, SINK_FROM_NOW };
enum sink_compress { COMPRESS_AUTO, COMPRESS_NONE, COMPRESS_GZIP, COMPRESS_ZSTD, COMPRESS_SNAPPY, COMPRESS_LZ4 };
enum sink_format   { FORMAT_AUTO, FORMAT_JSON, FORMAT_OTLP };
enum sink_layout   { LAYOUT_LAYERED, LAYOUT_DETAIL };
enum sink_sasl     { SASL_NONE, SASL_PLAIN, SASL_SCRAM_SHA_256, SASL_SCRAM_SHA_512 };

struct sink_conf {
    const char *name;                     /* its key in the file; the cursor is "sink:<name>" */
    const char *kind;

    /* Of every sink: what the worker goes by. */
    struct conf_list formerly;            /* names it had before: their cursors and dead letters are its own */
    struct conf_list types;               /* logs, metrics, traces; none: all that the kind takes */
    struct conf_list match;               /* ship/route.h; all must hold; none: everything */
    struct conf_list relabel;             /* sets of rules of the section relabel, in this order; the host compiles them */
    int64_t     batch_events, batch_bytes, batch_delay_us;
    double      rate;                     /* events a second; 0: off */
    int64_t     timeout_us;               /* of one send() */
    int64_t     retry_first_us, retry_most_us;
    int64_t     stuck_after_us;
    bool        paused;
    int         when_new;                 /* enum sink_start */

    /* Where to, and as whom. */
    const char *url;
    struct conf_secret token;
    const char *user;
    struct conf_secret password;
    const char *tls_ca, *tls_certificate;
    struct conf_secret tls_key;
    struct conf_list headers;             /* "Name: value" */
    int         compress;                 /* enum sink_compress */

    /* What it is called there, and in which form. */
    const char *folder, *path, *database, *schema, *table, *bucket, *region, *prefix, *topic, *subject, *stream;
    const char *dsn;                      /* libpq's, without the password */
    int         layout;                   /* enum sink_layout: which tables */
    const char *origin;                   /* who writes there, when several write into the same tables */
    struct conf_list brokers;
    int         sasl;                     /* enum sink_sasl */
    struct conf_list labels;              /* attributes that become labels of a stream or series */
    int         format;                   /* enum sink_format */
    int64_t     roll_bytes, roll_after_us;
    int64_t     keep_us;                  /* older than this is thrown away there; 0: never */
    int64_t     pack_after_us;            /* older than this is compressed there; 0: never */
    bool        path_style;
};

extern const struct conf_section sinks_section;

/* Of its own: everything is copied into the arena. */
MUST_CHECK enum err sink_conf_copy(struct sink_conf *to, const struct sink_conf *from, struct arena *a, struct fault *fault);
/* Secrets are overwritten, in a copy that will not be used any more. */
void                sink_conf_wipe(struct sink_conf *c);
/* Nothing that matters to a worker is different. */
bool                sink_conf_same(const struct sink_conf *a, const struct sink_conf *b);

#endif
