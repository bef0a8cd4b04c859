/*
 * ship/s3.h - a bucket of an object store that speaks S3: signed requests over one connection that is kept.
 *
 *     s3_open(conf, &s3, fault);                    // url, bucket, region, path_style, user, password, ... of a sink
 *     if (s3_ask(s3, &(struct s3_ask){ .method = "PUT", .key = key, .type = "application/x-ndjson", .body = body }, &reply)) ...
 *     e = s3_list(s3, "raw/logs/", take, ctx, fault);
 *
 * Threads: one at a time; only s3_cancel() may come from another.
 */
#ifndef SHIP_S3_H
#define SHIP_S3_H

#include "ship/http.h"

enum { S3_KEY_MAX = 1024 };

struct s3;
/* Nobody is asked yet. conf must live as long. */
MUST_CHECK enum err s3_open(const struct sink_conf *conf, struct s3 **s, struct fault *fault);
void                s3_close(struct s3 *s);
void                s3_cancel(struct s3 *s);                  /* see http_client_cancel() */

struct s3_ask {
    const char   *method;
    const char   *key;                                        /* not escaped; "" is the bucket */
    const char   *query;                                      /* escaped, its parameters in order; NULL: none */
    const char   *type;                                       /* Content-Type; NULL: none */
    struct slice  body;
    struct text  *whole;                                      /* see struct http_ask */
    size_t        reply_max;
};
/* False: the request could not be made. Else there is a reply, with status 0 when nobody answered. */
bool                s3_ask(struct s3 *s, const struct s3_ask *ask, struct http_reply *r);

/* A key for each object whose key begins so, in the store's order; returning false ends it, and s3_list answers OK. ERR_IO: the store is not there, says no, or says what is no list. */
typedef bool s3_take(void *ctx, const char *key);
MUST_CHECK enum err s3_list(struct s3 *s, const char *prefix, s3_take *take, void *ctx, struct fault *fault);
/* The whole object, up to the maximum of out. ERR_IO; ERR_LIMIT: it is larger. */
MUST_CHECK enum err s3_get(struct s3 *s, const char *key, struct text *out, struct fault *fault);

#endif
