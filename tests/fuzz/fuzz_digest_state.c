/*
 * tests/fuzz/fuzz_digest_state.c - any bytes as what the digest had open: refused, or taken so that it can be given out, settled and kept again.
 *
 * The first byte says which part the rest is: m metrics, c calls, l logs, r pointers (records), p places.
 */
#include "digest/calls.h"
#include "digest/locate.h"
#include "digest/logs.h"
#include "digest/metrics.h"

#include <stdlib.h>

static bool metric(void *ctx, const struct minute_of_metric *m) { (void)ctx; (void)m; return true; }
static bool cell(void *ctx, const struct located *l) { (void)ctx; (void)l; return true; }
static bool block(void *ctx, unsigned shard, uint64_t base, uint64_t last, struct slice entries)
{
    uint64_t record[4];
    (void)ctx;
    (void)locate_find(entries, base, (uint64_t)shard << 56, record, 4);
    if (last < base)
        abort();
    return true;
}

static void must_be_kept(struct pack *p)
{
    if (p->full)
        abort();
    pack_done(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fault fault;
    struct pack  p;
    if (!size)
        return 0;
    struct slice bytes = { (const char *)data + 1, size - 1 };
    pack_init(&p, 1 << 26);
    if (data[0] == 'm') {
        struct metrics_options o = metrics_options_default();
        struct metrics        *m = NULL;
        if (metrics_new(&o, &m, &fault) == OK && metrics_load(m, bytes, &fault) == OK) {
            (void)metrics_emit(m, INT64_MAX, metric, NULL);
            metrics_settle(m, 0);
            metrics_save(m, &p);
            must_be_kept(&p);
        }
        metrics_free(m);
    } else if (data[0] == 'c') {
        struct calls_options o = calls_options_default();
        struct calls        *c = NULL;
        o.pending_max = 64;
        if (calls_new(&o, &c, &fault) == OK && calls_load(c, bytes, &fault) == OK) {
            calls_save(c, &p);
            must_be_kept(&p);
        }
        calls_free(c);
    } else if (data[0] == 'l') {
        struct logs_options o = logs_options_default();
        struct logs        *l = NULL;
        o.patterns.patterns_max = 64;
        if (logs_new(&o, &l, &fault) == OK && logs_load(l, bytes, &fault) == OK) {
            logs_settle(l, 0);
            if (logs_save(l, &p, &fault) == OK)
                must_be_kept(&p);
        }
        logs_free(l);
    } else if (data[0] == 'r') {
        struct locate *l = NULL;
        if (locate_new(600, &l, &fault) == OK && locate_load(l, bytes, &fault) == OK) {
            (void)locate_emit(l, cell, block, NULL);
            locate_settle(l, 0, true);
            locate_save(l, &p);
            must_be_kept(&p);
        }
        locate_free(l);
    } else if (data[0] == 'p') {
        struct places *q = NULL;
        if (places_new(16, &q, &fault) == OK && places_load(q, bytes, &fault) == OK) {
            places_save(q, &p);
            must_be_kept(&p);
        }
        places_free(q);
    }
    pack_done(&p);
    return 0;
}
