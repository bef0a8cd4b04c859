/*
 * bench/warm.c - how many trials a new tenant is spared by what other tenants have told.
 *
 * SIMULATED: no server runs here.  Tenants are drawn from one population: four kinds of load, each with its own best values of
 * sixteen parameters, drawn at random so that no rule of thumb knows them; a tenant's own are some 25 % off.  Machines have 1 to 16 GB
 * and 2 to 8 cores.  How fast it is falls off from the best values like a bell; a larger cache and a small log are in each other's way.  A trial reads the truth with an error of 3 %, is
 * called better above 5 %, and only then kept; one that is 30 % worse counts as failed.  Everything else is the real thing: facts, windows,
 * the planner, records through their JSON.
 *
 * Each tenant begins once cold and once with what all others have told of their cold starts.  The level is 95 % of what the cold start has gained
 * in the end (truth of what is in force, no readings); the figure is the median ratio of the trials until there.  A third start hears only
 * of tenants with other kinds of load: at most one in ten may end more than 5 % below its cold start (either end is partly luck).
 *                                                                      usage: warm [--tenants 32] [--first 1] [--trials 40] [-v]
 */
#include "facts.h"

#include "base/rand.h"
#include "math/stats/describe.h"
#include "plan/transfer.h"

#include <stdlib.h>

enum { TENANTS_MAX = 100, TRIALS_MAX = 200, KINDS = 4 };
#define NOISE  0.03
#define BETTER 0.05
#define LEVEL  0.95

static int  tenants = 32, first_seed = 1, trials = 40;
static bool verbose;

static void must(enum err e, const struct fault *fault)
{
    if (e != OK) {
        fprintf(stderr, "warm: %s\n", fault->text);
        exit(2);
    }
}

/* ---- the population ---- */

enum kind { ORDERS, LOOKUPS, MIXED, REPORTS };
static const char *const kind_names[KINDS] = { "orders", "lookups", "mixed", "reports" };

/* What can matter: where its best value may lie (a share of memory where of_memory), and how wide its bell is, in logarithms; 0: a choice. */
static const struct term { enum knob_id knob; bool of_memory; double width, lo, hi; } terms[] = {
    { KNOB_SHARED_BUFFERS, true, 0.7, .05, .60 },          { KNOB_EFFECTIVE_CACHE_SIZE, true, 0.7, .3, 1.5 },  { KNOB_WORK_MEM, true, 0.8, .001, .03 },
    { KNOB_HASH_MEM_MULTIPLIER, false, 0.5, 1, 6 },        { KNOB_MAX_WAL_SIZE, false, 0.8, 300, 8000 },       { KNOB_CHECKPOINT_TIMEOUT, false, 0.7, 60, 1500 },
    { KNOB_WAL_COMPRESSION, false, 0, 2, 4 },              { KNOB_WAL_WRITER_DELAY, false, 0.8, 10, 1000 },    { KNOB_WAL_WRITER_FLUSH_AFTER, false, 0.8, 16, 2048 },
    { KNOB_BGWRITER_DELAY, false, 0.8, 10, 1000 },         { KNOB_BGWRITER_LRU_MAXPAGES, false, 0.8, 30, 3000 }, { KNOB_BGWRITER_LRU_MULTIPLIER, false, 0.6, .6, 8 },
    { KNOB_RANDOM_PAGE_COST, false, 0.5, 1, 6 },           { KNOB_EFFECTIVE_IO_CONCURRENCY, false, 1.2, 1, 300 }, { KNOB_JIT, false, 0, 0, 1 },
    { KNOB_MAX_PARALLEL_WORKERS_PER_GATHER, false, 0.6, 1, 8 },
};
enum { TERMS = sizeof terms / sizeof terms[0] };

