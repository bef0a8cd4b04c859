/* math/search/portfolio.c - whose turn it is, and what came of it. The ways themselves: bo.c, climb.c, design.c. */
#include "math/search/portfolio.h"

#include "math/search/bend.h"
#include "math/search/climb.h"
#include "math/search/design.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { STARTS_MIN = 4, STARTS_MAX = 12, TRIES = 64, SHARE_DRAWS = 200, RECENT = 40, CHANGES = 200 };
enum { PROBE_TURNS = 3, CREDIT_TURNS = 4 };      /* of so many turns one is a probe, and of so many of the others one is drawn by credit */
#define KEPT 0.5              /* so much of what is in force stays in every second of the first trials */
#define SECOND_BEST 0.3       /* what is earned by being as good as the best and no better: an improvement earns 1 */

/* What chance is drawn for. */
enum purpose { FOR_CHOICE = 1, FOR_SHARES, FOR_CLIMB, FOR_SPREAD, FOR_MODELS, FOR_PROBE };

struct math_portfolio {
    struct math_space              space;
    struct math_portfolio_settings set;
    uint64_t                       seed;
    struct math_bo                *model[MATH_SEARCH_COUNT];    /* of the ways that have one */
    struct math_credit             credit;
    int                            n, room;
    double                        *x, *cube, *y;                /* [room][params], the same, [room]; y NAN: failed */
    double                         best;
};

const char *math_search_name(enum math_search s)
{
    static const char *const names[] = { "spread", "gp", "forest", "climb" };
    return s >= 0 && s < MATH_SEARCH_COUNT ? names[s] : "other";
}

static void seed_for(const struct math_portfolio *p, enum purpose purpose, struct rand *r)
{
    rand_seed(r, p->seed ^ ((uint64_t)p->n * UINT64_C(0x9e3779b97f4a7c15)) ^ ((uint64_t)purpose << 48));
}

enum err math_portfolio_new(const struct math_space *space, const struct math_portfolio_settings *settings, uint64_t seed, struct math_portfolio **out, struct fault *fault)
{
    struct math_portfolio *p = calloc(1, sizeof *p);
    *out = NULL;
    if (!p)
        return fail(fault, ERR_LIMIT, "no memory for a portfolio");
    p->space = *space;
    p->set = settings ? *settings : (struct math_portfolio_settings){ 0 };
    p->seed = seed;
    p->best = -INFINITY;
    p->credit = math_credit_usual(MATH_SEARCH_COUNT);
    enum err e = math_space_init(&p->space, fault);
    int      own = 0;
    for (int i = 0; i < p->space.params && e == OK; i++)
        own += !p->space.param[i].context;
    if (p->set.starts <= 0)
        p->set.starts = own + 1 < STARTS_MIN ? STARTS_MIN : own + 1 > STARTS_MAX ? STARTS_MAX : own + 1;
    /* Whoever shares its trials need not begin anew when it finds nothing more: the others go on. What models hope is compared: one scale of results. */
    struct math_bo_settings gp = { .starts = p->set.starts, .one_chapter = true, .random_share = -1, .no_region = true, .no_warp = true, .bend = true };
    struct math_bo_settings forest = gp;
    forest.surrogate = MATH_BO_FOREST;
    if (e == OK)
        e = math_bo_new(&p->space, &gp, seed + FOR_MODELS, &p->model[MATH_SEARCH_GP], fault);
    if (e == OK)
        e = math_bo_new(&p->space, &forest, seed + 2 * FOR_MODELS, &p->model[MATH_SEARCH_FOREST], fault);
    if (e != OK) {
        math_portfolio_free(p);
        return e;
    }
    *out = p;
    return OK;
}

void math_portfolio_free(struct math_portfolio *p)
{
    if (!p)
        return;
    for (int i = 0; i < MATH_SEARCH_COUNT; i++)
        math_bo_free(p->model[i]);
    free(p->x);
    free(p->cube);
    free(p->y);
    free(p);
}

