/*
 * load/endpoint.h - a reading of the run over HTTP, read-only and on loopback only.
 *
 *     GET /latency   JSON; counters and histogram buckets that only grow, so that the difference of two
 *                    answers is the true distribution of latencies between them
 *     GET /metrics   Prometheus text
 */
#ifndef LOAD_ENDPOINT_H
#define LOAD_ENDPOINT_H

#include "load/run.h"

struct load_endpoint;   /* NULL is one that was never asked for */

/* listen is "127.0.0.1:PORT", "localhost:PORT" or "[::1]:PORT"; port 0 takes a free one. "" gives NULL. */
MUST_CHECK enum err load_endpoint_open(const char *listen, struct load_run *run, struct load_endpoint **endpoint, struct fault *fault);
void load_endpoint_close(struct load_endpoint *e);

/* "127.0.0.1:43210" */
const char *load_endpoint_address(const struct load_endpoint *e);

#endif
