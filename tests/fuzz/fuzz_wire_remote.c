/*
 * tests/fuzz/fuzz_wire_remote.c - any bytes as a remote write request, 1.0 or 2.0 by the first byte: checking and reading agree, points can be
 * flattened, and what is written from what was read is read again with as many samples.
 */
#include "event/event.h"
#include "event/flatten.h"
#include "wire/remote.h"

#include <stdlib.h>

static void must(bool truth)
{
    if (!truth)
        abort();
}

struct seen { size_t events; struct arena a; };

static bool flat(void *ctx, const struct flatten_sample *s)
{
    must(s->labels_n > 0 && s->name.n > 0);
    for (size_t i = 1; i < s->labels_n; i++)
        must(slice_order(s->labels[i - 1].name, s->labels[i].name) < 0);
    return true;
}

static bool take(void *ctx, const struct event *e)
{
    struct seen                 *seen = ctx;
    struct fault                 fault;
    const struct flatten_options options = { .native = seen->events % 2, .resource_labels = seen->events % 3 == 0 };
    seen->events++;
    enum err code = flatten_point(e, &options, &seen->a, flat, NULL, &fault);
    must(code == OK || code == ERR_LIMIT);
    return true;
}

static void write_again(enum remote_version version, struct slice body, uint64_t samples)
{
    struct remote        r;
    struct remote_series s;
    struct arena         a;
    struct fault         fault;
    enum err             e;
    struct remote_writer w;
    arena_init(&a, 16 << 20);
    remote_write_init(&w, version, 16 << 20);
    must(remote_open(&r, version, body, &a, &fault) == OK);
    while (remote_next(&r, &s, &e, &fault)) {
        struct remote_sample    sample;
        struct remote_histogram h;
        struct remote_exemplar  x;
        if (s.flaw != REMOTE_FINE)
            continue;
        remote_write_series(&w, s.labels.item, s.labels.count, s.metadata.type, s.metadata.help, s.metadata.unit);
        while (remote_sample_next(&s, &sample))
            remote_write_sample(&w, sample.value, sample.time_ms, sample.start_ms);
        while (remote_exemplar_next(&s, &x))
            remote_write_exemplar(&w, x.labels.item, x.labels.count, x.value, x.time_ms);
        while (remote_histogram_next(&s, &h, NULL))
            if (h.count < 1e15)
                remote_write_histogram(&w, &h);
    }
    struct slice         out = remote_write_take(&w);
    struct remote_counts c;
    if (!w.full) {
        must(remote_check(version, out, &a, &c, &fault) == OK);
        must(c.samples == samples);
    }
    remote_write_done(&w);
    arena_done(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!size)
        return 0;
    enum remote_version  version = data[0] & 1 ? REMOTE_V2 : REMOTE_V1;
    struct record        r = { .id = 1, .received_us = 1, .kind = RECORD_REMOTE_WRITE, .form = version == REMOTE_V2 ? FORM_PROTOBUF_2 : FORM_PROTOBUF,
                               .body = { (const char *)data + 1, size - 1 } };
    struct event_report  read, checked;
    struct remote_counts c;
    struct fault         fault = { 0 };
    struct seen          seen = { .events = 0 };
    struct arena         a;
    arena_init(&a, 16 << 20);
    arena_init(&seen.a, 16 << 20);
    enum err e = event_read(&r, &a, take, &seen, &read, &fault), f = event_check(r.kind, r.form, r.body, &checked, &fault);
    if (e != ERR_LIMIT) {
        must(e == f);
        must(e != OK || (read.events == checked.events && read.rejected == checked.rejected && read.bad_text == checked.bad_text && seen.events == read.events));
    }
    arena_reset(&a);
    if (f == OK && remote_check(version, r.body, &a, &c, &fault) == OK)
        write_again(version, r.body, c.samples);
    arena_done(&a);
    arena_done(&seen.a);
    return 0;
}
