/*
 * web/web.h - the HTTP API, the live stream and the dashboard: the side that people and programs talk to.
 *
 * Reading goes to the store, changing goes to the engine; this room decides nothing about cases.  It runs on
 * threads of its own, and no thread waits for the engine: a request that does is set aside until the answer is there.
 *
 * What may be asked is one table (web/route.h), which docs/openapi.yaml describes and a test compares with it.
 *
 *     struct web_options o = web_options_default();
 *     o.folder = "/var/lib/homeostat";
 *     if (web_start(&o, engine, &sources, &web, fault) != OK) ...
 *     ...
 *     web_stop(web);      // before the engine is stopped: waiting clients get an answer
 */
#ifndef WEB_WEB_H
#define WEB_WEB_H

#include "base/clock.h"
#include "base/err.h"
#include "base/text.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

enum { WEB_BODY_MAX = 1024 * 1024, WEB_HEADERS_MAX = 32 * 1024, WEB_TOKEN_SIZE = 4 + 64 + 1 };

struct web_options {
    const char *host;                    /* an address, not a name; beyond this machine only with TLS and tokens */
    int         port;                    /* 0: any that is free, see web_port() */
    const char *folder;                  /* the store's */
    const char *tokens_file;             /* "": one token for this machine, in <folder>/token */
    const char *certificate_file;        /* PEM; both or none */
    const char *key_file;
    bool        metrics_open;            /* GET /metrics without a token */
    int         threads;                 /* 1..64; there are more when there may be many connections */
    int         connections;             /* at most so many at once */
    int         connections_per_address; /* 0: no bound of its own */
    int         subscribers;             /* of the event stream, at once */
    int64_t     header_timeout_us;       /* for a request to arrive completely; for an answer to be taken: twice that */
    int64_t     idle_timeout_us;         /* for a connection without a request */
    int64_t     wait_default_us;         /* how long adapter.exec and verify.run are waited for, when the client does not say */
    int64_t     wait_max_us;
    int64_t     heartbeat_us;            /* of the event stream */
    const struct clock *clock;           /* NULL: the machine's */
};
struct web_options web_options_default(void);

struct daemon_conf;
/* The defaults with what the configuration says; points into it. */
struct web_options web_options_of(const struct daemon_conf *conf);

/* What neither the store nor the engine tells. Called from web's threads; NULL: not available, answered as such. Caller decrefs. */
struct web_question { const char *what, *id, *service, *metric, *tenant, *kind; int64_t since_us, until_us; int limit; };   /* texts but `what` may be NULL; wall */

struct web_sources {
    json_t *(*rules)(void *ctx);         /* the rule table of cases */
    json_t *(*policy)(void *ctx);        /* the policy in force, with its version */
    /* Ingest; all NULL where nothing is taken in. */
    json_t *(*ingest)(void *ctx);        /* how it stands */
    void    (*ingest_metrics)(void *ctx, struct text *out);                     /* Prometheus text */
    /* false: it does not get on, and `checks` tells what. checks may be NULL. */
    bool    (*ingest_ready)(void *ctx, json_t *checks, char *why, size_t size);
    enum err (*look)(void *ctx, const struct web_question *q, json_t **out, struct fault *fault);
    enum err (*enqueue)(void *ctx, const json_t *request, json_t **out, struct fault *fault);
    enum err (*replay)(void *ctx, const char *consumer, const json_t *request, json_t **out, struct fault *fault);
    enum err (*forget)(void *ctx, const char *consumer, json_t **out, struct fault *fault);
    enum err (*event)(void *ctx, const json_t *request, json_t **out, struct fault *fault);     /* something happened; *out has "created" */
    void     *ctx;
};

struct web;
struct engine;

/* What is wrong with the options, without starting anything. ERR_DENIED: it would listen beyond this machine unprotected. */
MUST_CHECK enum err web_check(const struct web_options *o, struct fault *fault);
MUST_CHECK enum err web_start(const struct web_options *o, struct engine *e, const struct web_sources *s, struct web **w, struct fault *fault);
int                 web_port(const struct web *w);
/* After a reload of the configuration: another tokens file. The rest of the options waits for a restart. */
MUST_CHECK enum err web_reload(struct web *w, const struct web_options *o, struct fault *fault);

/* Ends streams, answers who waits with 503 after a moment, closes. Call it before the engine goes. NULL is fine. */
void                web_stop(struct web *w);

/*
 * Add a token to a file (made when missing, mode 0600) and tell it once; only its digest is kept.
 * roles: a set of enum role.  expires_us: wall; 0: never.
 */
MUST_CHECK enum err web_token_new(const char *file, const char *name, unsigned roles, int64_t expires_us, char token[WEB_TOKEN_SIZE], struct fault *fault);

#endif