struct math_bo *math_portfolio_gp(struct math_portfolio *p)     { return p->model[MATH_SEARCH_GP]; }
struct math_bo *math_portfolio_forest(struct math_portfolio *p) { return p->model[MATH_SEARCH_FOREST]; }

/* ---- telling ---- */

/* What a trial earned: a new best everything, otherwise by how many of the recent ones it beats. */
static double earned(const struct math_portfolio *p, double y)
{
    if (isnan(y))
        return 0;
    if (y > p->best)
        return 1;
    int from = p->n > RECENT ? p->n - RECENT : 0, beaten = 0;
    for (int i = from; i < p->n; i++)
        beaten += isnan(p->y[i]) || p->y[i] < y;
    double share = p->n > from ? (double)beaten / (p->n - from) : 0;
    return SECOND_BEST * share;
}

static bool grow(void *array, size_t size)
{
    void *more = realloc(*(void **)array, size);
    if (more)
        *(void **)array = more;
    return more != NULL;
}

enum err math_portfolio_tell(struct math_portfolio *p, const struct math_bo_trial *t, enum math_search who, struct fault *fault)
{
    size_t params = (size_t)p->space.params;
    if (p->n == p->room) {
        size_t room = p->room ? 2 * (size_t)p->room : 64;
        if (!grow(&p->x, room * params * sizeof(double)) || !grow(&p->cube, room * params * sizeof(double)) || !grow(&p->y, room * sizeof(double)))
            return fail(fault, ERR_LIMIT, "no memory for %zu trials", room);
        p->room = (int)room;
    }
    for (int i = 0; i < MATH_SEARCH_COUNT; i++) {
        /* The first model checks what is told; the others have the same rules. */
        enum err e = p->model[i] ? math_bo_tell(p->model[i], t, fault) : OK;
        if (e != OK)
            return e;
    }
    enum err e = math_space_encode(&p->space, t->x, p->cube + (size_t)p->n * params, fault);
    if (e != OK)
        return e;
    memcpy(p->x + (size_t)p->n * params, t->x, params * sizeof *p->x);
    double y = t->failed ? (double)NAN : t->y;
    if (who != MATH_SEARCH_OTHER && p->n >= p->set.starts)
        math_credit_told(&p->credit, (int)who, earned(p, y));
    p->y[p->n++] = y;
    if (y > p->best)
        p->best = y;
    return OK;
}

/* ---- asking ---- */

static bool tried(const struct math_portfolio *p, const double *x)
{
    for (int i = 0; i < p->n; i++)
        if (math_space_same(&p->space, x, p->x + (size_t)i * (size_t)p->space.params))
            return true;
    return false;
}

struct ranked { double y; int trial; };

/* Best first; of equal ones the later first. */
static int by_result(const void *one, const void *other)
{
    const struct ranked *a = one, *b = other;
    return a->y > b->y ? -1 : a->y < b->y ? 1 : b->trial - a->trial;
}

/* What worked, as cubes, the best first; the caller frees. */
static enum err list_best(const struct math_portfolio *p, double **cube, int *n, struct fault *fault)
{
    size_t         params = (size_t)p->space.params;
    struct ranked *order = calloc((size_t)p->n + 1, sizeof *order);
    *cube = calloc(((size_t)p->n + 1) * params, sizeof **cube);
    *n = 0;
    if (!order || !*cube) {
        free(order);
        free(*cube);
        *cube = NULL;
        return fail(fault, ERR_LIMIT, "no memory for %d trials", p->n);
    }
    for (int i = 0; i < p->n; i++)
        if (!isnan(p->y[i]))
            order[(*n)++] = (struct ranked){ p->y[i], i };
    qsort(order, (size_t)*n, sizeof *order, by_result);
    for (int i = 0; i < *n; i++)
        memcpy(*cube + (size_t)i * params, p->cube + (size_t)order[i].trial * params, params * sizeof **cube);
    free(order);
    return OK;
}

