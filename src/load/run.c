/* load/run.c - the subcommand run: preparations, starting and stopping the workers. */
#include "load/run.h"

#include "base/clock.h"
#include "base/log.h"
#include "load/client.h"
#include "load/course.h"
#include "load/endpoint.h"
#include "load/schema.h"
#include "load/sql.h"
#include "load/stream.h"
#include "load/worker.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#define READY_WAIT_US (15 * US_PER_S)   /* for the workers' first connections */

static const char *const phase_names[] = { "starting", "warmup", "measure", "drain" };
const char *load_phase_name(enum load_phase p) { return phase_names[p]; }

static int64_t now(void) { return clock_mono_us(&clock_real); }

void load_run_read(struct load_run *run, struct load_reading *r)
{
    memset(r, 0, sizeof *r);
    r->mono_us = now();
    r->wall_us = clock_wall_us(&clock_real);
    for (int i = 0; i < load_run_workers(run); i++)
        load_reading_add(r, &load_run_worker(run, i)->recorder);
    load_reading_finish(r);
    if (run->rate > 0 && __atomic_load_n(&run->phase, __ATOMIC_ACQUIRE) != LOAD_STARTING) {
        pthread_mutex_lock(&run->pace_lock);
        r->queued = load_pace_advance(&run->pace, r->mono_us);
        r->arrivals = run->pace.arrivals;
        r->dropped = run->pace.dropped;
        pthread_mutex_unlock(&run->pace_lock);
    }
}

int64_t load_run_elapsed_us(const struct load_run *run)
{
    return __atomic_load_n(&run->phase, __ATOMIC_ACQUIRE) == LOAD_STARTING ? 0 : now() - run->started_us;
}

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
    int  room = atoi(PQgetvalue(r, 0, 0)), wanted = load_run_workers(run);
    bool read_only = PQgetvalue(r, 0, 1)[0] == 't';
    PQclear(r);
    if (read_only && run->client_count > 0) {
        code = fail(fault, ERR_STATE, "%s is a standby and read-only", run->label);
        fail_hint(fault, "name the primary, or several hosts with target_session_attrs=read-write");
    } else if (wanted > room && run->stream_count == 0) {
        code = fail(fault, ERR_INPUT, "--clients %d is more than the server's max_connections leave room for (%d)", wanted, room);
    } else if (wanted > room) {
        code = fail(fault, ERR_INPUT, "%d clients and %d streams are more than the server's max_connections leave room for (%d)", run->client_count, run->stream_count, room);
    }
    return code;
}

static enum err inspect_tpcc(struct load_run *run, PGconn *conn, struct fault *fault)
{
    const struct load_options *o = run->options;
    struct load_mark           mark;
    enum err                   code = load_schema_inspect(conn, &load_layout_tpcc, &mark, fault);
    if (code != OK)
        return code;
    if (o->warehouses > mark.warehouses)
        return fail(fault, ERR_INPUT, "--warehouses %" PRId64 ": only %d are loaded", o->warehouses, mark.warehouses);
    struct rand r;
    rand_seed(&r, run->seed);
    run->scale.warehouses = o->warehouses ? (int)o->warehouses : mark.warehouses;
    load_constants_draw_for_run(&run->scale.constants, mark.last_name, &r);
    run->scale.constants.uniform = strcmp(o->draw, "uniform") == 0;
    return OK;
}

static enum err inspect_tpch(struct load_run *run, PGconn *conn, struct fault *fault)
{
    struct load_mark mark;
    enum err         code = load_schema_enter(conn, run->options->schema, false, fault);
    if (code == OK)
        code = load_schema_inspect(conn, &load_layout_tpch, &mark, fault);
    if (code == OK)
        run->scale_factor = mark.scale;
    return code;
}

static enum err inspect(struct load_run *run, struct fault *fault)
{
    PGconn  *conn;
    enum err code = load_target_open(&run->target, &conn, fault);
    if (code != OK)
        return code;
    load_target_label(conn, run->label, sizeof run->label);
    code = inspect_server(run, conn, fault);
    if (code == OK && run->client_count > 0)
        code = inspect_tpcc(run, conn, fault);
    if (code == OK && run->stream_count > 0)
        code = inspect_tpch(run, conn, fault);
    PQfinish(conn);
    return code;
}

