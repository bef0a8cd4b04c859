/* load/run.c - the main thread of a run: preparations, the clock, signals, the end. */
#include "load/run.h"

#include "base/clock.h"
#include "base/log.h"
#include "load/client.h"
#include "load/endpoint.h"
#include "load/report.h"
#include "load/schema.h"
#include "load/sql.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define READY_WAIT_US (15 * US_PER_S)   /* for the clients' first connections */

static const char *const phase_names[] = { "starting", "warmup", "measure", "drain" };
const char *load_phase_name(enum load_phase p) { return phase_names[p]; }

static int64_t now(void) { return clock_mono_us(&clock_real); }

void load_run_read(struct load_run *run, struct load_reading *r)
{
    memset(r, 0, sizeof *r);
    r->mono_us = now();
    r->wall_us = clock_wall_us(&clock_real);
    for (int i = 0; i < run->client_count; i++)
        load_reading_add(r, &run->clients[i].recorder);
    load_reading_finish(r);
    if (run->options->rate > 0 && __atomic_load_n(&run->phase, __ATOMIC_ACQUIRE) != LOAD_STARTING) {
        pthread_mutex_lock(&run->pace_lock);
        r->queued = load_pace_advance(&run->pace, r->mono_us);
        r->arrivals = run->pace.arrivals;
        r->dropped = run->pace.dropped;
        pthread_mutex_unlock(&run->pace_lock);
    }
}

static void set_phase(struct load_run *run, enum load_phase p) { __atomic_store_n(&run->phase, (int)p, __ATOMIC_RELEASE); }

static void raise_flag(bool *flag, int fd)
{
    uint64_t one = 1;
    __atomic_store_n(flag, true, __ATOMIC_RELEASE);
    if (write(fd, &one, sizeof one) < 0)
        log_warn("cannot wake the clients", F("error", (const char *)strerror(errno)));
}

/* -- before ------------------------------------------------------------------------------------------------------------ */

static enum err inspect_server(struct load_run *run, PGconn *conn, struct fault *fault)
{
    PGresult *r;
    enum err  code = load_ask(conn, sql_load_server_limits, 0, NULL, &r, fault);
    if (code != OK)
        return code;
    int  room = atoi(PQgetvalue(r, 0, 0));
    bool read_only = PQgetvalue(r, 0, 1)[0] == 't';
    PQclear(r);
    if (read_only) {
        code = fail(fault, ERR_STATE, "%s is a standby and read-only", run->label);
        fail_hint(fault, "name the primary, or several hosts with target_session_attrs=read-write");
    } else if (run->client_count > room) {
        code = fail(fault, ERR_INPUT, "--clients %d is more than the server's max_connections leave room for (%d)", run->client_count, room);
    }
    return code;
}

static enum err inspect(struct load_run *run, struct fault *fault)
{
    const struct load_options *o = run->options;
    struct load_mark           mark;
    PGconn                    *conn;
    enum err                   code = load_target_open(&run->target, &conn, fault);
    if (code != OK)
        return code;
    load_target_label(conn, run->label, sizeof run->label);
    code = inspect_server(run, conn, fault);
    if (code == OK)
        code = load_schema_inspect(conn, &mark, fault);
    PQfinish(conn);
    if (code != OK)
        return code;
    if (o->warehouses > mark.warehouses)
        return fail(fault, ERR_INPUT, "--warehouses %" PRId64 ": only %d are loaded", o->warehouses, mark.warehouses);
    struct rand r;
    rand_seed(&r, run->seed);
    run->scale.warehouses = o->warehouses ? (int)o->warehouses : mark.warehouses;
    load_constants_draw_for_run(&run->scale.constants, mark.last_name, &r);
    return OK;
}

static enum err start_clients(struct load_run *run, int *started, struct fault *fault)
{
    for (*started = 0; *started < run->client_count; ++*started) {
        int why = pthread_create(&run->clients[*started].thread, NULL, load_client_main, &run->clients[*started]);
        if (why != 0)
            return fail(fault, ERR_LIMIT, "cannot start thread %d: %s", *started + 1, strerror(why));
    }
    for (int64_t until = now() + READY_WAIT_US; __atomic_load_n(&run->ready, __ATOMIC_ACQUIRE) < run->client_count && now() < until;)
        (void)usleep(1000);
    int connected = 0;
    for (int i = 0; i < run->client_count; i++)
        connected += __atomic_load_n(&run->clients[i].recorder.connected, __ATOMIC_RELAXED) != 0;
    if (connected > 0)
        return OK;
    pthread_mutex_lock(&run->news_lock);
    enum err code = fail(fault, ERR_IO, "no client could connect: %s", run->news_count ? run->news.text : "the server does not answer");
    pthread_mutex_unlock(&run->news_lock);
    return code;
}

