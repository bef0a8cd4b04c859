/*
 * explain/way.h - the change, what goes on inside and the outcome as columns of numbers and as a graph. Shared by way.c and strength.c.
 */
#ifndef EXPLAIN_WAY_H
#define EXPLAIN_WAY_H

#include "explain/inside.h"
#include "math/cause/cause.h"

enum { WAY_ROWS_MIN = 8, WAY_ARM_MIN = 3, WAY_CHANGE = CAUSE_NODES /* the change itself, where a node is meant */, WAY_LOAD, WAY_NODES };

struct way {
    const struct explain_case *c;
    struct explanation        *e;
    struct arena               scratch;            /* of one estimate */

    int      rows;                                 /* of each column */
    double   column[WAY_NODES][EXPLAIN_ROWS_MAX];  /* [WAY_CHANGE]: 0 and 1, or differences of them */
    bool     loaded;                               /* [WAY_LOAD] holds something */
    uint32_t reached, observed;                    /* nodes that the change acts on; those that were seen and varied */
    uint32_t children[CAUSE_NODES + 1];            /* after what was not seen has been cut out; last: of the change */
    int      sign[CAUSE_NODES + 1][CAUSE_NODES];
    enum cause_node outcome;

    /*
     * honest: with what may act unseen.  assumed: as if nothing did; load that was measured may go along with a change that was not drawn
     * by lot.  sparse: nothing unseen either, and the change acts on nothing directly that did not move.  Node 0 is the change.
     */
    struct math_dag honest, assumed, sparse;
    int             node[WAY_NODES];               /* of the graphs; -1: not in them */
    int             cause[MATH_NODES_MAX];         /* back again */
};

/* The effect of one node on another: from the honest graph where it can be had, else from the assumed one, which the figure says. */
void way_effect(struct way *w, int from, int to, struct explain_figure *f);
void way_unknown(struct explain_figure *f, enum explain_standing standing, const char *why);
void way_settle(struct explain_figure *f, enum explain_standing standing, double estimate, double lo, double hi, double p, const char *why);
/* A regression could not be made: too few windows (fault may be empty), or what it was to tell apart went together in all of them. */
void way_failed(struct explain_figure *f, const struct fault *fault);

/*
 * dependence.c: how many windows tell as much as one that forgot its neighbours would, of the effect of `from` on `to`, or in these
 * residuals of all rows; 1 for pairs. way_widen: an interval as if there were so many fewer, or too few.
 */
double way_dependence(struct way *w, int from, int to);
double way_dependence_in(const struct way *w, const double *residual);
void   way_widen(const struct way *w, double dependence, struct explain_figure *f);

struct explain_station *way_station(struct way *w, enum cause_node n);       /* NULL: it was not seen */
void strength_explain(struct way *w, const enum cause_node *path, int length);

#endif
