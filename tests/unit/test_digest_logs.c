/* digest: lines are counted under their pattern, each once, and each tenant's for itself; a pointer leads back to the records. */
#include "unit.h"

#include "digest/locate.h"
#include "digest/logs.h"
#include "digest_double.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct world { struct logs *l; struct places *p; struct arena a; const struct resource *cart; };

static struct logs_row rows[256];
static struct { uint32_t tenant; uint64_t id; char text[128], schema[256]; int severity; int64_t first_us, last_us; } patterns[256];
static int             n, kinds, merges;

static struct world a_world(uint32_t cells)
{
    struct fault        f = { 0 };
    struct logs_options o = logs_options_default();
    struct world        w = { .cart = a_resource("service.name", "cart") };
    if (cells)
        o.cells_max = cells;
    assert_ok(logs_new(&o, &w.l, &f), &f);
    assert_ok(places_new(100, &w.p, &f), &f);
    arena_init(&w.a, 1 << 20);
    return w;
}

static void end(struct world *w)
{
    logs_free(w->l);
    places_free(w->p);
    arena_done(&w->a);
}

static void take(struct world *w, struct event e) { logs_take(w->l, w->p, &e, places_of(w->p, &e), &w->a); }

static bool row(void *ctx, const struct logs_row *r) { (void)ctx; rows[n++] = *r; return n < 256; }
static bool merged(void *ctx, const struct logs_merge *m) { (void)ctx; (void)m; merges++; return true; }
static bool pattern(void *ctx, const struct logs_pattern *p)
{
    (void)ctx;
    patterns[kinds].tenant = p->tenant, patterns[kinds].id = p->pattern->id, patterns[kinds].severity = p->severity;
    patterns[kinds].first_us = p->pattern->first_us, patterns[kinds].last_us = p->pattern->last_us;
    (void)snprintf(patterns[kinds].schema, sizeof patterns[0].schema, "%s", p->schema);
    (void)snprintf(patterns[kinds++].text, sizeof patterns[0].text, "%s", p->pattern->text);
    return kinds < 256;
}

static void emit(struct world *w, double upper_s)
{
    n = kinds = merges = 0;
    assert_true(logs_emit(w->l, AT(upper_s), &(struct logs_emit){ merged, pattern, row, NULL }));
}

static uint64_t total(void)
{
    uint64_t sum = 0;
    for (int i = 0; i < n; i++)
        sum += rows[i].count;
    return sum;
}

static void lines_of_one_pattern_are_counted_together_with_their_errors(void **state)
{
    (void)state;
    struct world w = a_world(0);
    char         line[64];
    for (int i = 0; i < 100; i++) {
        (void)snprintf(line, sizeof line, "connection from 10.0.0.%d refused", i);
        take(&w, a_log(w.cart, 600 + i, i < 10 ? 17 : 9, line));
    }
    emit(&w, 900);
    assert_int_equal(n, 1);
    assert_int_equal(rows[0].bucket_us, AT(600));
    assert_int_equal(rows[0].count, 100);
    assert_int_equal(rows[0].errors, 10);
    assert_int_equal(kinds, 1);
    assert_int_equal(patterns[0].id, rows[0].pattern);
    assert_non_null(strstr(patterns[0].text, "<*>"));
    logs_settle(w.l, AT(900));
    emit(&w, 900);
    assert_int_equal(n, 0);
    end(&w);
}

static void a_line_that_only_says_it_is_an_error_is_one(void **state)
{
    (void)state;
    struct world w = a_world(0);
    take(&w, a_log(w.cart, 600, 0, "ERROR: disk full on sda"));
    take(&w, a_log(w.cart, 600, 9, "ERROR: disk full on sda"));     /* its sender knows better */
    struct event e = a_log(w.cart, 600, 0, "nothing to see");
    e.as.log.severity_text = SLICE("crit");
    take(&w, e);
    take(&w, a_log(w.cart, 600, 0, "0 errors"));
    emit(&w, 900);
    uint64_t errors = 0;
    for (int i = 0; i < n; i++)
        errors += rows[i].errors;
    assert_int_equal(errors, 2);
    end(&w);
}

