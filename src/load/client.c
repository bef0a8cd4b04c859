/* load/client.c - see the header. */
#include "load/client.h"

#include "base/clock.h"
#include "load/worker.h"

#include <math.h>

#define ATTEMPTS_MAX 10                      /* of one transaction, when the server asks to repeat it */
#define IDLE_STEP_US (50 * US_PER_MS)        /* how long a client looks away when nothing more will arrive; the end of the run wakes it */

/* Clause 5.2.5.7: keying time, and the mean of the negative exponential thinking time, in seconds. */
static const struct { double keying_s, thinking_s; } think_times[LOAD_KINDS] = {
    [LOAD_NEW_ORDER] = { 18, 12 }, [LOAD_PAYMENT] = { 3, 12 }, [LOAD_ORDER_STATUS] = { 2, 10 }, [LOAD_DELIVERY] = { 2, 5 }, [LOAD_STOCK_LEVEL] = { 2, 5 },
};

static int64_t now(void) { return clock_mono_us(&clock_real); }

static bool is_open_loop(const struct load_client *c) { return c->worker.run->rate > 0; }

static void finish_transaction(struct load_client *c, enum load_kind kind, int64_t since_us, const struct load_effects *effects)
{
    load_recorder_done(&c->worker.recorder, (int)kind, now() - since_us);
    if (effects->rolled_back)
        load_recorder_count(&c->worker.recorder, LOAD_ROLLED_BACK);
    for (int i = 0; i < effects->skipped; i++)
        load_recorder_count(&c->worker.recorder, LOAD_SKIPPED);
    load_worker_succeeded(&c->worker);
}

static void run_transaction(struct load_client *c, enum load_kind kind, int64_t since_us)
{
    struct load_worker     *w = &c->worker;
    struct load_transaction t;
    load_transaction_draw(&t, kind, &w->run->scale, &w->rand);
    for (int attempt = 1;; attempt++) {
        struct load_effects effects;
        struct fault        fault = { 0 };
        enum load_outcome   o = load_transaction_run(&w->session, &t, &effects, &fault);
        if (o == LOAD_DONE) {
            finish_transaction(c, kind, since_us, &effects);
            return;
        }
        if (o == LOAD_STOPPED) {
            load_recorder_count(&w->recorder, LOAD_UNFINISHED);
            load_worker_drop(w);
            return;
        }
        if (o != LOAD_RETRY || attempt == ATTEMPTS_MAX) {
            load_worker_failed(w, (int)kind, o, &fault);
            return;
        }
        load_recorder_retry(&w->recorder, (int)kind);
        load_worker_pause_before_retry(w, attempt);
    }
}

/* Open loop: an arrival that is ours and whose time has come. False when there will be none. */
static bool await_arrival(struct load_client *c, int64_t *arrival_us)
{
    struct load_run *run = c->worker.run;
    bool             booked;
    pthread_mutex_lock(&run->pace_lock);
    bool there = load_pace_take(&run->pace, now(), arrival_us, &booked);
    pthread_mutex_unlock(&run->pace_lock);
    if (!there)   /* as through a schedule's last phase without TPC-C, which may take hours */
        load_worker_sleep_until(&c->worker, now() + IDLE_STEP_US);
    if (!there || !booked)
        return there;
    while (*arrival_us > now() && !load_worker_is_stopping(&c->worker))
        load_worker_sleep_until(&c->worker, *arrival_us);
    pthread_mutex_lock(&run->pace_lock);
    bool happens = load_pace_arrive(&run->pace, *arrival_us);
    pthread_mutex_unlock(&run->pace_lock);
    return happens;
}

static void serve_arrival(struct load_client *c)
{
    int64_t arrival_us;
    if (!await_arrival(c, &arrival_us))
        return;
    if (load_worker_still_connected(&c->worker))
        run_transaction(c, load_deck_draw(&c->deck, &c->worker.rand), arrival_us);
    else
        load_recorder_count(&c->worker.recorder, LOAD_UNFINISHED);
}

static void think(struct load_client *c, double seconds)
{
    load_worker_sleep_until(&c->worker, now() + (int64_t)(seconds * c->worker.run->options->think * 1e6));
}

static void serve_terminal(struct load_client *c)
{
    enum load_kind kind = load_deck_draw(&c->deck, &c->worker.rand);
    if (c->worker.run->options->think <= 0) {
        run_transaction(c, kind, now());
        return;
    }
    think(c, think_times[kind].keying_s);
    if (!load_worker_goes_on(&c->worker) || !load_worker_still_connected(&c->worker))
        return;
    run_transaction(c, kind, now());
    double mean = think_times[kind].thinking_s;
    think(c, fmin(-log(1 - rand_unit(&c->worker.rand)) * mean, 10 * mean));
}

enum err load_client_init(struct load_client *c, struct load_run *run, int number, struct fault *fault)
{
    load_deck_init(&c->deck);
    return load_worker_init(&c->worker, run, number, 0, LOAD_KINDS, fault);
}

/* Open loop: whether the queue is empty and nothing more will come. */
static bool is_worked_off(struct load_client *c)
{
    struct load_run *run = c->worker.run;
    if (!is_open_loop(c) || !load_worker_is_stopping(&c->worker))
        return false;
    pthread_mutex_lock(&run->pace_lock);
    bool empty = load_pace_advance(&run->pace, now()) == 0;
    pthread_mutex_unlock(&run->pace_lock);
    return empty;
}

void *load_client_main(void *ctx)
{
    struct load_client *c = ctx;
    struct load_worker *w = &c->worker;
    load_worker_begin(w);
    for (int64_t begun_us = now(); load_worker_goes_on(w) && !is_worked_off(c);) {
        bool rested = !is_open_loop(c) && load_worker_rest(w, begun_us);
        begun_us = now();
        if (!load_worker_goes_on(w) || !load_worker_connect(w) || (rested && !load_worker_still_connected(w)))
            continue;
        if (is_open_loop(c))
            serve_arrival(c);
        else
            serve_terminal(c);
    }
    load_worker_end(w);
    return NULL;
}
