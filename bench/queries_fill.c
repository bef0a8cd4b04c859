/*
 * bench/queries_fill.c - a journal as an hour of telemetry leaves it, for bench/queries.py to ask about.
 *
 *     queries_fill FOLDER EVENTS BEGIN_S SECONDS TRACES
 *
 * EVENTS logs and spans of 50 services, received from BEGIN_S (seconds since 1970) on, within SECONDS.  They come in groups of ten requests of
 * 1000: one with the two spans of each of 500 traces, a client's and the server's that answered, then nine of logs, so that each trace has 18 lines in
 * nine records.  The last line is a JSON object; `traces` in it holds the ids of TRACES of them, from all over the time.
 */
#include "event/encode.h"
#include "journal/journal.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SERVICES = 50, BATCH = 1000, TRACES = BATCH / 2, REQUESTS = 10, GROUP = BATCH * REQUESTS, LINE = 200, BODY_MAX = 16 << 20 };

static _Atomic int64_t wall;
static int64_t the_wall(void *ctx) { (void)ctx; return wall; }
static int64_t the_mono(void *ctx) { (void)ctx; return clock_mono_us(&clock_real); }
static const struct clock the_clock = { the_wall, the_mono, NULL };

struct fill {
    struct journal     *j;
    struct attr         attrs[SERVICES];
    struct resource     resource[SERVICES];
    struct scope        scope;
    char                name[SERVICES][16];
    struct event        e[BATCH];
    const struct event *list[BATCH];
    char                line[BATCH][LINE], trace[TRACES][16], span[BATCH][8];
    struct text         body;
    atomic_long         done, failed;
    long                appended, errors;
};

static uint64_t mix(uint64_t x)
{
    x ^= x >> 31;
    x *= UINT64_C(0x7fb5d329728ea185);
    x ^= x >> 27;
    x *= UINT64_C(0x81dadef4bc2dd44d);
    return x ^ x >> 33;
}

static void must(enum err e, const struct fault *fault)
{
    if (e == OK)
        return;
    (void)fprintf(stderr, "%s\n", fault->text);
    exit(1);
}

static void trace_id(long trace, char out[16])
{
    uint64_t half[2] = { mix((uint64_t)trace + 1), mix(~(uint64_t)trace) };
    memcpy(out, half, sizeof half);
}

static void count(void *ctx, uint64_t id, enum err result)
{
    struct fill *f = ctx;
    (void)id;
    atomic_fetch_add(result == OK ? &f->done : &f->failed, 1);
}

static void append(struct fill *f, enum record_kind kind)
{
    struct fault fault = { 0 };
    enum err     e;
    text_clear(&f->body);
    must(event_encode(f->list, BATCH, &f->body, &fault), &fault);
    struct record r = { .kind = kind, .form = FORM_PROTOBUF, .events = BATCH, .source = SLICE("otlp"), .body = { f->body.s, f->body.used } };
    while ((e = journal_append(f->j, &r, count, f, &fault)) == ERR_BUSY)
        (void)usleep(1000);
    must(e, &fault);
    f->appended++;
}

static void spans(struct fill *f, int from, int to)
{
    for (int i = 0; i < BATCH; i++) {
        int           t = i % TRACES;
        bool          server = i >= TRACES, bad = t % 33 == 0;
        struct event *e = &f->e[i];
        int64_t       at_ns = (wall + t * 1000) * 1000;
        *e = (struct event){ .type = EVENT_SPAN, .resource = &f->resource[server ? to : from], .scope = &f->scope };
        e->as.span = (struct span_event){ .trace_id = { f->trace[t], 16 }, .span_id = { f->span[i], 8 }, .parent_id = server ? (struct slice){ f->span[t], 8 } : (struct slice){ 0 },
                                          .name = SLICE("GET /api/items"), .kind = server ? SPAN_SERVER : SPAN_CLIENT, .status = bad ? SPAN_ERROR : SPAN_OK, .start_ns = at_ns,
                                          .end_ns = at_ns + 1000000 * (1 + t % 200) };
    }
    append(f, RECORD_OTLP_TRACES);
}

/* Nine kinds of lines of a service, the last two of trouble. */
static void line(char to[LINE], const char *service, int i, uint64_t h)
{
    unsigned a = (unsigned)(h & 0xfffff), b = (unsigned)(h >> 20 & 0xff), c = (unsigned)(h >> 28 & 0xfff);
    switch (i % 9) {
    case 0: (void)snprintf(to, LINE, "request %u of user %u handled in %u ms", a, c, b); break;
    case 1: (void)snprintf(to, LINE, "cache of %s missed key item:%u in shard %u", service, a, b); break;
    case 2: (void)snprintf(to, LINE, "connection from 10.0.%u.%u port %u accepted", b, c & 255, 1024 + c); break;
    case 3: (void)snprintf(to, LINE, "worker %u took job %u off the queue after %u us", b & 15, a, c); break;
    case 4: (void)snprintf(to, LINE, "session %08x of customer %u began", (unsigned)(h >> 32), c); break;
    case 5: (void)snprintf(to, LINE, "flushed %u rows into segment %u in %u ms", a, c, b); break;
    case 6: (void)snprintf(to, LINE, "token of client %u was renewed for %u s", c, a); break;
    case 7: (void)snprintf(to, LINE, "%s cannot reach database main: connection refused after %u ms", service, a); break;
    default: (void)snprintf(to, LINE, "payment %u declined with code %u, attempt %u", a, b, c & 3); break;
    }
}

