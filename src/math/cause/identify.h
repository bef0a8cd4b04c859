/*
 * math/cause/identify.h - can the effect of x on y be had from data at all, and by adjusting for what?
 *
 * A question for the graph alone (Pearl, Causality, 2009, ch. 3): no estimate,
 * however large the data, repairs a way that stays open.  Three answers allow
 * an estimate; the fourth does not, and is said openly.
 *
 *   no effect     no directed way leads from x to y: the graph itself says zero
 *   back door     adjust for a set that blocks every way into x
 *   front door    all of the effect passes through mediators that nothing but x disturbs
 *   not identified  by either of them from what is observed.  An instrument may still be there: it would need linearity as well
 *
 * For one x, a back-door set exists whenever any adjustment set does (van der Zander, Liskiewicz & Textor 2014), and the search
 * for a front-door set is complete, too (Jeong, Tian & Bareinboim 2022).
 */
#ifndef MATH_IDENTIFY_H
#define MATH_IDENTIFY_H

#include "math/cause/dag.h"

enum math_identified { MATH_NO_EFFECT, MATH_BACK_DOOR, MATH_FRONT_DOOR, MATH_UNIDENTIFIED, MATH_IDENTIFIED_COUNT };
const char *math_identified_name(enum math_identified how);    /* "no effect", "back door", ... */

struct math_identity {
    enum math_identified how;
    uint64_t adjust;         /* back door: a minimal set, none of which can be left out; may be empty */
    uint64_t efficient;      /* back door: the set with the smallest asymptotic variance in linear models (Henckel, Perkovic & Maathuis 2022) where it is all
                                observed; else the minimal one */
    uint64_t mediators;      /* front door: a minimal set */
    uint64_t instruments;    /* what acts on y through x only, though a common cause of both may be hidden (given nothing else) */
};

/* ERR_INPUT when x or y is no node, they are the same or one of them is hidden. */
MUST_CHECK enum err math_identify(const struct math_dag *g, int x, int y, struct math_identity *id, struct fault *fault);

/* Is z a back-door set? No descendant of x in it, nothing hidden, and every way into x blocked. */
bool math_back_door(const struct math_dag *g, int x, int y, uint64_t z);

/* Is m a front-door set? It catches all directed ways, nothing is open from x to it, and x blocks every way from it back into y. */
bool math_front_door(const struct math_dag *g, int x, int y, uint64_t m);

/* All minimal back-door sets, those of few nodes first, at most max. Looks at the first MATH_MINIMAL_MAX nodes that could matter. Returns how many there are. */
enum { MATH_MINIMAL_MAX = 16 };
int math_back_door_sets(const struct math_dag *g, int x, int y, uint64_t *sets, int max);

/*
 * What must be held still for the coefficient of a, in a linear regression of b, to be the strength of the edge from a to b alone
 * (the single-door criterion): a minimal such set, or false when there is none.
 */
bool math_single_door(const struct math_dag *g, int a, int b, uint64_t *z);

#endif
