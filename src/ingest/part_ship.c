/* ingest/part_ship.c - sinks with their rules, and the dead letters. */
#include "ingest/inside.h"

#include "base/log.h"
#include "conf/knob.h"
#include "ingest/detail.h"
#include "ingest/unrouted.h"
#include "relabel/relabel.h"
#include "ship/worker.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* The rules in front of one sink. A worker that is left alone at a reload goes on with the very same object. */
struct rules { char sink[JOURNAL_NAME_MAX + 1]; uint64_t version; struct relabel *of; };

struct shipping {
    struct dead     *dead;
    struct ship     *ship;
    struct detail   *detail;
    struct rules     rules[SHIP_SINKS_MAX];
    struct unrouted *unrouted;                /* NULL: nobody looks */
    uint64_t         unrouted_version;
    atomic_bool      counts, shows;           /* what is told of it: how many there were; its worker, as one of the sinks */
};

static enum ship_ruled apply_rules(void *ctx, struct event *e, struct arena *a)
{
    struct relabel_report report;
    bool                  stays = relabel_event(ctx, e, a, &report);
    return report.cut ? RULED_NOT : !stays ? RULED_OUT : report.unparsed ? RULED_UNPARSED : RULED_IN;
}

/* What the rules of these sets are, as a number: another one starts the sink's worker anew, from its cursor. */
static uint64_t rules_version(const struct conf *conf, const struct conf_list *names)
{
    size_t                     n;
    uint64_t                   h = 1469598103934665603u;
    const struct relabel_rule *r = conf_instances(conf, &relabel_section, &n);
    struct text                t CLEANUP(text_done);
    text_init(&t, 4 * 1024 * 1024);
    for (size_t k = 0; k < names->count; k++)
        for (size_t i = 0; i < n; i++)
            if (strcmp(r[i].set, names->item[k]) == 0) {
                text_printf(&t, "%d %lld %zu", r[i].action, (long long)r[i].modulus, r[i].source_labels.count);
                const char *const texts[] = { r[i].regex, r[i].separator, r[i].target_label, r[i].replacement };
                for (size_t s = 0; s < sizeof texts / sizeof texts[0]; s++)
                    text_add_n(&t, texts[s], strlen(texts[s]) + 1);
                for (size_t s = 0; s < r[i].source_labels.count; s++)
                    text_add_n(&t, r[i].source_labels.item[s], strlen(r[i].source_labels.item[s]) + 1);
            }
    for (size_t i = 0; i < t.used; i++)
        h = (h ^ (unsigned char)t.s[i]) * 1099511628211u;
    return h;
}

/* Those of before when nothing is different, else new ones. */
static enum err rules_for(struct ingest *in, struct shipping *s, const struct sink_conf *conf, struct rules *out, struct fault *fault)
{
    size_t                     n;
    const struct relabel_rule *rule = conf_instances(in->conf, &relabel_section, &n);
    (void)text_copy(out->sink, sizeof out->sink, conf->name);
    out->version = conf->relabel.count ? rules_version(in->conf, &conf->relabel) : 0;
    for (size_t i = 0; i < SHIP_SINKS_MAX; i++)
        if (s->rules[i].of && s->rules[i].version == out->version && strcmp(s->rules[i].sink, conf->name) == 0) {
            out->of = s->rules[i].of;
            return OK;
        }
    enum err e = relabel_new(rule, n, &conf->relabel, &out->of, fault);
    return e == OK ? OK : fail_in(fault, "sinks.%s", conf->name);
}

/* What is in one list and not in the other. */
static void free_others(struct rules *gone, const struct rules *stay)
{
    for (size_t i = 0; i < SHIP_SINKS_MAX; i++) {
        bool used = false;
        for (size_t k = 0; k < SHIP_SINKS_MAX; k++)
            used |= gone[i].of == stay[k].of;
        if (!used)
            relabel_free(gone[i].of);
    }
}

/* Those that copy what the digest has counted, which have no part in the journal. */
static enum err configure_detail(struct shipping *s, const struct sink_conf *conf, size_t n, bool digested, struct fault *fault)
{
    const struct sink_conf *list[SHIP_SINKS_MAX];
    size_t                  of_them = 0;
    for (size_t i = 0; i < n; i++)
        if (detail_is(&conf[i]))
            list[of_them++] = &conf[i];
    for (size_t i = 0; i < of_them && !digested; i++)
        log_warn("a sink with layout: detail copies what the digest counts, but ingest.digest.enabled is no: nothing new comes", F("sink", list[i]->name));
    return detail_configure(s->detail, list, of_them, fault);
}