static void logs(struct fill *f, int service, long seed)
{
    for (int i = 0; i < BATCH; i++) {
        bool          trouble = i % 9 >= 7 && i % 5 == 0;
        struct event *e = &f->e[i];
        line(f->line[i], f->name[service], i % 9 >= 7 && !trouble ? i % 7 : i, mix((uint64_t)seed * BATCH + (uint64_t)i));
        f->errors += trouble;
        *e = (struct event){ .type = EVENT_LOG, .resource = &f->resource[service], .scope = &f->scope };
        e->as.log = (struct log_event){ .time_ns = (wall + i * 500) * 1000, .severity = trouble ? 17 : 9, .body = { VALUE_TEXT, { .text = slice_of(f->line[i]) } },
                                        .trace_id = { f->trace[i % TRACES], 16 }, .span_id = { f->span[i % TRACES], 8 } };
    }
    append(f, RECORD_OTLP_LOGS);
}

static void group(struct fill *f, long g)
{
    int from = (int)(g % SERVICES), to = (int)((from + 1 + g / SERVICES % 3) % SERVICES);
    for (int t = 0; t < TRACES; t++)
        trace_id(g * TRACES + t, f->trace[t]);
    for (int i = 0; i < BATCH; i++) {
        uint64_t id = mix((uint64_t)(g * BATCH + i) ^ UINT64_C(0x5851f42d4c957f2d));
        memcpy(f->span[i], &id, sizeof id);
    }
    spans(f, from, to);
    for (int r = 1; r < REQUESTS; r++)
        logs(f, r % 2 ? from : to, g * REQUESTS + r);
}

static void tell(const struct fill *f, long groups, long traces)
{
    char id[16];
    (void)printf("{\"events\": %ld, \"records\": %ld, \"spans\": %ld, \"logs\": %ld, \"errors\": %ld, \"services\": %d, \"traces\": [", groups * GROUP, f->appended, groups * BATCH,
                 groups * (GROUP - BATCH), f->errors, SERVICES);
    for (long i = 0; i < traces; i++) {
        trace_id((groups * TRACES - 1) * i / (traces > 1 ? traces - 1 : 1), id);
        (void)printf("%s\"", i ? ", " : "");
        for (int k = 0; k < 16; k++)
            (void)printf("%02x", (unsigned char)id[k]);
        (void)printf("\"");
    }
    (void)printf("]}\n");
}

int main(int argc, char **argv)
{
    struct fill *f = calloc(1, sizeof *f);
    struct fault fault = { 0 };
    if (argc != 6 || !f) {
        (void)fprintf(stderr, "usage: queries_fill FOLDER EVENTS BEGIN_S SECONDS TRACES\n");
        return 2;
    }
    long                   groups = (atol(argv[2]) + GROUP - 1) / GROUP;
    int64_t                begin_us = atoll(argv[3]) * US_PER_S, span_us = atoll(argv[4]) * US_PER_S;
    struct journal_options o = journal_options_default(argv[1]);
    wall = begin_us;
    o.clock = &the_clock;
    o.size_max = INT64_C(64) << 30;
    must(journal_open(&o, &f->j, &fault), &fault);
    text_init(&f->body, BODY_MAX);
    for (int i = 0; i < SERVICES; i++) {
        (void)snprintf(f->name[i], sizeof f->name[i], "app-%02d", i);
        f->attrs[i] = (struct attr){ SLICE("service.name"), { VALUE_TEXT, { .text = slice_of(f->name[i]) } } };
        f->resource[i] = (struct resource){ .attrs = { &f->attrs[i], 1 }, .id = (uint64_t)i + 1 };
    }
    for (int i = 0; i < BATCH; i++)
        f->list[i] = &f->e[i];
    for (long g = 0; g < groups; g++) {
        wall = begin_us + span_us * g / groups;
        group(f, g);
    }
    while (f->done + f->failed < f->appended)
        (void)usleep(1000);
    journal_close(f->j);
    tell(f, groups, atol(argv[5]));
    text_done(&f->body);
    long failed = f->failed;
    free(f);
    return failed ? 1 : 0;
}