/* Up to `want` changes of the best ones that were not tried, x[want][params]. */
static enum err climb(const struct math_portfolio *p, const double *context, int want, double *x, int *got, struct fault *fault)
{
    size_t      params = (size_t)p->space.params;
    int         n;
    double     *cube, u[MATH_SPACE_MAX];
    struct rand r;
    enum err    e = list_best(p, &cube, &n, fault);
    seed_for(p, FOR_CLIMB, &r);
    *got = 0;
    for (int i = 0; i < want + TRIES && e == OK && n > 0 && *got < want; i++) {
        double *child = x + (size_t)*got * params;
        math_climb(&p->space, n, cube, &r, u);
        math_space_decode_given(&p->space, u, context, child);
        *got += !tried(p, child);
    }
    free(cube);
    return e;
}

/*
 * The best one with one coordinate anywhere, one coordinate after the other: models that think a parameter does not matter never
 * ask for another value of it, and so never learn that it does.
 */
static enum err ask_probe(struct math_portfolio *p, const double *context, double *x, bool *found, struct fault *fault)
{
    int         n, own[MATH_SPACE_MAX], count = 0;
    double     *cube, u[MATH_SPACE_MAX];
    struct rand r;
    enum err    e = list_best(p, &cube, &n, fault);
    for (int k = 0; k < p->space.params; k++)
        if (!p->space.param[k].context)
            own[count++] = k;
    seed_for(p, FOR_PROBE, &r);
    *found = false;
    for (int i = 0; i < TRIES && e == OK && n > 0 && !*found; i++) {
        memcpy(u, cube, (size_t)p->space.params * sizeof *u);
        u[own[(p->n / PROBE_TURNS + i / 8) % count]] = rand_unit(&r);      /* eight draws, then the next coordinate */
        math_space_decode_given(&p->space, u, context, x);
        *found = !tried(p, x);
    }
    free(cube);
    return e;
}

/*
 * Points that fill the space on scales that are doubted (math/search/bend.h); every second one keeps about half of what was told
 * first (or has it where it would be on another scale): what somebody runs is a better beginning than chance.
 */
static void vary_start(const struct math_portfolio *p, struct rand *r, double *u)
{
    bool keeps = p->n % 2 == 1 && !isnan(p->y[0]);
    for (int k = 0; k < p->space.params; k++) {
        double by = math_bend_draw(r);
        if (rand_unit(r) < KEPT && keeps)
            u[k] = p->cube[k];
        u[k] = math_space_bend(&p->space.param[k], u[k], by);
    }
}

static enum err ask_spread(struct math_portfolio *p, const double *context, double *x, bool *found, struct fault *fault)
{
    struct rand       r, vary;
    struct math_sobol sobol;
    double            u[MATH_SPACE_MAX];
    bool              evenly = p->space.params <= MATH_SOBOL_MAX;
    rand_seed(&r, p->seed);
    enum err e = evenly ? math_sobol_init(&sobol, p->space.params, &r, fault) : OK;
    for (int i = 0; i < p->n && e == OK && evenly; i++)
        math_sobol_next(&sobol, u);
    if (!evenly)
        seed_for(p, FOR_SPREAD, &r);
    seed_for(p, FOR_CHOICE, &vary);
    *found = false;
    for (int i = 0; i < TRIES * TRIES && e == OK && !*found; i++) {
        if (evenly)
            math_sobol_next(&sobol, u);
        for (int k = 0; k < p->space.params && !evenly; k++)
            u[k] = rand_unit(&r);
        if (i < TRIES)                       /* after that, whatever is left */
            vary_start(p, &vary, u);
        math_space_decode_given(&p->space, u, context, x);
        *found = !tried(p, x);
    }
    return e;
}

static enum err ask_way(struct math_portfolio *p, enum math_search way, const double *context, double *x, bool *found, struct math_bo_reason *why, struct fault *fault)
{
    int      got = 0;
    enum err e;
    if (way == MATH_SEARCH_SPREAD)
        return ask_spread(p, context, x, found, fault);
    if (way == MATH_SEARCH_CLIMB) {
        e = climb(p, context, 1, x, &got, fault);
        *found = got > 0;
        return e;
    }
    e = math_bo_ask(p->model[way], context, x, why, fault);
    *found = e == OK;
    return e == ERR_MISSING ? OK : e;
}

