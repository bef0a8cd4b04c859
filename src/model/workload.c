/* model/workload.c */
#include "model/workload.h"

#include "model/knob.h"

#include <math.h>
#include <string.h>

const struct workload_info workload_info[WORKLOAD_COUNT] = {
#define X(id, name, unit, kind, grain, scale, most, weight, text) [WORKLOAD_##id] = { name, unit, WORKLOAD_KIND_##kind, grain, scale, most, weight, text },
    WORKLOAD_MAP(X)
#undef X
};

bool workload_feature_parse(const char *name, enum workload_feature *f)
{
    for (int i = 0; i < WORKLOAD_COUNT; i++)
        if (strcmp(workload_info[i].name, name) == 0) {
            *f = (enum workload_feature)i;
            return true;
        }
    return false;
}

void workload_clear(struct workload *w)
{
    for (int i = 0; i < WORKLOAD_COUNT; i++)
        w->v[i] = (double)NAN;
}

int workload_known(const struct workload *w)
{
    int n = 0;
    for (int i = 0; i < WORKLOAD_COUNT; i++)
        n += !isnan(w->v[i]);
    return n;
}

/* ---- from windows ---- */

/* Sums over the whole windows: of what happened (a rate times its seconds), and of the statements in them. */
struct sums {
    double of[METRIC_COUNT], seconds[METRIC_COUNT];      /* seconds: of the windows in which the metric was known */
    double calls, rows, total_ms;
    int    with_queries;
};

static void sum_up(struct sums *s, const struct window *window, int n)
{
    *s = (struct sums){ 0 };
    for (int i = 0; i < n; i++) {
        const struct window *w = &window[i];
        double seconds = w->to_us > w->from_us ? (double)(w->to_us - w->from_us) / 1e6 : 1;
        for (int m = 0; m < METRIC_COUNT && w->whole; m++)
            if (!isnan(w->v[m])) {
                s->of[m] += w->v[m] * seconds;
                s->seconds[m] += seconds;
            }
        s->with_queries += w->whole && w->queries >= 0;
        for (int q = 0; q < w->queries && w->whole; q++) {
            s->calls += w->query[q].calls;
            s->rows += w->query[q].rows;
            s->total_ms += w->query[q].total_ms;
        }
    }
}

static double mean(const struct sums *s, enum metric m) { return s->seconds[m] > 0 ? s->of[m] / s->seconds[m] : (double)NAN; }

/* Nothing per nothing is not known; so is whatever one of the two does not know. */
static double per(double a, double b) { return b > 0 && a >= 0 && isfinite(a) && isfinite(b) ? a / b : (double)NAN; }

static double share(double v) { return isnan(v) ? v : fmin(fmax(v, 0), 1); }

static double buffers_bytes(const struct target_facts *f)
{
    double blocks;
    const struct knob *k = knob_at(KNOB_SHARED_BUFFERS);
    return knob_current(k, f, &blocks, NULL) == OK ? blocks * knob_unit_bytes(k) : (double)NAN;
}

void workload_of(struct workload *w, const struct window *window, int n, const struct target_facts *facts)
{
    struct sums s;
    sum_up(&s, window, n);
    workload_clear(w);
    double tps = mean(&s, METRIC_TPS), read = mean(&s, METRIC_ROWS_READ), fetched = mean(&s, METRIC_ROWS_FETCHED);
    double sessions = mean(&s, METRIC_CONNECTIONS_ACTIVE) + mean(&s, METRIC_IDLE_IN_TRANSACTION);
    w->v[WORKLOAD_WRITES] = per(mean(&s, METRIC_ROWS_WRITTEN), read);
    w->v[WORKLOAD_SCANS] = share(1 - per(fetched, read));
    w->v[WORKLOAD_READS] = per(read, tps);
    w->v[WORKLOAD_STATEMENTS] = per(mean(&s, METRIC_CALLS), tps);
    w->v[WORKLOAD_WRITTEN] = per(mean(&s, METRIC_ROWS_WRITTEN), tps);
    w->v[WORKLOAD_WAL] = per(mean(&s, METRIC_WAL_BYTES), tps);
    w->v[WORKLOAD_TEMP] = per(mean(&s, METRIC_TEMP_BYTES), tps);
    w->v[WORKLOAD_LOCKS] = share(per(mean(&s, METRIC_LOCKS_WAITING), sessions));
    w->v[WORKLOAD_MISSES] = share(1 - mean(&s, METRIC_CACHE_HIT));
    if (s.with_queries > 0) {
        w->v[WORKLOAD_ROWS] = per(s.rows, s.calls);
        w->v[WORKLOAD_TIME] = per(s.total_ms, s.calls);
    }
    if (!facts)
        return;
    w->v[WORKLOAD_CLIENTS] = per(sessions, facts->cpus);
    w->v[WORKLOAD_RATE] = per(tps, facts->cpus);
    w->v[WORKLOAD_DATABASE] = per(facts->database_bytes, facts->memory_bytes);
    w->v[WORKLOAD_BUFFERS] = per(buffers_bytes(facts), facts->database_bytes);
}

