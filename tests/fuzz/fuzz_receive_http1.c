/* Any bytes as requests of HTTP/1.1: read in one piece, in two and byte by byte, the same comes out. */
#include "receive/http1.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static void must(bool truth)
{
    if (!truth)
        abort();
}

/* What came out, with the pieces of a body joined. */
struct seen { unsigned char *s; size_t n; int last; };

static void add(struct seen *o, enum http1_event e, struct slice a, struct slice b)
{
    if (e != HTTP1_DATA || o->last != HTTP1_DATA)
        o->s[o->n++] = (unsigned char)e;
    o->last = (int)e;
    if (a.n)
        memcpy(o->s + o->n, a.s, a.n);
    o->n += a.n;
    if (b.n)
        memcpy(o->s + o->n, b.s, b.n);
    o->n += b.n;
}

static void read_in_steps(const uint8_t *data, size_t size, size_t step, struct seen *o)
{
    struct http1 p;
    *o = (struct seen){ .s = malloc(size * 3 + 64) };
    http1_init(&p, 2048);
    for (size_t at = 0; at < size; at += step) {
        size_t       n = size - at < step ? size - at : step;
        char        *copy = malloc(n);
        struct slice in = { memcpy(copy, data + at, n), n };
        for (enum http1_event e; (e = http1_next(&p, &in)) != HTTP1_MORE;) {
            struct slice none = { 0 };
            if (e == HTTP1_BAD) {
                unsigned char code = (unsigned char)(p.status % 251);
                must(p.status >= 400 && p.why);
                add(o, e, (struct slice){ (const char *)&code, 1 }, none);
                free(copy);
                http1_done(&p);
                return;
            }
            must(e != HTTP1_HEAD || (p.length >= -1 && (p.version == 10 || p.version == 11)));
            add(o, e, e == HTTP1_REQUEST ? p.method : e == HTTP1_FIELD ? p.name : none, e == HTTP1_REQUEST ? p.target : e == HTTP1_FIELD || e == HTTP1_DATA ? p.value : none);
        }
        must(in.n == 0);
        free(copy);
    }
    http1_done(&p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct seen whole, bytes, other;
    if (size < 2 || size > 16384)
        return 0;
    read_in_steps(data + 1, size - 1, size, &whole);
    read_in_steps(data + 1, size - 1, 1, &bytes);
    read_in_steps(data + 1, size - 1, (size_t)data[0] + 2, &other);
    must(whole.n == bytes.n && memcmp(whole.s, bytes.s, whole.n) == 0);
    must(whole.n == other.n && memcmp(whole.s, other.s, whole.n) == 0);
    free(whole.s);
    free(bytes.s);
    free(other.s);
    return 0;
}
