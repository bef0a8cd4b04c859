/*
 * load/run.h - the subcommand run: clients of TPC-C, streams of TPC-H, time, and what they share.
 *
 * Each client or stream is a worker: a thread with a connection of its own.  The main thread keeps
 * time, prints and listens to signals; the endpoint's threads only read.  A run
 * ends in two steps: stopping (nothing new is begun; the queue of an open loop
 * is worked off) and, after the grace time, giving up (waits end at once).
 */
#ifndef LOAD_RUN_H
#define LOAD_RUN_H

#include "load/options.h"
#include "load/pace.h"
#include "load/schedule.h"
#include "load/score.h"
#include "load/stats.h"
#include "load/transactions.h"

#include <pthread.h>
#include <stdbool.h>

enum load_phase { LOAD_STARTING, LOAD_WARMUP, LOAD_MEASURE, LOAD_DRAIN };

struct load_worker {
    struct load_run     *run;
    pthread_t            thread;
    int                  number;                    /* from 0 among its kind */
    bool                 is_client;                 /* of TPC-C; else a stream of TPC-H */
    struct rand          rand;
    struct load_session  session;
    int                  failures_in_row;
    int64_t              replace_us;                /* mono; when the connection is old enough to be replaced */
    int64_t              patience_us;               /* for how long at a time it tries to connect; INT64_MAX: as long as the run lasts */
    struct load_recorder recorder;
};

struct load_client { struct load_worker worker; struct load_deck deck; };

struct load_stream {
    struct load_worker  worker;
    int                 first;                      /* the number of the first stream: 0 has the order of the power test */
    int                 order[LOAD_QUERIES];
    struct load_result *results;                    /* of a test; else NULL */
};

struct load_run {
    const struct load_options *options;
    struct load_target         target;
    struct load_schedule      *schedule;
    enum load_test             test;
    struct load_scale          scale;               /* of TPC-C */
    double                     scale_factor;        /* of TPC-H */
    double                     rate;                /* of TPC-C when all of it works; 0: closed loop */
    char                       label[200], isolation[24];
    uint64_t                   seed;
    int64_t                    started_us;          /* mono; when the workers were let go */

    int  start_fd, stop_fd, give_up_fd;             /* event descriptors; once readable they stay so */
    bool stopping, giving_up;                       /* atomic; the same as booleans */
    int  ready, finished;                           /* atomic; workers that have tried to connect, that have ended */
    int  phase;                                     /* atomic; enum load_phase */

    pthread_mutex_t  pace_lock;
    struct load_pace pace;                          /* open loop only (rate > 0) */

    pthread_mutex_t news_lock;
    struct fault    news;                           /* the last failure of any worker, for one line of log each interval */
    uint64_t        news_count;

    pthread_mutex_t print_lock;                     /* streams print their queries */

    struct load_client *clients;
    struct load_stream *streams;
    struct load_result *results;                    /* of a test: by stream, round and place */
    int                 client_count, stream_count;
};

/* All workers, clients first. */
static inline int load_run_workers(const struct load_run *run) { return run->client_count + run->stream_count; }
static inline struct load_worker *load_run_worker(const struct load_run *run, int i)
{
    return i < run->client_count ? &run->clients[i].worker : &run->streams[i - run->client_count].worker;
}

/* How long the workers have been at it; 0 before. Safe from every thread. */
int64_t load_run_elapsed_us(const struct load_run *run);

/* The whole subcommand; the program's exit status. */
int load_run(const struct load_options *o);

/* Add up all workers. Safe from every thread while the run lasts. */
void load_run_read(struct load_run *run, struct load_reading *reading);

const char *load_phase_name(enum load_phase p);

#endif
