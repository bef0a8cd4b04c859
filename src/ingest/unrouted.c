/* ingest/unrouted.c - see unrouted.h. */
#include "ingest/unrouted.h"

#include "event/encode.h"
#include "ingest/conf.h"
#include "relabel/relabel.h"
#include "ship/begin.h"
#include "ship/route.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ALL_TYPES = 1u << EVENT_LOG | 1u << EVENT_POINT | 1u << EVENT_SPAN, BODY_MAX = 16 * 1024 * 1024 };

/* What one sink asks of an event. */
struct taker { unsigned types; bool (*holds)(const struct event *e); struct relabel *rules; struct route *route; };

struct unrouted {
    struct journal  *journal;
    bool             keeps;
    struct taker     taker[SHIP_SINKS_MAX];
    size_t           takers;
    const char      *type[4];
    struct sink_conf conf;                    /* of its own worker */
};

/* ---- who takes what ---- */

static enum ship_ruled judge(void *ctx, struct event *e, struct arena *a)
{
    const struct unrouted *u = ctx;
    for (size_t i = 0; i < u->takers; i++) {
        const struct taker   *t = &u->taker[i];
        struct event          copy = *e;
        struct relabel_report report = { 0 };
        if (!(t->types & 1u << e->type) || (t->holds && !t->holds(e)))
            continue;
        if ((t->rules && !relabel_event(t->rules, &copy, a, &report)) || report.cut || route_takes(t->route, &copy, a))     /* what was cut is among the letters of the sink */
            return RULED_OUT;
    }
    return RULED_IN;
}

static bool takes_all(const struct sink_conf *c, const struct sink_kind *k) { return !c->match.count && !c->relabel.count && !k->holds; }

static enum err takers(struct unrouted *u, const struct conf *conf, unsigned *open, struct fault *fault)
{
    size_t                     n, rules;
    const struct sink_conf    *sink = conf_instances(conf, &sinks_section, &n);
    const struct relabel_rule *rule = conf_instances(conf, &relabel_section, &rules);
    enum err                   e = OK;
    *open = ALL_TYPES;
    for (size_t i = 0; i < n && e == OK; i++) {
        const struct sink_kind *k = sink_kind_find(sink[i].kind);
        if (!k || sink[i].layout == LAYOUT_DETAIL)                                                   /* those copy the digest, no events */
            continue;
        struct taker *t = &u->taker[u->takers++];
        *t = (struct taker){ .types = begin_types(&sink[i], k), .holds = k->holds };
        *open &= takes_all(&sink[i], k) ? ~t->types : ALL_TYPES;
        e = route_new(sink[i].match.item, sink[i].match.count, &t->route, fault);
        if (e == OK)
            e = relabel_new(rule, rules, &sink[i].relabel, &t->rules, fault);
    }
    return e;
}

/* ---- the worker's kind ---- */

static enum err no_open(const struct sink_conf *conf, void **self, struct fault *fault)
{
    (void)conf, (void)self;
    return fail(fault, ERR_STATE, "what no sink takes has no settings of its own");
}

static void no_close(void *self) { (void)self; }

/* Neighbours that fit into one record: as many as those from `at` on. */
static size_t alike(const struct batch *b, size_t at)
{
    const struct event *e = b->event[at];
    size_t              n = 1;
    while (at + n < b->count && b->event[at + n]->type == e->type && slice_same(b->event[at + n]->tenant, e->tenant) && slice_same(b->event[at + n]->source, e->source))
        n++;
    return n;
}

#define MARK "homeostat.replayed"
static const char mark[] = MARK "\0unrouted";

bool unrouted_again(const struct record *r) { return r->labels.n >= sizeof mark && memcmp(r->labels.s, mark, sizeof mark) == 0; }

/*
 * Into the journal again.  A journal that is full is no reason to wait: as long as this waits it reads nothing, and what it has not read fills the
 * journal.  So the letter is written anew, and can be sent again later.
 */
