/* bench/deck_world.c - the noise of a database, second by second. */
#include "deck_world.h"

#include "verify/trial.h"
#include "verify/window.h"

#include <math.h>
#include <string.h>

static const double calls_per_tx[WORLD_QUERIES] = { 1, 10, 10, 1, 1, 0.5, 0.1, 0.02 };
static const double usual_ms[WORLD_QUERIES]     = { 0.2, 0.4, 0.5, 1.0, 2.0, 3.0, 8.0, 40.0 };
enum { FLIPPED = 6, DRAWS = 40 };
static const double clients = 8, checkpoint_s = 20, checkpoint_cost = 0.25;

struct world_conf world_usual(uint64_t seed)
{
    return (struct world_conf){
        .seed = seed, .saturating = true, .has_queries = true, .has_driver = true, .tps = 150, .ar_phi = 0.6, .ar_sd = 0.2,
        .slow_sd = 0.07, .slow_s = 300, .wave = 0.1, .wave_s = 86400, .stall_each_s = 600, .checkpoint_each_s = 300,
        .warm_depth = 0.3, .warm_s = 3,
    };
}

static double innovation(struct world *w)
{
    if (!w->conf.heavy)
        return rand_normal(&w->rand);
    double a = rand_normal(&w->rand), b = rand_normal(&w->rand), c = rand_normal(&w->rand);
    double t = rand_normal(&w->rand) / sqrt(a * a + b * b + c * c);   /* t3 scaled to variance 1 */
    return t > 6 ? 6 : t < -6 ? -6 : t;
}

void world_init(struct world *w, const struct world_conf *conf)
{
    memset(w, 0, sizeof *w);
    w->conf = *conf;
    rand_seed(&w->rand, conf->seed);
    w->mono_us = INT64_C(1000) * 1000000 + rand_int(&w->rand, 0, 86400) * 1000000;
    w->latency.known = conf->has_driver;
    w->postmaster_start_us = w->conf_load_us = 1;
    w->ar = conf->ar_sd * rand_normal(&w->rand);
    w->slow = conf->slow_sd * rand_normal(&w->rand);
    w->since_checkpoint_s = conf->checkpoint_each_s * rand_unit(&w->rand);
    for (int q = 0; q < WORLD_QUERIES; q++)
        w->query[q].id = 100 + q;
}

void world_change(struct world *w, bool candidate, bool restart)
{
    w->candidate = candidate;
    w->changed_us = w->mono_us;
    w->conf_load_us += 5000000;
    if (restart)
        w->postmaster_start_us = w->mono_us;
}

void world_checkpoint(struct world *w) { w->checkpoint_left_s = checkpoint_s / 4; }   /* by hand: not spread out */

bool world_in_checkpoint(const struct world *w) { return w->checkpoint_left_s > 0; }

/*
 * Work put off between checkpoints makes the candidate quicker, and is paid back to the last unit while a checkpoint runs,
 * which takes as long as it takes: over a whole cycle nothing is gained.
 */
static double postpone(struct world *w, double speed)
{
    if (w->checkpoint_left_s <= 0) {
        double gain = w->candidate ? speed * (exp(w->conf.postponed) - 1) : 0;
        w->debt += gain;
        return speed + gain;
    }
    speed *= exp(-checkpoint_cost);
    double share = w->debt / w->checkpoint_left_s, pay = share < 0.9 * speed ? share : 0.9 * speed;
    w->debt -= pay;
    w->checkpoint_left_s -= w->checkpoint_left_s <= 1 && w->debt > 0.01 ? 0 : 1;
    if (w->checkpoint_left_s <= 0) {
        w->checkpoints_done++;
        w->since_checkpoint_s = 0;
    }
    return speed - pay;
}

/* Speed in this second; 1 is usual. */
static double speed_of(struct world *w)
{
    const struct world_conf *c = &w->conf;
    w->ar = c->ar_phi * w->ar + sqrt(1 - c->ar_phi * c->ar_phi) * c->ar_sd * innovation(w);
    double keep = c->slow_s > 0 ? exp(-1 / c->slow_s) : 0;
    w->slow = keep * w->slow + sqrt(1 - keep * keep) * c->slow_sd * rand_normal(&w->rand);
    if (w->stall_left_s <= 0 && c->stall_each_s > 0 && rand_unit(&w->rand) < 1 / c->stall_each_s) {
        w->stall_left_s = (double)rand_int(&w->rand, 1, 4);
        w->stall = 0.3 + rand_unit(&w->rand);
    }
    double x = w->ar + w->slow - (w->stall_left_s > 0 ? w->stall : 0);
    w->stall_left_s -= 1;
    if (c->wave_s > 0)
        x += c->wave * sin(2 * M_PI * (double)w->mono_us / 1e6 / c->wave_s);

    w->since_checkpoint_s += 1;
    if (w->checkpoint_left_s <= 0 && c->checkpoint_each_s > 0 && w->since_checkpoint_s >= c->checkpoint_each_s)
        w->checkpoint_left_s = checkpoint_s;
    if (w->candidate)
        x += c->effect;
    if (w->changed_us && c->warm_s > 0)
        x -= c->warm_depth * exp(-(double)(w->mono_us - w->changed_us) / 1e6 / c->warm_s);
    return postpone(w, exp(x));
}

