/* verify/guards.c - one function for each thing that must not get worse, one table that lists them. */
#include "verify/guards.h"

#include "math/stats/compare.h"
#include "math/stats/describe.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { FEW_WINDOWS = 6 };

static const double guard_alpha = 0.05;            /* one-sided, for each guard */
static const double errors_excess_max = 0.002;     /* two more in a thousand are shown not to be exceeded, or the ratio is */
static const double tps_loss_max = 0.05;           /* saturating load: throughput may not contradict the response */
static const double cpu_growth_max = 1.05, memory_growth_max = 1.02;   /* where the incumbent is beyond the bound itself */
static const double cpu_dearer_max = 1.5;         /* per transaction: the two threads of one core slow each other by up to so much when both are busy */
static const double disk_ratio_default = 2;
static const double query_share_min = 0.01, query_share_heavy = 0.05;  /* of the time */
static const double vanished_calls = 20, vanished_ratio = 0.1;
static const double rare_calls = 3;      /* of the incumbent: a report that is asked now and then, and has to be seen */

enum { ARMS = 2 };

/* A harm beyond the end of the list takes the place of the last one that holds: what blocks is always named. */
static int place(struct guards *g, enum guard_state state)
{
    if (g->n < GUARDS_MAX)
        return g->n++;
    for (int i = GUARDS_MAX - 1; i >= 0 && state != GUARD_HOLDS; i--)
        if (g->state[i] == GUARD_HOLDS)
            return i;
    return -1;
}

static void add(struct guards *g, enum guard_state state, const char *name, double ratio, double bound, const char *text)
{
    g->fails += state == GUARD_FAILS;
    g->open += state == GUARD_OPEN;
    int at = place(g, state);
    if (at < 0)
        return;
    struct guard_result *r = &g->result[at];
    snprintf(r->name, sizeof r->name, "%s", name);
    snprintf(r->text, sizeof r->text, "%s", text);
    r->ratio = ratio;
    r->bound = bound;
    r->holds = state == GUARD_HOLDS;
    g->state[at] = state;
    bool first = g->worst < 0 && (state == GUARD_FAILS || state == GUARD_OPEN);
    if (first || (g->worst >= 0 && state == GUARD_FAILS && g->state[g->worst] == GUARD_OPEN))
        g->worst = at;
}

/* The cases in which there is nothing to compare; true when one was added. */
static bool add_unknown(struct guards *g, const char *name, double bound, bool known_a, bool known_b)
{
    if (known_a && known_b)
        return false;
    if (!known_a && !known_b)
        add(g, GUARD_UNMEASURED, name, (double)NAN, bound, "not measured with either configuration; does not block");
    else if (known_a)
        add(g, GUARD_OPEN, name, (double)NAN, bound, "known with the old configuration, unknown with the new one");
    else
        add(g, GUARD_OPEN, name, (double)NAN, bound, "known with the new configuration only: nothing to compare with");
    return true;
}

/* Three windows of the candidate beside a dozen of the incumbent: the dozen says how much windows vary. */
static struct math_difference unpaired(double na, double mean_a, double var_a, double nb, double mean_b, double var_b)
{
    return nb < FEW_WINDOWS && na > nb ? math_student(na, mean_a, var_a, nb, mean_b, var_b) : math_welch(na, mean_a, var_a, nb, mean_b, var_b);
}

typedef double obs_value(const struct trial_obs *o);
static double obs_p99(const struct trial_obs *o) { return o->p99 > 0 ? log(o->p99) : (double)NAN; }
static double obs_tps(const struct trial_obs *o) { return o->tps > 0 ? log(o->tps) : (double)NAN; }

