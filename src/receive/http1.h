/*
 * receive/http1.h - requests of HTTP/1.1 (RFC 9112) out of bytes, a piece at a time; no sockets, no memory beyond one head.
 *
 *     http1_init(&p, head_max);
 *     while ((e = http1_next(&p, &in)) != HTTP1_MORE)      // takes from the front of in
 *         switch (e) ...
 *
 * Strict where leniency lets two parties disagree about where a request ends: CRLF only, one Content-Length of digits, never
 * together with Transfer-Encoding, `chunked` alone, no folded lines, no blank before a colon, exactly one Host.
 * After HTTP1_BAD nothing more is read; status and why say what to answer before closing.
 */
#ifndef RECEIVE_HTTP1_H
#define RECEIVE_HTTP1_H

#include "base/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { HTTP1_FIELDS_MAX = 100, HTTP1_CHUNK_LINE_MAX = 256 };

enum http1_event {
    HTTP1_MORE,        /* in is used up */
    HTTP1_REQUEST,     /* method and target */
    HTTP1_FIELD,       /* name and value, white space trimmed */
    HTTP1_HEAD,        /* the head is complete: version, length, chunked, keep_alive, expect */
    HTTP1_DATA,        /* value: bytes of the body, as long as `in` is valid */
    HTTP1_END,         /* the request is complete; the next may follow */
    HTTP1_BAD
};

struct http1 {
    /* Of the last event; texts are valid until the next call. */
    struct slice method, target, name, value;
    /* From HTTP1_HEAD on. */
    int          version;          /* 10 or 11 */
    int64_t      length;           /* of the body; -1: chunked */
    bool         keep_alive, expect;
    /* With HTTP1_BAD. */
    int          status;
    const char  *why;

    /* Inside. */
    enum { HTTP1_AT_LINE, HTTP1_AT_FIELD, HTTP1_AT_BODY, HTTP1_AT_CHUNK, HTTP1_AT_CHUNK_DATA, HTTP1_AT_CHUNK_END, HTTP1_AT_TRAILER, HTTP1_AT_END, HTTP1_AT_BAD } at;
    char        *line;             /* of a line that came in pieces; room head_max */
    size_t       line_n, head_n, head_max;
    uint64_t     left;
    unsigned     fields, empty_lines;
    bool         has_length, has_coding, has_host, says_close, says_keep;
};

void http1_init(struct http1 *p, size_t head_max);
void http1_done(struct http1 *p);
enum http1_event http1_next(struct http1 *p, struct slice *in);
/* Nothing of a next request was seen yet. */
bool http1_between(const struct http1 *p);

#endif
