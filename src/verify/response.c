/* verify/response.c - learning the mix, and what a window answers to it. */
#include "verify/response.h"

#include "math/stats/compare.h"
#include "math/stats/describe.h"

#include <math.h>
#include <string.h>

enum { SLOW_WINDOWS_MAX = 256 };

static const double rare_window_min = 0.25;      /* of a window's usual work: less says little of the database */

const char *response_kind_name(enum response_kind k)
{
    static const char *const names[] = { "automatic", "time per call", "transactions per second", "mean latency", "nothing" };
    return (unsigned)k < 5 ? names[k] : "?";
}

int response_query(const struct response_mix *m, int64_t id)
{
    for (int i = 0; i < m->n; i++)
        if (m->q[i].id == id)
            return i;
    return -1;
}

static double slow_ms(int64_t id, const struct window *w, int n)
{
    double ms[SLOW_WINDOWS_MAX];
    int    k = 0;
    for (int i = n - 1; i >= 0 && k < SLOW_WINDOWS_MAX; i--)
        for (int j = 0; w[i].whole && j < w[i].queries; j++)
            if (w[i].query[j].id == id && w[i].query[j].calls >= RESPONSE_CALLS_TOLD)
                ms[k++] = w[i].query[j].total_ms / w[i].query[j].calls;
    math_sort(ms, k);
    return k ? ms[(19 * k + 19) / 20 - 1] : (double)NAN;
}

static void learn_mix(struct response_mix *m, const struct window *w, int n)
{
    double calls = 0, windows = 0;
    for (int i = 0; i < n; i++) {
        windows += w[i].whole && w[i].queries >= 0;
        for (int k = 0; w[i].whole && k < w[i].queries; k++) {
            const struct query_count *c = &w[i].query[k];
            if (!(c->calls > 0))
                continue;
            int at = response_query(m, c->id);
            if (at < 0 && m->n < QUERIES_MAX) {
                at = m->n++;
                m->q[at] = (struct response_query){ .id = c->id };
            }
            if (at < 0)
                continue;
            m->q[at].share += c->calls;
            m->q[at].usual_ms += c->total_ms;
            calls += c->calls;
        }
    }
    for (int i = 0; i < m->n; i++) {
        m->q[i].usual_ms /= m->q[i].share;
        m->q[i].share /= calls;
        m->q[i].slow_ms = slow_ms(m->q[i].id, w, n);
    }
    m->calls = windows > 0 ? calls / windows : 0;
}

/* Most windows hold so few transactions that their number says more about which ones came than about how fast they were. */
static bool are_few(const struct window *w, int n)
{
    int known = 0, few = 0;
    for (int i = 0; i < n; i++)
        if (w[i].whole && w[i].v[METRIC_TPS] > 0) {
            known++;
            few += w[i].v[METRIC_TPS] * (double)(w[i].to_us - w[i].from_us) / 1e6 < RESPONSE_COUNT_MIN;
        }
    return 2 * few > known;
}

/* Most of the time goes to queries that a window sees so seldom that their times tell little of it. */
static bool are_rare(const struct window *w, int n)
{
    double all = 0, rare = 0;
    for (int i = 0; i < n; i++)
        for (int k = 0; w[i].whole && k < w[i].queries; k++) {
            const struct query_count *c = &w[i].query[k];
            all += c->calls > 0 ? c->total_ms : 0;
            rare += c->calls > 0 && c->calls < RESPONSE_CALLS_SHRINK ? c->total_ms : 0;
        }
    return rare > 0.5 * all;
}

/* What the window's own queries usually take, to what they took. */
static double from_rare_queries(const struct response_mix *m, const struct window *w)
{
    double took = 0, usual = 0, window = 0;
    for (int i = 0; i < m->n; i++) {
        const struct response_query *q = &m->q[i];
        if (q->aside)
            continue;
        window += m->calls * q->share * q->usual_ms;
        for (int k = 0; k < w->queries; k++)
            if (w->query[k].id == q->id && w->query[k].calls > 0) {
                took += w->query[k].total_ms;
                usual += w->query[k].calls * q->usual_ms;
            }
    }
    bool enough = took > 0 && usual > 0 && fmax(took, usual) >= rare_window_min * window;
    return enough ? log(usual / took) : (double)NAN;
}