/* All ways propose, all models say what they hope of each proposal; what they hope most of on average is asked. */
static enum err ask_together(struct math_portfolio *p, const double *context, double *x, struct math_portfolio_reason *reason, bool *found, struct fault *fault)
{
    enum { ROOM = MATH_SEARCH_COUNT + CHANGES };
    size_t                params = (size_t)p->space.params;
    enum math_search      by[ROOM];
    struct math_bo_reason why[MATH_SEARCH_COUNT] = { 0 };
    double                hope[ROOM], worth[ROOM] = { 0 }, *all = calloc(ROOM * params, sizeof *all);
    int                   n = 0, changes = 0, top = 0;
    enum err              e = all ? OK : fail(fault, ERR_LIMIT, "no memory for %d proposals", (int)ROOM);
    *found = false;
    for (int i = 0; i < MATH_SEARCH_COUNT && e == OK; i++)
        if (p->model[i] && !p->set.without[i]) {
            bool has = false;
            e = ask_way(p, (enum math_search)i, context, all + (size_t)n * params, &has, &why[i], fault);
            by[n] = (enum math_search)i;
            n += has;
        }
    if (e == OK && !p->set.without[MATH_SEARCH_CLIMB])
        e = climb(p, context, CHANGES, all + (size_t)n * params, &changes, fault);
    while (changes-- > 0)
        by[n++] = MATH_SEARCH_CLIMB;
    for (int i = 0; i < MATH_SEARCH_COUNT && e == OK; i++) {
        if (!p->model[i] || p->set.without[i])
            continue;
        e = math_bo_hope(p->model[i], context, n, all, hope, fault);
        for (int k = 0; k < n && e == OK; k++)
            worth[k] += exp(hope[k]);
    }
    for (int k = 1; k < n; k++)
        if (worth[k] > worth[top])
            top = k;
    if (e == OK && n > 0 && worth[top] > 0) {
        *found = true;
        reason->who = by[top];
        reason->model = why[by[top]];
        memcpy(x, all + (size_t)top * params, params * sizeof *x);
    }
    free(all);
    return e;
}

enum err math_portfolio_ask(struct math_portfolio *p, const double *context, double *x, struct math_portfolio_reason *why, struct fault *fault)
{
    struct math_portfolio_reason reason = { .trial = p->n };
    bool        may[MATH_SEARCH_COUNT], found = false;
    struct rand r;
    bool        starting = p->n < p->set.starts || isinf(p->best);
    enum err    e = math_space_check_given(&p->space, context, fault);
    if (e != OK)
        return e;
    for (int i = 0; i < MATH_SEARCH_COUNT; i++)
        may[i] = starting ? i == MATH_SEARCH_SPREAD : i != MATH_SEARCH_SPREAD && !p->set.without[i];
    seed_for(p, FOR_SHARES, &r);
    math_credit_shares(&p->credit, may, SHARE_DRAWS, &r, reason.share);
    seed_for(p, FOR_CHOICE, &r);
    if (!starting && p->n % PROBE_TURNS == 0 && !p->set.without[MATH_SEARCH_CLIMB]) {
        reason.who = MATH_SEARCH_CLIMB;
        e = ask_probe(p, context, x, &found, fault);
    } else if (!starting && p->n % CREDIT_TURNS != 0) {
        e = ask_together(p, context, x, &reason, &found, fault);
    }
    for (int way; e == OK && !found && (way = math_credit_choose(&p->credit, may, &r)) >= 0; may[way] = false) {
        reason.who = (enum math_search)way;
        e = ask_way(p, reason.who, context, x, &found, &reason.model, fault);
    }
    if (e == OK && !found) {      /* nobody has anything left: what was not tried at all */
        reason.who = MATH_SEARCH_SPREAD;
        e = ask_spread(p, context, x, &found, fault);
    }
    if (e == OK && !found)
        e = fail(fault, ERR_MISSING, "every configuration was tried");
    if (why)
        *why = reason;
    return e;
}
