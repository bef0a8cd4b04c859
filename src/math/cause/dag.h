/*
 * math/cause/dag.h - directed acyclic graphs: who can influence whom, and along which way.
 *
 * A node is a number 0..n-1, a set of nodes is the bits of a word, so a graph
 * is a few hundred bytes and every question a few loops over words.  An edge
 * from a to b says that a may act on b; an edge that is missing is the claim
 * that it does not.  Nodes that cannot be observed (a common cause that nobody
 * measures) are nodes too.  No memory, no state.
 *
 *     struct math_dag g;
 *     math_dag_init(&g, 3);
 *     (void)math_dag_edge(&g, 2, 0, fault);  (void)math_dag_edge(&g, 2, 1, fault);
 *     math_dag_separated(&g, SET(0), SET(1), SET(2));     true: given their common cause they know nothing of each other
 */
#ifndef MATH_DAG_H
#define MATH_DAG_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

enum { MATH_NODES_MAX = 64 };

struct math_dag {
    int      n;
    uint64_t hidden;                     /* nodes without data */
    uint64_t parents[MATH_NODES_MAX], children[MATH_NODES_MAX];
};

static inline uint64_t math_set(int node) { return UINT64_C(1) << node; }

MUST_CHECK enum err math_dag_init(struct math_dag *g, int n, struct fault *fault);                /* ERR_INPUT outside 1..MATH_NODES_MAX */
MUST_CHECK enum err math_dag_edge(struct math_dag *g, int from, int to, struct fault *fault);     /* ERR_INPUT when it would close a circle; twice is once */
void                math_dag_hide(struct math_dag *g, uint64_t nodes);

/* With the nodes themselves. */
uint64_t math_dag_ancestors(const struct math_dag *g, uint64_t of);
uint64_t math_dag_descendants(const struct math_dag *g, uint64_t of);

/* The same graph without the edges into, or out of, these nodes. */
struct math_dag math_dag_without_in(const struct math_dag *g, uint64_t nodes);
struct math_dag math_dag_without_out(const struct math_dag *g, uint64_t nodes);

/* d-separation: does z block every way between a and b? (Pearl 1988; the reachability of Koller & Friedman 2009, algorithm 3.1.) Nodes of z in a or b are ignored there. */
bool math_dag_separated(const struct math_dag *g, uint64_t a, uint64_t b, uint64_t z);

/* All that can be reached from a by a way that z does not block. */
uint64_t math_dag_reachable(const struct math_dag *g, uint64_t a, uint64_t z);

/* Nodes strictly between from and to on directed ways. */
uint64_t math_dag_between(const struct math_dag *g, int from, int to);

/* Every node before those it acts on; ties by number. order[n]. */
void math_dag_order(const struct math_dag *g, int *order);

/* Directed ways from one node to another, shortest numbers first. Writes at most max of them and returns how many there are, at most MATH_PATHS_MAX. */
enum { MATH_PATHS_MAX = 1024 };
struct math_path { int length; int node[MATH_NODES_MAX]; };    /* nodes with both ends */
int math_dag_paths(const struct math_dag *g, int from, int to, struct math_path *paths, int max);

#endif
