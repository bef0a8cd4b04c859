/*
 * bench/deck_replay.c - 2 000 blinded verdicts over null, harmful and helpful changes, replayed from generated histories.
 *
 * Each story has a world of its own (bench/deck_world.h) and one change; the trial sees only samples.  Counted are changes
 * that do nothing (or next to nothing) and are called better, harm that is kept or costs more than one bad window, and help
 * that is not recognised.  Same seed, same deck.    usage: deck_replay [stories] [seed] [-v]
 */
#include "deck_world.h"

#include "math/stats/describe.h"
#include "verify/trial.h"
#include "verify/trial_state.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum kind { NOTHING, HARM, HELP, KINDS };
static const char *const kind_names[KINDS] = { "null", "harmful", "helpful" };

enum { HISTORY_MAX = 96 };

static const double alpha = 0.05;

struct story {
    enum kind         kind;
    enum verify_class method;
    struct world_conf world;
    struct trial_conf trial;
    int               history;       /* windows of it */
    double            ratio;         /* speed with the candidate */
    bool              otherwise;     /* harm that is not (only) a matter of speed */
};

struct result { enum outcome outcome; int bad_windows, windows; double seconds; char why[320]; };

static double between(struct rand *r, double lo, double hi) { return lo + (hi - lo) * rand_unit(r); }

/* ---- telling a story ---- */

static void tell_noise(struct rand *r, struct world_conf *w)
{
    *w = world_usual(rand_u64(r));
    w->saturating = rand_unit(r) < 0.6;
    w->open_loop = !w->saturating && rand_unit(r) < 0.4;
    w->has_driver = w->open_loop || rand_unit(r) < 0.7;
    w->has_queries = rand_unit(r) < 0.8 || !(w->has_driver || w->saturating);
    w->tps = exp(between(r, log(40), log(2000)));
    if (rand_unit(r) < 0.3) {
        w->ar_phi = 0.95;
        w->ar_sd = 0.14;
    }
    w->slow_sd = between(r, 0.03, 0.10);
    w->slow_s = between(r, 120, 900);
    w->wave = between(r, 0, 0.4);
    w->heavy = rand_unit(r) < 0.4;
    w->missing = rand_unit(r) < 0.3 ? 0.01 : 0;
    w->checkpoint_each_s = rand_unit(r) < 0.7 ? between(r, 120, 300) : 0;
    w->warm_depth = between(r, 0, 0.8);
    w->warm_s = between(r, 1, 5);
}

static void tell_change(struct rand *r, struct story *s)
{
    struct world_conf *w = &s->world;
    s->ratio = 1;
    switch (s->kind) {
    case NOTHING:
        s->ratio = rand_unit(r) < 0.5 ? 1 : between(r, 0.995, 1.005);
        break;
    case HARM:
        s->ratio = exp(between(r, log(0.05), log(0.85)));
        if (rand_unit(r) < 0.15) {            /* other ways of doing harm */
            s->otherwise = true;
            s->ratio = between(r, 0.9, 1.1);
            switch (rand_int(r, 0, w->has_driver ? 3 : 2)) {
            case 0: w->dies_after_s = (int)rand_int(r, 10, 120); break;
            case 1: w->errors = between(r, 0.03, 0.3); break;
            case 2: if (w->has_queries) w->query_flip = between(r, 4, 100); else w->errors = 0.1; break;
            case 3: w->p99_stretch = between(r, 3, 10); break;
            }
        }
        break;
    case HELP:
        s->ratio = between(r, 1.1, 1.6);
        break;
    case KINDS:
        break;
    }
    w->effect = log(s->ratio);
    if (s->method == VERIFY_CHECKPOINT && s->kind == NOTHING && rand_unit(r) < 0.5)
        w->postponed = between(r, 0.05, 0.3);
    if (s->method == VERIFY_RESTART) {
        w->warm_depth = between(r, 0.5, 2);
        w->warm_s = between(r, 5, 25);
    }
}

