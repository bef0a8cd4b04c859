/*
 * load/worker.h - what clients and streams have in common: a thread with a connection that comes back when it is lost,
 * a recorder, and the schedule that says when to work and when to rest.
 */
#ifndef LOAD_WORKER_H
#define LOAD_WORKER_H

#include "load/run.h"

/* first, classes: what it records. number: from 0 among its kind. */
MUST_CHECK enum err load_worker_init(struct load_worker *w, struct load_run *run, int number, int first, int classes, struct fault *fault);
void load_worker_free(struct load_worker *w);

/* The beginning of every thread: connect, and wait for the start. */
void load_worker_begin(struct load_worker *w);
/* And its end. */
void load_worker_end(struct load_worker *w);

bool load_worker_is_stopping(const struct load_worker *w);
bool load_worker_goes_on(const struct load_worker *w);   /* an open loop works its queue off before it stops */

/* Sleep; the end of the run wakes. */
void load_worker_sleep_until(const struct load_worker *w, int64_t until_us);

/* Be connected, or try until the run stops or patience ends. Replaces a connection that is old enough. False: there is none. */
bool load_worker_connect(struct load_worker *w);
void load_worker_drop(struct load_worker *w);
/* A connection that was idle may have been closed meanwhile; a pool would notice, so do we. */
bool load_worker_still_connected(struct load_worker *w);

/* Count an error, tell it, and do what the outcome asks for; pauses when it is not the first in a row. */
void load_worker_failed(struct load_worker *w, int class, enum load_outcome o, const struct fault *fault);
/* Before the same is tried again. */
void load_worker_pause_before_retry(struct load_worker *w, int attempt);
void load_worker_succeeded(struct load_worker *w);

/*
 * Rest as long as the schedule wants it, after a piece of work that began at begun_us.  A worker with a duty of one
 * half rests as long as it worked; one without waits until it has some.  Returns when it may work, or the run stops;
 * true when it slept, and should see whether it is still connected.
 */
bool load_worker_rest(struct load_worker *w, int64_t begun_us);

#endif
