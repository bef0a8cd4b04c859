/* digest: the two halves of a call find each other, whichever comes first and however late. */
#include "unit.h"

#include "digest/calls_inside.h"
#include "digest_double.h"

#include <malloc.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

struct got { char src[64], dst[64]; struct calls_row row; };
static struct got rows[64];
static int        n;

struct world { struct calls *c; struct places *p; const struct resource *web, *cart; };

static struct world a_world(uint32_t pending)
{
    struct fault         f = { 0 };
    struct calls_options o = calls_options_default();
    struct world         w = { .web = a_resource("service.name", "web"), .cart = a_resource("service.name", "cart") };
    if (pending)
        o.pending_max = pending;
    assert_ok(calls_new(&o, &w.c, &f), &f);
    assert_ok(places_new(100, &w.p, &f), &f);
    return w;
}

static void end(struct world *w)
{
    calls_free(w->c);
    places_free(w->p);
}

static void take(struct world *w, struct event e) { calls_take(w->c, w->p, &e, places_of(w->p, &e)); }

static bool window(void *ctx, int64_t bucket) { (void)ctx; (void)bucket; return true; }
static bool keep(void *ctx, const struct calls_row *r)
{
    struct world *w = ctx;
    rows[n].row = *r;
    (void)snprintf(rows[n].src, sizeof rows[n].src, "%s", places_get(w->p, r->src)->urn);
    (void)snprintf(rows[n++].dst, sizeof rows[0].dst, "%s", places_get(w->p, r->dst)->urn);
    return n < 64;
}

static void emit(struct world *w, double upper_s)
{
    n = 0;
    assert_true(calls_emit(w->c, w->p, AT(upper_s), window, keep, w));
}

static const struct got *edge(const char *src, const char *dst)
{
    for (int i = 0; i < n; i++)
        if (strcmp(rows[i].src, src) == 0 && strcmp(rows[i].dst, dst) == 0)
            return &rows[i];
    return NULL;
}

static struct event failed(struct event e)
{
    e.as.span.status = SPAN_ERROR;
    return e;
}

static void a_client_and_its_server_are_one_call_in_either_order(void **state)
{
    (void)state;
    for (int order = 0; order < 2; order++) {
        struct world w = a_world(0);
        for (int i = 1; i <= 20; i++) {
            struct event client = a_span(w.web, SPAN_CLIENT, i, 1, 9, 600 + i, i * 10), server = a_span(w.cart, SPAN_SERVER, i, 2, 1, 600 + i, i * 9);
            if (i <= 5)
                server = failed(server);
            take(&w, order ? server : client);
            take(&w, order ? client : server);
        }
        emit(&w, 900);
        assert_int_equal(n, 1);
        const struct got *g = edge("urn:svc:web", "urn:svc:cart");
        assert_non_null(g);
        assert_int_equal(g->row.bucket_us, AT(600));
        assert_int_equal(g->row.count, 20);
        assert_int_equal(g->row.errors, 5);
        assert_float_equal(g->row.rps, 20. / 300, 1e-9);
        assert_float_equal(g->row.err_rate, .25, 1e-9);
        assert_float_equal(g->row.p50_ms, 100, 10.1);
        assert_float_equal(g->row.p95_ms, 190, 2);
        end(&w);
    }
}

static void a_late_server_takes_the_place_of_the_guess(void **state)
{
    (void)state;
    struct world w = a_world(0);
    struct event client = a_span(w.web, SPAN_CLIENT, 1, 1, 9, 610, 10), server = a_span(w.cart, SPAN_SERVER, 1, 2, 1, 610, 9);
    client.attrs = an_attr("server.address", "10.0.0.7");
    take(&w, client);
    emit(&w, 900);
    assert_int_equal(n, 1);
    assert_non_null(edge("urn:svc:web", "urn:host:10.0.0.7"));
    calls_settle(w.c, w.p, AT(900), AT(620));
    emit(&w, 900);
    assert_int_equal(n, 0);
    server.received_us = AT(700);
    take(&w, server);
    emit(&w, 900);
    assert_int_equal(n, 1);                                  /* the whole window, and the guess is gone */
    assert_non_null(edge("urn:svc:web", "urn:svc:cart"));
    end(&w);
}

static void what_nobody_answers_goes_where_its_attributes_say(void **state)
{
    (void)state;
    struct world w = a_world(0);
    struct attr  db[3] = { { SLICE("db.system"), { VALUE_TEXT, { .text = SLICE("postgresql") } } }, { SLICE("server.address"), { VALUE_TEXT, { .text = SLICE("main") } } },
                           { SLICE("db.name"), { VALUE_TEXT, { .text = SLICE("orders") } } } };
    struct event e = failed(a_span(w.cart, SPAN_CLIENT, 1, 1, 9, 610, 5));
    e.attrs = (struct attrs){ db, 3 };
    take(&w, e);
    e = a_span(w.cart, SPAN_CLIENT, 2, 1, 9, 610, 5);
    e.attrs = an_attr("peer.service", "billing");
    take(&w, e);
    e = a_span(w.cart, SPAN_PRODUCER, 3, 1, 9, 610, 5);
    e.attrs = an_attr("messaging.destination.name", "jobs");
    take(&w, e);
    e = a_span(w.cart, SPAN_CLIENT, 4, 1, 9, 610, 5);
    e.attrs = an_attr("rpc.service", "Users");
    take(&w, e);
    take(&w, a_span(w.cart, SPAN_CLIENT, 5, 1, 9, 610, 5));  /* says nothing */
    take(&w, a_span(w.web, SPAN_SERVER, 6, 1, 0, 610, 5));   /* a root */
    take(&w, a_span(w.web, SPAN_SERVER, 7, 1, 8, 610, 5));   /* whose caller never comes */
    take(&w, a_span(w.web, SPAN_INTERNAL, 8, 1, 8, 610, 5));
    for (int settled = 0; settled < 2; settled++) {
        emit(&w, 900);
        assert_int_equal(n, 5);
        assert_int_equal(edge("urn:svc:cart", "urn:db:postgres:main/orders")->row.errors, 1);
        assert_non_null(edge("urn:svc:cart", "urn:svc:billing"));
        assert_non_null(edge("urn:svc:cart", "urn:queue:unknown:jobs"));
        assert_non_null(edge("urn:svc:cart", "urn:svc:Users"));
        assert_int_equal(edge("urn:external", "urn:svc:web")->row.count, 2);
        /* Decided for good: what another span in that window then makes of it is the same. */
        calls_settle(w.c, w.p, AT(840), AT(610) + calls_options_default().match_us);
    }
    struct calls_stats s;
    calls_stats(w.c, &s);
    assert_int_equal(s.pending, 0);
    assert_int_equal(s.nameless, 1);
    assert_int_equal(s.unanswered, 4);
    end(&w);
}