/* What a second of each kind of load looks like at the start, on one core. */
static const struct reading { enum metric metric; bool of_work; double v[KINDS]; } readings[] = {
    { METRIC_TPS,              true,  { 60, 400, 120, 0.3 } },   { METRIC_CALLS,             true,  { 1200, 800, 900, 0.5 } },
    { METRIC_ROWS_READ,        true,  { 3e3, 4e3, 3e4, 2e6 } },  { METRIC_ROWS_FETCHED,      true,  { 2.8e3, 3.9e3, 2e4, 2e4 } },
    { METRIC_ROWS_WRITTEN,     true,  { 700, 20, 300, 1 } },     { METRIC_WAL_BYTES,         true,  { 1e6, 2e4, 4e5, 500 } },
    { METRIC_TEMP_BYTES,       true,  { 0, 0, 2e5, 2e7 } },      { METRIC_BLOCKS_READ,       true,  { 1000, 2000, 1500, 5000 } },
    { METRIC_BUFFERS_BACKEND,  true,  { 150, 2, 60, 1 } },       { METRIC_BUFFERS_CLEAN,     true,  { 40, 5, 30, 1 } },
    { METRIC_BUFFERS_CHECKPOINT, true, { 100, 5, 50, 1 } },      { METRIC_MAXWRITTEN_CLEAN,  false, { .5, 0, .1, 0 } },
    { METRIC_CACHE_HIT,        false, { .93, .90, .92, .70 } },  { METRIC_CONNECTIONS_ACTIVE, false, { 8, 6, 6, 2 } },
    { METRIC_LATENCY_MEAN,     false, { 60, 8, 25, 9000 } },     { METRIC_CPU,               false, { .3, .5, .4, .6 } },
};
enum { READINGS = sizeof readings / sizeof readings[0] };

struct tenant {
    enum kind           kind;
    uint64_t            seed;
    struct target_facts facts;                      /* as it begins */
    double              best[TERMS], weight[TERMS], in_the_way, scale[READINGS];
};

static double kind_best[KINDS][TERMS], kind_weight[KINDS][TERMS];

/* What each kind of load likes is drawn, too: no rule of thumb knows it beforehand. */
static void draw_kinds(uint64_t seed)
{
    struct rand r;
    rand_seed(&r, seed * 77 + 5);
    for (int k = 0; k < KINDS; k++)
        for (int i = 0; i < TERMS; i++) {
            kind_best[k][i] = terms[i].width > 0 ? terms[i].lo * pow(terms[i].hi / terms[i].lo, rand_unit(&r)) : (double)rand_int(&r, (int64_t)terms[i].lo, (int64_t)terms[i].hi);
            kind_weight[k][i] = rand_unit(&r) < 0.4 ? 0 : 0.05 + 0.25 * rand_unit(&r);
        }
}

static void draw(struct tenant *t, uint64_t seed)
{
    struct rand r;
    rand_seed(&r, seed * 6364136223846793005u + 1442695040888963407u);
    *t = (struct tenant){ .kind = (enum kind)rand_int(&r, 0, KINDS - 1), .seed = seed };
    facts_pg15(&t->facts, pow(2, (double)rand_int(&r, 0, 4)) * FACTS_GIB, 2 << rand_int(&r, 0, 2));
    t->facts.host_readable = true;
    t->facts.limit_counts_cache = rand_unit(&r) < 0.5;
    t->facts.database_bytes = t->facts.memory_bytes * exp(0.3 + 0.3 * rand_normal(&r));
    for (int i = 0; i < TERMS; i++) {
        double off = exp(0.25 * rand_normal(&r)), more = exp(0.25 * rand_normal(&r));
        t->best[i] = kind_best[t->kind][i] * (terms[i].width > 0 ? off : 1) * (terms[i].of_memory ? t->facts.memory_bytes / knob_unit_bytes(knob_at(terms[i].knob)) : 1);
        t->weight[i] = kind_weight[t->kind][i] * more;
    }
    t->in_the_way = 0.05 + 0.1 * rand_unit(&r);
    for (int i = 0; i < READINGS; i++)
        t->scale[i] = exp(0.15 * rand_normal(&r));
}

/* ln of the throughput, relative to nothing in particular. */
static double truth(const struct tenant *t, const struct knob_state *s)
{
    double y = 0;
    for (int i = 0; i < TERMS; i++) {
        double v = s->value[terms[i].knob];
        double far = terms[i].width > 0 ? log(fmax(v, 0.5) / t->best[i]) / terms[i].width : 2.0 * !knob_equal(knob_at(terms[i].knob), v, t->best[i]);
        y += t->weight[i] * exp(-0.5 * far * far);
    }
    double cache = s->value[KNOB_SHARED_BUFFERS] * 8192, log_bytes = s->value[KNOB_MAX_WAL_SIZE] * 1048576;
    return y - t->in_the_way * fmax(0, log(cache / (4 * log_bytes)));
}