/* Which of them runs now is known by who configured them; nobody else is asked about it while that goes on. */
static void take_unrouted(struct shipping *s, struct unrouted *fresh, enum err configured)
{
    struct fault unheard;
    if (configured == OK)
        unrouted_free(s->unrouted);           /* else some worker may use it still: as with rules, it stays */
    s->unrouted = fresh;
    atomic_store(&s->counts, fresh != NULL);
    atomic_store(&s->shows, unrouted_keeps(fresh));
    if (!fresh && ship_forget(s->ship, SHIP_UNROUTED, &unheard) != OK && unheard.code != ERR_MISSING)      /* its cursor would hold the journal */
        log_fault(LOG_WARN, "the cursor of what no sink takes stays and holds the journal", &unheard);
}

static enum err configure(struct ingest *in, struct shipping *s, struct fault *fault)
{
    size_t                  n, events = 0;
    const struct sink_conf *conf = conf_instances(in->conf, &sinks_section, &n);
    struct ship_sink        list[SHIP_SINKS_MAX] = { 0 };
    struct rules            fresh[SHIP_SINKS_MAX] = { 0 };
    for (size_t i = 0; i < n; i++) {
        if (detail_is(&conf[i]))
            continue;
        if (rules_for(in, s, &conf[i], &fresh[i], fault) != OK) {
            free_others(fresh, s->rules);
            return fault->code;
        }
        list[events++] = (struct ship_sink){ .conf = &conf[i], .rule = fresh[i].of ? apply_rules : NULL, .rule_ctx = fresh[i].of, .rule_version = fresh[i].version };
    }
    struct unrouted *fresh_rest = NULL;
    if (unrouted_new(in->conf, in->journal, &fresh_rest, fault) != OK) {
        free_others(fresh, s->rules);
        return fault->code;
    }
    if (fresh_rest)
        list[events++] = unrouted_sink(fresh_rest, ++s->unrouted_version);
    enum err e = ship_configure(s->ship, list, events, fault);
    take_unrouted(s, fresh_rest, e);
    /* Some may have started even when others could not; a worker that stayed as it was may use what it had. So after a fault nothing goes. */
    if (e == OK)
        free_others(s->rules, fresh);
    memcpy(s->rules, fresh, sizeof fresh);
    struct fault unheard;                    /* the first is what is told */
    enum err     d = configure_detail(s, conf, n, ((const struct ingest_digest_conf *)conf_of(in->conf, &ingest_digest_section))->enabled, e == OK ? fault : &unheard);
    return e != OK ? e : d;
}

static void ship_stop(struct ingest *in, void *self)
{
    struct shipping *s = self;
    detail_free(s->detail);
    ship_free(s->ship);
    for (size_t i = 0; i < SHIP_SINKS_MAX; i++)
        relabel_free(s->rules[i].of);
    unrouted_free(s->unrouted);
    dead_close(s->dead);
    free(s);
}

static bool has_sinks(struct shipping *s)
{
    struct ship_stats one;
    return ship_stats(s->ship, &one, 1) > 0 || detail_stats(s->detail, &one, 1) > 0;
}

static enum err ship_start(struct ingest *in, void **self, struct fault *fault)
{
    const struct ingest_journal_conf *c = conf_of(in->conf, &ingest_journal_section);
    struct shipping                  *s = calloc(1, sizeof *s);
    if (!s)
        return fail(fault, ERR_LIMIT, "no memory for sinks");
    enum err e = dead_open(in->journal_folder, c->dead_max, in->clock, &s->dead, fault);
    if (e == OK)
        e = ship_new(&(struct ship_options){ .journal = in->journal, .dead = s->dead, .clock = in->clock, .seed = (uint64_t)in->started_us }, &s->ship, fault);
    if (e == OK)
        e = detail_new(&(struct detail_options){ .folder = in->store_folder, .clock = in->clock, .seed = (uint64_t)in->started_us }, &s->detail, fault);
    if (e == OK && (e = configure(in, s, fault)) != OK && has_sinks(s)) {
        /* One that cannot begin must not keep what comes in from being taken: it is told of, and counts as stuck. */
        fail_hint(fault, "the others run; a reload tries it again");
        log_fault(LOG_ERROR, "a sink cannot begin", fault);
        in->trouble[in->started] = *fault;
        *fault = (struct fault){ 0 };
        e = OK;
    }
    if (e != OK) {
        ship_stop(in, s);
        return e;
    }
    *self = s;
    return OK;
}

static enum err ship_reload(struct ingest *in, void **self, void **gone, struct fault *fault) { return configure(in, *self, fault); }

static json_t *time_or_null(int64_t us)
{
    char when[32];
    return us > 0 ? json_string(clock_format(us, when, sizeof when)) : json_null();
}