static void a_service_that_calls_itself_is_no_edge(void **state)
{
    (void)state;
    struct world w = a_world(0);
    struct event client = a_span(w.cart, SPAN_CLIENT, 1, 1, 9, 610, 10);
    client.attrs = an_attr("server.address", "cart-2");
    take(&w, client);
    take(&w, a_span(w.cart, SPAN_SERVER, 1, 2, 1, 610, 9));
    emit(&w, 900);
    assert_int_equal(n, 0);
    end(&w);
}

static void a_producer_reaches_several_consumers(void **state)
{
    (void)state;
    struct world           w = a_world(0);
    const struct resource *mail = a_resource("service.name", "mail");
    take(&w, a_span(w.cart, SPAN_CONSUMER, 1, 2, 1, 611, 9));
    take(&w, a_span(w.web, SPAN_PRODUCER, 1, 1, 9, 610, 1));
    take(&w, a_span(mail, SPAN_CONSUMER, 1, 3, 1, 612, 9));
    emit(&w, 900);
    assert_int_equal(n, 2);
    assert_non_null(edge("urn:svc:web", "urn:svc:cart"));
    assert_non_null(edge("urn:svc:web", "urn:svc:mail"));
    end(&w);
}

static void too_many_waiting_spans_are_decided_early_and_counted(void **state)
{
    (void)state;
    struct world       w = a_world(4);
    struct calls_stats s;
    for (int i = 1; i <= 10; i++) {
        struct event e = a_span(w.web, SPAN_CLIENT, i, 1, 9, 610, 10);
        e.attrs = an_attr("peer.service", "cart");
        take(&w, e);
    }
    calls_stats(w.c, &s);
    assert_int_equal(s.pending, 4);
    assert_int_equal(s.hurried, 6);
    emit(&w, 900);
    assert_int_equal(edge("urn:svc:web", "urn:svc:cart")->row.count, 10);     /* none of them is lost */
    end(&w);
}

static void what_waits_survives_as_bytes(void **state)
{
    (void)state;
    struct fault f = { 0 };
    struct world w = a_world(0), v = a_world(0);
    struct pack  calls, places;
    pack_init(&calls, 1 << 20);
    pack_init(&places, 1 << 20);
    struct event client = a_span(w.web, SPAN_CLIENT, 1, 1, 9, 610, 10);
    client.attrs = an_attr("server.address", "10.0.0.7");
    take(&w, client);
    take(&w, a_span(w.web, SPAN_SERVER, 2, 1, 0, 610, 10));
    calls_save(w.c, &calls);
    places_save(w.p, &places);
    assert_ok(places_load(v.p, pack_bytes(&places), &f), &f);
    assert_ok(calls_load(v.c, pack_bytes(&calls), &f), &f);
    take(&v, a_span(w.cart, SPAN_SERVER, 1, 2, 1, 610, 9));
    emit(&v, 900);
    assert_int_equal(n, 2);
    assert_non_null(edge("urn:svc:web", "urn:svc:cart"));
    assert_non_null(edge("urn:external", "urn:svc:web"));
    struct world narrow = a_world(1);                        /* the bound was lowered: nothing that waits is lost */
    take(&w, a_span(w.web, SPAN_CLIENT, 3, 1, 9, 611, 10));
    pack_clear(&calls);
    calls_save(w.c, &calls);
    assert_ok(calls_load(narrow.c, pack_bytes(&calls), &f), &f);
    struct calls_stats s;
    calls_stats(narrow.c, &s);
    assert_int_equal(s.pending, 2);
    end(&narrow);
    for (size_t cut = 0; cut < calls.n; cut++) {
        struct world x = a_world(0);
        assert_int_equal(calls_load(x.c, (struct slice){ calls.s, cut }, &f), ERR_INPUT);
        end(&x);
    }
    pack_done(&calls);
    pack_done(&places);
    end(&w);
    end(&v);
}

static void things_have_urns(void **state)
{
    (void)state;
    struct place_name name;
    struct attr       k8s[] = { { SLICE("k8s.namespace.name"), { VALUE_TEXT, { .text = SLICE("shop") } } }, { SLICE("service.name"), { VALUE_TEXT, { .text = SLICE("cart") } } } };
    struct attrs      a = { k8s, 2 }, host = an_attr("host.name", "web 1/x"), none = { 0 }, service = an_attr("service.name", "cart");
    place_of_resource(&a, SLICE("otlp"), &name);
    assert_string_equal(name.urn, "urn:k8s:svc:shop/cart");
    assert_string_equal(name.name, "cart");
    place_of_resource(&host, SLICE("otlp"), &name);
    assert_string_equal(name.urn, "urn:host:web_1_x");
    place_of_resource(&service, SLICE("otlp"), &name);
    assert_string_equal(name.urn, "urn:svc:cart");
    place_of_resource(&none, SLICE("file:/var/log/syslog"), &name);
    assert_string_equal(name.urn, "urn:source:file:_var_log_syslog");
}

/* One parent that nobody reported, and a hundred thousand under it: each would be compared with all before it. */
static void very_many_spans_of_one_missing_parent_are_counted_without_comparing_all_of_them(void **state)
{
    enum { MANY = 100000 };
    struct world       w = a_world(0);
    struct calls_stats s;
    for (int i = 0; i < MANY; i++)
        take(&w, a_span(w.cart, SPAN_SERVER, 1, 2, 1, 610, 9));
    take(&w, a_span(w.web, SPAN_CLIENT, 1, 1, 9, 609, 10));      /* there it is: those that still wait are its own */
    take(&w, a_span(w.cart, SPAN_SERVER, 1, 2, 1, 610, 9));
    calls_stats(w.c, &s);
    assert_true(s.hurried > MANY - 1000);
    assert_true(s.pending < 1000);
    emit(&w, 900);
    assert_int_equal(n, 2);
    int64_t calls = 0;
    for (int i = 0; i < n; i++)
        calls += (int64_t)rows[i].row.count;
    assert_int_equal(calls, MANY + 1);
    assert_true(edge("urn:svc:web", "urn:svc:cart")->row.count > 100);
    end(&w);
}