/* Difference b - a of a log value; unknown windows are left out, but in no more than half of them may it be unknown. */
static struct math_difference compare(const struct guard_case *c, obs_value *value, bool *known_a, bool *known_b)
{
    double d[TRIAL_WINDOWS_MAX];
    struct math_running a = { 0 }, b = { 0 };
    int pairs = 0;
    for (int i = 0; i < c->na; i++)
        if (!isnan(value(&c->a[i])))
            math_running_add(&a, value(&c->a[i]));
    for (int i = 0; i < c->nb; i++)
        if (!isnan(value(&c->b[i])))
            math_running_add(&b, value(&c->b[i]));
    *known_a = a.n > 0 && a.n >= 0.5 * c->na;
    *known_b = b.n > 0 && b.n >= 0.5 * c->nb;
    if (!c->paired)
        return unpaired(a.n, a.mean, a.ss / (a.n - 1), b.n, b.mean, b.ss / (b.n - 1));
    for (int i = 0; i < c->na && i < c->nb && pairs < TRIAL_WINDOWS_MAX; i++) {
        double x = value(&c->b[i]) - value(&c->a[i]);
        if (!isnan(x))
            d[pairs++] = x;
    }
    return math_paired(d, pairs);
}

static void guard_p99(const struct guard_case *c, struct guards *g)
{
    bool known_a, known_b;
    char text[96];
    double bound = c->conf->p99_ratio_max;
    struct math_difference d = compare(c, obs_p99, &known_a, &known_b);
    if (add_unknown(g, "p99", bound, known_a, known_b))
        return;
    double lo = exp(math_difference_lower(&d, guard_alpha)), hi = exp(math_difference_upper(&d, guard_alpha));
    snprintf(text, sizeof text, "%.2f x the old (%.2f to %.2f), allowed %.2f", exp(d.estimate), lo, hi, bound);
    add(g, lo > bound ? GUARD_FAILS : hi <= bound ? GUARD_HOLDS : GUARD_OPEN, "p99", exp(d.estimate), bound, text);
}

/* A saturated server's throughput is what clients get; a response that got better while it fell is not believed.  A few reports are no throughput. */
static void guard_tps(const struct guard_case *c, struct guards *g)
{
    bool known_a, known_b;
    char text[96];
    if (!c->conf->saturating || c->conf->open_loop || c->mix->kind == RESPONSE_TPS || c->mix->few)
        return;
    struct math_difference d = compare(c, obs_tps, &known_a, &known_b);
    double bound = 1 / (1 - tps_loss_max);
    if (add_unknown(g, "throughput", bound, known_a, known_b))
        return;
    double allowed = log(1 - tps_loss_max), upper = math_difference_upper(&d, guard_alpha);
    bool   doubtful = upper < 0 || d.estimate < allowed;
    snprintf(text, sizeof text, "%.2f x the old transactions per second", exp(d.estimate));
    add(g, upper < allowed ? GUARD_FAILS : doubtful ? GUARD_OPEN : GUARD_HOLDS, "throughput", exp(-d.estimate), bound, text);
}

struct error_count { double fails, tries, dispersion; int known; };

static struct error_count errors_of(const struct trial_obs *o, int n)
{
    struct error_count e = { .dispersion = 1 };
    struct math_running r = { 0 };
    for (int i = 0; i < n; i++)
        if (!isnan(o[i].fails) && !isnan(o[i].tries)) {
            e.fails += o[i].fails;
            e.tries += o[i].tries;
            math_running_add(&r, o[i].fails);
            e.known++;
        }
    /* Errors come in bursts: as many independent ones as the spread between windows allows. */
    if (e.known > 2 && r.mean > 0 && r.ss / (r.n - 1) > r.mean)
        e.dispersion = r.ss / (r.n - 1) / r.mean;
    return e;
}