static void what_has_no_pattern_was_seen_when_its_windows_were(void **state)
{
    (void)state;
    struct world w = a_world(0);
    take(&w, a_log(w.cart, 610, 9, ""));
    take(&w, a_log(w.cart, 1210, 17, ""));
    emit(&w, 1260);
    assert_int_equal(kinds, 1);
    assert_string_equal(patterns[0].text, "<other>");
    assert_int_equal(patterns[0].first_us, AT(600));
    assert_int_equal(patterns[0].last_us, AT(1260));         /* not later than now */
    assert_int_equal(patterns[0].severity, 17);
    assert_string_equal(patterns[0].schema, "");
    end(&w);
}

static void a_pattern_that_was_forgotten_was_seen_when_its_windows_were(void **state)
{
    (void)state;
    struct fault        f = { 0 };
    struct logs_options o = logs_options_default();
    struct world        w = a_world(0);
    logs_free(w.l);
    o.patterns.patterns_max = 1;
    assert_ok(logs_new(&o, &w.l, &f), &f);
    take(&w, a_log(w.cart, 610, 9, "something was opened"));
    take(&w, a_log(w.cart, 611, 9, "{} and [] are others"));
    emit(&w, 900);
    assert_int_equal(kinds, 2);
    assert_string_equal(patterns[0].text, "");
    assert_int_equal(patterns[0].first_us, AT(600));
    assert_int_equal(patterns[0].last_us, AT(900));
    assert_string_equal(patterns[1].text, "{} and [] are others");
    assert_int_equal(patterns[1].first_us, AT(611));
    end(&w);
}

static void a_pattern_is_as_grave_as_the_gravest_of_its_lines_wherever_they_were(void **state)
{
    (void)state;
    struct world           w = a_world(0);
    const struct resource *web = a_resource("service.name", "web");
    take(&w, a_log(w.cart, 610, 9, "took 3 ms"));
    take(&w, a_log(web, 620, 17, "took 4 ms"));
    take(&w, a_log(w.cart, 905, 13, "took 5 ms"));
    take(&w, a_log(w.cart, 580, 9, "took 6 ms"));            /* late: it was seen even before */
    emit(&w, 1200);
    assert_int_equal(kinds, 1);
    assert_int_equal(patterns[0].severity, 17);
    assert_int_equal(patterns[0].first_us, AT(580));
    assert_int_equal(patterns[0].last_us, AT(905));
    assert_string_equal(patterns[0].schema, "{\"fields\":[{\"index\":0,\"example\":\"3 ms\"}]}");
    end(&w);
}

static void lines_of_a_service_without_a_row_are_counted_under_other_of_that_service(void **state)
{
    (void)state;
    struct world           w = a_world(1);
    const struct resource *web = a_resource("service.name", "web");
    take(&w, a_log(w.cart, 610, 9, "something was opened"));
    take(&w, a_log(w.cart, 611, 9, "{} and [] are others"));
    for (int i = 0; i < 5; i++)
        take(&w, a_log(web, 612, 17, "everything was closed"));
    struct logs_stats s;
    logs_stats(w.l, &s);
    assert_int_equal(s.capped, 6);
    assert_int_equal(s.no_memory, 0);
    emit(&w, 900);
    assert_int_equal(n, 3);
    assert_int_equal(total(), 7);
    assert_int_equal(rows[2].pattern, 0);
    assert_int_equal(rows[2].count, 5);
    assert_int_equal(rows[2].errors, 5);
    end(&w);
}

static void no_line_is_lost_whatever_the_patterns_do(void **state)
{
    (void)state;
    struct world w = a_world(8);                             /* and hardly any room */
    char         line[96];
    for (int i = 0; i < 3000; i++) {
        (void)snprintf(line, sizeof line, "%s %d %s number %d of kind%d", i % 3 ? "took" : "gave", i, i % 7 ? "thing" : "item", i * 31, i % 41);
        take(&w, a_log(w.cart, 600 + i % 250, 9, line));
    }
    emit(&w, 900);
    assert_int_equal(total(), 3000);
    assert_true(n <= 9);
    end(&w);
}

static void tenants_do_not_share_patterns(void **state)
{
    (void)state;
    struct world w = a_world(0);
    struct event e = a_log(w.cart, 600, 9, "the secret of one is 1");
    take(&w, e);
    e.tenant = SLICE("other");
    e.record++;
    take(&w, e);
    emit(&w, 900);
    assert_int_equal(n, 2);
    assert_int_equal(kinds, 2);
    assert_int_not_equal(rows[0].tenant, rows[1].tenant);
    assert_int_not_equal(rows[0].place, rows[1].place);
    end(&w);
}