/* More traces than a_span() has ids for. */
static struct event in_trace(struct event e, int number)
{
    static char id[16];
    memcpy(id, &number, sizeof number);
    e.as.span.trace_id = (struct slice){ id, sizeof id };
    return e;
}

static void a_server_that_comes_as_late_as_the_window_is_open_still_matches(void **state)
{
    (void)state;
    struct world w = a_world(0);
    struct event client = a_span(w.web, SPAN_CLIENT, 1, 1, 9, 610, 10), server = a_span(w.cart, SPAN_SERVER, 1, 2, 1, 610, 9);
    client.attrs = an_attr("server.address", "10.0.0.7");
    take(&w, client);
    for (double now = 720; now < 610 + 240; now += 60) {
        emit(&w, now - 120);
        calls_settle(w.c, w.p, AT(now - 120), AT(now));
    }
    server.received_us = AT(610 + 240);
    take(&w, server);
    emit(&w, 900);
    assert_int_equal(n, 1);
    assert_int_equal(edge("urn:svc:web", "urn:svc:cart")->row.count, 1);
    assert_int_equal(calls_options_default().match_us, calls_options_default().lookback_us);
    end(&w);
}

static void what_was_answered_takes_no_room_from_what_waits(void **state)
{
    (void)state;
    struct world       w = a_world(4);
    struct calls_stats s;
    take(&w, in_trace(a_span(w.web, SPAN_CLIENT, 1, 1, 9, 610, 10), 1));
    for (int i = 2; i <= 200; i++) {
        take(&w, in_trace(a_span(w.web, i % 2 ? SPAN_CLIENT : SPAN_SERVER, 1, i % 2 ? 1 : 2, i % 2 ? 9 : 1, 610, 10), i));      /* either order */
        take(&w, in_trace(a_span(w.cart, i % 2 ? SPAN_SERVER : SPAN_CLIENT, 1, i % 2 ? 2 : 1, i % 2 ? 1 : 9, 610, 10), i));
    }
    take(&w, in_trace(a_span(w.cart, SPAN_SERVER, 1, 2, 1, 610, 9), 1));
    calls_stats(w.c, &s);
    assert_int_equal(s.hurried, 0);
    assert_int_equal(s.calls, 200);
    assert_int_equal(s.pending, 0);
    assert_int_equal(s.answered, 200);
    end(&w);
}

static void of_those_that_were_answered_the_first_goes_when_there_are_too_many(void **state)
{
    (void)state;
    struct fault         f = { 0 };
    struct calls_options o = calls_options_default();
    struct calls_stats   s;
    struct world         w = a_world(0);
    calls_free(w.c);
    o.answered_max = 3;
    assert_ok(calls_new(&o, &w.c, &f), &f);
    for (int i = 1; i <= 10; i++) {
        take(&w, in_trace(a_span(w.web, SPAN_PRODUCER, 1, 1, 9, 610, 10), i));
        take(&w, in_trace(a_span(w.cart, SPAN_CONSUMER, 1, 2, 1, 610, 10), i));
    }
    calls_stats(w.c, &s);
    assert_int_equal(s.answered, 3);
    take(&w, in_trace(a_span(w.cart, SPAN_CONSUMER, 1, 3, 1, 610, 10), 10));     /* one more consumer of the last */
    take(&w, in_trace(a_span(w.cart, SPAN_CONSUMER, 1, 3, 1, 610, 10), 1));      /* and of the first */
    calls_stats(w.c, &s);
    assert_int_equal(s.calls, 11);
    assert_int_equal(s.pending, 1);
    end(&w);
}

static void a_batch_that_was_sent_twice_leaves_nobody_unanswered_also_after_a_restart(void **state)
{
    (void)state;
    struct fault       f = { 0 };
    struct world       w = a_world(0), v = a_world(0);
    struct calls_stats s;
    struct pack        calls;
    pack_init(&calls, 1 << 20);
    for (int i = 0; i < 2; i++)
        take(&w, a_span(w.web, SPAN_CLIENT, 1, 1, 9, 610, 10));
    take(&w, a_span(w.cart, SPAN_SERVER, 1, 2, 1, 610, 9));
    calls_save(w.c, &calls);
    calls_free(w.c);
    w.c = v.c;
    v.c = NULL;
    assert_ok(calls_load(w.c, pack_bytes(&calls), &f), &f);
    take(&w, a_span(w.cart, SPAN_SERVER, 1, 2, 1, 610, 9));
    calls_stats(w.c, &s);
    assert_int_equal(s.calls, 2);
    assert_int_equal(s.pending, 0);
    pack_done(&calls);
    end(&w);
    end(&v);
}

static void tenants_are_not_joined_though_they_speak_of_one_trace(void **state)
{
    (void)state;
    struct world w = a_world(0);
    struct event server = a_span(w.cart, SPAN_SERVER, 1, 2, 1, 610, 9), client = a_span(w.web, SPAN_CLIENT, 1, 1, 9, 610, 10);
    client.attrs = an_attr("server.address", "10.0.0.7");
    server.tenant = SLICE("another");
    take(&w, client);
    take(&w, server);
    emit(&w, 900);
    assert_int_equal(n, 2);
    assert_non_null(edge("urn:svc:web", "urn:host:10.0.0.7"));
    assert_non_null(edge("urn:external", "urn:svc:cart"));
    end(&w);
}

static long resident_kb(void)
{
    long  all = 0, resident = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    assert_non_null(f);
    assert_int_equal(fscanf(f, "%ld %ld", &all, &resident), 2);
    (void)fclose(f);
    return resident * 4;
}

/* A quarter of a million halves wait, as they do when one side's spans come a minute later; before that there is no memory for them. */
static void many_may_wait_and_memory_is_touched_only_as_they_do(void **state)
{
    (void)state;
    enum { MANY = 250000 };
    (void)mallopt(M_PERTURB, 0);                             /* which writes over whatever is allocated */
    long               before = resident_kb();
    struct world       w = a_world(0);
    struct calls_stats s;
    assert_true(resident_kb() - before < 16 * 1024);
    for (int i = 0; i < MANY; i++)
        take(&w, in_trace(a_span(w.web, SPAN_CLIENT, 1, 1, 9, 610, 10), i));
    for (int i = 0; i < MANY; i++)
        take(&w, in_trace(a_span(w.cart, SPAN_SERVER, 1, 2, 1, 610, 9), i));
    calls_stats(w.c, &s);
    assert_int_equal(s.calls, MANY);
    assert_int_equal(s.hurried, 0);
    assert_int_equal(s.pending, 0);
    end(&w);
}

