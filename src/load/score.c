/* load/score.c - see the header. A missing time is unknown, never left out of a mean as if it had not been slow. */
#include "load/score.h"

#include "load/answer.h"

#include <math.h>

const char *load_verdict_name(enum load_verdict v)
{
    static const char *const names[] = { "not_asked", "answered", "failed", "timed_out", "unfinished" };
    return names[v];
}

/* All answers in an order that does not depend on when they came: results lie by stream and round, here each round goes by query. */
static uint64_t join_digests(const struct load_result *r, size_t count)
{
    uint64_t all = 0;
    for (size_t round = 0; round + LOAD_QUERIES <= count; round += LOAD_QUERIES)
        for (int query = 1; query <= LOAD_QUERIES; query++)
            for (size_t i = round; i < round + LOAD_QUERIES; i++)
                if (r[i].question.query == query)
                    all = load_answer_join(all, r[i].digest);
    return all;
}

void load_score(const struct load_result *r, size_t count, struct load_score *s)
{
    double  log_sum = 0;
    int64_t first_us = INT64_MAX, last_us = 0;
    *s = (struct load_score){ .geometric_mean_s = NAN, .geometric_mean_at_least_s = NAN, .queries_per_hour = NAN, .elapsed_s = NAN };
    for (size_t i = 0; i < count; i++) {
        if (r[i].verdict == LOAD_NOT_ASKED)
            continue;
        int64_t took_us = r[i].ended_us - r[i].begun_us;
        s->asked++;
        s->answered += r[i].verdict == LOAD_ANSWERED;
        s->timed_out += r[i].verdict == LOAD_TIMED_OUT;
        s->failed += r[i].verdict == LOAD_QUERY_FAILED || r[i].verdict == LOAD_BROKEN_OFF;
        s->total_s += (double)took_us / 1e6;
        log_sum += log((double)(took_us > 0 ? took_us : 1) / 1e6);
        first_us = r[i].begun_us < first_us ? r[i].begun_us : first_us;
        last_us = r[i].ended_us > last_us ? r[i].ended_us : last_us;
    }
    s->complete = count > 0 && (size_t)s->answered == count;
    if (count > 0 && (size_t)(s->answered + s->timed_out) == count)
        s->geometric_mean_at_least_s = exp(log_sum / (double)count);
    if (s->asked > 0)
        s->elapsed_s = (double)(last_us - first_us) / 1e6;
    if (s->answered > 0 && s->elapsed_s > 0)
        s->queries_per_hour = 3600 * s->answered / s->elapsed_s;
    if (s->complete) {
        s->geometric_mean_s = s->geometric_mean_at_least_s;
        s->digest = join_digests(r, count);
    }
}