static void guard_errors(const struct guard_case *c, struct guards *g)
{
    double bound = c->conf->errors_ratio_max, lo, hi;
    char text[96];
    struct error_count a = errors_of(c->a, c->na), b = errors_of(c->b, c->nb);
    if (add_unknown(g, "errors", bound, a.known > 0 && 2 * a.known >= c->na, b.known > 0 && 2 * b.known >= c->nb))
        return;
    double k = a.dispersion > b.dispersion ? a.dispersion : b.dispersion;
    math_rate_ratio_interval(a.fails / k, a.tries, b.fails / k, b.tries, 2 * guard_alpha, &lo, &hi);
    double pa = a.tries > 0 ? a.fails / a.tries : 0, pb = b.tries > 0 ? b.fails / b.tries : 0;
    double ratio = b.fails <= 0 && a.fails <= 0 ? 1 : a.fails > 0 ? pb / pa : (double)INFINITY;
    /* Upper end of the excess, from the normal approximation with one pseudo-error, so that 0 of few is not proof. */
    double se = sqrt(k * ((b.fails + 1) / (b.tries * b.tries) + (a.fails + 1) / (a.tries * a.tries)));
    /* Where the old one was too slow to tell how often it fails, the new one's own rate bounds the excess: it cannot fail less than never. */
    double least, most;
    math_proportion_interval(b.fails / k, b.tries / k, 2 * guard_alpha, &least, &most);
    bool little = b.tries > 0 && a.tries > 0 && (pb - pa + 1.645 * se <= errors_excess_max || most <= errors_excess_max);
    bool beyond = lo > bound && pb - pa - 1.645 * se > 0, held = hi <= bound || little;
    bool too_few = c->mix->few && pb <= pa;      /* it would take a thousand and more, and a trial sees dozens */
    snprintf(text, sizeof text, "%.3g in 1000 transactions, with the old %.3g", 1000 * pb, 1000 * pa);
    add(g, beyond ? GUARD_FAILS : held ? GUARD_HOLDS : too_few ? GUARD_UNPROVEN : GUARD_OPEN, "errors", ratio, bound, text);
}

static double obs_cpu(const struct trial_obs *o)      { return o->cpu; }
static double obs_memory(const struct trial_obs *o)   { return o->memory; }
static double obs_disk(const struct trial_obs *o)     { return o->disk_free; }
static double obs_recovery(const struct trial_obs *o) { return o->recovery_wal; }

struct span { double mean, max, min; int known; };

static struct span span_of(const struct trial_obs *o, int n, obs_value *value)
{
    struct math_running r = { 0 };
    for (int i = 0; i < n; i++)
        if (!isnan(value(&o[i])))
            math_running_add(&r, value(&o[i]));
    return (struct span){ r.mean, r.max, r.min, (int)r.n };
}

/* An absolute bound; where the incumbent is beyond it already, hardly more than the incumbent. */
static void guard_level(struct guards *g, const char *name, const char *what, double now, double before, double bound, double growth)
{
    char text[96];
    snprintf(text, sizeof text, "%.0f %% of %s, with the old %.0f %%, allowed %.0f %%", 100 * now, what, 100 * before, 100 * bound);
    bool holds = now <= bound || now <= before * growth;
    add(g, holds ? GUARD_HOLDS : GUARD_FAILS, name, before > 0 ? now / before : (double)NAN, bound, text);
}

static void guard_cpu(const struct guard_case *c, struct guards *g)
{
    struct span a = span_of(c->a, c->na, obs_cpu), b = span_of(c->b, c->nb, obs_cpu);
    if (add_unknown(g, "cpu", c->conf->cpu_max, a.known > 0, b.known > 0))
        return;
    /* A load that takes what it can get uses the cores when nothing else holds it up any more: what counts is what a transaction costs. */
    struct span done_a = span_of(c->a, c->na, obs_tps), done_b = span_of(c->b, c->nb, obs_tps);
    double      more = done_a.known > 0 && done_b.known > 0 ? exp(done_b.mean - done_a.mean) : 0, dearer = b.mean / a.mean / more;
    if (b.mean > c->conf->cpu_max && c->conf->saturating && !c->conf->open_loop && more > 1 && dearer <= cpu_dearer_max) {
        char text[96];
        snprintf(text, sizeof text, "%.0f %% of the cores for a load that takes what it can get, %.2f x per transaction", 100 * b.mean, dearer);
        add(g, GUARD_HOLDS, "cpu", dearer, cpu_dearer_max, text);
        return;
    }
    guard_level(g, "cpu", "the cores", b.mean, a.mean, c->conf->cpu_max, cpu_growth_max);
}

