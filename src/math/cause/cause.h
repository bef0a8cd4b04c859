/*
 * math/cause/cause.h - from a graph and columns of data to an effect, or to the plain word that there is none to be had.
 *
 * The graph decides what is adjusted for, the data whether that can be done,
 * and the answer carries both.  Back door: any method of math/cause/effect.h over
 * the adjustment set.  Front door: the linear product through the mediators.
 * No way from x to y: zero, by the graph.  Anything else: not identified.
 */
#ifndef MATH_CAUSE_H
#define MATH_CAUSE_H

#include "math/cause/effect.h"
#include "math/cause/identify.h"
#include "math/cause/mediation.h"

struct math_data { int n; const double *column[MATH_NODES_MAX]; };    /* one for each node of the graph; those of hidden nodes are not read */

struct math_cause {
    struct math_identity identity;
    struct math_effect   effect;        /* of one unit of x, or of treated against untreated */
    enum math_method     method;        /* what was used; the regression when x is not 0 or 1 */
    uint64_t             adjusted;      /* for these nodes */
    double               detectable;    /* the smallest effect that would be found with probability 0.8; NAN when there is no estimate */
    double               robustness;    /* math/cause/power.h: how much a hidden common cause would have to explain; NAN for anything but a regression */
};

/* Adjusts for the efficient set where the graph offers one, for the minimal one where the data do not bear the efficient one. */
MUST_CHECK enum err math_cause(const struct math_dag *g, const struct math_data *data, int x, int y, const struct math_effect_conf *conf,
                               struct arena *scratch, struct math_cause *c, struct fault *fault);

/*
 * Along one directed path of the graph: the strength of each edge, holding still what the graph says must be, and their product.
 * standing is MATH_NOT_IDENTIFIED when for some edge (*broken, counted from 0) nothing observed can be held still so that it is alone.
 */
MUST_CHECK enum err math_cause_path(const struct math_dag *g, const struct math_data *data, const struct math_path *path, const struct math_mediation_conf *conf,
                                    struct arena *scratch, struct math_way *way, enum math_standing *standing, int *broken, struct fault *fault);

#endif