static enum err make_workers(struct load_run *run, struct fault *fault)
{
    size_t   per_stream = (size_t)run->options->rounds * LOAD_QUERIES;
    enum err code = OK;
    run->clients = calloc((size_t)run->client_count + 1, sizeof *run->clients);
    run->streams = calloc((size_t)run->stream_count + 1, sizeof *run->streams);
    if (run->test != LOAD_TEST_LOOP)
        run->results = calloc((size_t)run->stream_count * per_stream, sizeof *run->results);
    if (!run->clients || !run->streams || (run->test != LOAD_TEST_LOOP && !run->results))
        return fail(fault, ERR_LIMIT, "no memory for %d clients and %d streams", run->client_count, run->stream_count);
    for (int i = 0; i < run->client_count && code == OK; i++)
        code = load_client_init(&run->clients[i], run, i, fault);
    for (int i = 0; i < run->stream_count && code == OK; i++)
        code = load_stream_init(&run->streams[i], run, i, run->results ? run->results + (size_t)i * per_stream : NULL, fault);
    return code;
}

static enum err start_workers(struct load_run *run, int *started, struct fault *fault)
{
    int wanted = load_run_workers(run);
    for (*started = 0; *started < wanted; ++*started) {
        struct load_worker *w = load_run_worker(run, *started);
        int why = w->is_client ? pthread_create(&w->thread, NULL, load_client_main, &run->clients[w->number]) : pthread_create(&w->thread, NULL, load_stream_main, &run->streams[w->number]);
        if (why != 0)
            return fail(fault, ERR_LIMIT, "cannot start thread %d: %s", *started + 1, strerror(why));
    }
    for (int64_t until = now() + READY_WAIT_US; __atomic_load_n(&run->ready, __ATOMIC_ACQUIRE) < wanted && now() < until;)
        (void)usleep(1000);
    int connected = 0;
    for (int i = 0; i < wanted; i++)
        connected += __atomic_load_n(&load_run_worker(run, i)->recorder.connected, __ATOMIC_RELAXED) != 0;
    if (connected > 0)
        return OK;
    pthread_mutex_lock(&run->news_lock);
    enum err code = fail(fault, ERR_IO, "no client could connect: %s", run->news_count ? run->news.text : "the server does not answer");
    pthread_mutex_unlock(&run->news_lock);
    return code;
}

/* How much of the full rate arrives at a moment. */
static double rate_share(const void *ctx, int64_t mono_us, int64_t *until_us)
{
    const struct load_run *run = ctx;
    int64_t                us = mono_us - run->started_us;
    *until_us = run->started_us + load_schedule_rests_until(run->schedule, us);
    return load_schedule_at(run->schedule, us).tpcc;
}

static enum err make_pace(struct load_run *run, struct fault *fault)
{
    size_t  queue = (size_t)run->options->queue;
    int64_t end_us = load_schedule_end(run->schedule);
    if (run->rate <= 0)
        return OK;
    if (run->schedule->count == 0)
        return load_pace_init(&run->pace, run->rate * run->schedule->constant.tpcc, queue, run->seed, run->started_us, fault);
    return load_pace_init_varying(&run->pace, run->rate, rate_share, run, end_us == INT64_MAX ? end_us : run->started_us + end_us, queue, run->seed, run->started_us, fault);
}

/* -- during and after -------------------------------------------------------------------------------------------------- */

static void stop_workers(struct load_run *run, const struct load_course *c, int started)
{
    int64_t end = now() < c->end_us ? now() : c->end_us;
    __atomic_store_n(&run->phase, (int)LOAD_DRAIN, __ATOMIC_RELEASE);
    if (run->rate > 0) {
        pthread_mutex_lock(&run->pace_lock);
        (void)load_pace_advance(&run->pace, end);
        load_pace_end(&run->pace, end);
        pthread_mutex_unlock(&run->pace_lock);
    }
    raise_flag(&run->stopping, run->stop_fd);
    int64_t until = now() + run->options->grace_us;
    while (__atomic_load_n(&run->finished, __ATOMIC_ACQUIRE) < started && now() < until)
        if (load_course_wait(c, now() + 5 * US_PER_MS))   /* a second signal: at once */
            break;
    raise_flag(&run->giving_up, run->give_up_fd);
    for (int i = 0; i < started; i++)
        (void)pthread_join(load_run_worker(run, i)->thread, NULL);
}

static int run_course(struct load_run *run, struct load_course *c, struct fault *fault, enum err *code)
{
    struct load_endpoint *endpoint = NULL;
    int                   status = 1, started = 0;
    *code = load_endpoint_open(run->options->listen, run, &endpoint, fault);
    if (*code != OK)
        return 2;
    if (endpoint)
        fprintf(stderr, "listening on %s\n", load_endpoint_address(endpoint));
    *code = start_workers(run, &started, fault);
    c->end_us = INT64_MAX;
    pthread_mutex_lock(&run->pace_lock);
    run->started_us = now();
    if (*code == OK)
        *code = make_pace(run, fault);
    pthread_mutex_unlock(&run->pace_lock);
    if (*code == OK) {
        load_course_begin(run, c);
        bool go;
        raise_flag(&go, run->start_fd);
        load_course_keep(run, c);
    }
    stop_workers(run, c, started);
    if (*code == OK)
        status = load_course_summarise(run, c);
    load_endpoint_close(endpoint);
    load_pace_done(&run->pace);
    return status;
}