static void late_lines_change_their_window_and_older_ones_are_counted(void **state)
{
    (void)state;
    struct world      w = a_world(0);
    struct logs_stats s;
    take(&w, a_log(w.cart, 600, 9, "one line"));
    emit(&w, 960);
    logs_settle(w.l, AT(960));
    struct event late = a_log(w.cart, 601, 9, "one line");
    late.received_us = AT(970);
    take(&w, late);
    emit(&w, 960);
    assert_int_equal(total(), 2);
    logs_settle(w.l, AT(3000));
    take(&w, late);
    logs_stats(w.l, &s);
    assert_int_equal(s.late, 1);
    end(&w);
}

static void what_is_open_survives_as_bytes_with_what_was_learned(void **state)
{
    (void)state;
    struct fault f = { 0 };
    struct world w = a_world(0), v = a_world(0);
    struct pack  bytes;
    pack_init(&bytes, 1 << 24);
    for (int i = 0; i < 50; i++)
        take(&w, a_log(w.cart, 600, 9, i % 2 ? "disk full on sda" : "user 12 logged in"));
    assert_ok(logs_save(w.l, &bytes, &f), &f);
    assert_ok(logs_load(v.l, pack_bytes(&bytes), &f), &f);
    take(&w, a_log(w.cart, 601, 9, "user 99 logged in"));
    take(&v, a_log(v.cart, 601, 9, "user 99 logged in"));
    emit(&w, 900);
    struct logs_row before[2] = { rows[0], rows[1] };
    assert_int_equal(n, 2);
    emit(&v, 900);
    assert_int_equal(n, 2);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(before[i].pattern, rows[i].pattern);
        assert_int_equal(before[i].count, rows[i].count);
    }
    for (size_t cut = 0; cut < bytes.n; cut += 7) {
        struct world x = a_world(0);
        assert_int_not_equal(logs_load(x.l, (struct slice){ bytes.s, cut }, &f), OK);
        end(&x);
    }
    pack_done(&bytes);
    end(&w);
    end(&v);
}

/* ---- pointers ---- */

static struct located located[64];
static int            cells;
static struct { unsigned shard; uint64_t base; char *bytes; size_t size; } blocks[LOCATE_SHARDS];
static int            shards;

static bool cell(void *ctx, const struct located *c) { (void)ctx; located[cells++] = *c; return cells < 64; }
static bool block(void *ctx, unsigned shard, uint64_t base, uint64_t last, struct slice entries)
{
    (void)ctx;
    assert_true(last >= base);
    blocks[shards].shard = shard, blocks[shards].base = base, blocks[shards].size = entries.n;
    blocks[shards].bytes = malloc(entries.n);
    memcpy(blocks[shards++].bytes, entries.s, entries.n);
    return true;
}

static void a_trace_leads_to_its_records_and_a_place_to_its_range(void **state)
{
    (void)state;
    struct fault           f = { 0 };
    struct locate         *l;
    const struct resource *cart = a_resource("service.name", "cart");
    uint64_t               found[8];
    assert_ok(locate_new(AT(600), &l, &f), &f);
    for (int i = 1; i < 200; i++)
        for (int k = 0; k < 3; k++) {
            struct event e = a_span(cart, SPAN_CLIENT, i, k + 1, 0, 600 + i, 1);
            e.record = (uint64_t)(1000 + i / 10 + (k == 2 ? 500 : 0));
            locate_take(l, &e, 3, AT(600 + i), e.as.span.trace_id);
        }
    assert_true(locate_emit(l, cell, block, NULL));
    assert_int_equal(cells, 1);
    assert_int_equal(located[0].first, 1000);
    assert_int_equal(located[0].last, 1519);
    assert_int_equal(located[0].events, 597);
    for (int i = 1; i < 200; i++) {
        struct event e = a_span(cart, SPAN_CLIENT, i, 1, 0, 600, 1);
        uint64_t     hash = locate_hash(e.as.span.trace_id);
        size_t       hits = 0;
        for (int b = 0; b < shards; b++)
            if (blocks[b].shard == locate_shard(hash))
                hits += locate_find((struct slice){ blocks[b].bytes, blocks[b].size }, blocks[b].base, hash, found + hits, 8 - hits);
        assert_int_equal(hits, 2);                           /* one that came twice in one record is there once */
        assert_int_equal(found[0], 1000 + i / 10);
        assert_int_equal(found[1], 1500 + i / 10);
    }
    for (int b = 0; b < shards; b++)
        free(blocks[b].bytes);
    locate_free(l);
}