static struct event linked(struct event e, const struct span_link *links, size_t count)
{
    e.as.span.links = links;
    e.as.span.links_n = count;
    return e;
}

static void a_consumer_in_a_trace_of_its_own_is_joined_by_its_first_link(void **state)
{
    (void)state;
    const struct resource *mail = a_resource("service.name", "mail");
    for (int order = 0; order < 2; order++) {
        struct world     w = a_world(0);
        struct event     producer = a_span(w.web, SPAN_PRODUCER, 1, 1, 9, 610, 1), another = a_span(mail, SPAN_PRODUCER, 2, 3, 9, 610, 1);
        struct span_link links[2] = { { .trace_id = producer.as.span.trace_id, .span_id = producer.as.span.span_id }, { .trace_id = another.as.span.trace_id, .span_id = another.as.span.span_id } };
        struct event     consumer = linked(a_span(w.cart, SPAN_CONSUMER, 7, 2, 0, 612, 9), links, 2);
        another.attrs = an_attr("messaging.destination.name", "jobs");
        take(&w, order ? consumer : producer);
        take(&w, order ? producer : consumer);
        take(&w, another);
        emit(&w, 900);
        assert_int_equal(n, 2);
        assert_int_equal(edge("urn:svc:web", "urn:svc:cart")->row.count, 1);
        assert_non_null(edge("urn:svc:mail", "urn:queue:unknown:jobs"));      /* a batch of several is one call, by the first */
        end(&w);
    }
}

static void a_parent_comes_before_links_and_who_serves_needs_none(void **state)
{
    (void)state;
    struct world     w = a_world(0);
    struct event     parent = a_span(w.web, SPAN_PRODUCER, 1, 1, 9, 610, 1), other = a_span(w.web, SPAN_PRODUCER, 2, 1, 9, 610, 1);
    struct span_link link = { .trace_id = other.as.span.trace_id, .span_id = other.as.span.span_id };
    struct calls_stats s;
    take(&w, parent);
    take(&w, linked(a_span(w.cart, SPAN_CONSUMER, 1, 2, 1, 612, 9), &link, 1));
    take(&w, linked(a_span(w.cart, SPAN_SERVER, 3, 2, 0, 612, 9), &link, 1));    /* a link says less there: who called is not known */
    take(&w, a_span(w.cart, SPAN_CONSUMER, 4, 2, 0, 612, 9));
    emit(&w, 900);
    assert_int_equal(n, 2);
    assert_int_equal(edge("urn:svc:web", "urn:svc:cart")->row.count, 1);
    assert_int_equal(edge("urn:external", "urn:svc:cart")->row.count, 2);
    calls_stats(w.c, &s);
    assert_int_equal(s.pending, 0);
    assert_int_equal(s.uncalled, 2);
    end(&w);
}

/* ---- servers whose clock is off, servers below servers, consumers below consumers ---- */

static struct event at_time(struct event e, double received_s)
{
    e.received_us = AT(received_s);
    return e;
}

static struct event to_host(struct event e)
{
    e.attrs = an_attr("server.address", "10.0.0.7");
    return e;
}

static struct event with_id(struct event e, struct slice id)
{
    e.as.span.span_id = id;
    return e;
}

static struct calls_stats stats(const struct world *w)
{
    struct calls_stats s;
    calls_stats(w->c, &s);
    return s;
}

static void a_server_whose_clock_is_off_by_hours_answers_its_client_in_either_order(void **state)
{
    (void)state;
    static const double off[] = { -7200, -1800, -601, -300, 300, 601, 1500, 7200 };
    for (size_t i = 0; i < 2 * sizeof off / sizeof *off; i++) {
        struct world w = a_world(0);
        calls_settle(w.c, w.p, AT(9000), AT(9120));
        struct event client = at_time(to_host(a_span(w.web, SPAN_CLIENT, 1, 1, 9, 9010, 10)), 9011), server = at_time(a_span(w.cart, SPAN_SERVER, 1, 2, 1, 9010 + off[i / 2], 9), 9011);
        take(&w, i % 2 ? server : client);
        emit(&w, 9300);                                      /* what is said of one half meanwhile */
        calls_settle(w.c, w.p, AT(9300), AT(9400));
        take(&w, i % 2 ? client : server);
        emit(&w, 20000);
        assert_int_equal(edge("urn:svc:web", "urn:svc:cart")->row.count, 1);
        assert_int_equal(edge("urn:svc:web", "urn:svc:cart")->row.bucket_us, AT(9000));
        assert_int_equal(n, 1);
        assert_int_equal(stats(&w).late + stats(&w).early + stats(&w).pending, 0);
        end(&w);
    }
}

static void what_was_said_of_a_server_that_waited_is_taken_back_where_it_was_said(void **state)
{
    (void)state;
    struct world w = a_world(0);
    take(&w, at_time(a_span(w.cart, SPAN_SERVER, 1, 2, 1, 310, 9), 610));        /* its clock is five minutes behind */
    emit(&w, 900);
    assert_int_equal(edge("urn:external", "urn:svc:cart")->row.bucket_us, AT(300));
    calls_settle(w.c, w.p, AT(900), AT(910));
    take(&w, a_span(w.web, SPAN_CLIENT, 1, 1, 9, 610, 10));
    assert_int_equal(w.c->windows, 2);
    assert_true(w.c->window[0]->dirty && w.c->window[1]->dirty);       /* both are written again */
    emit(&w, 900);
    assert_int_equal(n, 1);
    assert_non_null(edge("urn:svc:web", "urn:svc:cart"));
    /* Also when it is no call at all. */
    take(&w, to_host(a_span(w.cart, SPAN_CLIENT, 2, 1, 9, 620, 10)));
    emit(&w, 900);
    assert_int_equal(n, 2);
    calls_settle(w.c, w.p, AT(900), AT(920));
    take(&w, a_span(w.cart, SPAN_SERVER, 2, 2, 1, 620, 9));
    assert_true(w.c->window[1]->dirty);
    emit(&w, 900);
    assert_int_equal(n, 1);
    end(&w);
}

