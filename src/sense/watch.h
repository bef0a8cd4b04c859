/*
 * sense/watch.h - everything that is seen of one target, joined into one struct sample per second.
 *
 *     struct watch *w = NULL;
 *     enum err e = watch_new(loop, &conf, &callbacks, &w, fault);     one per target; samples follow by themselves
 *     watch_free(w);
 *
 * Each second, on whole seconds of the wall clock: PostgreSQL and the load driver are asked, the machine is read, and when
 * both have answered or run out of time on_sample is called with what is known.  There is one sample for every second in which
 * the loop ran, also while the target is down: then it says UP = 0 or unknown.  Callbacks run on the loop's thread and
 * must not free the watch.
 */
#ifndef SENSE_WATCH_H
#define SENSE_WATCH_H

#include "base/err.h"
#include "model/sample.h"
#include "model/target.h"
#include "sense/postgres.h"

#include <uv.h>

struct watch;

struct watch_conf {
    struct sense_pg_conf pg;
    const char *load_endpoint;           /* NULL or "": no driver, latencies are estimated from statements */
    int  interval_ms;                    /* default 1000 */
    bool host;                           /* read the machine, once the postmaster is proven local */
};

void watch_conf_init(struct watch_conf *c);   /* every default */

struct watch_callbacks {
    void (*on_sample)(void *ctx, const struct sample *s);
    void (*on_facts)(void *ctx, const struct target_facts *f);
    void (*on_state)(void *ctx, enum sense_pg_event e, const struct fault *what);
    void *ctx;
};

MUST_CHECK enum err watch_new(uv_loop_t *loop, const struct watch_conf *conf, const struct watch_callbacks *callbacks, struct watch **w,
                              struct fault *fault);
void watch_free(struct watch *w);
struct sense_pg *watch_pg(struct watch *w);                   /* for sense_pg_refresh_facts and the like */
const struct target_facts *watch_facts(const struct watch *w);   /* the last ones; NULL before the first. Valid until the next callback */
const struct sample *watch_last(const struct watch *w);          /* NULL before the first */

#endif
