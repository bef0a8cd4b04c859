/*
 * explain/way.c - through what did the change act? Windows become columns, the structural model a graph, and of all ways through it
 * the one is told whose stations moved most clearly.
 */
#include "explain/way.h"

#include "math/stats/describe.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATHS_LOOKED_AT = 64, PAIRS_MIN = 10, ORDER_MIN = 3, SCRATCH_MAX = 64 * 1024 * 1024 };
static const double seen_share = 0.9;       /* of the windows in which a node must be known to count as seen */
static const double history_share = 3;      /* before and after: so many windows before for each after; older ones drift */
static const double alpha = 0.05;
static const char   nothing_else[] = "if nothing else changed when the parameter did";

void way_unknown(struct explain_figure *f, enum explain_standing standing, const char *why)
{
    *f = (struct explain_figure){ .standing = standing, .estimate = (double)NAN, .lo = (double)NAN, .hi = (double)NAN, .p = (double)NAN };
    (void)text_copy(f->why, sizeof f->why, why);
}

void way_settle(struct explain_figure *f, enum explain_standing standing, double estimate, double lo, double hi, double p, const char *why)
{
    *f = (struct explain_figure){ .standing = standing, .estimate = estimate, .lo = fmin(lo, hi), .hi = fmax(lo, hi), .p = p };
    (void)text_copy(f->why, sizeof f->why, why);
}

void way_failed(struct explain_figure *f, const struct fault *fault)
{
    if (strstr(fault->text, "combination of other columns"))        /* math/cause/lsq.h */
        way_unknown(f, STANDING_NOT_IDENTIFIED, "it went together with load, or with another station, in all windows, so that they cannot be told apart");
    else
        way_unknown(f, STANDING_TOO_FEW, *fault->text ? fault->text : "too few windows");
}

/* ---- windows to columns ---- */

static int mechanism_of(enum metric m)
{
    for (int i = 0; i < MECHANISMS; i++)
        if (metric_mechanism[i] == m)
            return i;
    assert(false);      /* cause_table_check() */
    return 0;
}

static double value_of(const struct explain_row *r, int node)
{
    const struct cause_info *info = &cause_info[node];
    double v = r->v[mechanism_of(info->metric)], tps = r->v[mechanism_of(METRIC_TPS)];
    if (info->per_transaction)
        v = tps > 0 ? v / tps : (double)NAN;
    return isfinite(v) ? v * info->scale : (double)NAN;
}

static bool block_is_complete(const struct explain_case *c, int block)
{
    bool a = false, b = false;
    for (int i = 0; i < c->rows; i++) {
        a = a || (c->row[i].block == block && c->row[i].period == PERIOD_WITHOUT);
        b = b || (c->row[i].block == block && c->row[i].period == PERIOD_WITH);
    }
    return a && b;
}

/* Which rows are compared. Returns how many. */
static int choose(struct way *w, const struct explain_row **row)
{
    const struct explain_case *c = w->c;
    int n = 0, with = 0, before = 0;
    for (int i = 0; i < c->rows; i++) {
        bool arm = c->row[i].period == PERIOD_WITH || c->row[i].period == PERIOD_WITHOUT;
        if (w->e->randomised && arm && block_is_complete(c, c->row[i].block))
            row[n++] = &c->row[i];
        with += c->row[i].period == PERIOD_WITH;
        before += c->row[i].period == PERIOD_BEFORE;
    }
    if (n > 0)
        return n;
    w->e->randomised = false;
    int skip = before - (int)fmax(history_share * with, WAY_ROWS_MIN);
    for (int i = 0; i < c->rows; i++) {
        if (c->row[i].period == PERIOD_BEFORE && skip-- > 0)
            continue;
        if (c->row[i].period != PERIOD_AFTER)
            row[n++] = &c->row[i];
    }
    return n;
}

static bool varies(const double *v, int n)
{
    for (int i = 1; i < n; i++)
        if (v[i] != v[0])
            return true;
    return false;
}

static int seen_in(const struct explain_row *const *row, int n, int node)
{
    int seen = 0;
    for (int i = 0; i < n; i++)
        seen += isfinite(value_of(row[i], node));
    return seen;
}

