/* ingest/evidence.c - events in, evidence beside them. */
#include "ingest/evidence.h"

#include "base/log.h"
#include "digest/windows.h"
#include "ingest/gather.h"
#include "ingest/happened.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define RETRY_US      (2 * US_PER_S)
#define CLOCK_STEP_US (600 * US_PER_S)       /* senders' clocks may differ so much */
enum { LOOKS_A_TURN = 32 };

const double evidence_bound_s[EVIDENCE_BOUNDS] = { .005, .02, .05, .1, .25, .5, 1, 2 };

/* When it was taken, for those whose first evidence is not written yet. */
struct taken { char id[ID_SIZE]; int64_t at_us; };

struct evidence {
    struct evidence_options o;
    struct gathering        found;                   /* of the thread */
    int64_t                 seen_us;                 /* of the thread: windows up to then were written when it looked last */
    pthread_mutex_t         lock;                    /* over what follows */
    pthread_cond_t          nudge;
    json_t                 *told[EVIDENCE_TOLD_MAX];
    size_t                  tolds;
    struct taken            taken[EVIDENCE_OPEN_MAX];
    size_t                  takens;
    struct evidence_stats   stats;
    bool                    news /* there is something to do, whatever windows say */, ending, started;
    pthread_t               thread;
};

static const struct clock *clock_of(const struct evidence *v) { return v->o.clock ? v->o.clock : &clock_real; }

enum err evidence_open(const struct evidence_options *o, struct evidence **out, struct fault *fault)
{
    struct evidence *v = calloc(1, sizeof *v);
    if (!v)
        return fail(fault, ERR_LIMIT, "no memory for evidence");
    v->o = *o;
    v->news = true;                                  /* left by a crash, perhaps */
    v->seen_us = INT64_MIN;
    (void)pthread_mutex_init(&v->lock, NULL);
    pthread_condattr_t attr;
    (void)pthread_condattr_init(&attr);
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&v->nudge, &attr);
    (void)pthread_condattr_destroy(&attr);
    struct digest_store *s = NULL;
    enum err             e = digest_store_open_beside(o->folder, EVIDENCE_PATIENCE_MS, &s, fault);
    if (e == OK)
        e = digest_open_count(s, &v->stats.open, fault);
    digest_store_close(s);
    if (e != OK) {
        evidence_close(v);
        return e;
    }
    *out = v;
    return OK;
}

void evidence_close(struct evidence *v)
{
    if (!v)
        return;
    evidence_stop(v);
    while (v->tolds)
        json_decref(v->told[--v->tolds]);
    (void)pthread_mutex_destroy(&v->lock);
    (void)pthread_cond_destroy(&v->nudge);
    free(v);
}

/* ---- events ---- */

static enum err place_id(struct digest_store *s, const struct happened *h, int64_t tenant, int64_t now_us, int64_t *id, struct fault *fault)
{
    struct digest_resource r = { tenant, h->place.urn, h->place.type, h->place.name, "", "", "" };
    enum err               e = h->service ? digest_service_find(s, tenant, h->service, id, fault) : ERR_MISSING;
    return e == ERR_MISSING ? digest_resource(s, &r, now_us, id, fault) : e;
}

/* The event, and that its evidence is to be looked for: in one transaction. */
static enum err write_event(struct digest_store *s, struct happened *h, int64_t now_us, bool *created, int64_t *open, struct fault *fault)
{
    struct digest_event ev = { .id = h->id, .severity = h->severity, .kind = h->kind, .title = h->title, .summary = h->summary, .said = h->said, .at_us = h->at_us, .labels = h->labels };
    json_t             *prints = h->external_id ? json_pack("{s:s}", "external_id", h->external_id) : NULL;
    ev.fingerprints = prints;
    enum err e = digest_store_begin(s, fault);
    if (e == OK)
        e = digest_tenant(s, h->tenant, now_us, &ev.tenant_id, fault);
    if (e == OK)
        e = place_id(s, h, ev.tenant_id, now_us, &ev.resource_id, fault);
    if (e == OK)
        e = digest_event_put(s, &ev, created, fault);
    h->at_us = ev.at_us;
    if (e == OK)
        e = digest_open_count(s, open, fault);
    if (e == OK && *created && *open >= EVIDENCE_OPEN_MAX) {
        e = fail(fault, ERR_BUSY, "%d events wait for their evidence", EVIDENCE_OPEN_MAX);
        fail_hint(fault, "it is complete some minutes after each; then there is room");
    }
    if (e == OK && *created)
        e = digest_open_put(s, h->id, now_us, INT64_MIN, fault);
    if (e == OK)
        e = digest_store_commit(s, fault);
    else
        digest_store_rollback(s);
    json_decref(prints);
    return e;
}

