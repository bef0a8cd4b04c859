/* load/course.c - see the header. */
#include "load/course.h"

#include "base/clock.h"
#include "base/log.h"
#include "load/report.h"

#include <inttypes.h>
#include <stdlib.h>

#define TEST_LOOK_US (10 * US_PER_MS)   /* how often a test is looked at for its end; its figures do not depend on this */

static int64_t now(void) { return clock_mono_us(&clock_real); }

enum err load_course_init(struct load_course *c, struct fault *fault)
{
    struct load_reading **readings[] = { &c->current, &c->previous, &c->base, &c->phase_base, &c->scratch };
    *c = (struct load_course){ .phase_us = INT64_MAX };
    sigemptyset(&c->signals);
    sigaddset(&c->signals, SIGINT);
    sigaddset(&c->signals, SIGTERM);
    for (size_t i = 0; i < sizeof readings / sizeof readings[0]; i++)
        if (!(*readings[i] = calloc(1, sizeof **readings[i])))
            return fail(fault, ERR_LIMIT, "no memory to add latencies up");
    return OK;
}

void load_course_done(struct load_course *c)
{
    free(c->current), free(c->previous), free(c->base), free(c->phase_base), free(c->scratch);
}

bool load_course_wait(const struct load_course *c, int64_t until_us)
{
    int64_t left_us = until_us - now();
    if (left_us < 0)
        left_us = 0;
    struct timespec t = { left_us / US_PER_S, left_us % US_PER_S * 1000 };
    return sigtimedwait(&c->signals, NULL, &t) > 0;
}

/* What the workers had to say since the last time, in one line. */
static void log_news(struct load_run *run, uint64_t *told, const struct load_reading *r)
{
    pthread_mutex_lock(&run->news_lock);
    struct fault news = run->news;
    uint64_t     fresh = run->news_count - *told;
    *told = run->news_count;
    pthread_mutex_unlock(&run->news_lock);
    if (fresh > 0)
        log_warn("clients met failures", F("failures", (int64_t)fresh), F("connected", (int64_t)r->connected), F("clients", load_run_workers(run)), F("last", (const char *)news.text));
}

static double seconds(int64_t us) { return (double)us / 1e6; }

static void next_line(struct load_run *run, struct load_course *c)
{
    load_run_read(run, c->current);
    *c->scratch = *c->current;
    load_reading_since(c->scratch, c->previous);
    struct load_interval i = { .elapsed_s = seconds(c->current->mono_us - run->started_us), .seconds = seconds(c->current->mono_us - c->previous->mono_us),
                               .phase = (enum load_phase)run->phase, .what = c->scratch };
    if (run->test == LOAD_TEST_LOOP)
        load_report_second(run, &i, stdout);
    log_news(run, &c->told, c->current);
    struct load_reading *older = c->previous;
    c->previous = c->current;
    c->current = older;
    c->broken_pipe = ferror(stdout) != 0;
}

static void set_phase(struct load_run *run, enum load_phase p) { __atomic_store_n(&run->phase, (int)p, __ATOMIC_RELEASE); }

static void begin_measuring(struct load_run *run, struct load_course *c)
{
    load_run_read(run, c->base);
    c->measuring = true;
    set_phase(run, LOAD_MEASURE);
}

/* A phase of the schedule is over, or is left early. */
static void end_phase(struct load_run *run, struct load_course *c, bool whole)
{
    int64_t            begun_us = c->phase_begun_us - run->started_us;
    struct load_moment m = load_schedule_moment(run->schedule, begun_us);
    if (m.place < 0)
        return;
    load_run_read(run, c->scratch);
    struct load_reading *end = c->current;
    *end = *c->scratch;
    load_reading_since(c->scratch, c->phase_base);
    struct load_interval i = { .elapsed_s = seconds(end->mono_us - run->started_us), .seconds = seconds(end->mono_us - c->phase_begun_us),
                               .phase = (enum load_phase)run->phase, .interrupted = !whole, .what = c->scratch };
    load_report_phase(run, m, &i, stdout);
    *c->phase_base = *end;
    c->phase_begun_us = c->phase_us;
    int64_t next_us = load_schedule_next(run->schedule, c->phase_us - run->started_us);
    c->phase_us = next_us == INT64_MAX ? INT64_MAX : run->started_us + next_us;
}