static void count_queries(struct world *w, double tps, double speed)
{
    for (int q = 0; q < WORLD_QUERIES; q++) {
        double mean = calls_per_tx[q] * tps, calls = floor(mean + sqrt(mean) * rand_normal(&w->rand) + rand_unit(&w->rand));
        if (calls <= 0)
            continue;
        double ms = usual_ms[q] / speed * exp(0.3 * rand_normal(&w->rand) / sqrt(calls));
        if (w->candidate && q == FLIPPED && w->conf.query_flip > 0)
            ms *= w->conf.query_flip;
        if (q == FLIPPED && w->conf.query_wait > 0 && w->mono_us / 1000000 % 240 < 30)
            ms *= w->conf.query_wait;
        w->query[q].calls += calls;
        w->query[q].total_ms += calls * ms;
        w->query[q].rows += calls;
    }
}

static void count_latencies(struct world *w, double tps, double mean_ms)
{
    int draws = tps < DRAWS ? (int)tps : DRAWS;
    for (int i = 0; i < draws; i++) {
        double z = rand_normal(&w->rand), us = 1000 * mean_ms * exp(0.6 * z - 0.18);
        if (w->candidate && w->conf.p99_stretch > 0 && z > 2)
            us *= w->conf.p99_stretch;
        w->latency.count[latency_bucket(us)] += tps / draws;
    }
}

void world_second(struct world *w, struct sample *s)
{
    const struct world_conf *c = &w->conf;
    w->mono_us += 1000000;
    w->candidate_s += w->candidate;
    double speed = speed_of(w);
    bool   down = w->candidate && c->dies_after_s > 0 && w->candidate_s >= c->dies_after_s;
    double wanted = c->tps * exp(0.05 * rand_normal(&w->rand));
    double tps = c->saturating ? c->tps * speed : wanted;
    double mean_ms = c->saturating ? 1000 * clients / tps : 1000 * clients / c->tps / speed * (c->open_loop ? wanted / c->tps : 1);
    if (down)
        tps = 0;
    count_queries(w, tps, speed);
    if (c->has_driver)
        count_latencies(w, tps, mean_ms);

    sample_clear(s);
    s->mono_us = w->mono_us;
    s->wall_us = w->mono_us + INT64_C(1700000000000000);
    if (w->missing_left_s <= 0 && c->missing > 0 && rand_unit(&w->rand) < c->missing)
        w->missing_left_s = rand_unit(&w->rand) < 0.05 ? 8 : 1;
    if ((w->missing_left_s -= 1) >= 0)
        return;
    s->v[METRIC_UP] = down ? 0 : 1;
    if (down)
        return;
    s->v[METRIC_TPS] = tps;
    s->v[METRIC_ROLLBACKS] = 0.004 * tps;
    s->v[METRIC_ERRORS] = (w->candidate ? 0.004 + c->errors : 0.004) * tps;
    s->v[METRIC_CPU] = 0.5 + 0.05 * rand_normal(&w->rand);
    s->v[METRIC_MEMORY_USED] = 4e8;
    s->v[METRIC_MEMORY_LIMIT] = 1e9;
    s->v[METRIC_DISK_FREE] = 5e10;
    if (c->open_loop)
        s->v[METRIC_OFFERED] = wanted;
    if (c->has_driver) {
        s->v[METRIC_LATENCY_MEAN] = mean_ms;
        s->v[METRIC_LATENCY_ESTIMATED] = 0;
        s->latency = w->latency;
    }
    if (c->has_queries) {
        s->queries = WORLD_QUERIES;
        memcpy(s->query, w->query, sizeof w->query);
    }
    s->postmaster_start_us = w->postmaster_start_us;
    s->conf_load_us = w->conf_load_us;
    s->stats_reset_us = 1;
    s->checkpoints_done = w->checkpoints_done;
}

void world_history(struct world *w, int64_t window_us, struct window *history, int n)
{
    struct window_run run;
    struct sample s;
    world_second(w, &s);
    for (int k = 0; k < n; k++) {
        window_open(&run, &s, 0);
        do {
            world_second(w, &s);
            window_add(&run, &s);
        } while (s.mono_us - run.from_us < window_us);
        window_close(&run, &history[k]);
    }
}

bool world_try(struct world *w, struct trial *t, bool restart, double limit_s, struct world_answers *a)
{
    struct sample s;
    enum trial_wish doing = TRIAL_OBSERVE, wish;
    int64_t until = 0;
    world_change(w, true, restart);
    trial_begin(t, w->mono_us);
    a->begun_us = w->mono_us;
    do {
        world_second(w, &s);
        wish = trial_feed(t, &s);
        bool toggle = wish == TRIAL_GO_INCUMBENT || wish == TRIAL_GO_CANDIDATE;
        if (doing == TRIAL_OBSERVE && (wish == TRIAL_CHECKPOINT || (toggle && !a->no_toggles))) {
            doing = wish;
            until = w->mono_us + 1000000;
            if (wish == TRIAL_CHECKPOINT && !a->sham_checkpoints)
                world_checkpoint(w);
        }
        if (doing == TRIAL_OBSERVE || w->mono_us < until || (doing == TRIAL_CHECKPOINT && !a->sham_checkpoints && world_in_checkpoint(w)))
            continue;
        if (doing == TRIAL_CHECKPOINT) {
            a->checkpoints++;
            trial_checkpointed(t, w->mono_us);
        } else {
            a->toggles++;
            world_change(w, doing == TRIAL_GO_CANDIDATE, false);
            trial_toggled(t, doing == TRIAL_GO_CANDIDATE ? ARM_CANDIDATE : ARM_INCUMBENT, w->mono_us);
        }
        doing = TRIAL_OBSERVE;
    } while (wish != TRIAL_FINISHED && (double)(w->mono_us - a->begun_us) < 1e6 * limit_s);
    a->ended_us = w->mono_us;
    return wish == TRIAL_FINISHED;
}