/* Offered load, else connections: what clients want. Constant, or moved by the change itself: it explains nothing. */
static void take_load(struct way *w, const struct explain_row *const *row, int n)
{
    static const enum metric candidates[] = { METRIC_OFFERED, METRIC_CONNECTIONS };
    bool sessions_changed = (w->reached & cause_bit(CAUSE_ACTIVE)) != 0;
    for (size_t k = 0; k < 2 && !w->loaded; k++) {
        int  m = mechanism_of(candidates[k]);
        bool known = !(k == 1 && sessions_changed);
        for (int i = 0; i < n && known; i++) {
            w->column[WAY_LOAD][i] = row[i]->v[m];
            known = isfinite(row[i]->v[m]);
        }
        w->loaded = known && varies(w->column[WAY_LOAD], n);
    }
}

/* Each block becomes one row, the later window minus the earlier one: whatever drifts slowly is gone. Returns false where that cannot be done. */
static bool pair_up(struct way *w, const struct explain_row *const *row)
{
    int pairs = 0, first[2] = { 0, 0 };
    for (int i = 0; i + 1 < w->rows; i += 2) {
        if (row[i]->block != row[i + 1]->block || row[i]->period == row[i + 1]->period)
            return false;
        first[row[i]->period == PERIOD_WITH]++;
        pairs++;
    }
    if (!w->e->randomised || w->rows % 2 || pairs < PAIRS_MIN || first[0] < ORDER_MIN || first[1] < ORDER_MIN)
        return false;
    for (int v = 0; v < WAY_NODES; v++)
        for (int i = 0; i < pairs; i++)
            w->column[v][i] = w->column[v][2 * i + 1] - w->column[v][2 * i];
    w->rows = pairs;
    w->loaded = w->loaded && varies(w->column[WAY_LOAD], pairs);
    return true;
}

static void add_station(struct way *w, int node, const struct explain_row *const *row, int n)
{
    if (w->e->stations == EXPLAIN_STATIONS_MAX)
        return;
    struct explain_station *s = &w->e->station[w->e->stations++];
    double sum[2] = { 0, 0 }, count[2] = { 0, 0 };
    *s = (struct explain_station){ 0 };
    (void)text_copy(s->name, sizeof s->name, cause_info[node].name);
    (void)text_copy(s->unit, sizeof s->unit, cause_info[node].unit);
    for (int i = 0; i < n; i++) {
        double v = value_of(row[i], node);
        int    with = row[i]->period == PERIOD_WITH;
        sum[with] += isfinite(v) ? v : 0;
        count[with] += isfinite(v);
    }
    s->before = count[0] > 0 ? sum[0] / count[0] : (double)NAN;
    s->after = count[1] > 0 ? sum[1] / count[1] : (double)NAN;
    way_unknown(&s->change, STANDING_TOO_FEW, "");
}

/*
 * A window is compared when everything that counts as seen is known of it.  Where the order was drawn by lot both windows of a block
 * are, or neither: half of one would cost all the others their partners.
 */
static int keep_whole(const struct way *w, const struct explain_row **row, int all)
{
    bool gone[EXPLAIN_ROWS_MAX] = { 0 };
    int  n = 0;
    for (int i = 0; i < all; i++)
        for (int v = 0; v < CAUSE_NODES; v++)
            gone[i] = gone[i] || ((w->observed & cause_bit(v)) && !isfinite(value_of(row[i], v)));
    for (int i = 0; i < all && w->e->randomised; i++)
        for (int k = 0; k < all && gone[i]; k++)
            gone[k] = gone[k] || row[k]->block == row[i]->block;
    for (int i = 0; i < all; i++)
        if (!gone[i])
            row[n++] = row[i];
    return n;
}

/* Columns of everything that the change may act on and that was seen. */
static void lay_columns(struct way *w)
{
    const struct explain_row **row = calloc(EXPLAIN_ROWS_MAX, sizeof *row);
    if (!row)
        return;
    int n = choose(w, row);
    for (int v = 0; v < CAUSE_NODES; v++)
        if ((w->reached & cause_bit(v)) && seen_in(row, n, v) >= seen_share * n && n > 0)
            w->observed |= cause_bit(v);
    n = keep_whole(w, row, n);
    for (int v = 0; v < CAUSE_NODES; v++) {
        for (int i = 0; i < n && (w->observed & cause_bit(v)); i++)
            w->column[v][i] = value_of(row[i], v);
        if (!varies(w->column[v], n))
            w->observed &= ~cause_bit(v);
    }
    for (int i = 0; i < n; i++) {
        w->column[WAY_CHANGE][i] = row[i]->period == PERIOD_WITH;
        *(row[i]->period == PERIOD_WITH ? &w->e->windows_with : &w->e->windows_without) += 1;
    }
    w->rows = n;
    for (int v = 0; v < CAUSE_NODES; v++)
        if (w->observed & cause_bit(v))
            add_station(w, v, row, n);
    take_load(w, row, n);
    w->e->paired = pair_up(w, row);
    free(row);
}