static enum sent put_back(struct journal *j, const struct batch *b, struct sent_answer *a)
{
    static const enum record_kind kinds[] = { [EVENT_LOG] = RECORD_OTLP_LOGS, [EVENT_POINT] = RECORD_OTLP_METRICS, [EVENT_SPAN] = RECORD_OTLP_TRACES };
    enum err                      e = OK;
    struct fault                  why = { 0 };
    for (size_t at = 0, n; e == OK && at < b->count; at += n) {
        struct text body CLEANUP(text_done);
        text_init(&body, BODY_MAX);
        n = alike(b, at);
        const struct event *first = b->event[at];
        if ((e = event_encode(b->event + at, n, &body, &why)) == OK)
            e = journal_append_wait(j, &(struct record){ .kind = kinds[first->type], .form = FORM_PROTOBUF, .events = (uint32_t)n, .tenant = first->tenant, .source = first->source,
                                                         .labels = { mark, sizeof mark }, .body = { body.s, body.used } }, NULL, &why);
    }
    (void)snprintf(a->why, sizeof a->why, "unrouted, and not put into the journal again: %.180s", why.text);
    return e == OK ? SENT_ALL : e == ERR_LIMIT && b->count > 1 ? SENT_TOO_LARGE : SENT_REFUSED;
}

static enum sent count(void *self, const struct batch *b, struct sent_answer *a)
{
    struct unrouted *u = self;
    return b->again ? put_back(u->journal, b, a) : SENT_ALL;
}

static enum sent keep(void *self, const struct batch *b, struct sent_answer *a)
{
    struct unrouted *u = self;
    if (b->again)
        return put_back(u->journal, b, a);
    (void)snprintf(a->why, sizeof a->why, "unrouted");
    return SENT_REFUSED;
}

static const struct sink_kind counts = { .name = SHIP_UNROUTED, .takes = ALL_TYPES, .why = "Events that no sink takes are counted.", .open = no_open, .send = count, .close = no_close, .rest = true };
static const struct sink_kind keeps  = { .name = SHIP_UNROUTED, .takes = ALL_TYPES, .why = "Events that no sink takes become dead letters.", .open = no_open, .send = keep, .close = no_close, .rest = true };

uint64_t unrouted_count(const struct ship_stats *s) { return s->dead + (s->sent > s->replayed ? s->sent - s->replayed : 0); }

/* ---- made and freed ---- */

/* From now on: what is in the journal already went by other settings. */
static void own_settings(struct unrouted *u, unsigned open)
{
    size_t n = 0;
    for (enum event_type t = EVENT_LOG; t <= EVENT_SPAN; t++)
        if (open & 1u << t)
            u->type[n++] = route_type_name(t);
    if (!n)
        u->type[n++] = "none";                /* there may be letters to send again all the same */
    u->conf = (struct sink_conf){ .name = SHIP_UNROUTED, .kind = SHIP_UNROUTED, .path = "", .types = { u->type, n }, .batch_events = 5000, .batch_bytes = 4 << 20, .timeout_us = 30 * US_PER_S,
        .retry_first_us = US_PER_S / 2, .retry_most_us = 60 * US_PER_S, .stuck_after_us = 300 * US_PER_S, .when_new = SINK_FROM_NOW, .url = "", .token = { "", "", 0 }, .user = "",
        .password = { "", "", 0 }, .tls_ca = "", .tls_certificate = "", .tls_key = { "", "", 0 }, .folder = "", .database = "", .schema = "", .table = "", .bucket = "", .region = "",
        .prefix = "", .topic = "", .subject = "", .stream = "", .dsn = "", .origin = "" };
}

enum err unrouted_new(const struct conf *conf, struct journal *journal, struct unrouted **out, struct fault *fault)
{
    const struct ingest_conf *c = conf_of(conf, &ingest_section);
    struct unrouted          *u = calloc(1, sizeof *u);
    unsigned                  open;
    *out = NULL;
    if (!u)
        return fail(fault, ERR_LIMIT, "no memory for events that no sink takes");
    u->journal = journal;
    u->keeps = c->unrouted == INGEST_UNROUTED_DEAD_LETTER;
    enum err e = takers(u, conf, &open, fault);
    if (e != OK || (!u->keeps && (!u->takers || !open))) {
        unrouted_free(u);
        return e;
    }
    own_settings(u, open);
    *out = u;
    return OK;
}

void unrouted_free(struct unrouted *u)
{
    for (size_t i = 0; u && i < u->takers; i++) {
        relabel_free(u->taker[i].rules);
        route_free(u->taker[i].route);
    }
    free(u);
}

bool unrouted_keeps(const struct unrouted *u) { return u && u->keeps; }

struct ship_sink unrouted_sink(const struct unrouted *u, uint64_t version)
{
    return (struct ship_sink){ .conf = &u->conf, .kind = u->keeps ? &keeps : &counts, .self = (void *)u, .rule = judge, .rule_ctx = (void *)u, .rule_version = version };
}
