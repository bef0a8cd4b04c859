/*
 * explain/strength.c - how strong is each step of the way, and does the effect stand up to attempts to break it?
 *
 * "+1 GB -> +2.2 %" is the change's own effect on the first station, divided by how far the parameter went: to be had when one
 * parameter was changed.  "+1 % -> +80/s" is the effect of a station on the outcome.  Load that nobody measured acts on both, so
 * their regression does not tell it; but where all of the change's effect passes through the station, the change is an
 * instrument, and the ratio of both effects is the answer (Wald 1940), whatever the load did.
 */
#include "explain/way.h"

#include "math/cause/refute.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { REFUTE_DRAWS = 100, REFUTE_SEED = 20 };
static const double instrument_t_min = 3;      /* a change that hardly moves the station cannot tell what the station does */

/* ---- one step ---- */

/* The regression of a node on the change, load held still: estimate, and what each row adds to its error. */
static bool regress(struct way *w, int node, struct math_ols *o, struct fault *fault)
{
    const double *x[] = { w->column[WAY_CHANGE], w->column[WAY_LOAD] };
    return math_ols(w->column[node], x, w->loaded ? 2 : 1, w->rows, MATH_ERRORS_HC3, &w->scratch, o, fault) == OK
        || math_ols(w->column[node], x, w->loaded ? 2 : 1, w->rows, MATH_ERRORS_HC1, &w->scratch, o, fault) == OK;
}

static void ratio(struct way *w, int station, int outcome, enum explain_standing standing, const char *why, struct explain_figure *f)
{
    struct math_ols m, y;
    struct fault    fault = { 0 };
    arena_reset(&w->scratch);
    double *left = arena_alloc(&w->scratch, (size_t)w->rows * sizeof *left);
    if (!left || !regress(w, station, &m, &fault) || !regress(w, outcome, &y, &fault)) {
        way_failed(f, &fault);
        return;
    }
    if (fabs(m.beta[1]) < instrument_t_min * m.se[1] * (w->e->randomised ? 1 : sqrt(way_dependence_in(w, m.residual)))) {
        way_unknown(f, STANDING_NOT_IDENTIFIED, "the change hardly moved it, so what it does by itself cannot be told");
        return;
    }
    double r = y.beta[1] / m.beta[1], ss = 0, lo, hi;
    for (int i = 0; i < w->rows; i++) {
        double psi = (y.psi[w->rows + i] - r * m.psi[w->rows + i]) / m.beta[1];
        ss += psi * psi;
        left[i] = y.residual[i] - r * m.residual[i];
    }
    math_interval(r, sqrt(ss), m.df, 0.05, &lo, &hi);
    way_settle(f, standing, r, lo, hi, math_p_value(r, sqrt(ss), m.df), why);
    if (!w->e->randomised)
        way_widen(w, way_dependence_in(w, left), f);
}

static bool is_instrument(const struct math_dag *g, int x, int y)
{
    struct math_identity id;
    return math_identify(g, x, y, &id, NULL) == OK && (id.instruments & math_set(0));
}

static const char *how_text(bool instrument)
{
    return instrument ? "the change's effect on both, one divided by the other" : "regression over all windows, the change and load held still";
}

static bool strength_of(struct way *w, int from, int to, struct explain_figure *f)
{
    int x = w->node[from], y = w->node[to];
    if (w->rows < WAY_ROWS_MIN) {
        way_unknown(f, STANDING_TOO_FEW, "");
        (void)snprintf(f->why, sizeof f->why, "%d windows", w->rows);
        return false;
    }
    if (is_instrument(&w->honest, x, y)) {
        ratio(w, from, to, STANDING_KNOWN, "", f);
        return true;
    }
    if (is_instrument(&w->sparse, x, y)) {
        ratio(w, from, to, STANDING_ASSUMED, w->e->randomised ? "if the change does nothing that did not show" : "if nothing else changed when the parameter did", f);
        return true;
    }
    way_effect(w, from, to, f);
    return false;
}

/* ---- units ---- */

struct scale { double base; const char *text; };