static void spans_that_are_too_late_or_too_early_are_counted_and_servers_only_when_no_client_came(void **state)
{
    (void)state;
    struct world w = a_world(0);
    calls_settle(w.c, w.p, AT(9000), AT(9000));
    take(&w, at_time(a_span(w.web, SPAN_SERVER, 1, 1, 0, 610, 10), 9000));
    assert_int_equal(stats(&w).late, 1);
    take(&w, at_time(a_span(w.web, SPAN_CLIENT, 2, 1, 0, 610, 10), 9000));
    assert_int_equal(stats(&w).late, 2);
    take(&w, at_time(a_span(w.web, SPAN_SERVER, 3, 2, 1, 610, 10), 9000));
    take(&w, at_time(a_span(w.web, SPAN_SERVER, 4, 2, 1, 16000, 10), 9000));
    assert_int_equal(stats(&w).late, 2);
    assert_int_equal(stats(&w).pending, 2);
    calls_settle(w.c, w.p, AT(9480), AT(9599));
    assert_int_equal(stats(&w).late, 2);
    calls_settle(w.c, w.p, AT(9480), AT(9600));
    assert_int_equal(stats(&w).late, 3);
    assert_int_equal(stats(&w).early, 1);
    assert_int_equal(stats(&w).pending, 0);
    emit(&w, 30000);
    assert_int_equal(n, 0);
    end(&w);
}

static void servers_that_nobody_can_place_take_no_room_from_what_waits(void **state)
{
    (void)state;
    struct fault         f = { 0 };
    struct calls_options o = calls_options_default();
    struct world         w = a_world(0);
    calls_free(w.c);
    o.aside_max = 3;
    assert_ok(calls_new(&o, &w.c, &f), &f);
    calls_settle(w.c, w.p, AT(9000), AT(9000));
    take(&w, at_time(in_trace(a_span(w.cart, SPAN_SERVER, 1, 2, 1, 9001, 10), 1), 9001));
    for (int i = 2; i <= 11; i++)
        take(&w, at_time(in_trace(a_span(w.cart, SPAN_SERVER, 1, 2, 1, 610, 10), i), 9001));
    assert_int_equal(stats(&w).pending, 4);
    assert_int_equal(stats(&w).late, 7);
    assert_int_equal(stats(&w).hurried, 0);
    take(&w, at_time(in_trace(a_span(w.web, SPAN_CLIENT, 1, 1, 9, 9001, 10), 1), 9002));
    assert_int_equal(stats(&w).calls, 1);
    end(&w);
}

/* web calls cart, and in cart one server span stands below the other (a proxy's and the handler's, a batch and its parts). */
static void a_server_below_a_server_of_the_same_service_is_no_call_in_any_order(void **state)
{
    (void)state;
    static const int order[6][3] = { { 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 }, { 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 } };
    for (int i = 0; i < 24; i++) {
        struct world    w = a_world(0);
        enum span_kind  out = i % 2 ? SPAN_PRODUCER : SPAN_CLIENT, in = i % 2 ? SPAN_CONSUMER : SPAN_SERVER;
        struct event    e[3] = { a_span(w.web, out, 1, 1, 0, 610, 9), a_span(w.cart, in, 1, 2, 1, 610, 8), a_span(w.cart, in, 1, 3, 2, 610, 7) };
        for (int k = 0; k < 3; k++) {
            take(&w, e[order[i / 4][k]]);
            if (i & 2) {                                     /* in different batches, with windows written between them */
                emit(&w, 900);
                calls_settle(w.c, w.p, AT(900), AT(910));
            }
        }
        w.c->window[w.c->windows - 1]->dirty = true;
        emit(&w, 900);
        assert_int_equal(n, 1);
        assert_int_equal(edge("urn:svc:web", "urn:svc:cart")->row.count, 1);
        assert_int_equal(stats(&w).same_service, 1);
        assert_int_equal(stats(&w).pending, 0);
        end(&w);
    }
}

static void that_the_parent_served_is_known_when_the_row_was_written_before_it_came(void **state)
{
    (void)state;
    struct world w = a_world(0);
    take(&w, a_span(w.cart, SPAN_SERVER, 1, 3, 2, 610, 7));
    emit(&w, 900);
    assert_non_null(edge("urn:external", "urn:svc:cart"));
    calls_settle(w.c, w.p, AT(900), AT(910));
    take(&w, a_span(w.cart, SPAN_SERVER, 1, 2, 1, 310, 8));      /* in another window */
    emit(&w, 900);
    assert_int_equal(n, 1);
    assert_int_equal(edge("urn:external", "urn:svc:cart")->row.bucket_us, AT(300));
    assert_true(w.c->window[1]->dirty);                          /* written again, without it */
    end(&w);
}

static void a_server_below_a_server_of_another_service_was_called_by_that_one(void **state)
{
    (void)state;
    for (int order = 0; order < 2; order++) {
        struct world w = a_world(0);
        struct event above = a_span(w.web, SPAN_SERVER, 1, 1, 0, 610, 9), below = failed(a_span(w.cart, SPAN_SERVER, 1, 2, 1, 610, 8));
        take(&w, order ? below : above);
        take(&w, order ? above : below);
        for (int settled = 0; settled < 2; settled++) {
            emit(&w, 900);
            assert_int_equal(n, 2);
            assert_int_equal(edge("urn:external", "urn:svc:web")->row.count, 1);
            assert_int_equal(edge("urn:svc:web", "urn:svc:cart")->row.count, 1);
            assert_int_equal(edge("urn:svc:web", "urn:svc:cart")->row.errors, 1);
            calls_settle(w.c, w.p, AT(840), AT(610) + calls_options_default().match_us);
        }
        assert_int_equal(stats(&w).calls, 1);
        assert_int_equal(stats(&w).pending, 0);
        end(&w);
    }
}

static void who_served_a_span_is_known_as_long_as_one_half_waits_for_the_other(void **state)
{
    (void)state;
    for (int late = 0; late < 2; late++) {
        struct world w = a_world(0);
        take(&w, at_time(a_span(w.cart, SPAN_SERVER, 1, 2, 0, 610, 9), 610));
        take(&w, at_time(a_span(w.cart, SPAN_SERVER, 1, 3, 2, 610, 9), 610 + 599 + late));
        assert_int_equal(stats(&w).same_service, !late);
        end(&w);
    }
}

