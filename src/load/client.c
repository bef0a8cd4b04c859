/* load/client.c - see the header. A server that restarts costs each client one error and a few attempts to connect, nothing more. */
#include "load/client.h"

#include "base/clock.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <sys/prctl.h>
#include <time.h>

#define ATTEMPTS_MAX      10                    /* of one transaction, when the server asks to repeat it */
#define CONNECT_PAUSE_US  (50 * US_PER_MS)      /* after the first failure, doubled up to ... */
#define PAUSE_MAX_US      US_PER_S
#define FAILURE_PAUSE_US  (10 * US_PER_MS)      /* from the second failure in a row, so that a broken schema does not burn a core */

/* Clause 5.2.5.7: keying time, and the mean of the negative exponential thinking time, in seconds. */
static const struct { double keying_s, thinking_s; } think_times[LOAD_KINDS] = {
    [LOAD_NEW_ORDER] = { 18, 12 }, [LOAD_PAYMENT] = { 3, 12 }, [LOAD_ORDER_STATUS] = { 2, 10 }, [LOAD_DELIVERY] = { 2, 5 }, [LOAD_STOCK_LEVEL] = { 2, 5 },
};

static bool is(const bool *flag) { return __atomic_load_n(flag, __ATOMIC_ACQUIRE); }
static int64_t now(void)         { return clock_mono_us(&clock_real); }

static bool is_open_loop(const struct load_client *c) { return c->run->options->rate > 0; }

/* Whether to begin anything new. An open loop works its queue off first. */
static bool goes_on(const struct load_client *c)
{
    return is_open_loop(c) ? !is(&c->run->giving_up) : !is(&c->run->stopping);
}

/* Sleep; the end of the run wakes. */
static void sleep_until(const struct load_client *c, int64_t until_us)
{
    int64_t       left_us = until_us - now();
    struct pollfd fd = { .fd = is(&c->run->stopping) ? c->run->give_up_fd : c->run->stop_fd, .events = POLLIN };
    while (left_us > 0) {
        struct timespec t = { left_us / US_PER_S, left_us % US_PER_S * 1000 };
        int             n = ppoll(&fd, 1, &t, NULL);
        if (n > 0 || (n < 0 && errno != EINTR))
            return;
        left_us = until_us - now();
    }
}

static void tell(struct load_client *c, const struct fault *fault)
{
    pthread_mutex_lock(&c->run->news_lock);
    c->run->news = *fault;
    c->run->news_count++;
    pthread_mutex_unlock(&c->run->news_lock);
}

/* first_us, doubled with each failure in a row, and spread so that the clients do not come back all at once. */
static void pause_after_failure(struct load_client *c, int64_t first_us, int failures)
{
    int64_t pause_us = first_us << (failures < 8 ? failures : 8);
    if (pause_us > PAUSE_MAX_US)
        pause_us = PAUSE_MAX_US;
    sleep_until(c, now() + pause_us / 2 + rand_int(&c->rand, 0, pause_us / 2));
}

static void drop_connection(struct load_client *c)
{
    load_session_close(&c->session);
    load_recorder_connected(&c->recorder, false);
}

static bool try_to_connect(struct load_client *c)
{
    struct fault      fault = { 0 };
    enum load_outcome o = load_session_open(&c->session, &fault);
    load_recorder_connected(&c->recorder, o == LOAD_DONE);
    /* Spread over a fifth of the lifetime, so that the clients do not reconnect in one moment. */
    int64_t lifetime_us = c->run->options->lifetime_us;
    c->replace_us = lifetime_us ? now() + lifetime_us - rand_int(&c->rand, 0, lifetime_us / 5) : INT64_MAX;
    if (o == LOAD_BROKEN) {
        load_recorder_count(&c->recorder, LOAD_REFUSED);
        tell(c, &fault);
    }
    return o == LOAD_DONE;
}

static void connect_again(struct load_client *c)
{
    for (int failures = 0; goes_on(c) && !try_to_connect(c); failures++)
        pause_after_failure(c, CONNECT_PAUSE_US, failures);
}

/* A connection that was idle may have been closed meanwhile; a pool would notice, so do we. */
static bool still_connected(struct load_client *c)
{
    if (!load_session_is_lost(&c->session))
        return true;
    load_recorder_count(&c->recorder, LOAD_LOST);
    drop_connection(c);
    connect_again(c);
    return c->session.conn != NULL;
}

static void fail_transaction(struct load_client *c, enum load_kind kind, enum load_outcome o, const struct fault *fault)
{
    load_recorder_error(&c->recorder, kind);
    tell(c, fault);
    if (o == LOAD_BROKEN) {
        load_recorder_count(&c->recorder, LOAD_LOST);
        drop_connection(c);
    }
    if (++c->failures_in_row > 1)
        pause_after_failure(c, FAILURE_PAUSE_US, c->failures_in_row - 2);
}