/* A round piece of what the parameter moved by: 1 GB, 100 MB, ...; in base units. False: it has none (choices, special values). */
static bool unit_of(const struct explain_knob *k, double *base, char *text, size_t size)
{
    static const struct scale sizes[] = { { 1073741824, "1 GB" }, { 104857600, "100 MB" }, { 10485760, "10 MB" }, { 1048576, "1 MB" }, { 102400, "100 kB" }, { 10240, "10 kB" }, { 1024, "1 kB" } };
    static const struct scale times[] = { { 3600, "1 h" }, { 600, "10 min" }, { 60, "1 min" }, { 10, "10 s" }, { 1, "1 s" }, { 0.1, "100 ms" }, { 0.01, "10 ms" }, { 0.001, "1 ms" } };
    static const struct scale plain[] = { { 100, "100" }, { 10, "10" }, { 1, "1" }, { 0.1, "0.1" }, { 0.01, "0.01" } };
    const struct knob  *knob = knob_at(k->id);
    double              bytes = knob_unit_bytes(knob), seconds = knob_unit_seconds(knob), per = bytes > 0 ? bytes : seconds > 0 ? seconds : 1;
    const struct scale *s = bytes > 0 ? sizes : seconds > 0 ? times : plain;
    size_t              n = bytes > 0 ? sizeof sizes / sizeof *s : seconds > 0 ? sizeof times / sizeof *s : sizeof plain / sizeof *s;
    double              moved = fabs(k->to - k->from) * per;
    if (knob->choice[0].name || knob_special_of(knob, k->from) || knob_special_of(knob, k->to) || moved <= 0)
        return false;
    size_t i = 0;
    while (i + 1 < n && s[i].base > moved * (1 + 1e-9))
        i++;
    *base = s[i].base / per;
    (void)snprintf(text, size, "+%s of %s", s[i].text, knob->name);
    return true;
}

static struct explain_unit *add_unit(struct way *w)
{
    if (w->e->units == EXPLAIN_UNITS_MAX)
        return NULL;
    struct explain_unit *u = &w->e->unit[w->e->units++];
    *u = (struct explain_unit){ 0 };
    return u;
}

/* What one piece of the parameter does to a station. */
static void tell_piece(struct way *w, const struct explain_station *s)
{
    double base;
    struct explain_unit *u = add_unit(w);
    if (!u)
        return;
    (void)text_copy(u->effect, sizeof u->effect, s->name);
    (void)text_copy(u->unit, sizeof u->unit, s->unit);
    (void)text_copy(u->how, sizeof u->how, "windows with and without the change");
    u->figure = s->change;
    if (w->e->changes != 1 || w->c->knobs != 1 || !unit_of(&w->c->knob[0], &base, u->cause, sizeof u->cause)) {
        char all[2 * EXPLAIN_LABEL];
        if (w->e->changes == 1)
            (void)snprintf(all, sizeof all, "all of the change: %s", w->e->change[0].what);
        else
            (void)snprintf(all, sizeof all, "all %d changes together", w->e->changes);
        (void)figure_label(all, u->cause, sizeof u->cause);
        return;
    }
    double part = base / (w->c->knob[0].to - w->c->knob[0].from);
    if (isfinite(s->change.estimate))
        way_settle(&u->figure, s->change.standing, s->change.estimate * part, s->change.lo * part, s->change.hi * part, s->change.p, s->change.why);
}

/* "+1 % of cache hit ratio -> +80/s throughput": in words it is one more of the worse, or of the better. */
static void tell_step(struct way *w, enum cause_node from, enum cause_node to)
{
    struct explain_unit *u = add_unit(w);
    if (!u)
        return;
    (void)snprintf(u->cause, sizeof u->cause, "%s %s", cause_info[from].step_text, cause_info[from].name);
    (void)text_copy(u->effect, sizeof u->effect, cause_info[to].name);
    (void)text_copy(u->unit, sizeof u->unit, cause_info[to].unit);
    (void)text_copy(u->how, sizeof u->how, how_text(strength_of(w, (int)from, (int)to, &u->figure)));
}

static void tell_units(struct way *w, const enum cause_node *path, int length)
{
    tell_piece(w, &w->e->station[0]);
    for (int i = 0; i + 1 < length; i++) {
        tell_step(w, path[i], path[i + 1]);
        if (i + 2 < length)
            tell_step(w, path[i], path[length - 1]);
    }
    if (length > 1)
        tell_piece(w, &w->e->station[length - 1]);
}

/* ---- along the whole path, and beside it ---- */

static void tell_through(struct way *w, const enum cause_node *path, int length)
{
    struct math_path            p = { .length = length + 1 };
    struct math_data            d = { .n = w->rows };
    struct math_mediation_conf  conf = { .errors = MATH_ERRORS_HC3 };
    struct math_way             along;
    struct fault                fault = { 0 };
    enum math_standing          standing;
    int                         broken = 0;
    for (int v = 0; v < WAY_NODES; v++)
        if (w->node[v] >= 0)
            d.column[w->node[v]] = w->column[v];
    for (int i = 0; i < length; i++)
        p.node[i + 1] = w->node[path[i]];
    arena_reset(&w->scratch);
    if (w->rows < WAY_ROWS_MIN || math_cause_path(&w->assumed, &d, &p, &conf, &w->scratch, &along, &standing, &broken, &fault) != OK) {
        way_failed(&w->e->through, &fault);
    } else if (standing != MATH_KNOWN) {
        way_unknown(&w->e->through, STANDING_NOT_IDENTIFIED, "");
        (void)snprintf(w->e->through.why, sizeof w->e->through.why, "the step to %s cannot be told from the others", cause_info[path[broken < length ? broken : length - 1]].name);
    } else {
        way_settle(&w->e->through, STANDING_ASSUMED, along.product.estimate, along.product.lo, along.product.hi, along.product.p,
                   "if no load that nobody measured acts on two of its stations");
        way_widen(w, way_dependence(w, (int)path[0], (int)path[length - 1]), &w->e->through);
    }
}