/* Before it is written: the thread may have its evidence ready as soon as it is. */
static void note_begin(struct evidence *v, const struct happened *h, int64_t began_us)
{
    (void)pthread_mutex_lock(&v->lock);
    if (v->takens < EVIDENCE_OPEN_MAX) {
        v->taken[v->takens].at_us = began_us;
        (void)snprintf(v->taken[v->takens++].id, ID_SIZE, "%s", h->id);
    }
    (void)pthread_mutex_unlock(&v->lock);
}

/* What was begun at began_us (-1: nothing). told: it is tried again, so it is not refused. */
static void note_event(struct evidence *v, const struct happened *h, enum err e, bool created, bool told, int64_t open, int64_t began_us)
{
    (void)pthread_mutex_lock(&v->lock);
    v->stats.events += e == OK && created;
    v->stats.again += e == OK && !created;
    v->stats.refused += e != OK && (!told || e == ERR_INPUT || e == ERR_CONFLICT);
    if (e == OK && created) {
        v->stats.open = open + 1;
        v->news = true;
        (void)pthread_cond_signal(&v->nudge);
    } else {
        size_t i = 0;
        while (i < v->takens && (v->taken[i].at_us != began_us || strcmp(v->taken[i].id, h->id) != 0))
            i++;
        if (i < v->takens)
            v->taken[i] = v->taken[--v->takens];
    }
    (void)pthread_mutex_unlock(&v->lock);
}

static enum err take(struct evidence *v, struct digest_store *s, const json_t *request, struct happened *h, bool *created, struct fault *fault)
{
    int64_t  now_us = clock_wall_us(clock_of(v)), began_us = clock_mono_us(clock_of(v)), open = 0;
    enum err e = happened_read(request, now_us, now_us - v->o.keep_us, h, fault);
    struct digest_store *mine = NULL;
    *created = false;
    if (e == OK && !s)
        e = digest_store_open_beside(v->o.folder, EVIDENCE_PATIENCE_MS, &mine, fault);
    bool begun = e == OK;
    if (begun) {
        note_begin(v, h, began_us);
        e = write_event(s ? s : mine, h, now_us, created, &open, fault);
    }
    digest_store_close(mine);
    note_event(v, h, e, *created, s != NULL, open, begun ? began_us : -1);
    return e;
}

enum err evidence_post(struct evidence *v, const json_t *request, json_t **out, struct fault *fault)
{
    struct happened h;
    bool            created;
    char            when[32];
    enum err        e = take(v, NULL, request, &h, &created, fault);
    if (e == OK)
        *out = json_pack("{s:s, s:b, s:s, s:s, s:s, s:s, s:s, s:s?}", "event_id", h.id, "created", (int)created, "kind", h.kind, "severity", h.severity, "tenant", h.tenant, "detected_at",
                         clock_format(h.at_us, when, sizeof when), "title", h.title, "external_id", h.external_id);
    return e;
}

void evidence_tell(struct evidence *v, json_t *request)
{
    (void)pthread_mutex_lock(&v->lock);
    bool room = v->tolds < EVIDENCE_TOLD_MAX;
    if (room)
        v->told[v->tolds++] = request;
    v->stats.untold += !room;
    v->news = true;
    (void)pthread_cond_signal(&v->nudge);
    (void)pthread_mutex_unlock(&v->lock);
    if (!room)
        json_decref(request);
}