/* *unrouted: how many events no sink took. Who only counts them is none of the sinks that are told of, unless it is stuck. */
static size_t all_stats(struct shipping *s, struct ship_stats st[SHIP_SINKS_MAX], uint64_t *unrouted)
{
    size_t n = ship_stats(s->ship, st, SHIP_SINKS_MAX), left = 0;
    *unrouted = 0;
    for (size_t i = 0; i < n; i++) {
        bool rest = strcmp(st[i].name, SHIP_UNROUTED) == 0;
        if (rest)
            *unrouted = unrouted_count(&st[i]);
        if (!rest || atomic_load(&s->shows) || st[i].stuck)
            st[left++] = st[i];
    }
    return left + detail_stats(s->detail, st + left, SHIP_SINKS_MAX - left);
}

static json_t *ship_status(struct ingest *in, void *self)
{
    struct shipping  *s = self;
    struct ship_stats st[SHIP_SINKS_MAX];
    struct dead_stats d;
    uint64_t          unrouted;
    size_t            n = all_stats(s, st, &unrouted);
    json_t           *sinks = json_array();
    dead_stats(s->dead, &d);
    for (size_t i = 0; i < n; i++) {
        json_t *one = json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:f, s:b, s:b, s:b, s:s}", "name", st[i].name, "kind", st[i].kind, "sent", (json_int_t)st[i].sent,
                                "batches", (json_int_t)st[i].batches, "retries", (json_int_t)st[i].retries, "dead", (json_int_t)st[i].dead, "skipped", (json_int_t)st[i].skipped,
                                "dropped", (json_int_t)st[i].dropped, "unparsed", (json_int_t)st[i].unparsed, "replayed", (json_int_t)st[i].replayed, "expired", (json_int_t)st[i].expired, "behind", (json_int_t)st[i].behind, "lag_seconds", (double)st[i].lag_us / 1e6,
                                "paused", st[i].paused, "running", st[i].running, "stuck", st[i].stuck, "last_error", st[i].last_error);
        json_object_set_new(one, "last_error_at", time_or_null(st[i].last_error_us));
        json_object_set_new(one, "progress_at", time_or_null(st[i].progress_us));
        json_object_set_new(one, "retry_at", time_or_null(st[i].retry_at_us));
        json_array_append_new(sinks, one);
    }
    return json_pack("{s:o, s:o, s:{s:I, s:I, s:I, s:I}}", "sinks", sinks, "unrouted", atomic_load(&s->counts) ? json_integer((json_int_t)unrouted) : json_null(), "dead", "first_id", (json_int_t)d.first_id, "last_id", (json_int_t)d.last_id, "added", (json_int_t)d.added,
                     "bytes", (json_int_t)d.bytes);
}

static void ship_metrics(struct ingest *in, void *self, struct gauge *g)
{
    struct shipping     *s = self;
    struct ship_stats    st[SHIP_SINKS_MAX];
    struct dead_stats    d;
    struct journal_stats journal;
    uint64_t             unrouted;
    size_t               n = all_stats(s, st, &unrouted);
    dead_stats(s->dead, &d);
    journal_stats(in->journal, &journal);
    uint64_t dropped = journal.dropped_events;
    for (size_t i = 0; i < n; i++)
        dropped += st[i].dropped;
    gauge_counter(g, "events_dropped_total", "Events that somebody chose to drop: by a rule in front of a sink, or by ingest.journal.when_full. Nothing is dropped otherwise.", (double)dropped, NULL);
    if (atomic_load(&s->counts))
        gauge_counter(g, "homeostat_events_unrouted_total", "Events that no sink takes: counted, or dead letters of `unrouted` (ingest.unrouted). Absent while nobody has to look: there is no sink, or for each type one that takes all.",
                      (double)unrouted, NULL);
#define EACH(family, help, member, write)                          \
    for (size_t i = 0; i < n; i++)                               \
        write(g, family, help, (double)st[i].member, "sink", st[i].name, "kind", st[i].kind, NULL)
    EACH("homeostat_sink_sent_total", "Events that a sink has taken.", sent, gauge_counter);
    EACH("homeostat_sink_batches_total", "Batches that a sink has taken.", batches, gauge_counter);
    EACH("homeostat_sink_bytes_total", "Bytes of them, as they lay in the journal.", bytes, gauge_counter);
    EACH("homeostat_sink_retries_total", "Times that a batch has to be sent again.", retries, gauge_counter);
    EACH("homeostat_sink_dead_total", "Events put among the dead letters.", dead, gauge_counter);
    EACH("homeostat_sink_skipped_total", "Events that are not for this sink.", skipped, gauge_counter);
    EACH("homeostat_sink_unfit_total", "Events among the skipped that its kind cannot hold, such as points of delta temporality by remote write.", unfit, gauge_counter);
    EACH("homeostat_sink_dropped_total", "Events dropped by a rule.", dropped, gauge_counter);
    EACH("homeostat_sink_unparsed_total", "Events that a rule with parse_json could not read; they are sent as they are.", unparsed, gauge_counter);
    EACH("homeostat_sink_rejected_total", "Events in records that were read, but not as their specification wants them: nobody gets them.", rejected, gauge_counter);
    EACH("homeostat_sink_undecodable_records_total", "Records that cannot be read; they lie among the dead letters.", undecodable, gauge_counter);
    EACH("homeostat_sink_replayed_total", "Events of dead letters that were sent after all.", replayed, gauge_counter);
    EACH("homeostat_sink_expired_total", "Windows and rows of the digest that went by age before a sink with layout: detail could copy them.", expired, gauge_counter);
    EACH("homeostat_sink_behind", "Records that wait; with layout: detail, windows and rows of the digest that changed.", behind, gauge_set);
    for (size_t i = 0; i < n; i++)
        gauge_set(g, "homeostat_sink_lag_seconds", "Age of the oldest that waits.", (double)st[i].lag_us / 1e6, "sink", st[i].name, "kind", st[i].kind, NULL);
    EACH("homeostat_sink_stuck", "1 when something waits and nothing moves.", stuck, gauge_set);
    EACH("homeostat_sink_paused", "1 when its settings say so.", paused, gauge_set);
#undef EACH
    gauge_set(g, "homeostat_dead_letters_bytes", "On disk.", (double)d.bytes, NULL);
    gauge_counter(g, "homeostat_dead_letters_full_total", "Letters that had to wait for room.", (double)d.full, NULL);
}

