/* load/populate.c - a few threads take jobs (one warehouse, then one key each) from a list; the main thread shows how far they are. */
#include "load/populate.h"

#include "base/clock.h"
#include "load/rows.h"
#include "load/schema.h"
#include "load/sql.h"
#include "load/target.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define THREADS_MAX       256
#define QUIET_US          (2 * US_PER_S)   /* what is over sooner needs no progress */
#define PROGRESS_EVERY_US (2 * US_PER_S)

struct work {
    const struct load_target *target;
    struct load_content       content;
    int                       jobs, next, finished;                       /* atomic */
    enum err (*job)(struct work *w, PGconn *conn, int number, struct fault *fault);
    uint64_t                  rows;                                       /* atomic */
    pthread_mutex_t           lock;
    enum err                  failed;                                     /* the first failure, under the lock */
    struct fault              fault;
};

static const struct { enum load_table table; const char *sql; } copies[] = {
    { LOAD_WAREHOUSE, sql_load_copy_warehouse }, { LOAD_DISTRICT, sql_load_copy_district }, { LOAD_CUSTOMER, sql_load_copy_customer },
    { LOAD_HISTORY, sql_load_copy_history }, { LOAD_ORDER, sql_load_copy_orders }, { LOAD_NEW_ORDER_ROW, sql_load_copy_new_order },
    { LOAD_ORDER_LINE, sql_load_copy_order_line }, { LOAD_STOCK, sql_load_copy_stock },
};

static enum err send_copy(void *ctx, const char *data, size_t size, struct fault *fault)
{
    PGconn *conn = ctx;
    return PQputCopyData(conn, data, (int)size) == 1 ? OK : load_fault_of(conn, NULL, fault);
}

static enum err copy_table(struct work *w, PGconn *conn, enum load_table table, const char *sql, int warehouse, struct fault *fault)
{
    struct load_sink *sink = malloc(sizeof *sink);
    if (!sink)
        return fail(fault, ERR_LIMIT, "no memory to load with");
    sink->send = send_copy;
    sink->ctx = conn;
    sink->rows = &w->rows;
    enum err code = load_ask(conn, sql, 0, NULL, NULL, fault);
    if (code == OK)
        code = load_rows_write(&w->content, table, warehouse, sink, fault);
    free(sink);
    if (code == OK && PQputCopyEnd(conn, NULL) != 1)
        code = load_fault_of(conn, NULL, fault);
    for (PGresult *r; (r = PQgetResult(conn)) != NULL; PQclear(r))
        if (PQresultStatus(r) != PGRES_COMMAND_OK && PQresultStatus(r) != PGRES_COPY_IN)
            code = load_fault_of(conn, r, fault);
        else if (PQresultStatus(r) == PGRES_COPY_IN)
            (void)PQputCopyEnd(conn, "the rows could not be made");
    return code;
}

/* Job 0 is the item table, job w is warehouse w. */
static enum err load_rows_job(struct work *w, PGconn *conn, int number, struct fault *fault)
{
    if (number == 0)
        return copy_table(w, conn, LOAD_ITEM, sql_load_copy_item, 0, fault);
    enum err code = load_ask(conn, sql_load_begin, 0, NULL, NULL, fault);
    for (size_t i = 0; i < sizeof copies / sizeof copies[0] && code == OK; i++)
        code = copy_table(w, conn, copies[i].table, copies[i].sql, number, fault);
    return code != OK ? code : load_ask(conn, sql_load_commit, 0, NULL, NULL, fault);
}

static enum err key_job(struct work *w, PGconn *conn, int number, struct fault *fault)
{
    (void)w;
    return load_ask(conn, load_schema_key((size_t)number), 0, NULL, NULL, fault);
}

static void *worker(void *ctx)
{
    struct work *w = ctx;
    struct fault fault = { 0 };
    PGconn      *conn = NULL;
    enum err     code = load_target_open(w->target, &conn, &fault);
    while (code == OK) {
        int number = __atomic_fetch_add(&w->next, 1, __ATOMIC_RELAXED);
        if (number >= w->jobs)
            break;
        code = w->job(w, conn, number, &fault);
        (void)__atomic_fetch_add(&w->finished, 1, __ATOMIC_RELAXED);
    }
    if (code != OK) {
        pthread_mutex_lock(&w->lock);
        if (w->failed == OK) {
            w->failed = code;
            w->fault = fault;
        }
        pthread_mutex_unlock(&w->lock);
        __atomic_store_n(&w->next, w->jobs, __ATOMIC_RELAXED);   /* the others stop after what they are at */
    }
    PQfinish(conn);
    return NULL;
}

struct progress { int64_t started_us, shown_us; };

