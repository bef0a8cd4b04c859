/*
 * load/client.h - one client of TPC-C: draw, run, count, and never give up before the run does.
 */
#ifndef LOAD_CLIENT_H
#define LOAD_CLIENT_H

#include "load/run.h"

MUST_CHECK enum err load_client_init(struct load_client *c, struct load_run *run, int number, struct fault *fault);

/* The thread's body; ctx is the client. */
void *load_client_main(void *ctx);

#endif
