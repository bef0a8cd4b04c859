/* load/jobs.c - see the header. */
#include "load/jobs.h"

#include "base/clock.h"
#include "load/sql.h"

#include <stdlib.h>

#define QUIET_US          (2 * US_PER_S)   /* what is over sooner needs no progress */
#define PROGRESS_EVERY_US (2 * US_PER_S)
#define THREADS_UNASKED   32               /* unless more are asked for: a server has room for 100 connections by default, and others want some */

void load_jobs_init(struct load_jobs *j, const struct load_target *target, const char *schema, void *ctx)
{
    *j = (struct load_jobs){ .target = target, .schema = schema, .ctx = ctx, .started_us = clock_mono_us(&clock_real) };
    pthread_mutex_init(&j->lock, NULL);
}

void load_jobs_done(struct load_jobs *j) { pthread_mutex_destroy(&j->lock); }

static enum err send_copy(void *ctx, const char *data, size_t size, struct fault *fault)
{
    PGconn *conn = ctx;
    return PQputCopyData(conn, data, (int)size) == 1 ? OK : load_fault_of(conn, NULL, fault);
}

enum err load_jobs_copy(struct load_jobs *j, PGconn *conn, const char *sql, load_rows_writer *write, void *ctx, struct fault *fault)
{
    struct load_sink *sink = malloc(sizeof *sink);
    if (!sink)
        return fail(fault, ERR_LIMIT, "no memory to load with");
    sink->send = send_copy;
    sink->ctx = conn;
    sink->rows = &j->rows;
    enum err code = load_ask(conn, sql, 0, NULL, NULL, fault);
    if (code == OK)
        code = write(ctx, sink, fault);
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

static void *worker(void *ctx)
{
    struct load_jobs *j = ctx;
    struct fault      fault = { 0 };
    PGconn           *conn = NULL;
    enum err          code = load_target_open_patiently(j->target, &conn, &fault);
    if (code != OK && !fault.hint[0])   /* one is open already */
        fail_hint(&fault, "the server may have no room for as many connections: --threads opens fewer");
    if (code == OK && j->schema)
        code = load_ask(conn, sql_load_tpch_set_path, 1, &j->schema, NULL, &fault);
    while (code == OK) {
        int number = __atomic_fetch_add(&j->next, 1, __ATOMIC_RELAXED);
        if (number >= j->count)
            break;
        code = j->job(j, conn, number, &fault);
        (void)__atomic_fetch_add(&j->finished, 1, __ATOMIC_RELAXED);
    }
    if (code != OK) {
        pthread_mutex_lock(&j->lock);
        if (j->failed == OK) {
            j->failed = code;
            j->fault = fault;
        }
        pthread_mutex_unlock(&j->lock);
        __atomic_store_n(&j->next, j->count, __ATOMIC_RELAXED);
    }
    PQfinish(conn);
    return NULL;
}

void load_jobs_show(struct load_jobs *j, const char *phase, double share)
{
    int64_t now = clock_mono_us(&clock_real);
    if (now - j->started_us < QUIET_US)
        return;
    j->shown_us = now;
    fprintf(stderr, "%6.1f s  %s  %3.0f %%\n", (double)(now - j->started_us) / 1e6, phase, 100 * (share < 1 ? share : 1));
}

static double share_done(struct load_jobs *j, double rows_expected)
{
    return rows_expected > 0 ? (double)__atomic_load_n(&j->rows, __ATOMIC_RELAXED) / rows_expected
                             : (double)__atomic_load_n(&j->finished, __ATOMIC_RELAXED) / j->count;
}

/* A moment later, by the clock that pthread_timedjoin_np goes by. */
static struct timespec in_100_ms(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_REALTIME, &t);
    t.tv_nsec += 100 * 1000 * 1000;
    t.tv_sec += t.tv_nsec / 1000000000;
    t.tv_nsec %= 1000000000;
    return t;
}

enum err load_jobs_run(struct load_jobs *j, load_job *job, int count, int threads, const char *phase, double rows_expected, struct fault *fault)
{
    pthread_t ids[LOAD_THREADS_MAX];
    int       started = 0;
    j->job = job;
    j->count = count;
    j->next = j->finished = 0;
    if (threads > count)
        threads = count;
    for (; started < threads && started < LOAD_THREADS_MAX; started++)
        if (pthread_create(&ids[started], NULL, worker, j) != 0)
            break;
    if (started == 0)
        return fail(fault, ERR_LIMIT, "cannot start a thread");
    for (int i = 0; i < started; i++) {
        struct timespec until;
        do {
            if (clock_mono_us(&clock_real) - j->shown_us >= PROGRESS_EVERY_US)
                load_jobs_show(j, phase, share_done(j, rows_expected));
            until = in_100_ms();
        } while (pthread_timedjoin_np(ids[i], NULL, &until) != 0);
    }
    if (j->failed != OK && fault)
        *fault = j->fault;
    return j->failed;
}

int load_jobs_threads(int64_t asked, int64_t pieces, int64_t processors)
{
    int64_t n = asked;
    if (n == 0) {
        n = 2 * processors;
        n = n < THREADS_UNASKED ? n : THREADS_UNASKED;
        n = n < pieces ? n : pieces;
    }
    return (int)(n < 1 ? 1 : n < LOAD_THREADS_MAX ? n : LOAD_THREADS_MAX);
}