static void a_parent_that_serves_another_tenant_is_no_parent(void **state)
{
    (void)state;
    struct world w = a_world(0);
    struct event above = a_span(w.cart, SPAN_SERVER, 1, 1, 0, 610, 9);
    above.tenant = SLICE("another");
    take(&w, above);
    take(&w, a_span(w.cart, SPAN_SERVER, 1, 2, 1, 610, 8));
    emit(&w, 900);
    assert_int_equal(n, 2);                                      /* each from outside of its tenant */
    end(&w);
}

static void who_served_what_is_bounded_and_the_last_are_known(void **state)
{
    (void)state;
    enum { MANY = 2000000, LAST = 20000 };
    struct world w = a_world(0);
    for (int i = 0; i < MANY; i++)
        take(&w, in_trace(a_span(w.cart, SPAN_SERVER, 1, 1, 0, 610, 9), i));
    assert_int_equal(w.c->spans_used, 0);                        /* roots wait for nobody */
    for (int i = MANY - LAST; i < MANY; i++)
        take(&w, in_trace(a_span(w.cart, SPAN_SERVER, 1, 2, 1, 610, 9), i));
    assert_true(stats(&w).same_service > LAST * 99 / 100);       /* of four in a bucket the oldest went */
    end(&w);
}

/* Zipkin's: the server has the id and the parent of its client. */
static void a_server_that_shares_its_clients_id_is_joined_in_either_order(void **state)
{
    (void)state;
    for (int i = 0; i < 8; i++) {
        struct world w = a_world(0);
        struct event above = a_span(w.web, SPAN_SERVER, 1, 9, 0, 610, 20), client = to_host(a_span(w.web, SPAN_CLIENT, 1, 1, 9, 610, 10)), server = a_span(w.cart, SPAN_SERVER, 1, 1, 9, 610, 9);
        if (i & 2)
            take(&w, above);                                     /* below a server, or not */
        take(&w, i & 1 ? server : client);
        if (i & 4) {
            emit(&w, 900);
            calls_settle(w.c, w.p, AT(900), AT(910));
        }
        take(&w, i & 1 ? client : server);
        if (!(i & 2))
            take(&w, above);
        emit(&w, 900);
        assert_int_equal(n, 2);
        assert_int_equal(edge("urn:svc:web", "urn:svc:cart")->row.count, 1);
        assert_float_equal(edge("urn:svc:web", "urn:svc:cart")->row.p50_ms, 10, .1);       /* as the client saw it */
        assert_int_equal(edge("urn:external", "urn:svc:web")->row.count, 1);
        assert_int_equal(stats(&w).pending, 0);
        end(&w);
    }
}

static void who_served_a_span_is_known_after_a_restart(void **state)
{
    (void)state;
    struct fault f = { 0 };
    struct pack  calls;
    struct world w = a_world(0), v = a_world(0);
    pack_init(&calls, 1 << 20);
    take(&w, a_span(w.cart, SPAN_SERVER, 1, 2, 0, 610, 9));
    take(&w, a_span(w.web, SPAN_SERVER, 3, 1, 9, 610, 9));       /* waits, and shares its id with a client that comes later */
    calls_settle(w.c, w.p, AT(600), AT(650));
    take(&w, a_span(w.cart, SPAN_SERVER, 4, 2, 9, 7000, 9));
    calls_save(w.c, &calls);
    calls_free(w.c);
    w.c = v.c;
    v.c = NULL;
    assert_ok(calls_load(w.c, pack_bytes(&calls), &f), &f);
    take(&w, a_span(w.cart, SPAN_SERVER, 1, 3, 2, 610, 9));
    take(&w, a_span(w.cart, SPAN_CLIENT, 3, 1, 9, 610, 9));
    assert_int_equal(stats(&w).same_service, 1);
    assert_int_equal(stats(&w).calls, 1);
    calls_settle(w.c, w.p, AT(600), AT(610) + calls_options_default().match_us);     /* too old to be kept */
    pack_clear(&calls);
    calls_save(w.c, &calls);
    size_t       size = calls.n;
    struct world x = a_world(0);
    assert_ok(calls_load(x.c, pack_bytes(&calls), &f), &f);
    assert_true(size < 1000);
    take(&x, a_span(w.cart, SPAN_SERVER, 1, 3, 2, 610, 9));
    assert_int_equal(stats(&x).same_service, 1);                  /* of before */
    pack_done(&calls);
    end(&w);
    end(&v);
    end(&x);
}

/* What was kept before servers had ids of their own. */
static void what_waits_in_a_snapshot_of_the_form_before_is_answered(void **state)
{
    (void)state;
    for (int server = 0; server < 2; server++) {
        struct fault f = { 0 };
        struct pack  old;
        struct world w = a_world(0);
        struct event half[2] = { a_span(w.web, SPAN_CLIENT, 1, 1, 9, 610, 10), failed(a_span(w.cart, SPAN_SERVER, 1, 2, 1, 610, 9)) };
        take(&w, half[server]);
        const struct waiting *t = &w.c->span[0];
        pack_init(&old, 1 << 16);
        pack_u(&old, 1);
        pack_i(&old, w.c->floor_us);
        pack_i(&old, w.c->newest_us);
        pack_s(&old, (struct slice){ (const char *)&w.c->stats, sizeof w.c->stats });
        pack_u(&old, 0);
        pack_u(&old, 1);
        pack_u(&old, t->link);
        pack_u(&old, t->record);
        pack_i(&old, t->at_us);
        pack_i(&old, t->arrived_us);
        pack_u(&old, t->place);
        pack_u(&old, t->peer);
        pack_r(&old, (double)t->ms);
        pack_u(&old, server ? 2 : 1);                            /* failed; a client */
        calls_free(w.c);
        struct calls_options o = calls_options_default();
        assert_ok(calls_new(&o, &w.c, &f), &f);
        assert_ok(calls_load(w.c, pack_bytes(&old), &f), &f);
        take(&w, half[!server]);
        emit(&w, 900);
        assert_int_equal(n, 1);
        assert_int_equal(edge("urn:svc:web", "urn:svc:cart")->row.errors, 1);
        pack_done(&old);
        end(&w);
    }
}