/* ---- comparing ---- */

void workload_asked(const struct workload *w, struct workload *out)
{
    static const enum workload_feature asked[] = { WORKLOAD_STATEMENTS, WORKLOAD_ROWS, WORKLOAD_WRITTEN };
    struct workload of = *w;
    workload_clear(out);
    for (size_t i = 0; i < sizeof asked / sizeof asked[0]; i++)
        out->v[asked[i]] = of.v[asked[i]];
}

double workload_coordinate(enum workload_feature f, double value)
{
    const struct workload_info *i = &workload_info[f];
    if (isnan(value))
        return value;
    double v = fmin(fmax(value, 0), i->most);
    return i->kind == WORKLOAD_KIND_LOG ? log1p(v / i->grain) / i->scale : v / i->scale;
}

/* The feature's part of the squared distance; NAN: it cannot be compared. */
static double part(const struct workload *a, const struct workload *b, enum workload_feature f)
{
    double d = workload_coordinate(f, a->v[f]) - workload_coordinate(f, b->v[f]);
    return workload_info[f].weight > 0 ? workload_info[f].weight * d * d : (double)NAN;
}

double workload_distance(const struct workload *a, const struct workload *b, int *compared)
{
    double sum = 0, weight = 0;
    int    n = 0;
    for (int i = 0; i < WORKLOAD_COUNT; i++) {
        double p = part(a, b, (enum workload_feature)i);
        if (isnan(p))
            continue;
        sum += p;
        weight += workload_info[i].weight;
        n++;
    }
    if (compared)
        *compared = n;
    return n > 0 ? sqrt(sum / weight) : (double)NAN;
}

static bool far_apart(const struct workload *a, const struct workload *b, double another, int compared_min, bool *comparable)
{
    int    compared;
    double d = workload_distance(a, b, &compared);
    *comparable = compared >= compared_min;
    return *comparable && d > another;
}

bool workload_another(const struct workload *a, const struct workload *b, bool same_configuration)
{
    struct workload asked_a, asked_b;
    bool            comparable = false;
    if (!same_configuration) {
        workload_asked(a, &asked_a);
        workload_asked(b, &asked_b);
        bool another = far_apart(&asked_a, &asked_b, WORKLOAD_ASKED_ANOTHER, WORKLOAD_ASKED_MIN, &comparable);
        if (comparable)
            return another;
    }
    return far_apart(a, b, WORKLOAD_ANOTHER, WORKLOAD_COMPARED_MIN, &comparable);
}

enum workload_feature workload_differs_most(const struct workload *a, const struct workload *b)
{
    enum workload_feature most = WORKLOAD_COUNT;
    double                best = 0;
    for (int i = 0; i < WORKLOAD_COUNT; i++) {
        double p = part(a, b, (enum workload_feature)i);
        if (p > best) {
            best = p;
            most = (enum workload_feature)i;
        }
    }
    return most;
}

/* ---- JSON ---- */

json_t *workload_json(const struct workload *w)
{
    json_t *json = json_object();
    for (int i = 0; i < WORKLOAD_COUNT && json; i++)
        if (isfinite(w->v[i]) && json_object_set_new(json, workload_info[i].name, json_real(w->v[i])) != 0) {
            json_decref(json);
            return NULL;
        }
    return json;
}

enum err workload_parse(const json_t *json, struct workload *w, struct fault *fault)
{
    struct workload got;
    workload_clear(&got);
    if (!json_is_object(json))
        return fail(fault, ERR_INPUT, "a workload is an object of features");
    for (int i = 0; i < WORKLOAD_COUNT; i++) {
        const json_t *v = json_object_get(json, workload_info[i].name);
        if (!v)
            continue;
        got.v[i] = json_is_number(v) ? json_number_value(v) : (double)NAN;
        if (!(got.v[i] >= 0) || isinf(got.v[i]))
            return fail(fault, ERR_INPUT, "the workload's feature %s is not a number from 0 up", workload_info[i].name);
    }
    *w = got;
    return OK;
}