/* ---- the model to a graph ---- */

/* One more way from a to b: signs that differ leave it open. */
static void join(struct way *w, int a, int b, int sign)
{
    bool had = (w->children[a] & cause_bit(b)) != 0;
    w->sign[a][b] = had && w->sign[a][b] != sign ? 0 : sign;
    w->children[a] |= cause_bit(b);
}

static void lay_model(struct way *w)
{
    for (int i = 0; i < cause_entry_count; i++) {
        bool made;
        int  way = explain_direction(w->c, cause_entries[i].change, &made);
        if (made)
            join(w, WAY_CHANGE, (int)cause_entries[i].to, way * cause_entries[i].sign);
    }
    w->reached = w->children[WAY_CHANGE];
    for (int v = 0; v < CAUSE_NODES; v++)
        for (int i = 0; i < cause_arrow_count; i++)
            if ((int)cause_arrows[i].from == v && (w->reached & cause_bit(v))) {
                join(w, v, (int)cause_arrows[i].to, cause_arrows[i].sign);
                w->reached |= cause_bit((int)cause_arrows[i].to);
            }
    if (w->reached == 0)                                            /* a change that the model does not know: its outcome can still be compared */
        w->reached = cause_bit(CAUSE_LATENCY) | cause_bit(CAUSE_THROUGHPUT);
}

/*
 * A node that was not seen is cut out: its parents act on its children.  Where it has several children it stays behind as a hidden
 * common cause of them (its arrows out are kept, those into it are gone).
 */
static void cut_unseen(struct way *w)
{
    for (int v = 0; v < CAUSE_NODES; v++) {
        if (!(w->reached & cause_bit(v)) || (w->observed & cause_bit(v)))
            continue;
        for (int p = 0; p <= CAUSE_NODES; p++) {
            if (!(w->children[p] & cause_bit(v)))
                continue;
            w->children[p] &= ~cause_bit(v);
            for (int b = 0; b < CAUSE_NODES; b++)
                if (w->children[v] & cause_bit(b))
                    join(w, p, b, w->sign[p][v] * w->sign[v][b]);
        }
    }
}

/* Ours are built from tables in causal order, so no circle can close. */
static void must(enum err e) { assert(e == OK); (void)e; }

static void arrows_into_all(const struct way *w, struct math_dag *g, int from)
{
    for (int v = 0; v < CAUSE_NODES; v++)
        if (w->node[v] >= 0)
            must(math_dag_edge(g, from, w->node[v], NULL));
}

/* What is seen and the load that was measured; the change acts on `direct`, or on everything where the model does not know it. */
static void draw_arrows(const struct way *w, struct math_dag *g, uint32_t direct)
{
    for (int a = 0; a <= CAUSE_NODES; a++)
        for (int b = 0; b < CAUSE_NODES && w->node[a] >= 0; b++)
            if ((a == WAY_CHANGE ? direct : w->children[a]) & cause_bit(b))
                must(math_dag_edge(g, w->node[a], w->node[b], NULL));
    if (w->children[WAY_CHANGE] == 0)
        arrows_into_all(w, g, 0);
    if (w->loaded)
        arrows_into_all(w, g, w->node[WAY_LOAD]);
}

