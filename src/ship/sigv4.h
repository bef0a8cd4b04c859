/*
 * ship/sigv4.h - AWS Signature Version 4: proves to an object store who asks, without the key going over the wire.
 *
 *     char hash[SIGV4_HASH], out[SIGV4_MAX];
 *     sigv4_hash(body, size, hash);
 *     sigv4_sign(&(struct sigv4){ .key_id = id, .secret = secret, .region = "eu-west-1", .service = "s3", .method = "PUT", .path = "/bucket/key", .query = "",
 *                .header = headers, .headers = n, .payload = hash, .date = "20130524T000000Z" }, out, sizeof out);
 *     -> the value of the header Authorization
 *
 * It knows nothing of the rest of the house: OpenSSL's names and those of base/err.h do not go together.
 */
#ifndef SHIP_SIGV4_H
#define SHIP_SIGV4_H

#include <stdbool.h>
#include <stddef.h>

enum { SIGV4_HASH = 65, SIGV4_DATE = 17, SIGV4_MAX = 1024, SIGV4_HEADERS_MAX = 16 };

struct sigv4_header { const char *name, *value; };     /* the name in small letters, the value without blanks around it */
struct sigv4 {
    const char *key_id, *secret, *region, *service;
    const char *method, *path, *query;                 /* path and query as they are sent, escaped; the query's parameters in order */
    const struct sigv4_header *header;                 /* by name; host and x-amz-date must be among them */
    size_t      headers;
    const char *payload;                               /* hash of the body */
    const char *date;                                  /* as in x-amz-date */
};

/* SHA-256 in hex. False: the library failed. */
bool sigv4_hash(const void *data, size_t n, char out[SIGV4_HASH]);
/* False: it does not fit, or the library failed. */
bool sigv4_sign(const struct sigv4 *s, char *out, size_t size);
/* Letters, digits and -._~/ stay, all else becomes %XX. False: it does not fit. */
bool sigv4_escape(const char *path, char *out, size_t size);
/* The same for a value of a query, where / becomes %2F. */
bool sigv4_escape_value(const char *value, char *out, size_t size);

#endif