void load_course_begin(struct load_run *run, struct load_course *c)
{
    const struct load_options *o = run->options;
    int64_t                    end_us = load_schedule_end(run->schedule), next_us = load_schedule_next(run->schedule, 0);
    c->next_us = run->started_us + (run->test == LOAD_TEST_LOOP ? o->report_every_us : US_PER_S);
    c->measure_us = run->started_us + o->warmup_us;
    c->phase_begun_us = run->started_us;
    c->phase_us = next_us == INT64_MAX ? INT64_MAX : run->started_us + next_us;
    if (run->schedule->count > 0)
        c->end_us = end_us == INT64_MAX ? INT64_MAX : run->started_us + end_us;
    else
        c->end_us = run->test == LOAD_TEST_LOOP && o->duration_us ? c->measure_us + o->duration_us : INT64_MAX;
    load_report_head(run, stdout);
    load_run_read(run, c->previous);
    *c->base = *c->phase_base = *c->previous;
    set_phase(run, o->warmup_us ? LOAD_WARMUP : LOAD_MEASURE);
    c->measuring = o->warmup_us == 0;
}

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

static bool is_over(struct load_run *run, const struct load_course *c, int64_t t)
{
    return t >= c->end_us || (run->test != LOAD_TEST_LOOP && __atomic_load_n(&run->finished, __ATOMIC_ACQUIRE) == load_run_workers(run));
}

void load_course_keep(struct load_run *run, struct load_course *c)
{
    int64_t every_us = run->test == LOAD_TEST_LOOP ? run->options->report_every_us : US_PER_S;
    for (bool over = false; !over && !c->broken_pipe;) {
        int64_t next = least(least(c->next_us, c->end_us), c->phase_us);
        if (!c->measuring)
            next = least(next, c->measure_us);
        if (run->test != LOAD_TEST_LOOP)
            next = least(next, now() + TEST_LOOK_US);
        if (load_course_wait(c, next)) {
            c->interrupted = true;
            break;
        }
        int64_t t = now();
        over = is_over(run, c, t);
        if (t >= c->next_us || over) {
            next_line(run, c);
            while (c->next_us <= t)
                c->next_us += every_us;
        }
        if (!c->measuring && t >= c->measure_us)
            begin_measuring(run, c);
        while (t >= c->phase_us)
            end_phase(run, c, true);
    }
    if (c->phase_us != INT64_MAX)
        end_phase(run, c, false);
}

/* -- after ------------------------------------------------------------------------------------------------------------- */

static int summarise_test(struct load_run *run, struct load_course *c)
{
    struct load_score score;
    const char       *expect = run->options->expect;
    load_score(run->results, (size_t)(run->stream_count * run->options->rounds * LOAD_QUERIES), &score);
    load_report_test(run, &score, c->interrupted, stdout);
    bool differs = *expect && (!score.complete || strtoull(expect, NULL, 16) != score.digest);
    if (!score.complete)
        log_error("not every query was answered", F("answered", score.answered), F("timed_out", score.timed_out), F("failed", score.failed));
    else if (differs)
        log_error("the answers are not those that were expected", F("expected", expect));
    return !score.complete || differs || ferror(stdout) ? 1 : 0;
}

int load_course_summarise(struct load_run *run, struct load_course *c)
{
    if (!c->measuring)
        log_warn("the run ended during its warm-up; the summary is of the warm-up", F("warmup_s", (double)run->options->warmup_us / 1e6));
    load_run_read(run, c->current);
    log_news(run, &c->told, c->current);
    if (run->test != LOAD_TEST_LOOP)
        return summarise_test(run, c);
    struct load_interval i = { .elapsed_s = seconds(c->current->mono_us - run->started_us), .phase = LOAD_DRAIN, .interrupted = c->interrupted, .what = c->current,
                               .seconds = seconds(c->current->mono_us - (c->measuring ? c->base->mono_us : run->started_us)) };
    load_reading_since(c->current, c->base);
    load_report_summary(run, &i, stdout);
    bool nothing = c->current->all.count == 0;
    if (nothing)
        log_error("no transaction succeeded", F("errors", (int64_t)c->current->counters[LOAD_ERRORS]));
    return nothing || ferror(stdout) ? 1 : 0;
}