static void a_consumer_below_the_span_that_received_its_message_is_joined_by_its_link(void **state)
{
    (void)state;
    static const enum span_kind above[] = { SPAN_CONSUMER, SPAN_CLIENT, SPAN_INTERNAL };
    static const int            order[6][3] = { { 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 }, { 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 } };
    for (int i = 0; i < 36; i++) {
        struct world     w = a_world(0);
        enum span_kind   kind = above[i % 3];
        struct event     producer = a_span(w.web, SPAN_PRODUCER, 1, 1, 9, 610, 1), receive = a_span(w.cart, kind, 7, 3, 0, 611, 9);
        struct span_link link = { .trace_id = producer.as.span.trace_id, .span_id = producer.as.span.span_id };
        struct event     process = linked(a_span(w.cart, SPAN_CONSUMER, 7, 2, 3, 612, 9), &link, 1), e[3] = { producer, receive, process };
        e[0].attrs = an_attr("messaging.destination.name", "jobs");
        for (int k = 0; k < 3; k++) {
            take(&w, e[order[i / 6][k]]);
            if (i / 3 % 2) {
                emit(&w, 900);
                calls_settle(w.c, w.p, AT(900), AT(910));
            }
        }
        w.c->window[w.c->windows - 1]->dirty = true;
        emit(&w, 900);
        assert_int_equal(n, kind == SPAN_CONSUMER ? 2 : 1);
        assert_int_equal(edge("urn:svc:web", "urn:svc:cart")->row.count, 1);
        if (kind == SPAN_CONSUMER)
            assert_int_equal(edge("urn:external", "urn:svc:cart")->row.count, 1);    /* what received says of nobody from whom */
        end(&w);
    }
}

static void a_consumer_whose_producer_nobody_knows_is_not_counted_beside_the_one_above_it(void **state)
{
    (void)state;
    for (int order = 0; order < 2; order++) {
        struct world     w = a_world(0);
        struct event     unknown = a_span(w.web, SPAN_PRODUCER, 1, 1, 9, 610, 1), receive = a_span(w.cart, SPAN_CONSUMER, 7, 3, 0, 611, 9);
        struct span_link link = { .trace_id = unknown.as.span.trace_id, .span_id = unknown.as.span.span_id };
        struct event     process = linked(a_span(w.cart, SPAN_CONSUMER, 7, 2, 3, 612, 9), &link, 1);
        take(&w, order ? process : receive);
        take(&w, order ? receive : process);
        for (int settled = 0; settled < 2; settled++) {
            emit(&w, 900);
            assert_int_equal(n, 1);
            assert_int_equal(edge("urn:external", "urn:svc:cart")->row.count, 1);
            calls_settle(w.c, w.p, AT(840), AT(612) + calls_options_default().match_us);
        }
        assert_int_equal(stats(&w).same_service, 1);
        end(&w);
    }
}

static void a_producer_above_that_comes_last_is_found_though_a_link_names_another(void **state)
{
    (void)state;
    struct world     w = a_world(0);
    struct event     parent = a_span(w.web, SPAN_PRODUCER, 1, 1, 9, 610, 1), other = a_span(w.web, SPAN_PRODUCER, 2, 1, 9, 610, 1);
    struct span_link link = { .trace_id = other.as.span.trace_id, .span_id = other.as.span.span_id };
    take(&w, linked(a_span(w.cart, SPAN_CONSUMER, 1, 2, 1, 612, 9), &link, 1));
    take(&w, parent);
    emit(&w, 900);
    assert_int_equal(n, 1);
    assert_int_equal(edge("urn:svc:web", "urn:svc:cart")->row.count, 1);
    take(&w, other);
    emit(&w, 900);
    assert_int_equal(edge("urn:svc:web", "urn:svc:cart")->row.count, 1);            /* once */
    end(&w);
}

static void a_call_that_lasts_longer_than_a_window_is_of_the_window_in_which_it_ends(void **state)
{
    (void)state;
    static const struct { double start, seconds, received, bucket; } call[] = {
        { 9310 - 890, 890, 9310, 9300 }, { 9310 - 300, 300, 9310, 9000 }, { 9310 - 301, 301, 9310, 9300 }, { 9290, 7200, 9310, 9000 /* an end that cannot be */ },
    };
    for (size_t i = 0; i < sizeof call / sizeof *call; i++) {
        struct world w = a_world(0);
        calls_settle(w.c, w.p, AT(9180), AT(9300));
        take(&w, at_time(a_span(w.web, SPAN_CLIENT, 1, 1, 9, call[i].start, call[i].seconds * 1000), call[i].received));
        take(&w, at_time(a_span(w.cart, SPAN_SERVER, 1, 2, 1, call[i].start, call[i].seconds * 1000 - 5), call[i].received));
        emit(&w, 9600);
        assert_int_equal(n, 1);
        assert_int_equal(edge("urn:svc:web", "urn:svc:cart")->row.bucket_us, AT(call[i].bucket));
        assert_int_equal(stats(&w).late, 0);
        end(&w);
    }
}

static void clients_without_an_id_are_counted_at_once(void **state)
{
    (void)state;
    struct world w = a_world(0);
    for (int i = 0; i < 2000; i++)
        take(&w, with_id(to_host(a_span(w.web, SPAN_CLIENT, 1, 1, 9, 610, 10)), (struct slice){ 0 }));
    take(&w, with_id(a_span(w.cart, SPAN_SERVER, 1, 1, 0, 610, 10), (struct slice){ 0 }));
    emit(&w, 900);
    assert_int_equal(edge("urn:svc:web", "urn:host:10.0.0.7")->row.count, 2000);
    assert_int_equal(edge("urn:external", "urn:svc:cart")->row.count, 1);
    assert_int_equal(stats(&w).pending + stats(&w).hurried, 0);
    end(&w);
}

static void a_call_of_a_microsecond_is_as_long_as_its_clocks_say_in_this_century(void **state)
{
    (void)state;
    struct world w = a_world(0);
    double       today_s = 1800000000;
    struct event client = a_span(w.web, SPAN_CLIENT, 1, 1, 9, today_s, 0), server = a_span(w.cart, SPAN_SERVER, 1, 2, 1, today_s, 0);
    client.as.span.start_ns = INT64_C(1800000000000000123);
    client.as.span.end_ns = client.as.span.start_ns + 1500;         /* a double knows times of today to a quarter of a microsecond */
    take(&w, client);
    take(&w, server);
    emit(&w, today_s + 300);
    const struct got *g = edge("urn:svc:web", "urn:svc:cart");
    assert_non_null(g);
    assert_true(g->row.p95_ms > 0.00148 && g->row.p95_ms < 0.00152);
    end(&w);
}