/* -- during ------------------------------------------------------------------------------------------------------------ */

/* What the clients had to say since the last time, in one line. */
static void log_news(struct load_run *run, uint64_t *told, const struct load_reading *r)
{
    pthread_mutex_lock(&run->news_lock);
    struct fault news = run->news;
    uint64_t     fresh = run->news_count - *told;
    *told = run->news_count;
    pthread_mutex_unlock(&run->news_lock);
    if (fresh > 0)
        log_warn("clients met failures", F("failures", (int64_t)fresh), F("connected", (int64_t)r->connected), F("clients", run->client_count), F("last", (const char *)news.text));
}

struct course {
    sigset_t             signals;
    int64_t              next_us, measure_us, end_us;   /* mono: the next line, the end of the warm-up, the end */
    bool                 measuring, interrupted, broken_pipe;
    uint64_t             told;
    struct load_reading *current, *previous, *base, *scratch;   /* base: where measuring began */
};

static void next_line(struct load_run *run, struct course *c)
{
    load_run_read(run, c->current);
    *c->scratch = *c->current;
    load_reading_since(c->scratch, c->previous);
    struct load_interval i = { .elapsed_s = (double)(c->current->mono_us - run->started_us) / 1e6, .seconds = (double)(c->current->mono_us - c->previous->mono_us) / 1e6,
                               .phase = (enum load_phase)run->phase, .what = c->scratch };
    load_report_second(run, &i, stdout);
    log_news(run, &c->told, c->current);
    struct load_reading *older = c->previous;
    c->previous = c->current;
    c->current = older;
    c->broken_pipe = ferror(stdout) != 0;
}

/* Sleep to a moment; true when a signal came first. */
static bool wait_until(const struct course *c, int64_t until_us)
{
    int64_t left_us = until_us - now();
    if (left_us < 0)
        left_us = 0;
    struct timespec t = { left_us / US_PER_S, left_us % US_PER_S * 1000 };
    return sigtimedwait(&c->signals, NULL, &t) > 0;
}

static void begin_measuring(struct load_run *run, struct course *c)
{
    load_run_read(run, c->base);
    c->measuring = true;
    set_phase(run, LOAD_MEASURE);
}

static void keep_time(struct load_run *run, struct course *c)
{
    while (!c->interrupted && !c->broken_pipe) {
        int64_t next = c->next_us < c->end_us ? c->next_us : c->end_us;
        if (!c->measuring && c->measure_us < next)
            next = c->measure_us;
        if (wait_until(c, next)) {
            c->interrupted = true;
            break;
        }
        int64_t t = now();
        bool    is_over = t >= c->end_us;
        if (t >= c->next_us || is_over) {
            next_line(run, c);
            while (c->next_us <= t)
                c->next_us += run->options->report_every_us;
        }
        if (!c->measuring && t >= c->measure_us)
            begin_measuring(run, c);
        if (is_over)
            break;
    }
}

/* -- after ------------------------------------------------------------------------------------------------------------- */

static void stop_clients(struct load_run *run, const struct course *c, int started)
{
    int64_t end = now() < c->end_us ? now() : c->end_us;
    set_phase(run, LOAD_DRAIN);
    if (run->options->rate > 0) {
        pthread_mutex_lock(&run->pace_lock);
        (void)load_pace_advance(&run->pace, end);
        load_pace_end(&run->pace, end);
        pthread_mutex_unlock(&run->pace_lock);
    }
    raise_flag(&run->stopping, run->stop_fd);
    int64_t until = now() + run->options->grace_us;
    while (__atomic_load_n(&run->finished, __ATOMIC_ACQUIRE) < started && now() < until)
        if (wait_until(c, now() + 5 * US_PER_MS))   /* a second signal: at once */
            break;
    raise_flag(&run->giving_up, run->give_up_fd);
    for (int i = 0; i < started; i++)
        (void)pthread_join(run->clients[i].thread, NULL);
}

static int summarise(struct load_run *run, struct course *c)
{
    if (!c->measuring)
        log_warn("the run ended during its warm-up; the summary is of the warm-up", F("warmup_s", (double)run->options->warmup_us / 1e6));
    load_run_read(run, c->current);
    log_news(run, &c->told, c->current);
    struct load_interval i = { .elapsed_s = (double)(c->current->mono_us - run->started_us) / 1e6, .phase = LOAD_DRAIN, .interrupted = c->interrupted, .what = c->current,
                               .seconds = (double)(c->current->mono_us - (c->measuring ? c->base->mono_us : run->started_us)) / 1e6 };
    load_reading_since(c->current, c->base);
    load_report_summary(run, &i, stdout);
    bool nothing = c->current->all.count == 0;
    if (nothing)
        log_error("no transaction succeeded", F("errors", (int64_t)c->current->counters[LOAD_ERRORS]));
    return nothing || ferror(stdout) ? 1 : 0;
}