static void lay_graphs(struct way *w)
{
    int n = 1, hidden = 0;
    for (int v = 0; v < WAY_NODES; v++)
        w->node[v] = -1;
    w->node[WAY_CHANGE] = 0;
    w->cause[0] = WAY_CHANGE;
    for (int v = 0; v < CAUSE_NODES; v++)
        if (w->observed & cause_bit(v)) {
            w->node[v] = n;
            w->cause[n++] = v;
        }
    if (w->loaded) {
        w->node[WAY_LOAD] = n;
        w->cause[n++] = WAY_LOAD;
    }
    for (int v = 0; v < CAUSE_NODES; v++)
        hidden += !(w->observed & cause_bit(v)) && __builtin_popcount(w->children[v]) >= 2;
    must(math_dag_init(&w->assumed, n, NULL));
    must(math_dag_init(&w->honest, n + hidden + 1 + !w->e->randomised, NULL));
    draw_arrows(w, &w->assumed, w->children[WAY_CHANGE]);
    if (w->loaded && !w->e->randomised)                             /* it may differ between before and after: then it is held still on each step, the first one, too */
        must(math_dag_edge(&w->assumed, w->node[WAY_LOAD], 0, NULL));
    draw_arrows(w, &w->honest, w->children[WAY_CHANGE]);
    int at = n;
    for (int v = 0; v < CAUSE_NODES; v++)
        if (!(w->observed & cause_bit(v)) && __builtin_popcount(w->children[v]) >= 2) {
            for (int b = 0; b < CAUSE_NODES; b++)
                if (w->children[v] & cause_bit(b))
                    must(math_dag_edge(&w->honest, at, w->node[b], NULL));
            math_dag_hide(&w->honest, math_set(at++));
        }
    arrows_into_all(w, &w->honest, at);                             /* load that nobody measured */
    math_dag_hide(&w->honest, math_set(at++));
    if (!w->e->randomised) {                                        /* whatever else came about between before and after */
        must(math_dag_edge(&w->honest, at, 0, NULL));
        arrows_into_all(w, &w->honest, at);
        math_dag_hide(&w->honest, math_set(at));
    }
}

/* ---- effects ---- */

static struct math_data data_of(const struct way *w)
{
    struct math_data d = { .n = w->rows };
    for (int v = 0; v < WAY_NODES; v++)
        if (w->node[v] >= 0)
            d.column[w->node[v]] = w->column[v];
    return d;
}

static bool estimate(struct way *w, const struct math_dag *g, int from, int to, struct math_cause *c, struct fault *fault)
{
    static const enum math_errors errors[] = { MATH_ERRORS_HC3, MATH_ERRORS_HC1 };   /* HC3 refuses where one window alone decides a number */
    struct math_data d = data_of(w);
    for (int i = 0; i < 2; i++) {
        struct math_effect_conf conf = { .method = MATH_BY_REGRESSION, .errors = errors[i], .alpha = alpha };
        arena_reset(&w->scratch);
        if (math_cause(g, &d, w->node[from], w->node[to], &conf, &w->scratch, c, fault) == OK)
            return true;
    }
    return false;
}

void way_effect(struct way *w, int from, int to, struct explain_figure *f)
{
    struct math_cause    c;
    struct fault         fault = { 0 };
    enum explain_standing standing = STANDING_KNOWN;
    if (w->rows < (w->e->paired ? PAIRS_MIN : WAY_ROWS_MIN) || (!w->e->paired && (w->e->windows_with < WAY_ARM_MIN || w->e->windows_without < WAY_ARM_MIN))) {
        way_unknown(f, STANDING_TOO_FEW, "");
        (void)snprintf(f->why, sizeof f->why, "%d windows without the change and %d with it", w->e->windows_without, w->e->windows_with);
        return;
    }
    bool told = estimate(w, &w->honest, from, to, &c, &fault);
    if (told && c.effect.standing == MATH_NOT_IDENTIFIED) {
        standing = STANDING_ASSUMED;
        told = estimate(w, &w->assumed, from, to, &c, &fault);
    }
    if (!told)
        way_failed(f, &fault);
    else if (c.effect.standing != MATH_KNOWN)
        way_unknown(f, STANDING_NOT_IDENTIFIED, c.effect.why);
    else {
        way_settle(f, standing, c.effect.estimate, c.effect.lo, c.effect.hi, c.effect.p,
                   standing == STANDING_KNOWN ? "" : w->e->randomised ? "if no load that nobody measured acts on both" : nothing_else);
        way_widen(w, way_dependence(w, from, to), f);
    }
}

struct explain_station *way_station(struct way *w, enum cause_node n)
{
    for (int i = 0; i < w->e->stations; i++)
        if (strcmp(w->e->station[i].name, cause_info[n].name) == 0)
            return &w->e->station[i];
    return NULL;
}

/* Each against the change, and which moved: all of them together say so wrongly in one case of twenty. */
static void compare_stations(struct way *w)
{
    for (int v = 0; v < CAUSE_NODES; v++)
        if (w->node[v] >= 0) {
            struct explain_station *s = way_station(w, (enum cause_node)v);
            way_effect(w, WAY_CHANGE, v, &s->change);
            s->moved = s->change.p < alpha / w->e->stations;
        }
}