/* Only this thread takes from the list, so what is first stays first; what cannot be written now stays. */
static enum err write_told(struct evidence *v, struct digest_store *s, bool *any, struct fault *fault)
{
    for (;;) {
        (void)pthread_mutex_lock(&v->lock);
        json_t *first = v->tolds ? v->told[0] : NULL;
        (void)pthread_mutex_unlock(&v->lock);
        if (!first)
            return OK;
        struct happened h;
        bool            created;
        enum err        e = take(v, s, first, &h, &created, fault);
        if (e == ERR_INPUT || e == ERR_CONFLICT)
            log_fault(LOG_WARN, "an event that was told of is none that can be kept", fault);
        else if (e != OK)
            return e;
        (void)pthread_mutex_lock(&v->lock);
        memmove(v->told, v->told + 1, --v->tolds * sizeof *v->told);
        (void)pthread_mutex_unlock(&v->lock);
        json_decref(first);
        *any = true;
    }
}

/* ---- evidence ---- */

static enum err put_found(struct evidence *v, struct digest_store *s, const struct digest_due *d, struct fault *fault)
{
    json_t  *ids = json_array();
    int64_t  id = 0;
    enum err e = OK;
    for (int k = 0; k < GATHER_KINDS && e == OK; k++)
        for (size_t i = 0; i < v->found.n[k] && e == OK; i++) {
            const struct gathered *p = &v->found.piece[k][i];
            e = digest_evidence_put(s, d->id, p->dim, p->ref, p->locator, p->score, p->note, &id, fault);
            json_array_append_new(ids, json_integer((json_int_t)id));
        }
    if (e == OK)
        e = digest_evidence_only(s, d->id, ids, fault);
    json_decref(ids);
    return e;
}

static void note_look(struct evidence *v, const struct digest_due *d)
{
    (void)pthread_mutex_lock(&v->lock);
    struct evidence_stats *s = &v->stats;
    s->looks++;
    s->cut += v->found.cut;
    for (int k = 0; k < GATHER_KINDS; k++)
        s->pieces += v->found.n[k];
    for (size_t i = 0; i < v->takens; i++)
        if (strcmp(v->taken[i].id, d->id) == 0) {
            double took = (double)(clock_mono_us(clock_of(v)) - v->taken[i].at_us) / 1e6;
            int    b = 0;
            while (b < EVIDENCE_BOUNDS && took > evidence_bound_s[b])
                b++;
            s->write_count[b]++;
            s->write_sum_s += took;
            v->taken[i] = v->taken[--v->takens];
            break;
        }
    (void)pthread_mutex_unlock(&v->lock);
}

static enum err look_at(struct evidence *v, struct digest_store *s, const struct digest_due *d, int64_t upper_us, struct fault *fault)
{
    struct gather_when when = gather_when(d->at_us);
    bool               ahead = d->told_us > clock_wall_us(clock_of(v)) + CLOCK_STEP_US;      /* told while the clock was wrong: nothing will come around it */
    int64_t            again_us = ahead ? INT64_MAX : gather_again(&when, d->told_us, upper_us);
    enum err           e = gather(s, d, &when.around, &v->found, fault);
    if (e == OK)
        e = digest_store_begin(s, fault);
    if (e == OK) {
        e = put_found(v, s, d, fault);
        if (e == OK)
            e = again_us == INT64_MAX ? digest_open_gone(s, d->id, fault) : digest_open_put(s, d->id, d->told_us, again_us, fault);
        if (e == OK)
            e = digest_store_commit(s, fault);
        else
            digest_store_rollback(s);
    }
    if (e == OK)
        note_look(v, d);
    gathering_done(&v->found);
    return e;
}

