/*
 * tests/fuzz/fuzz_pattern.c - any bytes as lines of a log, and as a snapshot of templates.
 *
 * Bytes that begin with a snapshot's name are one, whose checksum is put right so that what it guards is reached.  Others are one line, with its
 * new lines, and then each of these, into a small memory: none is lost, merges name templates that were there, and what was learned comes back from its snapshot.
 */
#include "digest/patterns.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

static void must(bool truth)
{
    if (!truth)
        abort();
}

static void merged(void *ctx, uint64_t gone, uint64_t into)
{
    (void)ctx;
    must(into && gone > into);
}

static bool add(void *ctx, const struct pattern *t)
{
    *(uint64_t *)ctx += t->count;
    must(t->text && strlen(t->text) < PATTERN_TEXT_MAX && t->sample && strlen(t->sample) < PATTERN_SAMPLE_MAX);
    return true;
}

static void must_come_back(struct patterns *p, const struct patterns_options *o)
{
    struct fault     fault;
    struct patterns *q;
    char            *bytes, *again;
    size_t           n, m;
    must(patterns_new(o, &q, &fault) == OK);
    must(patterns_save(p, &bytes, &n, &fault) == OK);
    must(patterns_load(q, (struct slice){ bytes, n }, &fault) == OK);
    must(patterns_save(q, &again, &m, &fault) == OK);
    must(n == m && memcmp(bytes, again, n) == 0);
    free(bytes);
    free(again);
    patterns_free(q);
}

static void take_line(struct patterns *p, struct slice line, uint64_t at)
{
    struct slice          field[16];
    const struct pattern *t = patterns_take(p, line, (int64_t)at);
    must(t != NULL && t == patterns_find(p, t->id));
    size_t n = patterns_fields(p, t, line, field, 16);
    for (size_t i = 0; i < n; i++)
        must(field[i].s >= line.s && field[i].s + field[i].n <= line.s + line.n);
    uint64_t id = t->id;
    t = patterns_match(p, line);
    must(t && t->id == id);
}

/* All of it as one, with its new lines, and then each. */
static void take_lines(struct patterns *p, const char *at, size_t size)
{
    const char *end = at + size;
    uint64_t    lines = 0, counted = 0;
    take_line(p, (struct slice){ at, size }, lines++);
    for (; at < end; lines++) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        take_line(p, (struct slice){ at, (size_t)((stop ? stop : end) - at) }, lines);
        at = stop ? stop + 1 : end;
    }
    patterns_each(p, add, &counted);
    must(patterns_evicted(p) || counted == lines);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct patterns_options o = { .patterns_max = 40, .bytes_max = 1u << 20, .similarity = 0.5 };
    struct patterns *p;
    struct fault     fault;
    must(mask_ignore_add(&o.ignore, SLICE("msg")) && mask_ignore_add(&o.ignore, SLICE("a")));
    must(patterns_new(&o, &p, &fault) == OK);
    patterns_on_merge(p, merged, NULL);
    if (size >= 16 && memcmp(data, "HOMEOPAT", 8) == 0) {
        char *bytes = malloc(size);
        must(bytes != NULL);
        memcpy(bytes, data, size);
        uint64_t sum = XXH3_64bits(bytes, size - 8);
        for (size_t i = 0; i < 8; i++)
            bytes[size - 8 + i] = (char)(sum >> (8 * i));
        if (patterns_load(p, (struct slice){ bytes, size }, &fault) == OK) {
            must(patterns_count(p) <= o.patterns_max);
            must_come_back(p, &o);
            (void)patterns_take(p, SLICE("user anna logged in from 10.0.0.1 a{7}"), 1);
        }
        free(bytes);
    } else {
        take_lines(p, (const char *)data, size);
        must_come_back(p, &o);
    }
    must(patterns_bytes(p) <= o.bytes_max + (64u << 10));
    patterns_free(p);
    return 0;
}