static void tell(struct rand *r, struct story *s)
{
    static const struct { enum verify_class method; double share; } methods[] = {
        { VERIFY_IMMEDIATE, 0.4 }, { VERIFY_PLANNER, 0.1 }, { VERIFY_CHECKPOINT, 0.15 }, { VERIFY_RESTART, 0.25 }, { VERIFY_SLOW, 0.1 },
    };
    memset(s, 0, sizeof *s);
    s->kind = (enum kind)rand_int(r, 0, KINDS - 1);
    double u = rand_unit(r);
    for (size_t i = 0; i < 5 && u >= 0; i++) {
        s->method = methods[i].method;
        u -= methods[i].share;
    }
    bool to_and_fro = s->method != VERIFY_RESTART && s->method != VERIFY_SLOW;
    tell_noise(r, &s->world);
    tell_change(r, s);
    s->history = to_and_fro ? 15 : HISTORY_MAX;
    s->trial = (struct trial_conf){
        .method = s->method, .window_us = to_and_fro ? 30000000 : 60000000, .washout_us = 15000000, .warmup_us = 60000000,
        .windows_min = to_and_fro ? 6 : 5, .windows_max = to_and_fro ? 40 : 10, .alpha = alpha, .margin = 0.01, .p99_ratio_max = 1.25,
        .query_ratio_max = 1.5, .errors_ratio_max = 1.5, .cpu_max = 0.95, .memory_ratio_max = 0.9, .open_loop = s->world.open_loop,
        .saturating = s->world.saturating, .seed = rand_u64(r),
    };
}

/* ---- playing it ---- */

/* The response a window is measured against: its neighbour in the block, else the latest windows of the incumbent like it (with or without a checkpoint). */
static double neighbour(const struct trial *t, const struct trial_obs *o)
{
    double like[5], scratch[5];
    int n = 0;
    const struct trial_obs *before = NULL;
    for (int k = 0; k < t->obses; k++)
        if (t->obs[k].arm == ARM_INCUMBENT && (t->obs[k].block == o->block || (t->obs[k].block == o->block - 1 && !before)))
            before = &t->obs[k];
    if (before && trial_is_switchback(t))
        return before->response;
    for (int k = t->pasts - 1; k >= 0 && n < 5; k--)
        if ((t->past[k].checkpoints > 0) == (o->checkpoints > 0))
            like[n++] = t->past[k].response;
    for (int k = t->pasts - 1; k >= t->pasts - 5 && n == 0 && k >= 0; k--)
        like[n++] = t->past[k].response;
    return math_median(like, n, scratch);
}

/*
 * Bad windows of the candidate.  Slower by more than a tenth: those measured so.  Harm of another kind (errors, tail, one
 * query) is in every window.  One that was broken off half-way counts.
 */
static int bad_windows(const struct story *s, const struct trial *t)
{
    int bad = 0, windows = 0;
    for (int i = 0; i < t->obses; i++) {
        const struct trial_obs *o = &t->obs[i];
        if (o->arm != ARM_CANDIDATE)
            continue;
        bad += o->response - neighbour(t, o) < log(0.9);
        windows++;
    }
    bool broken_off = strncmp(t->verdict.why, "After", 5) == 0 || strncmp(t->verdict.why, "The ", 4) == 0 || (strncmp(t->verdict.why, "p99", 3) == 0 && windows == 0) || strncmp(t->verdict.why, "Errors", 6) == 0;
    return (s->kind != HARM || !s->otherwise ? bad : s->world.dies_after_s ? 0 : windows) + broken_off;
}

static bool play(const struct story *s, struct result *r)
{
    static struct window history[HISTORY_MAX];
    struct world *w = malloc(sizeof *w);
    struct world_answers answers = { 0 };
    struct fault fault;
    struct trial *t;
    if (!w)
        return false;
    world_init(w, &s->world);
    world_history(w, s->trial.window_us, history, s->history);
    if (trial_new(&s->trial, history, s->history, &t, &fault)) {
        fprintf(stderr, "deck-replay: %s\n", fault.text);
        free(w);
        return false;
    }
    bool ended = world_try(w, t, s->method == VERIFY_RESTART, 86400, &answers);
    struct verdict v;
    trial_verdict(t, &v);
    r->outcome = v.outcome;
    r->windows = v.windows_b;
    r->seconds = (double)(answers.ended_us - answers.begun_us) / 1e6;
    r->bad_windows = bad_windows(s, t);
    memcpy(r->why, v.why, sizeof r->why);
    bool in_force = trial_arm(t) == ARM_CANDIDATE;
    trial_free(t);
    free(w);
    if (!ended)
        fprintf(stderr, "deck-replay: a trial did not end\n");
    return ended && (v.outcome != OUTCOME_BETTER || in_force);
}