static double from_queries(const struct response_mix *m, const struct window *w)
{
    if (w->queries < 0 || m->n == 0)
        return (double)NAN;
    if (m->rare)
        return from_rare_queries(m, w);
    double time = 0, usual = 0, seen = 0;
    for (int i = 0; i < m->n; i++) {
        const struct response_query *q = &m->q[i];
        double calls = 0, total = 0;
        if (q->aside)
            continue;
        for (int k = 0; k < w->queries; k++)
            if (w->query[k].id == q->id) {
                calls = w->query[k].calls;
                total = w->query[k].total_ms;
            }
        double part = q->share * q->usual_ms, pull = calls < RESPONSE_CALLS_SHRINK ? RESPONSE_CALLS_SHRINK - calls : 0;
        usual += part;
        seen += calls > 0 ? part : 0;
        time += q->share * (total + pull * q->usual_ms) / (calls + pull);
    }
    return time > 0 && seen >= 0.5 * usual ? -log(time) : (double)NAN;
}

static double raw(const struct response_mix *m, enum response_kind kind, const struct window *w)
{
    switch (kind) {
    case RESPONSE_QUERIES:
        return from_queries(m, w);
    case RESPONSE_TPS:
        return w->v[METRIC_TPS] > 0 ? log(w->v[METRIC_TPS]) : (double)NAN;
    case RESPONSE_LATENCY:
        /* Estimated from statements it would be the time per call of a mix nobody fixed. */
        return w->v[METRIC_LATENCY_MEAN] > 0 && !(w->v[METRIC_LATENCY_ESTIMATED] > 0) ? -log(w->v[METRIC_LATENCY_MEAN]) : (double)NAN;
    case RESPONSE_AUTO:
    case RESPONSE_NONE:
        break;
    }
    return (double)NAN;
}

/* Reports may take longer than a window, so that nothing ends in it; what they took is told by the window in which they end. */
static bool answers(const struct response_mix *m, enum response_kind kind, const struct window *w, int n)
{
    double least = kind == RESPONSE_QUERIES && m->rare ? 0.5 : 0.9;
    int whole = 0, known = 0;
    for (int i = 0; i < n; i++)
        if (w[i].whole) {
            whole++;
            known += !isnan(raw(m, kind, &w[i]));
        }
    return known > 0 && known >= least * whole;
}

static double offered_log(const struct window *w)
{
    double x = w->v[METRIC_OFFERED];
    return x > 0 ? log(x) : (double)NAN;
}

/* Too few windows make a wild theta, which would add noise instead of taking it away. */
enum { COVARIATE_WINDOWS_MIN = 10, COVARIATE_WINDOWS_MAX = 256 };

static void learn_covariate(struct response_mix *m, const struct window *w, int n)
{
    double y[COVARIATE_WINDOWS_MAX], x[COVARIATE_WINDOWS_MAX], sum = 0;
    int k = 0;
    for (int i = n > COVARIATE_WINDOWS_MAX ? n - COVARIATE_WINDOWS_MAX : 0; i < n; i++) {
        x[k] = offered_log(&w[i]);
        y[k] = raw(m, m->kind, &w[i]);
        if (w[i].whole && !isnan(x[k]) && !isnan(y[k]))
            sum += x[k++];
    }
    if (k < COVARIATE_WINDOWS_MIN)
        return;
    m->offered_theta = math_cuped_theta(y, x, k);
    m->offered_log = sum / k;
}

void response_learn(struct response_mix *m, enum response_kind wanted, bool saturating, bool open_loop, const struct window *w, int n)
{
    memset(m, 0, sizeof *m);
    m->kind = RESPONSE_NONE;
    for (int i = 0; i < n; i++)
        m->windows += w[i].whole;
    learn_mix(m, w, n);
    m->few = are_few(w, n);
    m->rare = are_rare(w, n);
    if (wanted == RESPONSE_TPS && m->few && answers(m, RESPONSE_QUERIES, w, n))
        m->kind = RESPONSE_QUERIES;
    for (enum response_kind k = RESPONSE_QUERIES; k < RESPONSE_NONE && m->kind == RESPONSE_NONE; k++) {
        bool allowed = wanted == RESPONSE_AUTO ? k != RESPONSE_TPS || (saturating && !open_loop) : k == wanted;
        if (allowed && answers(m, k, w, n))
            m->kind = k;
    }
    if (open_loop && m->kind != RESPONSE_NONE)
        learn_covariate(m, w, n);
}

void response_only(struct response_mix *m, const int64_t *ids, int n)
{
    int about = 0;
    for (int i = 0; i < m->n; i++) {
        m->q[i].aside = true;
        for (int k = 0; k < n; k++)
            m->q[i].aside = m->q[i].aside && m->q[i].id != ids[k];
        about += !m->q[i].aside;
    }
    if (about == 0 || m->kind != RESPONSE_QUERIES)
        m->kind = RESPONSE_NONE;
}

double response_of(const struct response_mix *m, const struct window *w)
{
    double r = raw(m, m->kind, w);
    if (m->offered_theta < 0 || m->offered_theta > 0) {
        double x = offered_log(w);
        r -= m->offered_theta * (x - m->offered_log);   /* unknown load: no comparable response */
    }
    return r;
}
