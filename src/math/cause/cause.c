/* math/cause/cause.c - identification first, estimation second. */
#include "math/cause/cause.h"

#include "math/cause/logit.h"
#include "math/cause/power.h"

#include <math.h>
#include <stdio.h>

static const double usual_power = 0.8;

static int columns_of(const struct math_data *data, uint64_t nodes, const double **x)
{
    int k = 0;
    for (; nodes; nodes &= nodes - 1)
        x[k++] = data->column[__builtin_ctzll(nodes)];
    return k;
}

static enum err data_check(const struct math_dag *g, const struct math_data *data, struct fault *fault)
{
    for (int v = 0; v < g->n; v++)
        if (!(g->hidden & math_set(v)) && !data->column[v])
            return fail(fault, ERR_INPUT, "node %d is not hidden and has no data", v);
    return data->n >= 2 ? OK : fail(fault, ERR_INPUT, "%d rows are too few", data->n);
}

static enum err adjusted_for(uint64_t nodes, const struct math_data *data, int x, int y, const struct math_effect_conf *conf, struct arena *scratch, struct math_cause *c, struct fault *fault)
{
    const double *covariates[MATH_NODES_MAX];
    struct math_effect_conf how = *conf;
    int ones;
    if (how.method != MATH_BY_REGRESSION && math_binary_check(data->column[x], data->n, &ones, NULL))
        how.method = MATH_BY_REGRESSION;
    if (how.method == MATH_BY_DIFFERENCE && nodes)
        how.method = MATH_BY_REGRESSION;       /* a difference of means adjusts for nothing */
    c->method = how.method;
    c->adjusted = nodes;
    int k = columns_of(data, nodes, covariates);
    struct math_study s = { data->n, k, data->column[y], data->column[x], covariates };
    return math_effect(&s, &how, scratch, &c->effect, fault);
}

/*
 * What is held still for precision alone must not stand in the way: a constant, a combination of others, more columns than rows bear.
 * Where the minimal set does not help, it is the efficient one of which the reason is told.
 */
static enum err through_back_door(const struct math_data *data, int x, int y, const struct math_effect_conf *conf, struct arena *scratch, struct math_cause *c, struct fault *fault)
{
    struct math_cause second = *c;
    struct fault      ignored;
    uint64_t best = c->identity.efficient, least = c->identity.adjust;
    enum err e = adjusted_for(best, data, x, y, conf, scratch, c, fault);
    bool     in_vain = e == ERR_INPUT || (!e && c->effect.standing != MATH_KNOWN);
    if (!in_vain || least == best || adjusted_for(least, data, x, y, conf, scratch, &second, &ignored) || (!e && second.effect.standing != MATH_KNOWN))
        return e;
    *c = second;
    return OK;
}

static enum err through_front_door(const struct math_data *data, int x, int y, const struct math_effect_conf *conf, struct arena *scratch, struct math_cause *c, struct fault *fault)
{
    const double *mediators[MATH_NODES_MAX];
    struct math_mediation m;
    int k = columns_of(data, c->identity.mediators, mediators);
    struct math_chain chain = { data->n, k, 0, data->column[x], data->column[y], mediators, NULL };
    struct math_mediation_conf how = { .alpha = conf->alpha, .errors = conf->errors == MATH_ERRORS_CLASSIC ? MATH_ERRORS_HC3 : conf->errors };
    enum err e = math_mediation(&chain, &how, scratch, &m, fault);
    c->method = MATH_BY_REGRESSION;
    if (!e)
        math_effect_settle(&c->effect, m.indirect.estimate, m.indirect.se, m.indirect.df, conf->alpha > 0 ? conf->alpha : 0.05);
    return e;
}

enum err math_cause(const struct math_dag *g, const struct math_data *data, int x, int y, const struct math_effect_conf *conf,
                    struct arena *scratch, struct math_cause *c, struct fault *fault)
{
    double alpha = conf->alpha > 0 ? conf->alpha : 0.05;
    *c = (struct math_cause){ .method = conf->method, .detectable = (double)NAN, .robustness = (double)NAN };
    c->effect = (struct math_effect){ .n = data->n, .treated = -1, .unsupported = (double)NAN, .ess = (double)NAN };
    enum err e = math_identify(g, x, y, &c->identity, fault);
    if (!e)
        e = data_check(g, data, fault);
    if (e)
        return e;
    switch (c->identity.how) {
    case MATH_NO_EFFECT:
        math_effect_settle(&c->effect, 0, 0, INFINITY, alpha);
        snprintf(c->effect.why, sizeof c->effect.why, "The graph has no way from one to the other.");
        return OK;
    case MATH_BACK_DOOR:
        e = through_back_door(data, x, y, conf, scratch, c, fault);
        break;
    case MATH_FRONT_DOOR:
        e = through_front_door(data, x, y, conf, scratch, c, fault);
        break;
    case MATH_UNIDENTIFIED:
    case MATH_IDENTIFIED_COUNT:
        math_effect_unknown(&c->effect, MATH_NOT_IDENTIFIED, "Something that is not observed acts on both, and nothing that is observed closes the way.");
        return OK;
    }
    if (e || c->effect.standing != MATH_KNOWN)
        return e;
    c->detectable = math_detectable(c->effect.se, c->effect.df, alpha, usual_power);
    if (c->identity.how == MATH_BACK_DOOR && c->method == MATH_BY_REGRESSION && c->effect.se > 0)
        c->robustness = math_robustness(c->effect.estimate / c->effect.se, c->effect.df, 1);
    return OK;
}

enum err math_cause_path(const struct math_dag *g, const struct math_data *data, const struct math_path *path, const struct math_mediation_conf *conf,
                         struct arena *scratch, struct math_way *way, enum math_standing *standing, int *broken, struct fault *fault)
{
    struct math_link link[MATH_LINKS_MAX];
    const double *x[MATH_LINKS_MAX][MATH_NODES_MAX];
    int links = path->length - 1;
    *way = (struct math_way){ .n = data->n };
    *standing = MATH_NOT_IDENTIFIED;
    *broken = -1;
    enum err e = data_check(g, data, fault);
    if (e)
        return e;
    if (links < 1 || links > MATH_LINKS_MAX)
        return fail(fault, ERR_INPUT, "a path of %d edges; there may be 1 to %d", links, MATH_LINKS_MAX);
    for (int l = 0; l < links; l++) {
        int a = path->node[l], b = path->node[l + 1];
        uint64_t still;
        if (a < 0 || a >= g->n || b < 0 || b >= g->n || !(g->children[a] & math_set(b)))
            return fail(fault, ERR_INPUT, "the graph has no edge from node %d to node %d", a, b);
        if (!math_single_door(g, a, b, &still)) {
            *broken = l;
            return OK;
        }
        link[l] = (struct math_link){ data->column[a], data->column[b], x[l], columns_of(data, still, x[l]) };
    }
    *standing = MATH_KNOWN;
    return math_way(link, links, data->n, conf, scratch, way, fault);
}