/* ---- counting ---- */

struct tally { int n, better, worse, undecided, equivalent, costly; double seconds, windows; };

static void count(struct tally *t, const struct result *r)
{
    t->n++;
    t->better += r->outcome == OUTCOME_BETTER;
    t->worse += r->outcome == OUTCOME_WORSE;
    t->undecided += r->outcome == OUTCOME_UNDECIDED;
    t->equivalent += r->outcome == OUTCOME_EQUIVALENT;
    t->costly += r->bad_windows > 1;
    t->seconds += r->seconds;
    t->windows += r->windows;
}

static void print(const char *method, enum kind kind, const struct tally *t)
{
    if (t->n)
        printf("%-10s %-8s %5d   better %5.1f %%  worse %5.1f %%  undecided %5.1f %%  equivalent %4.1f %%   over one bad window %3d   %5.0f s  %4.1f windows\n",
               method, kind_names[kind], t->n, 100.0 * t->better / t->n, 100.0 * t->worse / t->n, 100.0 * t->undecided / t->n,
               100.0 * t->equivalent / t->n, t->costly, t->seconds / t->n, t->windows / t->n);
}

int main(int argc, char **argv)
{
    int stories = argc > 1 ? atoi(argv[1]) : 2000, broken = 0;
    bool loud = argc > 3 && strcmp(argv[3], "-v") == 0;
    struct tally by[VERIFY_CLASS_COUNT][KINDS] = { 0 }, all[KINDS] = { 0 };
    struct rand r;
    rand_seed(&r, argc > 2 ? strtoull(argv[2], NULL, 10) : 20261120);
    clock_t begun = clock();
    for (int i = 0; i < stories; i++) {
        struct story s;
        struct result result;
        tell(&r, &s);
        if (!play(&s, &result)) {
            broken++;
            continue;
        }
        count(&by[s.method][s.kind], &result);
        count(&all[s.kind], &result);
        if (loud)
            printf("%4d %-10s %-8s x%.3f %s %-10s %5.0f s, %2d bad: %s\n", i, verify_class_name(s.method), kind_names[s.kind], s.ratio,
                   s.world.dies_after_s ? "dies" : s.world.errors > 0 ? "errors" : s.world.query_flip > 0 ? "flip" : s.world.p99_stretch > 0 ? "tail" : "-",
                   outcome_name(result.outcome), result.seconds, result.bad_windows, result.why);
    }
    for (int m = 0; m < VERIFY_CLASS_COUNT; m++)
        for (int k = 0; k < KINDS; k++)
            print(verify_class_name((enum verify_class)m), (enum kind)k, &by[m][k]);
    for (int k = 0; k < KINDS; k++)
        print("all", (enum kind)k, &all[k]);

    double a = alpha / 2, bar = a + 3 * sqrt(a * (1 - a) / all[NOTHING].n), wrong = (double)all[NOTHING].better / all[NOTHING].n;
    double undone = 1 - (double)all[HARM].better / all[HARM].n, cheap = 1 - (double)all[HARM].costly / all[HARM].n;
    double kept = (double)all[HELP].better / all[HELP].n;
    bool ok = wrong <= bar && undone >= 1 && cheap >= 1 && kept >= 0.8 && broken == 0;
    printf("%d stories in %.0f s of CPU, %d broken\n", stories, (double)(clock() - begun) / CLOCKS_PER_SEC, broken);
    printf("harmful undone %.2f %%, with at most one bad window %.2f %%; helpful kept %.1f %%\n", 100 * undone, 100 * cheap, 100 * kept);
    printf("deck-replay %.4f false-better (bar <= %.4f; harmful undone %.1f %% of 100 %%, at most one bad window %.1f %% of 100 %%, helpful kept %.1f %% of >= 80 %%) %s\n",
           wrong, bar, 100 * undone, 100 * cheap, 100 * kept, ok ? "ok" : "short");
    return ok ? 0 : 1;
}