/* What passes by the last mechanism: the station before the outcome, or before latency where that leads to the outcome. */
static void tell_share(struct way *w, const enum cause_node *path, int length)
{
    int at = length - 2;
    if (at > 0 && path[at] == CAUSE_LATENCY)
        at--;
    const double               *mediator[] = { w->column[path[at < 0 ? 0 : at]] }, *held[] = { w->column[WAY_LOAD] };
    struct math_chain           chain = { w->rows, 1, w->loaded ? 1 : 0, w->column[WAY_CHANGE], w->column[path[length - 1]], mediator, held };
    struct math_mediation_conf  conf = { .errors = MATH_ERRORS_HC3 };
    struct math_mediation       m;
    struct fault                fault = { 0 };
    arena_reset(&w->scratch);
    w->e->share = (double)NAN;
    if (at < 0 || w->rows < WAY_ROWS_MIN || math_mediation(&chain, &conf, &w->scratch, &m, &fault) != OK) {
        way_failed(&w->e->direct, &fault);
        return;
    }
    way_settle(&w->e->direct, STANDING_ASSUMED, m.direct.estimate, m.direct.lo, m.direct.hi, m.direct.p, "if no load that nobody measured acts on both");
    double dependence = way_dependence(w, (int)path[at], (int)path[length - 1]);
    way_widen(w, dependence, &w->e->direct);
    w->e->share = dependence <= 1 || w->e->station[length - 1].moved ? m.share : (double)NAN;
}

/* ---- attempts to break it ---- */

static void add_refuter(struct way *w, const struct math_refutation *r, enum err code, const struct fault *fault, const char *name)
{
    struct explain_refuter *into = &w->e->refuter[w->e->refuters++];
    *into = (struct explain_refuter){ .name = name, .known = code == OK && r->standing == MATH_KNOWN, .mean = (double)NAN, .expected = (double)NAN, .p = (double)NAN };
    if (into->known) {
        into->refuted = r->refuted;
        into->mean = r->mean;
        into->expected = r->expected;
        into->p = r->p;
    }
    (void)text_copy(into->why, sizeof into->why, code != OK ? fault->text : r->why);
}

static void refute(struct way *w, enum cause_node outcome)
{
    const double           *held[] = { w->column[WAY_LOAD] };
    struct math_study       s = { w->rows, w->loaded ? 1 : 0, w->column[outcome], w->column[WAY_CHANGE], held };
    struct math_effect_conf how = { .method = MATH_BY_REGRESSION, .errors = MATH_ERRORS_HC1 };
    struct math_estimator   estimator = math_effect_estimator(&how);
    struct rand             chance;
    struct math_refutation  r = { 0 };
    struct fault            fault = { 0 };
    rand_seed(&chance, REFUTE_SEED);
    struct math_refute_conf conf = { .draws = REFUTE_DRAWS, .rand = &chance };
    if (w->rows < WAY_ROWS_MIN)
        return;
    arena_reset(&w->scratch);
    add_refuter(w, &r, math_refute_placebo(&s, w->loaded ? held : NULL, s.k, &estimator, &conf, &w->scratch, &r, &fault), &fault, "a change that was none, in its place");
    arena_reset(&w->scratch);
    add_refuter(w, &r, math_refute_common_cause(&s, NULL, &estimator, &conf, &w->scratch, &r, &fault), &fault, "a random cause held still as well");
    arena_reset(&w->scratch);
    add_refuter(w, &r, math_refute_subset(&s, &estimator, &conf, &w->scratch, &r, &fault), &fault, "only a part of the windows");
    if (w->loaded) {                                                /* what clients ask for cannot have been changed by the parameter */
        s.k = 0;
        arena_reset(&w->scratch);
        add_refuter(w, &r, math_refute_negative_outcome(&s, w->column[WAY_LOAD], &estimator, &conf, &w->scratch, &r, &fault), &fault, "what clients ask for, which it cannot have changed");
    }
}

void strength_explain(struct way *w, const enum cause_node *path, int length)
{
    tell_units(w, path, length);
    tell_through(w, path, length);
    tell_share(w, path, length);
    refute(w, path[length - 1]);
}
