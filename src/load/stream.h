/*
 * load/stream.h - one stream of TPC-H: asks the 22 queries in its order, once for each round of a test, or over and over.
 */
#ifndef LOAD_STREAM_H
#define LOAD_STREAM_H

#include "load/run.h"

/* results: where a test puts what it finds, rounds times 22; NULL: over and over until the run stops. */
MUST_CHECK enum err load_stream_init(struct load_stream *s, struct load_run *run, int number, struct load_result *results, struct fault *fault);

/* The thread's body; ctx is the stream. */
void *load_stream_main(void *ctx);

#endif
