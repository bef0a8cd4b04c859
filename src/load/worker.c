/* load/worker.c - see the header. A server that restarts costs each worker one error and a few attempts to connect, nothing more. */
#include "load/worker.h"

#include "base/clock.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <sys/prctl.h>
#include <time.h>

#define CONNECT_PAUSE_US  (50 * US_PER_MS)      /* after the first failure, doubled up to ... */
#define PAUSE_MAX_US      US_PER_S
#define FAILURE_PAUSE_US  (10 * US_PER_MS)      /* from the second failure in a row, so that a broken schema does not burn a core */
#define REST_STEP_US      (50 * US_PER_MS)      /* how long a resting worker looks away from the schedule */

static bool    is(const bool *flag) { return __atomic_load_n(flag, __ATOMIC_ACQUIRE); }
static int64_t now(void)            { return clock_mono_us(&clock_real); }

bool load_worker_is_stopping(const struct load_worker *w) { return is(&w->run->stopping); }

bool load_worker_goes_on(const struct load_worker *w)
{
    return w->run->rate > 0 && w->is_client ? !is(&w->run->giving_up) : !is(&w->run->stopping);
}

void load_worker_sleep_until(const struct load_worker *w, int64_t until_us)
{
    int64_t       left_us = until_us - now();
    struct pollfd fd = { .fd = is(&w->run->stopping) ? w->run->give_up_fd : w->run->stop_fd, .events = POLLIN };
    while (left_us > 0) {
        struct timespec t = { left_us / US_PER_S, left_us % US_PER_S * 1000 };
        int             n = ppoll(&fd, 1, &t, NULL);
        if (n > 0 || (n < 0 && errno != EINTR))
            return;
        left_us = until_us - now();
    }
}

static void tell(struct load_worker *w, const struct fault *fault)
{
    pthread_mutex_lock(&w->run->news_lock);
    w->run->news = *fault;
    w->run->news_count++;
    pthread_mutex_unlock(&w->run->news_lock);
}

/* first_us, doubled with each failure in a row, and spread so that the workers do not come back all at once. */
static void pause_after_failure(struct load_worker *w, int64_t first_us, int failures)
{
    int64_t pause_us = first_us << (failures < 8 ? failures : 8);
    if (pause_us > PAUSE_MAX_US)
        pause_us = PAUSE_MAX_US;
    load_worker_sleep_until(w, now() + pause_us / 2 + rand_int(&w->rand, 0, pause_us / 2));
}

void load_worker_drop(struct load_worker *w)
{
    load_session_close(&w->session);
    load_recorder_connected(&w->recorder, false);
}

static bool try_to_connect(struct load_worker *w)
{
    struct fault      fault = { 0 };
    enum load_outcome o = load_session_open(&w->session, &fault);
    load_recorder_connected(&w->recorder, o == LOAD_DONE);
    /* Spread over a fifth of the lifetime, so that the workers do not reconnect in one moment. */
    int64_t lifetime_us = w->run->options->lifetime_us;
    w->replace_us = lifetime_us ? now() + lifetime_us - rand_int(&w->rand, 0, lifetime_us / 5) : INT64_MAX;
    if (o == LOAD_BROKEN) {
        load_recorder_count(&w->recorder, LOAD_REFUSED);
        tell(w, &fault);
    }
    return o == LOAD_DONE;
}

bool load_worker_connect(struct load_worker *w)
{
    if (w->session.conn && now() >= w->replace_us)
        load_worker_drop(w);
    int64_t begun_us = now();
    for (int failures = 0; !w->session.conn && load_worker_goes_on(w) && now() - begun_us < w->patience_us && !try_to_connect(w); failures++)
        pause_after_failure(w, CONNECT_PAUSE_US, failures);
    return w->session.conn != NULL;
}

bool load_worker_still_connected(struct load_worker *w)
{
    if (!load_session_is_lost(&w->session))
        return true;
    load_recorder_count(&w->recorder, LOAD_LOST);
    load_worker_drop(w);
    return load_worker_connect(w);
}

void load_worker_failed(struct load_worker *w, int class, enum load_outcome o, const struct fault *fault)
{
    load_recorder_error(&w->recorder, class);
    tell(w, fault);
    if (o == LOAD_BROKEN) {
        load_recorder_count(&w->recorder, LOAD_LOST);
        load_worker_drop(w);
    }
    if (++w->failures_in_row > 1)
        pause_after_failure(w, FAILURE_PAUSE_US, w->failures_in_row - 2);
}

void load_worker_pause_before_retry(struct load_worker *w, int attempt)
{
    load_worker_sleep_until(w, now() + rand_int(&w->rand, 0, INT64_C(500) << attempt));
}

void load_worker_succeeded(struct load_worker *w) { w->failures_in_row = 0; }

/* How much of its time this worker should work now. */
static double duty(const struct load_worker *w, int64_t at_us)
{
    struct load_share share = load_schedule_at(w->run->schedule, at_us - w->run->started_us);
    return w->is_client ? load_share_duty(share.tpcc, w->run->client_count, w->number) : load_share_duty(share.tpch, w->run->stream_count, w->number);
}

bool load_worker_rest(struct load_worker *w, int64_t begun_us)
{
    int64_t seen_us = now();
    double  owed_us = (double)(seen_us - begun_us) * (1 - duty(w, begun_us));   /* what it worked more than it should have */
    bool    slept = false;
    while (!load_worker_is_stopping(w)) {
        double share = duty(w, seen_us);
        if (share >= 1 || (share > 0 && owed_us <= 0))
            break;
        double step_us = share > 0 ? fmin(owed_us / share, (double)REST_STEP_US) : (double)REST_STEP_US;
        load_worker_sleep_until(w, seen_us + (int64_t)step_us + 1);
        int64_t later_us = now();
        owed_us -= share * (double)(later_us - seen_us);
        seen_us = later_us;
        slept = true;
    }
    return slept;
}

enum err load_worker_init(struct load_worker *w, struct load_run *run, int number, int first, int classes, struct fault *fault)
{
    *w = (struct load_worker){ .run = run, .number = number, .is_client = first == 0, .patience_us = INT64_MAX };
    w->session = (struct load_session){ .target = &run->target, .isolation = run->isolation, .stop_fd = run->give_up_fd, .timeout_us = run->options->timeout_us };
    rand_seed(&w->rand, run->seed + (uint64_t)(number + first) * UINT64_C(0x9e3779b97f4a7c15));
    return load_recorder_init(&w->recorder, first, classes, fault);
}

void load_worker_free(struct load_worker *w) { load_recorder_free(&w->recorder); }

void load_worker_begin(struct load_worker *w)
{
    (void)prctl(PR_SET_TIMERSLACK, 1000UL);   /* the default of 50 us would be counted as latency in an open loop */
    (void)try_to_connect(w);
    (void)__atomic_fetch_add(&w->run->ready, 1, __ATOMIC_RELEASE);
    struct pollfd fds[] = { { .fd = w->run->start_fd, .events = POLLIN }, { .fd = w->run->stop_fd, .events = POLLIN } };
    while (poll(fds, 2, -1) < 0 && errno == EINTR) {}
    (void)__atomic_load_n(&w->run->phase, __ATOMIC_ACQUIRE);   /* with it comes what the main thread wrote before: when the run began */
}

void load_worker_end(struct load_worker *w)
{
    load_worker_drop(w);
    (void)__atomic_fetch_add(&w->run->finished, 1, __ATOMIC_RELEASE);
}