static void a_call_without_a_begin_or_an_end_is_counted_and_has_no_duration(void **state)
{
    (void)state;
    struct fault f = { 0 };
    struct world w = a_world(0), v = a_world(0);
    struct pack  bytes;
    for (int i = 1; i <= 4; i++) {
        struct event e = a_span(w.cart, SPAN_SERVER, i, 1, 0, 1800000010, 20);
        e.as.span.start_ns = i == 1 ? 0 : e.as.span.start_ns;       /* else it would last for half a century */
        e.as.span.end_ns = i == 2 ? 0 : i == 3 ? e.as.span.start_ns - 5 : e.as.span.end_ns;
        take(&w, e);
        emit(&w, 1800000300);
        assert_int_equal(edge("urn:external", "urn:svc:cart")->row.count, i);
        if (i < 4)
            assert_true(isnan(edge("urn:external", "urn:svc:cart")->row.p95_ms) && isnan(edge("urn:external", "urn:svc:cart")->row.p50_ms));
        if (i == 3) {                                        /* such a row can be stored and read back */
            pack_init(&bytes, 1 << 20);
            calls_save(w.c, &bytes);
            assert_ok(calls_load(v.c, pack_bytes(&bytes), &f), &f);
            pack_done(&bytes);
        }
    }
    assert_true(fabs(edge("urn:external", "urn:svc:cart")->row.p95_ms - 20) < 0.2);
    end(&w);
    end(&v);
}

static void a_call_without_room_is_counted_once_however_often_its_window_is_given_out(void **state)
{
    (void)state;
    static const char *const peers[] = { "10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5" };
    struct fault         f = { 0 };
    struct calls_options o = calls_options_default();
    struct world         w = a_world(0);
    struct calls_stats   s;
    calls_free(w.c);
    o.edges_max = 2;
    assert_ok(calls_new(&o, &w.c, &f), &f);
    for (int i = 0; i < 5; i++) {
        struct event e = a_span(w.web, SPAN_CLIENT, i + 1, 1, 0, 610, 5);
        e.received_us = AT(611);
        e.attrs = an_attr("server.address", peers[i]);
        take(&w, e);
    }
    for (int upper = 660; upper <= 900; upper += 60) {
        emit(&w, upper);
        assert_int_equal(n, 2);
        calls_settle(w.c, w.p, AT(upper), AT(upper + 120));
    }
    calls_settle(w.c, w.p, AT(1140), AT(1260));
    calls_stats(w.c, &s);
    assert_int_equal(s.capped, 3);
    end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(very_many_spans_of_one_missing_parent_are_counted_without_comparing_all_of_them),
        cmocka_unit_test(a_client_and_its_server_are_one_call_in_either_order),
        cmocka_unit_test(a_late_server_takes_the_place_of_the_guess),
        cmocka_unit_test(what_nobody_answers_goes_where_its_attributes_say),
        cmocka_unit_test(a_service_that_calls_itself_is_no_edge),
        cmocka_unit_test(a_producer_reaches_several_consumers),
        cmocka_unit_test(too_many_waiting_spans_are_decided_early_and_counted),
        cmocka_unit_test(what_waits_survives_as_bytes),
        cmocka_unit_test(things_have_urns),
        cmocka_unit_test(a_server_that_comes_as_late_as_the_window_is_open_still_matches),
        cmocka_unit_test(what_was_answered_takes_no_room_from_what_waits),
        cmocka_unit_test(of_those_that_were_answered_the_first_goes_when_there_are_too_many),
        cmocka_unit_test(a_batch_that_was_sent_twice_leaves_nobody_unanswered_also_after_a_restart),
        cmocka_unit_test(tenants_are_not_joined_though_they_speak_of_one_trace),
        cmocka_unit_test(many_may_wait_and_memory_is_touched_only_as_they_do),
        cmocka_unit_test(a_consumer_in_a_trace_of_its_own_is_joined_by_its_first_link),
        cmocka_unit_test(a_parent_comes_before_links_and_who_serves_needs_none),
        cmocka_unit_test(a_server_whose_clock_is_off_by_hours_answers_its_client_in_either_order),
        cmocka_unit_test(what_was_said_of_a_server_that_waited_is_taken_back_where_it_was_said),
        cmocka_unit_test(spans_that_are_too_late_or_too_early_are_counted_and_servers_only_when_no_client_came),
        cmocka_unit_test(servers_that_nobody_can_place_take_no_room_from_what_waits),
        cmocka_unit_test(a_server_below_a_server_of_the_same_service_is_no_call_in_any_order),
        cmocka_unit_test(that_the_parent_served_is_known_when_the_row_was_written_before_it_came),
        cmocka_unit_test(a_server_below_a_server_of_another_service_was_called_by_that_one),
        cmocka_unit_test(who_served_a_span_is_known_as_long_as_one_half_waits_for_the_other),
        cmocka_unit_test(a_parent_that_serves_another_tenant_is_no_parent),
        cmocka_unit_test(who_served_what_is_bounded_and_the_last_are_known),
        cmocka_unit_test(a_server_that_shares_its_clients_id_is_joined_in_either_order),
        cmocka_unit_test(who_served_a_span_is_known_after_a_restart),
        cmocka_unit_test(what_waits_in_a_snapshot_of_the_form_before_is_answered),
        cmocka_unit_test(a_consumer_below_the_span_that_received_its_message_is_joined_by_its_link),
        cmocka_unit_test(a_consumer_whose_producer_nobody_knows_is_not_counted_beside_the_one_above_it),
        cmocka_unit_test(a_producer_above_that_comes_last_is_found_though_a_link_names_another),
        cmocka_unit_test(a_call_that_lasts_longer_than_a_window_is_of_the_window_in_which_it_ends),
        cmocka_unit_test(clients_without_an_id_are_counted_at_once),
        cmocka_unit_test(a_call_of_a_microsecond_is_as_long_as_its_clocks_say_in_this_century),
        cmocka_unit_test(a_call_without_room_is_counted_once_however_often_its_window_is_given_out),
        cmocka_unit_test(a_call_without_a_begin_or_an_end_is_counted_and_has_no_duration),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