static void an_event_of_a_clock_that_is_far_ahead_has_no_pointer_and_its_trace_is_found(void **state)
{
    (void)state;
    struct fault           f = { 0 };
    struct locate         *l;
    const struct resource *cart = a_resource("service.name", "cart");
    uint64_t               found[2];
    assert_ok(locate_new(AT(600), &l, &f), &f);
    for (int i = 0; i < 50; i++) {                           /* a year of five minutes would be a hundred thousand pointers */
        struct event e = a_span(cart, SPAN_CLIENT, 7, 1, 0, 1300 + 300 * i, 1);
        e.record = 5;
        e.received_us = AT(700);
        locate_take(l, &e, 3, AT(1300.5 + 300 * i), e.as.span.trace_id);
    }
    struct event in_time = a_span(cart, SPAN_CLIENT, 8, 1, 0, 1300, 1);
    in_time.received_us = AT(700);
    locate_take(l, &in_time, 3, AT(1300), in_time.as.span.trace_id);
    cells = 0;
    assert_true(locate_emit(l, cell, NULL, NULL));
    assert_int_equal(cells, 1);                              /* as far ahead as a window may be */
    assert_int_equal(locate_early(l), 50);
    assert_int_equal(locate_lost(l), 0);
    assert_int_equal(locate_find_open(l, locate_hash(a_span(cart, SPAN_CLIENT, 7, 1, 0, 0, 1).as.span.trace_id), found, 2), 1);
    locate_free(l);
}

static bool count_cell(void *ctx, const struct located *c) { (void)c; ++*(int *)ctx; return true; }

/* Once they were: then a digest with too many of them waited for ever for room that only time makes. */
static void pointers_without_room_are_counted_and_nobody_waits_for_them(void **state)
{
    (void)state;
    struct fault           f = { 0 };
    struct locate         *l;
    const struct resource *cart = a_resource("service.name", "cart");
    struct event           e = a_span(cart, SPAN_CLIENT, 7, 1, 0, 700, 1);
    int                    many = 0;
    e.received_us = AT(700);
    assert_ok(locate_new(AT(600), &l, &f), &f);
    for (uint32_t place = 0; place < LOCATE_CELLS_MAX + 9; place++)
        locate_take(l, &e, place, AT(700), (struct slice){ 0 });
    assert_false(locate_full(l));
    assert_int_equal(locate_lost(l), 9);
    assert_true(locate_emit(l, count_cell, NULL, &many));
    assert_int_equal(many, LOCATE_CELLS_MAX);
    locate_settle(l, AT(1860), true);                        /* now they are too old */
    locate_take(l, &e, 1, AT(1250), (struct slice){ 0 });
    many = 0;
    assert_true(locate_emit(l, count_cell, NULL, &many));
    assert_int_equal(many, 1);
    locate_free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_of_one_pattern_are_counted_together_with_their_errors),
        cmocka_unit_test(a_line_that_only_says_it_is_an_error_is_one),
        cmocka_unit_test(what_has_no_pattern_was_seen_when_its_windows_were),
        cmocka_unit_test(a_pattern_that_was_forgotten_was_seen_when_its_windows_were),
        cmocka_unit_test(a_pattern_is_as_grave_as_the_gravest_of_its_lines_wherever_they_were),
        cmocka_unit_test(lines_of_a_service_without_a_row_are_counted_under_other_of_that_service),
        cmocka_unit_test(no_line_is_lost_whatever_the_patterns_do),
        cmocka_unit_test(tenants_do_not_share_patterns),
        cmocka_unit_test(late_lines_change_their_window_and_older_ones_are_counted),
        cmocka_unit_test(what_is_open_survives_as_bytes_with_what_was_learned),
        cmocka_unit_test(a_trace_leads_to_its_records_and_a_place_to_its_range),
        cmocka_unit_test(an_event_of_a_clock_that_is_far_ahead_has_no_pointer_and_its_trace_is_found),
        cmocka_unit_test(pointers_without_room_are_counted_and_nobody_waits_for_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
