/* ingest/mock.c - four services, one calls the next, the last a database; a few percent fail. */
#include "ingest/mock.h"

#include "base/clock.h"
#include "base/rand.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { SERVICES = 4 };

static const char *const names[SERVICES] = { "web", "cart", "orders", "mail" };

struct mock {
    struct rand     chance;
    struct attr     attrs[SERVICES];
    struct resource resource[SERVICES];
    struct scope    scope;
    struct event    e;
    int64_t         minute_us;
};

static struct event *begin(struct mock *m, enum event_type type, int service, int64_t at_us)
{
    m->e.type = type;
    m->e.index++;
    m->e.received_us = at_us;
    m->e.resource = &m->resource[service];
    m->e.attrs = (struct attrs){ 0 };
    memset(&m->e.as, 0, sizeof m->e.as);
    return &m->e;
}

static bool log_one(struct mock *m, event_take *take, void *ctx, int64_t at_us)
{
    char          line[160];
    int           service = (int)rand_int(&m->chance, 0, SERVICES - 1), what = (int)rand_int(&m->chance, 0, 99);
    struct event *e = begin(m, EVENT_LOG, service, at_us);
    int64_t       number = rand_int(&m->chance, 1000, 999999);
    if (what < 60)
        (void)snprintf(line, sizeof line, "request %" PRId64 " handled in %" PRId64 " ms", number, number % 97);
    else if (what < 95)
        (void)snprintf(line, sizeof line, "user %" PRId64 " looked at item %" PRId64 " from 10.0.%" PRId64 ".%" PRId64, number, number % 500, number % 256, number % 251);
    else
        (void)snprintf(line, sizeof line, "cannot reach database main: connection refused after %" PRId64 " ms", number % 5000);
    e->as.log = (struct log_event){ .time_ns = at_us * 1000, .severity = what < 95 ? 9 : 17, .body = { VALUE_TEXT, { .text = slice_of(line) } } };
    return take(ctx, e);
}

static bool point_one(struct mock *m, event_take *take, void *ctx, int64_t at_us, uint32_t i)
{
    static const char *const metrics[] = { "process.cpu.utilization", "process.memory.usage", "http.server.active_requests" };
    struct event            *e = begin(m, EVENT_POINT, (int)(i % SERVICES), at_us);
    e->as.point = (struct point_event){ .name = slice_of(metrics[i / SERVICES % 3]), .kind = POINT_GAUGE, .time_ns = at_us * 1000, .value = rand_unit(&m->chance) };
    return take(ctx, e);
}

/* A client's span and the server's that answers, or the one that goes to the database. */
static bool span_pair(struct mock *m, event_take *take, void *ctx, int64_t at_us)
{
    uint64_t    id[4] = { rand_u64(&m->chance), rand_u64(&m->chance), rand_u64(&m->chance), rand_u64(&m->chance) };
    int         from = (int)rand_int(&m->chance, 0, SERVICES - 1);
    int64_t     ns = 1000000 * rand_int(&m->chance, 1, 200);
    bool        bad = rand_int(&m->chance, 0, 99) < 3;
    struct attr db = { SLICE("db.system"), { VALUE_TEXT, { .text = SLICE("postgresql") } } };
    for (int half = 0; half < 2; half++) {
        bool          last = from == SERVICES - 1;
        struct event *e = begin(m, EVENT_SPAN, last || !half ? from : from + 1, at_us);
        if (last)
            e->attrs = (struct attrs){ &db, 1 };
        e->as.span = (struct span_event){ .trace_id = { (const char *)id, 16 }, .span_id = { (const char *)&id[2 + half], 8 },
                                          .parent_id = half ? (struct slice){ (const char *)&id[2], 8 } : (struct slice){ 0 },
                                          .kind = half && !last ? SPAN_SERVER : SPAN_CLIENT, .status = bad ? SPAN_ERROR : SPAN_UNSET,
                                          .start_ns = at_us * 1000, .end_ns = at_us * 1000 + ns };
        if (!take(ctx, e))
            return false;
    }
    return true;
}

void mock_minute(uint64_t seed, struct mock_size size, int64_t minute_us, uint64_t record, event_take *take, void *ctx)
{
    struct mock m = { .minute_us = minute_us };
    rand_seed(&m.chance, seed ^ (uint64_t)minute_us);
    for (int i = 0; i < SERVICES; i++) {
        m.attrs[i] = (struct attr){ SLICE("service.name"), { VALUE_TEXT, { .text = slice_of(names[i]) } } };
        m.resource[i] = (struct resource){ .attrs = { &m.attrs[i], 1 }, .id = (uint64_t)i + 1 };
    }
    m.e.record = record;
    m.e.source = SLICE("mock");
    m.e.scope = &m.scope;
    uint32_t all = size.logs + size.points + size.spans / 2;
    uint32_t left[3] = { size.logs, size.points, size.spans / 2 };
    for (uint32_t i = 0; i < all; i++) {
        int64_t  at = minute_us + (int64_t)i * 60 * US_PER_S / all;
        uint32_t pick = (uint32_t)rand_int(&m.chance, 0, (int64_t)(left[0] + left[1] + left[2]) - 1);
        bool     on;
        if (pick < left[0])
            on = log_one(&m, take, ctx, at), left[0]--;
        else if (pick < left[0] + left[1])
            on = point_one(&m, take, ctx, at, --left[1]);
        else
            on = span_pair(&m, take, ctx, at), left[2]--;
        if (!on)
            return;
    }
}