static void finish_transaction(struct load_client *c, enum load_kind kind, int64_t since_us, const struct load_effects *effects)
{
    load_recorder_done(&c->recorder, kind, now() - since_us);
    if (effects->rolled_back)
        load_recorder_count(&c->recorder, LOAD_ROLLED_BACK);
    for (int i = 0; i < effects->skipped; i++)
        load_recorder_count(&c->recorder, LOAD_SKIPPED);
    c->failures_in_row = 0;
}

static void run_transaction(struct load_client *c, enum load_kind kind, int64_t since_us)
{
    struct load_transaction t;
    load_transaction_draw(&t, kind, &c->run->scale, &c->rand);
    for (int attempt = 1;; attempt++) {
        struct load_effects effects;
        struct fault        fault = { 0 };
        enum load_outcome   o = load_transaction_run(&c->session, &t, &effects, &fault);
        if (o == LOAD_DONE) {
            finish_transaction(c, kind, since_us, &effects);
            return;
        }
        if (o == LOAD_STOPPED) {
            load_recorder_count(&c->recorder, LOAD_UNFINISHED);
            drop_connection(c);
            return;
        }
        if (o != LOAD_RETRY || attempt == ATTEMPTS_MAX) {
            fail_transaction(c, kind, o, &fault);
            return;
        }
        load_recorder_retry(&c->recorder, kind);
        sleep_until(c, now() + rand_int(&c->rand, 0, INT64_C(500) << attempt));
    }
}

/* Open loop: an arrival that is ours and whose time has come. False when there will be none. */
static bool await_arrival(struct load_client *c, int64_t *arrival_us)
{
    struct load_run *run = c->run;
    bool             booked;
    pthread_mutex_lock(&run->pace_lock);
    bool there = load_pace_take(&run->pace, now(), arrival_us, &booked);
    pthread_mutex_unlock(&run->pace_lock);
    if (!there || !booked)
        return there;
    while (*arrival_us > now() && !is(&run->stopping))
        sleep_until(c, *arrival_us);
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
    if (still_connected(c))
        run_transaction(c, load_deck_draw(&c->deck, &c->rand), arrival_us);
    else
        load_recorder_count(&c->recorder, LOAD_UNFINISHED);
}

static void think(struct load_client *c, double seconds)
{
    sleep_until(c, now() + (int64_t)(seconds * c->run->options->think * 1e6));
}

static void serve_terminal(struct load_client *c)
{
    enum load_kind kind = load_deck_draw(&c->deck, &c->rand);
    if (c->run->options->think <= 0) {
        run_transaction(c, kind, now());
        return;
    }
    think(c, think_times[kind].keying_s);
    if (!goes_on(c) || !still_connected(c))
        return;
    run_transaction(c, kind, now());
    double mean = think_times[kind].thinking_s;
    think(c, fmin(-log(1 - rand_unit(&c->rand)) * mean, 10 * mean));
}

void load_client_init(struct load_client *c, struct load_run *run, int number)
{
    *c = (struct load_client){ .run = run };
    c->session = (struct load_session){ .target = &run->target, .isolation = run->isolation, .stop_fd = run->give_up_fd, .timeout_us = run->options->timeout_us };
    rand_seed(&c->rand, run->seed + (uint64_t)number * UINT64_C(0x9e3779b97f4a7c15));
    load_deck_init(&c->deck);
}

void *load_client_main(void *ctx)
{
    struct load_client *c = ctx;
    (void)prctl(PR_SET_TIMERSLACK, 1000UL);   /* the default of 50 us would be counted as latency in an open loop */
    (void)try_to_connect(c);
    (void)__atomic_fetch_add(&c->run->ready, 1, __ATOMIC_RELEASE);
    struct pollfd fds[] = { { .fd = c->run->start_fd, .events = POLLIN }, { .fd = c->run->stop_fd, .events = POLLIN } };
    while (poll(fds, 2, -1) < 0 && errno == EINTR) {}

    while (goes_on(c)) {
        if (c->session.conn && now() >= c->replace_us)
            drop_connection(c);
        if (!c->session.conn)
            connect_again(c);
        else if (is_open_loop(c))
            serve_arrival(c);
        else
            serve_terminal(c);
        if (is_open_loop(c) && is(&c->run->stopping)) {
            pthread_mutex_lock(&c->run->pace_lock);
            bool empty = load_pace_advance(&c->run->pace, now()) == 0;
            pthread_mutex_unlock(&c->run->pace_lock);
            if (empty)
                break;
        }
    }
    drop_connection(c);
    (void)__atomic_fetch_add(&c->run->finished, 1, __ATOMIC_RELEASE);
    return NULL;
}
