/*
 * load/jobs.h - loading side by side: a few threads, each with a connection, take numbered jobs from a list.
 *
 *     struct load_jobs jobs;
 *     load_jobs_init(&jobs, &target, schema, &mine);
 *     code = load_jobs_run(&jobs, copy_chunk, chunks, threads, "rows", rows_expected, fault);
 *     load_jobs_done(&jobs);
 *
 * The calling thread shows how far they are on standard error, once it takes
 * longer than a moment.  The first failure ends it: the others stop after what
 * they are at.
 */
#ifndef LOAD_JOBS_H
#define LOAD_JOBS_H

#include "load/sink.h"
#include "load/target.h"

#include <pthread.h>

#define LOAD_THREADS_MAX 256

struct load_jobs;
typedef enum err load_job(struct load_jobs *jobs, PGconn *conn, int number, struct fault *fault);

struct load_jobs {
    const struct load_target *target;
    const char               *schema;                    /* what comes first in the search path; NULL leaves it alone */
    void                     *ctx;                       /* the jobs' own */
    load_job                 *job;
    int                       count, next, finished;     /* atomic */
    uint64_t                  rows;                      /* atomic */
    int64_t                   started_us, shown_us;
    pthread_mutex_t           lock;
    enum err                  failed;                    /* the first failure, under the lock */
    struct fault              fault;
};

void load_jobs_init(struct load_jobs *j, const struct load_target *target, const char *schema, void *ctx);
void load_jobs_done(struct load_jobs *j);

/* Jobs 0 to count - 1. Progress is the share of rows_expected, or of jobs when that is 0. */
MUST_CHECK enum err load_jobs_run(struct load_jobs *j, load_job *job, int count, int threads, const char *phase, double rows_expected, struct fault *fault);

/* A line on standard error now, unless everything so far took a moment only. */
void load_jobs_show(struct load_jobs *j, const char *phase, double share);

/* How many threads: as asked for, else (0) two for each processor, but no more than there are pieces, and no more than 32. */
int load_jobs_threads(int64_t asked, int64_t pieces, int64_t processors);

/* One COPY statement and the rows that `write` makes for it. */
typedef enum err load_rows_writer(void *ctx, struct load_sink *sink, struct fault *fault);
MUST_CHECK enum err load_jobs_copy(struct load_jobs *j, PGconn *conn, const char *sql, load_rows_writer *write, void *ctx, struct fault *fault);

#endif