/* Throughput where it is earned: declared so, or it moved with latency. Else the time that clients wait. */
static void choose_outcome(struct way *w)
{
    bool latency = w->node[CAUSE_LATENCY] >= 0, tps = w->node[CAUSE_THROUGHPUT] >= 0, offered = false;
    for (int i = 0; i < w->c->rows; i++)
        offered = offered || isfinite(w->c->row[i].v[mechanism_of(METRIC_OFFERED)]);
    bool earned = tps && !offered && (w->c->by_throughput || way_station(w, CAUSE_THROUGHPUT)->moved);
    w->outcome = earned || !latency ? CAUSE_THROUGHPUT : CAUSE_LATENCY;
}

/* ---- the path ---- */

static int sign_along(const struct way *w, const struct math_path *p, int upto)
{
    int sign = 1;
    for (int i = 0; i < upto; i++)
        sign *= w->sign[w->cause[p->node[i]]][w->cause[p->node[i + 1]]];
    return sign;
}

/* How clearly its least clear station moved, in p-values turned around; one that went the wrong way counts little. */
static double clarity(struct way *w, const struct math_path *p)
{
    double least = INFINITY;
    for (int i = 1; i < p->length; i++) {
        const struct explain_station *s = way_station(w, (enum cause_node)w->cause[p->node[i]]);
        double z = isfinite(s->change.p) ? -log(fmax(s->change.p, 1e-300)) : 0;
        int    expected = sign_along(w, p, i);
        if (expected != 0 && expected * s->change.estimate < 0)
            z *= 0.1;
        least = fmin(least, z);
    }
    bool inside = p->length > 2 && w->cause[p->node[1]] != CAUSE_LATENCY;
    return inside ? least : 0.5 * least;                            /* "it got faster" alone explains nothing */
}

static bool choose_path(struct way *w, struct math_path *best)
{
    struct math_path *all = calloc(PATHS_LOOKED_AT, sizeof *all);
    double            clearest = -1;
    int n = all ? math_dag_paths(&w->assumed, 0, w->node[w->outcome], all, PATHS_LOOKED_AT) : 0;
    for (int i = 0; i < n && i < PATHS_LOOKED_AT; i++) {
        double z = clarity(w, &all[i]);
        if (z > clearest || (z == clearest && all[i].length > best->length)) {
            clearest = z;
            *best = all[i];
        }
    }
    free(all);
    return clearest >= 0;
}

/* Puts the stations of the path to the front, in its order. */
static void order_stations(struct way *w, const enum cause_node *path, int length)
{
    for (int i = 0; i < length; i++) {
        struct explain_station *s = way_station(w, path[i]), taken = *s, *front = &w->e->station[i];
        memmove(front + 1, front, (size_t)(s - front) * sizeof *s);
        taken.on_path = i + 1;
        *front = taken;
    }
    w->e->path = length;
}

static void tell_path(struct way *w, const struct math_path *p, enum cause_node *path)
{
    int length = p->length - 1;
    w->e->shown = length > 1;
    for (int i = 0; i < length; i++) {
        struct explain_station *s = way_station(w, path[i] = (enum cause_node)w->cause[p->node[i + 1]]);
        s->expected = sign_along(w, p, i + 1);
        w->e->shown = w->e->shown && s->moved && (s->expected == 0 || s->expected * s->change.estimate > 0);
    }
    order_stations(w, path, length);
    const struct explain_station *first = &w->e->station[0], *last = &w->e->station[length - 1];
    if (w->e->shown)
        return;
    if (first->change.standing == STANDING_TOO_FEW)
        (void)snprintf(w->e->way, sizeof w->e->way, "There are too few windows to tell through what it acted; the model expects this way.");
    else if (first->change.standing == STANDING_NOT_IDENTIFIED)
        (void)snprintf(w->e->way, sizeof w->e->way, "What the change did cannot be told from what load did in the same windows; the model expects this way.");
    else if (!last->moved)
        (void)snprintf(w->e->way, sizeof w->e->way, "No effect on %s can be told from chance, so there is no way to be shown; the model expects this one.", last->name);
    else if (length < 2)
        (void)snprintf(w->e->way, sizeof w->e->way, "Nothing that goes on inside was measured between the change and %s.", last->name);
    else
        (void)snprintf(w->e->way, sizeof w->e->way, "Not every station moved as the model expects: the effect is measured, this way to it is not shown.");
}