/* Who runs, how many, and when: from the options, or from the schedule's file. */
static enum err read_plan(struct load_run *run, struct fault *fault)
{
    const struct load_options *o = run->options;
    struct load_schedule      *s = run->schedule;
    run->test = load_options_test(o);
    if (*o->schedule) {
        enum err code = load_schedule_read(o->schedule, s, NULL, fault);
        if (code != OK)
            return code;
        struct load_share most = load_schedule_most(s);
        run->client_count = most.tpcc > 0 ? (int)s->clients : 0;
        run->stream_count = most.tpch > 0 ? (int)s->streams : 0;
        run->rate = most.tpcc > 0 ? s->rate : 0;
        return run->rate > 0 && o->think > 0 ? fail(fault, ERR_INPUT, "--think-time is for the closed loop, and the schedule has a rate") : OK;
    }
    load_schedule_constant(s, o->tpcc_share / 100, o->tpch_share / 100);
    run->client_count = load_options_want(o, LOAD_BENCH_TPCC) ? (int)o->clients : 0;
    if (load_options_want(o, LOAD_BENCH_TPCH))
        run->stream_count = o->streams ? (int)o->streams : run->test == LOAD_TEST_THROUGHPUT ? 2 : 1;
    run->rate = o->rate;
    return OK;
}

/* A shell allows 1024, and a connection that is cancelled takes a second one for it. Nothing here waits by select(). */
static void allow_descriptors(void)
{
    struct rlimit l;
    if (getrlimit(RLIMIT_NOFILE, &l) == 0 && l.rlim_cur < l.rlim_max) {
        l.rlim_cur = l.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &l);   /* else the clients that find none left say so */
    }
}

static enum err make_run(struct load_run *run, struct fault *fault)
{
    const struct load_options *o = run->options;
    allow_descriptors();
    run->seed = o->seed ? (uint64_t)o->seed : (uint64_t)clock_wall_us(&clock_real) % 1000000000 + 1;
    run->start_fd = eventfd(0, EFD_CLOEXEC);
    run->stop_fd = eventfd(0, EFD_CLOEXEC);
    run->give_up_fd = eventfd(0, EFD_CLOEXEC);
    run->schedule = calloc(1, sizeof *run->schedule);
    (void)snprintf(run->isolation, sizeof run->isolation, "%s", o->isolation);
    for (char *p = run->isolation; *p; p++)
        if (*p == '-')
            *p = ' ';
    if (run->start_fd < 0 || run->stop_fd < 0 || run->give_up_fd < 0 || !run->schedule)
        return fail(fault, ERR_LIMIT, "no memory or descriptors for a run");
    return read_plan(run, fault);
}

static void free_run(struct load_run *run)
{
    for (int i = 0; run->clients && i < run->client_count; i++)
        load_worker_free(&run->clients[i].worker);
    for (int i = 0; run->streams && i < run->stream_count; i++)
        load_worker_free(&run->streams[i].worker);
    free(run->clients), free(run->streams), free(run->results), free(run->schedule);
    load_target_done(&run->target);
}

int load_run(const struct load_options *o)
{
    struct fault       fault = { 0 };
    struct load_course c = { 0 };
    struct load_run    run = { .options = o, .pace_lock = PTHREAD_MUTEX_INITIALIZER, .news_lock = PTHREAD_MUTEX_INITIALIZER, .print_lock = PTHREAD_MUTEX_INITIALIZER };
    int                status = 1;

    (void)signal(SIGPIPE, SIG_IGN);
    enum err code = load_options_agree(o, &fault);
    if (code == OK)
        code = load_target_parse(o->dsn, &run.target, &fault);
    if (code == OK)
        code = make_run(&run, &fault);
    if (code == OK)
        code = load_course_init(&c, &fault);
    if (code == OK)
        code = inspect(&run, &fault);
    if (code == OK)
        code = make_workers(&run, &fault);
    if (code == OK) {
        /* From here on signals are taken by sigtimedwait alone; threads inherit the mask. */
        pthread_sigmask(SIG_BLOCK, &c.signals, NULL);
        status = run_course(&run, &c, &fault, &code);
    }
    load_course_done(&c);
    free_run(&run);
    return code == OK ? status : load_options_complain(code, &fault);
}