static void show(struct progress *p, const char *phase, double share)
{
    int64_t now = clock_mono_us(&clock_real);
    if (now - p->started_us < QUIET_US || now - p->shown_us < PROGRESS_EVERY_US)
        return;
    p->shown_us = now;
    fprintf(stderr, "%6.1f s  %s  %3.0f %%\n", (double)(now - p->started_us) / 1e6, phase, 100 * (share < 1 ? share : 1));
}

static enum err run_jobs(struct work *w, int threads, struct progress *p, const char *phase, double rows_expected, struct fault *fault)
{
    pthread_t ids[THREADS_MAX];
    int       started = 0;
    w->next = w->finished = 0;
    if (threads > w->jobs)
        threads = w->jobs;
    for (; started < threads; started++)
        if (pthread_create(&ids[started], NULL, worker, w) != 0)
            break;
    if (started == 0)
        return fail(fault, ERR_LIMIT, "cannot start a thread");
    for (int i = 0; i < started; i++) {
        struct timespec until;
        do {
            show(p, phase, rows_expected > 0 ? (double)__atomic_load_n(&w->rows, __ATOMIC_RELAXED) / rows_expected
                                             : (double)__atomic_load_n(&w->finished, __ATOMIC_RELAXED) / w->jobs);
            (void)clock_gettime(CLOCK_REALTIME, &until);
            until.tv_nsec += 100 * 1000 * 1000;
            until.tv_sec += until.tv_nsec / 1000000000;
            until.tv_nsec %= 1000000000;
        } while (pthread_timedjoin_np(ids[i], NULL, &until) != 0);
    }
    if (w->failed != OK && fault)
        *fault = w->fault;
    return w->failed;
}

static int thread_count(const struct load_options *o)
{
    int64_t n = o->threads;
    if (n == 0)
        n = 2 * sysconf(_SC_NPROCESSORS_ONLN);
    if (n > o->warehouses && o->threads == 0)
        n = o->warehouses;
    return (int)(n < 1 ? 1 : n < THREADS_MAX ? n : THREADS_MAX);
}

static enum err populate(const struct load_options *o, const struct load_target *target, struct work *w, struct fault *fault)
{
    struct progress p = { .started_us = clock_mono_us(&clock_real) };
    PGconn         *conn = NULL;
    char            label[200] = "";
    double          rows = (double)load_rows_expected(LOAD_ITEM);
    for (size_t i = 0; i < sizeof copies / sizeof copies[0]; i++)
        rows += (double)o->warehouses * (double)load_rows_expected(copies[i].table);

    enum err code = load_target_open(target, &conn, fault);
    if (code == OK) {
        load_target_label(conn, label, sizeof label);
        code = load_schema_create(conn, o->force, fault);
    }
    if (code == OK) {
        w->job = load_rows_job;
        w->jobs = (int)o->warehouses + 1;
        code = run_jobs(w, thread_count(o), &p, "rows", rows, fault);
    }
    if (code == OK) {
        w->job = key_job;
        w->jobs = (int)load_schema_key_count();
        code = run_jobs(w, thread_count(o), &p, "keys and indexes", 0, fault);
    }
    if (code == OK) {
        p.shown_us = 0;
        show(&p, "statistics", 0);
        struct load_mark mark = { .complete = true, .warehouses = (int)o->warehouses, .last_name = w->content.constants.last_name, .seed = (int64_t)w->content.seed };
        code = load_schema_finish(conn, o->foreign_keys, &mark, fault);
    }
    PQfinish(conn);
    if (code == OK)
        printf("loaded %" PRId64 " warehouses (%" PRIu64 " rows) into %s in %.1f s, seed %" PRIu64 "\n", o->warehouses, w->rows, label,
               (double)(clock_mono_us(&clock_real) - p.started_us) / 1e6, w->content.seed);
    return code;
}

int load_populate(const struct load_options *o)
{
    struct fault       fault = { 0 };
    struct load_target target;
    struct work        w = { .target = &target };
    struct rand        rand;
    enum err           code = OK;
    if (o->warehouses == 0) {
        code = fail(&fault, ERR_INPUT, "how many warehouses? --warehouses N, each about 100 MB");
    } else if ((code = load_target_parse(o->dsn, &target, &fault)) == OK) {
        w.content.seed = o->seed ? (uint64_t)o->seed : (uint64_t)clock_wall_us(&clock_real) % 1000000000 + 1;
        rand_seed(&rand, w.content.seed);
        load_constants_draw(&w.content.constants, &rand);
        (void)clock_format(clock_wall_us(&clock_real), w.content.now, sizeof w.content.now);
        pthread_mutex_init(&w.lock, NULL);
        code = populate(o, &target, &w, &fault);
        pthread_mutex_destroy(&w.lock);
        load_target_done(&target);
    }
    return code == OK ? 0 : load_options_complain(code, &fault);
}
