/* load/stream.c - see the header. */
#include "load/stream.h"

#include "base/clock.h"
#include "load/answer.h"
#include "load/report.h"
#include "load/worker.h"

#include <string.h>

#define ATTEMPTS_MAX   10                    /* of one query, when the server asks to repeat it */
#define PATIENCE_US    (30 * US_PER_S)       /* how long behind the server's own time limit its answer may come */
#define NO_LIMIT_US    (INT64_C(30) * 24 * 3600 * US_PER_S)
#define PATIENT_TIMES  10                    /* a test, which has no end in time, tries to connect for so many times --timeout */
#define TIMED_OUT      "57014"               /* SQLSTATE of a query that was cancelled, by statement_timeout or by hand */

static int64_t now(void) { return clock_mono_us(&clock_real); }

static enum load_outcome ask(struct load_stream *s, const struct load_question *q, struct fault *fault)
{
    struct load_session     *session = &s->worker.session;
    const struct load_query *query = load_query(q->query);
    int64_t                  limit_us = session->query_timeout_us;
    session->timeout_us = limit_us ? limit_us + PATIENCE_US : NO_LIMIT_US;
    load_batch_begin(session);
    for (int i = 0; i < query->parameters; i++)
        load_batch_text(session, q->value[i]);
    load_batch_put_sql(session, query->sql);
    enum load_outcome o = load_batch_run(session, fault);
    session->timeout_us = s->worker.run->options->timeout_us;
    return o;
}

static void take_answer(struct load_stream *s, struct load_result *r)
{
    const struct load_query *query = load_query(r->question.query);
    struct load_cells        cells = load_cells_of(load_result(&s->worker.session, 0));
    r->rows = cells.rows;
    r->digest = load_answer_digest(&cells, query->sorted_by, query->limit);
}

static enum load_verdict verdict_of(const struct load_session *session, enum load_outcome o)
{
    if (o == LOAD_DONE)
        return LOAD_ANSWERED;
    if (o == LOAD_STOPPED)
        return LOAD_BROKEN_OFF;
    return session->query_timeout_us > 0 && strcmp(session->sqlstate, TIMED_OUT) == 0 ? LOAD_TIMED_OUT : LOAD_QUERY_FAILED;
}

/* Ask once, and whatever comes of it, write it down. */
static void run_query(struct load_stream *s, struct load_result *r)
{
    struct load_worker *w = &s->worker;
    int                 class = LOAD_CLASS_QUERY_1 + r->question.query - 1;
    struct fault        fault = { 0 };
    enum load_outcome   o = LOAD_RETRY;
    r->begun_us = now();
    for (int attempt = 1; o == LOAD_RETRY && attempt <= ATTEMPTS_MAX; attempt++) {
        o = ask(s, &r->question, &fault);
        if (o == LOAD_RETRY) {
            load_recorder_retry(&w->recorder, class);
            load_worker_pause_before_retry(w, attempt);
        }
    }
    r->ended_us = now();
    r->verdict = verdict_of(&w->session, o);
    if (o == LOAD_DONE) {
        take_answer(s, r);
        load_recorder_done(&w->recorder, class, r->ended_us - r->begun_us);
        load_worker_succeeded(w);
    } else if (o == LOAD_STOPPED) {
        load_recorder_count(&w->recorder, LOAD_UNFINISHED);
        load_worker_drop(w);
    } else {
        load_worker_failed(w, class, o, &fault);
    }
}

static void draw(struct load_stream *s, int64_t number, struct load_result *r)
{
    struct load_run *run = s->worker.run;
    r->stream = s->first + s->worker.number;
    r->round = (int)(number / LOAD_QUERIES);
    r->place = (int)(number % LOAD_QUERIES);
    load_question_draw(&r->question, s->order[r->place], run->scale_factor, run->seed, r->stream, r->round);
}

static void run_test(struct load_stream *s)
{
    struct load_worker *w = &s->worker;
    int64_t             count = w->run->options->rounds * LOAD_QUERIES;
    for (int64_t i = 0; i < count && load_worker_goes_on(w); i++) {
        struct load_result *r = &s->results[i];
        if (!load_worker_connect(w))
            break;
        run_query(s, r);
        load_report_query(w->run, r);
    }
}

static void run_loop(struct load_stream *s)
{
    struct load_worker *w = &s->worker;
    int64_t             begun_us = now();
    for (int64_t i = 0; load_worker_goes_on(w);) {
        bool rested = load_worker_rest(w, begun_us);
        begun_us = now();
        if (!load_worker_goes_on(w) || !load_worker_connect(w) || (rested && !load_worker_still_connected(w)))
            continue;
        struct load_result r = { 0 };
        draw(s, i++, &r);
        run_query(s, &r);
    }
}

enum err load_stream_init(struct load_stream *s, struct load_run *run, int number, struct load_result *results, struct fault *fault)
{
    *s = (struct load_stream){ .results = results, .first = run->test == LOAD_TEST_POWER ? 0 : 1 };
    enum err code = load_worker_init(&s->worker, run, number, LOAD_CLASS_QUERY_1, LOAD_QUERIES, fault);
    s->worker.session.schema = run->options->schema;
    s->worker.session.query_timeout_us = run->options->query_timeout_us;
    if (results)
        s->worker.patience_us = PATIENT_TIMES * run->options->timeout_us;
    load_query_order(run->seed, s->first + number, s->order);
    for (int64_t i = 0; results && i < run->options->rounds * LOAD_QUERIES; i++)
        draw(s, i, &results[i]);
    return code;
}

void *load_stream_main(void *ctx)
{
    struct load_stream *s = ctx;
    load_worker_begin(&s->worker);
    if (s->results)
        run_test(s);
    else
        run_loop(s);
    load_worker_end(&s->worker);
    return NULL;
}