static void guard_memory(const struct guard_case *c, struct guards *g)
{
    struct span a = span_of(c->a, c->na, obs_memory), b = span_of(c->b, c->nb, obs_memory);
    if (!add_unknown(g, "memory", c->conf->memory_ratio_max, a.known > 0, b.known > 0))
        guard_level(g, "memory", "the limit", b.max, a.max, c->conf->memory_ratio_max, memory_growth_max);
}

static void guard_disk(const struct guard_case *c, struct guards *g)
{
    char text[96];
    struct span a = span_of(c->a, c->na, obs_disk), b = span_of(c->b, c->nb, obs_disk);
    double bound = c->conf->disk_ratio_max > 0 ? c->conf->disk_ratio_max : disk_ratio_default;
    if (add_unknown(g, "disk", bound, a.known > 0, b.known > 0))
        return;
    double ratio = b.min > 0 ? a.min / b.min : (double)INFINITY;
    snprintf(text, sizeof text, "%.1f GB free at least, with the old %.1f GB", b.min / 1e9, a.min / 1e9);
    add(g, ratio <= bound ? GUARD_HOLDS : GUARD_FAILS, "disk", ratio, bound, text);
}

static void guard_recovery(const struct guard_case *c, struct guards *g)
{
    char text[96];
    double bound = c->conf->recovery_wal_max;
    if (!(bound > 0))
        return;
    struct span a = span_of(c->a, c->na, obs_recovery), b = span_of(c->b, c->nb, obs_recovery);
    if (add_unknown(g, "recovery", bound, a.known > 0, b.known > 0))
        return;
    snprintf(text, sizeof text, "%.0f MB of WAL to replay at most, with the old %.0f MB", b.max / 1e6, a.max / 1e6);
    add(g, b.max <= bound ? GUARD_HOLDS : GUARD_FAILS, "recovery", a.max > 0 ? b.max / a.max : (double)NAN, bound, text);
}

/* ---- query by query ---- */

void guards_tell(const struct response_mix *m, struct query_tale *tale, enum trial_arm arm, const struct window *w)
{
    for (int i = 0; i < w->queries; i++) {
        const struct query_count *q = &w->query[i];
        int at = response_query(m, q->id);
        if (at < 0 || !(q->calls > 0))
            continue;
        struct query_arm *t = &tale[at].arm[arm];
        t->calls += q->calls;
        t->total_ms += q->total_ms;
        if (q->calls < (m->rare ? 1 : RESPONSE_CALLS_SHRINK) || !(q->total_ms > 0))      /* of what is rare each call counts, or nothing would ever be known of it */
            continue;
        double x = log(q->total_ms / q->calls);
        t->windows += 1;
        double step = x - t->mean_log;
        t->mean_log += step / t->windows;
        t->ss_log += step * (x - t->mean_log);
    }
}

struct query_totals { double seconds[ARMS], calls[ARMS], time[ARMS]; };

static struct query_totals totals_of(const struct guard_case *c)
{
    struct query_totals t = { 0 };
    for (int i = 0; i < c->na; i++)
        t.seconds[ARM_INCUMBENT] += c->a[i].seconds;
    for (int i = 0; i < c->nb; i++)
        t.seconds[ARM_CANDIDATE] += c->b[i].seconds;
    for (int q = 0; q < c->mix->n; q++)
        for (int arm = 0; arm < ARMS; arm++) {
            t.calls[arm] += c->tale[q].arm[arm].calls;
            t.time[arm] += c->tale[q].arm[arm].total_ms;
        }
    return t;
}

/* A statement is counted when it ends: one that never ends any more looks like one nobody asked for. */
static bool vanished(const struct query_tale *t, const struct query_totals *all, double share)
{
    if (!(all->seconds[0] > 0 && all->seconds[1] > 0 && all->calls[0] > 0))
        return false;
    double scale = all->seconds[1] / all->seconds[0], expected = t->arm[0].calls * scale;
    bool others_go_on = all->calls[1] >= 0.5 * (all->calls[0] - t->arm[0].calls) * scale;
    return share >= query_share_min && expected >= vanished_calls && t->arm[1].calls < vanished_ratio * expected && others_go_on;
}