static int run_course(struct load_run *run, struct course *c, struct fault *fault, enum err *code)
{
    struct load_endpoint *endpoint = NULL;
    int                   status = 1, started = 0;
    *code = load_endpoint_open(run->options->listen, run, &endpoint, fault);
    if (*code != OK)
        return 2;
    if (endpoint)
        fprintf(stderr, "listening on %s\n", load_endpoint_address(endpoint));
    *code = start_clients(run, &started, fault);
    run->started_us = now();
    c->next_us = run->started_us + run->options->report_every_us;
    c->measure_us = run->started_us + run->options->warmup_us;
    c->end_us = run->options->duration_us ? c->measure_us + run->options->duration_us : INT64_MAX;
    pthread_mutex_lock(&run->pace_lock);
    if (*code == OK && run->options->rate > 0)
        *code = load_pace_init(&run->pace, run->options->rate, (size_t)run->options->queue, run->seed, run->started_us, fault);
    pthread_mutex_unlock(&run->pace_lock);
    if (*code == OK) {
        load_report_head(run, stdout);
        load_run_read(run, c->previous);
        *c->base = *c->previous;
        set_phase(run, run->options->warmup_us ? LOAD_WARMUP : LOAD_MEASURE);
        c->measuring = run->options->warmup_us == 0;
        bool go;
        raise_flag(&go, run->start_fd);
        keep_time(run, c);
    }
    stop_clients(run, c, started);
    if (*code == OK)
        status = summarise(run, c);
    load_endpoint_close(endpoint);
    load_pace_done(&run->pace);
    return status;
}

static enum err make_run(struct load_run *run, struct course *c, struct fault *fault)
{
    const struct load_options *o = run->options;
    run->seed = o->seed ? (uint64_t)o->seed : (uint64_t)clock_wall_us(&clock_real) % 1000000000 + 1;
    run->client_count = (int)o->clients;
    run->start_fd = eventfd(0, EFD_CLOEXEC);
    run->stop_fd = eventfd(0, EFD_CLOEXEC);
    run->give_up_fd = eventfd(0, EFD_CLOEXEC);
    (void)snprintf(run->isolation, sizeof run->isolation, "%s", o->isolation);
    for (char *p = run->isolation; *p; p++)
        if (*p == '-')
            *p = ' ';
    run->clients = calloc((size_t)o->clients, sizeof *run->clients);
    struct load_reading **readings[] = { &c->current, &c->previous, &c->base, &c->scratch };
    bool ok = run->clients && run->start_fd >= 0 && run->stop_fd >= 0 && run->give_up_fd >= 0;
    for (size_t i = 0; i < sizeof readings / sizeof readings[0]; i++)
        ok = (*readings[i] = calloc(1, sizeof **readings[i])) && ok;
    for (int i = 0; ok && i < run->client_count; i++)
        load_client_init(&run->clients[i], run, i);
    return ok ? OK : fail(fault, ERR_LIMIT, "no memory or descriptors for %" PRId64 " clients", o->clients);
}

int load_run(const struct load_options *o)
{
    struct fault    fault = { 0 };
    struct course   c = { 0 };
    struct load_run run = { .options = o, .pace_lock = PTHREAD_MUTEX_INITIALIZER, .news_lock = PTHREAD_MUTEX_INITIALIZER };
    int             status = 1;

    (void)signal(SIGPIPE, SIG_IGN);
    sigemptyset(&c.signals);
    sigaddset(&c.signals, SIGINT);
    sigaddset(&c.signals, SIGTERM);
    enum err code = o->rate > 0 && o->think > 0 ? fail(&fault, ERR_INPUT, "--think-time is for the closed loop; in the open loop --rate says when transactions arrive")
                                                : load_target_parse(o->dsn, &run.target, &fault);
    if (code == OK)
        code = make_run(&run, &c, &fault);
    if (code == OK)
        code = inspect(&run, &fault);
    if (code == OK) {
        /* From here on signals are taken by sigtimedwait alone; threads inherit the mask. */
        pthread_sigmask(SIG_BLOCK, &c.signals, NULL);
        status = run_course(&run, &c, &fault, &code);
    }
    free(c.current), free(c.previous), free(c.base), free(c.scratch), free(run.clients);
    load_target_done(&run.target);
    return code == OK ? status : load_options_complain(code, &fault);
}
