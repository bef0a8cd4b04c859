/*
 * sense/load.h - true latencies from a load driver: GET <endpoint>/latency, once a second.
 *
 * The driver answers with counters since it started:
 *     { "mono_us": 1, "wall_us": 1, "transactions": 1, "errors": 0, "retries": 0, "mode": "closed", "rate": 0, "clients": 8,
 *       "sum_us": 1, "buckets": [[upper_us, count], ...] }
 * Two answers make LATENCY_*, ERRORS and (open loop) OFFERED.  A driver that started anew, or did not answer, makes one
 * unknown second and never a negative one.
 */
#ifndef SENSE_LOAD_H
#define SENSE_LOAD_H

#include "base/err.h"
#include "model/sample.h"

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

enum { LOAD_ANSWER_MAX = 256 * 1024 };

/* ---- pure: what an answer says ---- */

struct driver_reading {
    bool    open_loop;
    double  mono_us, transactions, errors, retries, rate, clients, sum_us;   /* NAN: not told */
    struct latency_count latency;
};

MUST_CHECK enum err driver_parse(const char *json, struct driver_reading *r, struct fault *fault);
/* Did the driver start anew between the two? */
bool driver_restarted(const struct driver_reading *before, const struct driver_reading *now);
/* Fill what the difference says; before NULL (or restarted): only the cumulative latency counters. */
void driver_fill(const struct driver_reading *before, const struct driver_reading *now, struct sample *s);

/* ---- asking ---- */

struct sense_load;

/* url: "http://127.0.0.1:9300". on_done follows each sense_load_ask exactly once, within limit_ms. */
MUST_CHECK enum err sense_load_new(uv_loop_t *loop, const char *url, int limit_ms, void (*on_done)(void *ctx), void *ctx,
                                   struct sense_load **load, struct fault *fault);
void sense_load_free(struct sense_load *l);
void sense_load_ask(struct sense_load *l);
/* Fill s from the last question if it was answered; false (and s untouched) when it was not. */
bool sense_load_fill(struct sense_load *l, struct sample *s);
/* Why the last question failed; NULL when it did not. */
const struct fault *sense_load_fault(const struct sense_load *l);

#endif