static void guard_query(const struct guard_case *c, struct guards *g, int q, const struct query_totals *all)
{
    const struct query_tale *t = &c->tale[q];
    const struct query_arm *a = &t->arm[0], *b = &t->arm[1];
    double bound = c->conf->query_ratio_max, share_a = all->time[0] > 0 ? a->total_ms / all->time[0] : 0;
    double share_b = all->time[1] > 0 ? b->total_ms / all->time[1] : 0, share = share_a > share_b ? share_a : share_b;
    char name[32], text[96];
    snprintf(name, sizeof name, "query %lld", (long long)c->mix->q[q].id);
    if (vanished(t, all, share_a)) {
        snprintf(text, sizeof text, "%.0f calls ended where %.0f would be usual", b->calls, a->calls * all->seconds[1] / all->seconds[0]);
        add(g, GUARD_FAILS, name, (double)NAN, bound, text);
        return;
    }
    if (c->mix->rare && share_a >= query_share_min && a->calls >= rare_calls && !(b->calls > 0)) {
        double expected = all->seconds[0] > 0 ? a->calls * all->seconds[1] / all->seconds[0] : 0;
        snprintf(text, sizeof text, "not seen with the new configuration, %.1f calls would be usual", expected);
        add(g, c->last && expected < 1 ? GUARD_UNPROVEN : GUARD_OPEN, name, (double)NAN, bound, text);
        return;
    }
    if (share < query_share_min || !(a->calls > 0 && b->calls > 0))
        return;
    double ratio = b->total_ms / b->calls / (a->total_ms / a->calls);
    struct math_difference d = unpaired(a->windows, a->mean_log, a->ss_log / (a->windows - 1), b->windows, b->mean_log, b->ss_log / (b->windows - 1));
    double lo = exp(math_difference_lower(&d, guard_alpha / c->mix->n)), hi = exp(math_difference_upper(&d, guard_alpha));
    enum guard_state state = GUARD_HOLDS;
    if (isnan(d.se))   /* too rare for an interval: only plain harm counts */
        state = ratio > 2 * bound && share >= query_share_heavy ? GUARD_FAILS : GUARD_UNMEASURED;
    else if (lo > bound)
        state = GUARD_FAILS;
    else if (hi > bound && share >= query_share_heavy)
        state = c->last && ratio <= bound && exp(d.estimate) <= bound && math_difference_lower(&d, guard_alpha) <= 0 ? GUARD_UNPROVEN : GUARD_OPEN;
    if (state == GUARD_UNMEASURED || (state == GUARD_HOLDS && share < query_share_heavy))
        return;   /* nothing to say */
    if (state == GUARD_UNPROVEN)
        snprintf(text, sizeof text, "%.2f x the old time per call (%.2f to %.2f), allowed %.2f; %.0f %% of all time", ratio, exp(math_difference_lower(&d, guard_alpha)), hi, bound, 100 * share);
    else
        snprintf(text, sizeof text, "%.2f x the old time per call, allowed %.2f; %.0f %% of all time", ratio, bound, 100 * share);
    add(g, state, name, ratio, bound, text);
}

static void guard_queries(const struct guard_case *c, struct guards *g)
{
    struct query_totals all = totals_of(c);
    for (int q = 0; q < c->mix->n; q++)
        guard_query(c, g, q, &all);
}

void guards_judge(const struct guard_case *c, struct guards *g)
{
    static void (*const guards[])(const struct guard_case *, struct guards *) = {
        guard_p99, guard_errors, guard_tps, guard_cpu, guard_memory, guard_disk, guard_recovery, guard_queries,
    };
    memset(g, 0, sizeof *g);
    g->worst = -1;
    for (size_t i = 0; i < sizeof guards / sizeof guards[0]; i++)
        guards[i](c, g);
}