static enum err turn(struct evidence *v, struct digest_store *s, int64_t upper_us, bool *any, struct fault *fault)
{
    struct digest_due d;
    int64_t           open = 0;
    struct fault      full = { 0 };
    enum err          told = write_told(v, s, any, &full), e = told == ERR_BUSY ? OK : told;      /* while there is no room: looks make some */
    if (e != OK)
        *fault = full;
    for (int i = 0; i < LOOKS_A_TURN && e == OK && (e = digest_open_due(s, upper_us, &d, fault)) == OK; i++) {
        e = look_at(v, s, &d, upper_us, fault);
        *any = true;
    }
    bool all = e == ERR_MISSING;
    e = all ? OK : e;
    if (e == OK)
        e = digest_open_count(s, &open, fault);
    (void)pthread_mutex_lock(&v->lock);
    v->stats.open = e == OK ? open : v->stats.open;
    v->news |= !all;
    (void)pthread_mutex_unlock(&v->lock);
    if (e == OK && told != OK) {
        *fault = full;
        e = told;
    }
    return e;
}

/* Without anything new nobody opens digest.db. */
static bool worth_a_turn(struct evidence *v, int64_t upper_us)
{
    (void)pthread_mutex_lock(&v->lock);
    bool worth = v->news || v->tolds || (v->stats.open && upper_us != v->seen_us);
    v->news = false;
    (void)pthread_mutex_unlock(&v->lock);
    return worth;
}

enum err evidence_step(struct evidence *v, bool *idle, struct fault *fault)
{
    struct digest_store *s = NULL;
    int64_t              upper_us = v->o.upper(v->o.ctx);
    bool                 any = false;
    *idle = true;
    if (!worth_a_turn(v, upper_us))
        return OK;
    enum err e = digest_store_open_beside(v->o.folder, EVIDENCE_PATIENCE_MS, &s, fault);
    if (e == OK)
        e = turn(v, s, upper_us, &any, fault);
    digest_store_close(s);
    if (e == OK)
        v->seen_us = upper_us;
    *idle = !any || e != OK;
    (void)pthread_mutex_lock(&v->lock);
    v->news |= e != OK;
    v->stats.failures += e != OK;
    (void)snprintf(v->stats.why, sizeof v->stats.why, "%s", e != OK ? fault->text : "");
    (void)pthread_mutex_unlock(&v->lock);
    return e;
}

void evidence_stats(struct evidence *v, struct evidence_stats *s)
{
    (void)pthread_mutex_lock(&v->lock);
    *s = v->stats;
    (void)pthread_mutex_unlock(&v->lock);
}

/* ---- its thread ---- */

/* Windows end without telling, so it looks once a second; an event wakes it, unless something failed: then there is a pause first. */
static void pause_for(struct evidence *v, bool failing)
{
    struct timespec until;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += failing ? (time_t)(RETRY_US / US_PER_S) : 1;
    (void)pthread_mutex_lock(&v->lock);
    while (!v->ending && (failing || !v->news) && pthread_cond_timedwait(&v->nudge, &v->lock, &until) == 0)
        ;
    (void)pthread_mutex_unlock(&v->lock);
}

static void *run(void *ctx)
{
    struct evidence *v = ctx;
    struct fault     fault;
    bool             idle, failing = false, ending = false;
    while (!ending) {
        enum err e = evidence_step(v, &idle, &fault);
        if (e != OK && !failing)
            log_fault(LOG_WARN, "evidence of events cannot be written now; it is tried again", &fault);
        else if (e == OK && failing)
            log_info("evidence of events is written again");
        failing = e != OK;
        if (idle)
            pause_for(v, failing);
        (void)pthread_mutex_lock(&v->lock);
        ending = v->ending && (v->tolds == 0 || failing);
        (void)pthread_mutex_unlock(&v->lock);
    }
    return NULL;
}

enum err evidence_start(struct evidence *v, struct fault *fault)
{
    v->ending = false;
    if (pthread_create(&v->thread, NULL, run, v) != 0)
        return fail(fault, ERR_LIMIT, "no thread for evidence");
    v->started = true;
    return OK;
}

void evidence_stop(struct evidence *v)
{
    if (!v->started)
        return;
    (void)pthread_mutex_lock(&v->lock);
    v->ending = true;
    (void)pthread_cond_signal(&v->nudge);
    (void)pthread_mutex_unlock(&v->lock);
    (void)pthread_join(v->thread, NULL);
    v->started = false;
}
