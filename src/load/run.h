/*
 * load/run.h - the subcommand run: clients, time, and what they share.
 *
 * Each client is a thread with a connection of its own.  The main thread keeps
 * time, prints and listens to signals; the endpoint's threads only read.  A run
 * ends in two steps: stopping (nothing new is begun; the queue of an open loop
 * is worked off) and, after the grace time, giving up (waits end at once).
 */
#ifndef LOAD_RUN_H
#define LOAD_RUN_H

#include "load/options.h"
#include "load/pace.h"
#include "load/stats.h"
#include "load/transactions.h"

#include <pthread.h>
#include <stdbool.h>

enum load_phase { LOAD_STARTING, LOAD_WARMUP, LOAD_MEASURE, LOAD_DRAIN };

struct load_run {
    const struct load_options *options;
    struct load_target         target;
    struct load_scale          scale;
    char                       label[200], isolation[24];
    uint64_t                   seed;
    int64_t                    started_us;          /* mono; when the clients were let go */

    int  start_fd, stop_fd, give_up_fd;             /* event descriptors; once readable they stay so */
    bool stopping, giving_up;                       /* atomic; the same as booleans */
    int  ready, finished;                           /* atomic; clients that have tried to connect, that have ended */
    int  phase;                                     /* atomic; enum load_phase */

    pthread_mutex_t pace_lock;
    struct load_pace pace;                          /* open loop only (options->rate > 0) */

    pthread_mutex_t news_lock;
    struct fault    news;                           /* the last failure of any client, for one line of log each interval */
    uint64_t        news_count;

    struct load_client *clients;
    int                 client_count;
};

struct load_client {
    struct load_run      *run;
    pthread_t             thread;
    struct rand           rand;
    struct load_deck      deck;
    struct load_session   session;
    int                   failures_in_row;
    int64_t               replace_us;               /* mono; when the connection is old enough to be replaced */
    struct load_recorder  recorder;
};

/* The whole subcommand; the program's exit status. */
int load_run(const struct load_options *o);

/* Add up all clients. Safe from every thread while the run lasts. */
void load_run_read(struct load_run *run, struct load_reading *reading);

const char *load_phase_name(enum load_phase p);

#endif