static void see(const struct tenant *t, double faster, struct window *w)
{
    window_clear(w);
    w->whole = true;
    w->to_us = 60000000;
    for (int i = 0; i < READINGS; i++) {
        double v = readings[i].v[t->kind] * t->scale[i];
        w->v[readings[i].metric] = readings[i].metric == METRIC_CACHE_HIT ? 1 - (1 - readings[i].v[t->kind]) * t->scale[i] : readings[i].of_work ? v * t->facts.cpus * exp(faster) : v;
    }
}

/* ---- one tenant's start ---- */

struct story {
    double           gained[TRIALS_MAX + 1];        /* after so many trials: truth of what is in force, against the beginning */
    int              asked, worse, borrowed;        /* worse: trials more than 5 % below what was in force */
    int              records;
    struct knowledge record[TRIALS_MAX];
};

static void remember(const struct tenant *t, const struct proposal *p, const struct target_facts *before, const struct window *w, enum told told, double effect, int at, struct story *s)
{
    char                     name[KNOWLEDGE_ID_SIZE];
    struct workload          load;
    struct fault             fault;
    struct knowledge         k;
    (void)snprintf(name, sizeof name, "%032x", (unsigned)t->seed);
    struct knowledge_origin origin = { name, name, name, (INT64_C(1772366400) + at) * 1000000 };
    workload_of(&load, w, 1, before);
    must(knowledge_of(&origin, p, before, &load, told, told == TOLD_BETTER, effect, NOISE, &k, &fault), &fault);
    json_t *json = knowledge_json(&k);
    must(knowledge_parse(json, &s->record[s->records++], &fault), &fault);
    json_decref(json);
}

static void begin(const struct tenant *t, const struct knowledge *const *known, int knowns, struct story *s)
{
    struct target_facts facts = t->facts;
    struct bounds       bounds;
    struct planner     *planner;
    struct knob_state   now, after;
    struct window       w;
    struct proposal     p;
    struct fault        fault;
    struct rand         r;
    memset(s, 0, sizeof *s);
    rand_seed(&r, t->seed + 77);
    bounds_default(&bounds);
    bounds.restart_allowed = true;
    knob_state_of(&now, &facts);
    double start = truth(t, &now), level = 0;
    must(planner_new(NULL, t->seed, &planner, &fault), &fault);
    for (int i = 0; i < trials; i++) {
        s->gained[i + 1] = level;
        see(t, level, &w);
        struct planner_view view = { &facts, &w, 1, &bounds, known, knowns };
        enum err e = planner_ask(planner, &view, &p, &fault);
        if (e == ERR_MISSING)
            continue;                               /* it has come to its end */
        must(e, &fault);
        after = now;
        for (int c = 0; c < p.changes; c++)
            after.value[p.change[c].knob] = p.change[c].to;
        double    effect = truth(t, &after) - start - level, seen = effect + NOISE * rand_normal(&r);
        enum told told = effect < -0.3 ? TOLD_FAILED : seen > BETTER ? TOLD_BETTER : seen < -BETTER ? TOLD_WORSE : TOLD_UNDECIDED;
        seen = told == TOLD_FAILED ? (double)NAN : seen;
        remember(t, &p, &facts, &w, told, seen, i, s);
        must(planner_tell(planner, &p, told, seen, &fault), &fault);
        s->asked++;
        s->worse += effect < -0.05;
        s->borrowed += strcmp(p.planner, "joint/transfer") == 0;
        if (verbose)
            printf("    %2d %-24s %-10s %+.3f  %s\n", i + 1, p.planner, told_name(told), effect, p.title);
        if (told == TOLD_BETTER) {
            for (int c = 0; c < p.changes; c++)
                facts_change(&facts, p.change[c].knob, p.change[c].to);
            now = after;
            level += effect;
        }
        s->gained[i + 1] = level;
    }
    planner_free(planner);
}

static int trials_to(const struct story *s, double level)
{
    for (int i = 0; i <= trials; i++)
        if (s->gained[i] >= level)
            return i;
    return trials + 1;
}

/* ---- all of them ---- */

static struct tenant                  tenant[TENANTS_MAX];
static struct story                   cold[TENANTS_MAX];
static const struct knowledge        *known[TENANTS_MAX * TRIALS_MAX];