static bool ship_ready(struct ingest *in, void *self, char *why, size_t size)
{
    struct shipping  *s = self;
    struct ship_stats st[SHIP_SINKS_MAX];
    uint64_t          unrouted;
    size_t            n = all_stats(s, st, &unrouted);
    for (size_t i = 0; i < n; i++)
        if (st[i].stuck) {
            (void)snprintf(why, size, "the sink %s is stuck: %.120s", st[i].name, st[i].last_error);
            return false;
        }
    return true;
}

/* ---- what an operator asks for ---- */

static const char *sink_of(const char *consumer) { return strncmp(consumer, "sink:", 5) == 0 ? consumer + 5 : NULL; }

/* *id 0: by time. */
static enum err place_of(struct ingest *in, const json_t *request, int64_t *since_us, uint64_t *id, struct fault *fault)
{
    const json_t *from = json_object_get(request, "from"), *since = json_object_get(request, "since");
    const char   *when = json_string_value(since);
    int64_t       ago_us;
    *id = 0;
    *since_us = 0;
    if (json_is_integer(from) && json_integer_value(from) > 0 && !since) {
        *id = (uint64_t)json_integer_value(from);
        return OK;
    }
    if (!when || from)
        return fail(fault, ERR_INPUT, "one of from, the number of a record, and since, a moment such as 2026-01-31T12:00:00Z or how long ago as 2h, is wanted");
    if ((*since_us = clock_parse(when)) >= 0)
        return OK;
    enum err e = knob_time_parse(when, &ago_us, fault);
    *since_us = clock_wall_us(in->clock) - (e == OK ? ago_us : 0);
    return e;
}

enum err ingest_replay(struct ingest *in, const char *consumer, const json_t *request, json_t **out, struct fault *fault)
{
    int64_t  since_us;
    uint64_t id;
    enum err e = place_of(in, request, &since_us, &id, fault);
    if (e != OK)
        return e;
    if (!sink_of(consumer)) {
        e = fail(fault, ERR_INPUT, "%.80s is no sink; only sinks are sent back while Homeostat runs", consumer);
        fail_hint(fault, "a sink is written sink:NAME; for the digest homeostat backfill makes windows again");
        return e;
    }
    (void)pthread_rwlock_rdlock(&in->lock);
    struct shipping *s = ingest_part_of(in, "ship");
    e = s ? ship_replay(s->ship, sink_of(consumer), since_us, &id, fault) : fail(fault, ERR_MISSING, "there are no sinks");
    (void)pthread_rwlock_unlock(&in->lock);
    if (e == OK)
        *out = json_pack("{s:s, s:I}", "consumer", consumer, "from", (json_int_t)id);
    return e;
}

enum err ingest_forget(struct ingest *in, const char *consumer, json_t **out, struct fault *fault)
{
    (void)pthread_rwlock_rdlock(&in->lock);
    struct shipping *s = ingest_part_of(in, "ship");
    enum err         e = s && sink_of(consumer) ? ship_forget(s->ship, sink_of(consumer), fault) : journal_forget(in->journal, consumer, fault);
    (void)pthread_rwlock_unlock(&in->lock);
    if (e == OK)
        *out = json_pack("{s:s}", "forgotten", consumer);
    return e;
}

const struct ingest_part ingest_part_ship = { "ship", "Sinks, each behind a cursor of its own, and the dead letters.",
    ship_start, ship_reload, ship_stop, ship_status, ship_metrics, ship_ready };