static void lay_sparse(struct way *w)
{
    uint32_t moved = 0;
    for (int v = 0; v < CAUSE_NODES; v++)
        if (w->node[v] >= 0 && way_station(w, (enum cause_node)v)->moved)
            moved |= cause_bit(v);
    must(math_dag_init(&w->sparse, w->assumed.n, NULL));
    draw_arrows(w, &w->sparse, w->children[WAY_CHANGE] & moved);
}

static void explain_found(struct way *w)
{
    struct math_path path = { 0 };
    enum cause_node  node[CAUSE_NODES];
    compare_stations(w);
    lay_sparse(w);
    choose_outcome(w);
    if (w->node[w->outcome] < 0 || !choose_path(w, &path)) {
        (void)snprintf(w->e->way, sizeof w->e->way, "The model knows no way from this change to what was measured.");
        return;
    }
    tell_path(w, &path, node);
    strength_explain(w, node, w->e->path);
}

void way_missing(struct explanation *e)
{
    e->effect = e->lo = e->hi = e->alpha = e->degraded_s = e->share = (double)NAN;
    way_unknown(&e->through, STANDING_NO_DATA, "");
    way_unknown(&e->direct, STANDING_NO_DATA, "");
}

enum err way_explain(const struct explain_case *c, struct explanation *e, struct fault *fault)
{
    struct way *w = calloc(1, sizeof *w);
    if (!w)
        return fail(fault, ERR_LIMIT, "no memory to explain a case");
    w->c = c;
    w->e = e;
    arena_init(&w->scratch, SCRATCH_MAX);
    lay_model(w);
    lay_columns(w);
    cut_unseen(w);
    lay_graphs(w);
    if (w->observed & (cause_bit(CAUSE_LATENCY) | cause_bit(CAUSE_THROUGHPUT)))
        explain_found(w);
    else
        (void)snprintf(e->way, sizeof e->way, "%s", e->windows_with == 0 ? "No window with the change in force was kept, so nothing can be said of its way."
                                                                         : "Neither latency nor throughput was measured in the windows, so nothing can be said of the way.");
    arena_done(&w->scratch);
    free(w);
    return OK;
}

/* ---- distributions ---- */

static void group_of(const struct explain_case *c, int node, enum explain_period p, double *v, struct explain_group *g)
{
    int n = 0;
    for (int i = 0; i < c->rows; i++) {
        double x = value_of(&c->row[i], node);
        if (c->row[i].period == p && isfinite(x))
            v[n++] = x;
    }
    g->n = n;
    g->dots = n < EXPLAIN_DOTS_MAX ? n : EXPLAIN_DOTS_MAX;
    for (int i = 0; i < g->dots; i++)
        g->dot[i] = v[(long)i * n / g->dots];
    if (n == 0)
        return;
    math_sort(v, n);
    g->lo = v[0];
    g->q1 = math_quantile_sorted(v, n, 0.25);
    g->median = math_quantile_sorted(v, n, 0.5);
    g->q3 = math_quantile_sorted(v, n, 0.75);
    g->hi = v[n - 1];
}

static void add_spread(const struct explain_case *c, struct explanation *e, int node, double *v)
{
    struct explain_spread *s = &e->spread[e->spreads];
    int                    groups = 0;
    *s = (struct explain_spread){ .put_back = !e->kept };
    (void)text_copy(s->name, sizeof s->name, cause_info[node].name);
    (void)text_copy(s->unit, sizeof s->unit, cause_info[node].unit);
    for (int p = 0; p < PERIODS; p++) {
        group_of(c, node, (enum explain_period)p, v, &s->group[p]);
        groups += s->group[p].n > 0;
    }
    e->spreads += groups > 0;
}

void spread_explain(const struct explain_case *c, struct explanation *e)
{
    double *v = calloc(EXPLAIN_ROWS_MAX, sizeof *v);
    bool    done[CAUSE_NODES] = { 0 };
    for (int i = 0; i < e->path && v; i++)
        for (int node = 0; node < CAUSE_NODES; node++) {
            bool end = i == 0 || i == e->path - 1;
            if (end && !done[node] && strcmp(cause_info[node].name, e->station[i].name) == 0) {
                add_spread(c, e, node, v);
                done[node] = true;
            }
        }
    if (v && e->spreads < EXPLAIN_SPREADS_MAX && !done[CAUSE_LATENCY])
        add_spread(c, e, CAUSE_LATENCY, v);
    free(v);
}