static int gather(int but, bool strangers)
{
    int n = 0;
    for (int i = 0; i < tenants; i++)
        for (int r = 0; r < cold[i].records && i != but && !(strangers && tenant[i].kind == tenant[but].kind); r++)
            known[n++] = &cold[i].record[r];
    return n;
}

int main(int argc, char **argv)
{
    static double       ratio[TENANTS_MAX], spent[2][TENANTS_MAX], scratch[TENANTS_MAX];
    static struct story warm, strange;
    int                 reached = 0, harmed = 0, helped = 0, worse[3] = { 0 }, asked[3] = { 0 };
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--tenants") == 0 && i + 1 < argc)
            tenants = atoi(argv[++i]);
        else if (strcmp(argv[i], "--first") == 0 && i + 1 < argc)
            first_seed = atoi(argv[++i]);
        else if (strcmp(argv[i], "--trials") == 0 && i + 1 < argc)
            trials = atoi(argv[++i]);
        else if (strcmp(argv[i], "-v") == 0)
            verbose = true;
        else
            tenants = 0;
    }
    if (tenants < 2 || tenants > TENANTS_MAX || trials < 1 || trials > TRIALS_MAX) {
        fprintf(stderr, "usage: warm [--tenants 2..%d] [--first N] [--trials 1..%d] [-v]\n", TENANTS_MAX, TRIALS_MAX);
        return 2;
    }
    draw_kinds((uint64_t)first_seed);
    for (int i = 0; i < tenants; i++) {
        draw(&tenant[i], (uint64_t)(first_seed + i));
        if (verbose)
            printf("tenant %d, %s, %.0f GB, cold\n", first_seed + i, kind_names[tenant[i].kind], tenant[i].facts.memory_bytes / FACTS_GIB);
        begin(&tenant[i], NULL, 0, &cold[i]);
    }
    for (int i = 0; i < tenants; i++) {
        if (verbose)
            printf("tenant %d, warm\n", first_seed + i);
        begin(&tenant[i], known, gather(i, false), &warm);
        if (verbose)
            printf("tenant %d, among strangers\n", first_seed + i);
        begin(&tenant[i], known, gather(i, true), &strange);
        double level = LEVEL * cold[i].gained[trials];
        spent[0][i] = trials_to(&cold[i], level);
        spent[1][i] = trials_to(&warm, level);
        ratio[i] = spent[0][i] > 0 ? spent[1][i] / spent[0][i] : 1;
        reached += spent[1][i] <= trials;
        harmed += strange.gained[trials] < cold[i].gained[trials] - 0.05;
        helped += strange.gained[trials] > cold[i].gained[trials] + 0.05;
        worse[0] += cold[i].worse, worse[1] += warm.worse, worse[2] += strange.worse;
        asked[0] += cold[i].asked, asked[1] += warm.asked, asked[2] += strange.asked;
        printf("tenant %d, %-7s: x%.2f in %.0f trials cold, %.0f warm (x%.2f in the end, %d borrowed); among strangers x%.2f, %d borrowed\n", first_seed + i, kind_names[tenant[i].kind],
               exp(cold[i].gained[trials]), spent[0][i], spent[1][i], exp(warm.gained[trials]), warm.borrowed, exp(strange.gained[trials]), strange.borrowed);
        fflush(stdout);
    }
    double median = math_median(ratio, tenants, scratch), before = math_median(spent[0], tenants, scratch), after = math_median(spent[1], tenants, scratch);
    bool   ok = median <= 0.25 && tenants >= 10 && 10 * harmed <= tenants;
    printf("warm %.3f of-the-trials (bar <= 0.250, simulated; median of %.0f trials cold and %.0f warm to %.0f %% of the cold gain; %d of %d tenants got there warm; "
           "trials over 5 %% worse: %.1f %% cold, %.1f %% warm; among strangers %d harmed of <= a tenth and %d helped, %.1f %%) %s\n",
           median, before, after, 100 * LEVEL, reached, tenants, 100.0 * worse[0] / fmax(asked[0], 1), 100.0 * worse[1] / fmax(asked[1], 1), harmed, helped,
           100.0 * worse[2] / fmax(asked[2], 1), ok ? "ok" : "short");
    return ok ? 0 : 1;
}
