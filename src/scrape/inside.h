/* scrape/inside.h - what the thread (scrape.c) and the work on one target (work.c) share. For files in this room. */
#ifndef SCRAPE_INSIDE_H
#define SCRAPE_INSIDE_H

#include "scrape/discover.h"
#include "scrape/fetch.h"
#include "scrape/scrape.h"
#include "scrape/turn.h"

#include <pthread.h>
#include <stdatomic.h>

enum { WAITING_BYTES_MAX = 64 * 1024 * 1024, LIST_MEMORY = 256 * 1024 * 1024 };
#define TRY_AGAIN_US (250 * US_PER_MS)

/* A configuration with its rules compiled. */
struct jobs {
    const struct scrape_job   *job; size_t n;
    const struct scraper_conf *limits;
    struct relabel           **of_targets, **of_series;       /* one for each job */
};

/* Somebody who is asked. */
struct live {
    struct target         t;                 /* its texts lie in the arena of the list */
    const struct scrape_job *job;
    struct series_set    *set;
    bool                  running, stays;    /* stays: while a new list is being put in place */
    int64_t               due_us, begun_us;  /* mono */
    int64_t               begun_wall_us;
    /* what came of the last time; asked 0: never */
    uint64_t              asked, failed;
    bool                  up;
    int64_t               took_us, samples;
    char                  error[240];
};

/* A record for which the journal had no room. */
struct waiting { struct waiting *next; struct record r; bool once; size_t bytes; char data[]; };

struct scrape {
    struct journal     *journal;
    const struct clock *clock;
    pthread_t           thread;
    pthread_mutex_t     lock;                /* of everything below but what is atomic */
    pthread_cond_t      adopted;
    bool                ending;
    struct jobs        *fresh;               /* to be put into force; NULL: nothing */
    enum err            fresh_result;
    struct fault       *fresh_fault;

    struct jobs        *jobs;
    struct discover    *discover;
    struct fetches     *fetches;
    struct arena        arena;               /* of the list */
    struct target_list  list;                /* its numbers; the targets themselves were copied into live */
    struct live       **live; size_t lives;
    struct live       **due;  size_t dues;   /* a heap: the earliest first; who is being asked is not in it */
    int64_t             look_us;
    struct turn         turn;
    struct live        *at;                  /* whose turn it is */
    struct waiting     *first, **last; size_t waiting_bytes;
    int64_t             again_us;
    uint64_t            series;
    struct scrape_stats stats;
    atomic_uint_fast64_t undurable;          /* accepted by the journal, and then not made durable */
    atomic_long          in_flight;
};

/* scrape.c */
void due_push(struct scrape *s, struct live *l);

/* work.c: with the lock held, on the thread */
void work_begin(struct scrape *s, struct live *l);
void work_end(struct scrape *s, struct live *l, const struct fetch_done *d);
void work_gone(struct scrape *s, struct live *l);            /* it is not a target any more */
void work_again(struct scrape *s);                           /* what the journal had no room for */

#endif
