/* math/cause/dag.c - graphs as words. */
#include "math/cause/dag.h"

#include <assert.h>

static int next(uint64_t *set)
{
    int node = __builtin_ctzll(*set);
    *set &= *set - 1;
    return node;
}

enum err math_dag_init(struct math_dag *g, int n, struct fault *fault)
{
    *g = (struct math_dag){ 0 };
    if (n < 1 || n > MATH_NODES_MAX)
        return fail(fault, ERR_INPUT, "a graph of %d nodes; there may be 1 to %d", n, MATH_NODES_MAX);
    g->n = n;
    return OK;
}

enum err math_dag_edge(struct math_dag *g, int from, int to, struct fault *fault)
{
    if (from < 0 || from >= g->n || to < 0 || to >= g->n)
        return fail(fault, ERR_INPUT, "an edge from node %d to node %d in a graph of %d nodes", from, to, g->n);
    if (math_dag_descendants(g, math_set(to)) & math_set(from))
        return fail(fault, ERR_INPUT, "an edge from node %d to node %d would close a circle", from, to);
    g->children[from] |= math_set(to);
    g->parents[to] |= math_set(from);
    return OK;
}

void math_dag_hide(struct math_dag *g, uint64_t nodes) { g->hidden |= nodes; }

static uint64_t closure(const uint64_t *step, uint64_t set)
{
    for (uint64_t todo = set; todo;) {
        uint64_t more = step[next(&todo)] & ~set;
        set |= more;
        todo |= more;
    }
    return set;
}

uint64_t math_dag_ancestors(const struct math_dag *g, uint64_t of)   { return closure(g->parents, of); }
uint64_t math_dag_descendants(const struct math_dag *g, uint64_t of) { return closure(g->children, of); }

struct math_dag math_dag_without_in(const struct math_dag *g, uint64_t nodes)
{
    struct math_dag h = *g;
    for (int i = 0; i < h.n; i++) {
        h.children[i] &= ~nodes;
        if (nodes & math_set(i))
            h.parents[i] = 0;
    }
    return h;
}

struct math_dag math_dag_without_out(const struct math_dag *g, uint64_t nodes)
{
    struct math_dag h = *g;
    for (int i = 0; i < h.n; i++) {
        h.parents[i] &= ~nodes;
        if (nodes & math_set(i))
            h.children[i] = 0;
    }
    return h;
}

/*
 * A ball is sent off from a in both directions.  Coming from a child ("up") it passes a node outside z in every direction;
 * coming from a parent ("down") it passes a node outside z to the children only, and turns back to the parents at a node that is
 * in z or has a descendant there, for that is a collider which is known.
 */
uint64_t math_dag_reachable(const struct math_dag *g, uint64_t a, uint64_t z)
{
    uint64_t known = math_dag_ancestors(g, z), up = a & ~z, down = 0, up_done = 0, down_done = 0;
    while (up | down) {
        if (up) {
            int v = next(&up);
            up_done |= math_set(v);
            if (!(z & math_set(v))) {
                up |= g->parents[v] & ~up_done;
                down |= g->children[v] & ~down_done;
            }
        } else {
            int v = next(&down);
            down_done |= math_set(v);
            if (!(z & math_set(v)))
                down |= g->children[v] & ~down_done;
            if (known & math_set(v))
                up |= g->parents[v] & ~up_done;
        }
    }
    return (up_done | down_done) & ~z;
}

bool math_dag_separated(const struct math_dag *g, uint64_t a, uint64_t b, uint64_t z)
{
    return !(math_dag_reachable(g, a & ~z, z) & b & ~z);
}

uint64_t math_dag_between(const struct math_dag *g, int from, int to)
{
    return math_dag_descendants(g, math_set(from)) & math_dag_ancestors(g, math_set(to)) & ~math_set(from) & ~math_set(to);
}

void math_dag_order(const struct math_dag *g, int *order)
{
    uint64_t done = 0;
    for (int k = 0; k < g->n; k++) {
        int v = 0;
        while (done & math_set(v) || g->parents[v] & ~done)
            v++;
        assert(v < g->n);
        done |= math_set(v);
        order[k] = v;
    }
}

/* Depth first; `useful` are the nodes from which the end can still be reached, so no step is in vain. */
struct search { const struct math_dag *g; uint64_t useful; int to, found, max; struct math_path *paths, now; };

static void walk(struct search *s, int v)
{
    if (s->found >= MATH_PATHS_MAX)
        return;
    s->now.node[s->now.length++] = v;
    if (v == s->to) {
        if (s->found < s->max)
            s->paths[s->found] = s->now;
        s->found++;
    } else {
        for (uint64_t on = s->g->children[v] & s->useful; on;)
            walk(s, next(&on));
    }
    s->now.length--;
}

int math_dag_paths(const struct math_dag *g, int from, int to, struct math_path *paths, int max)
{
    struct search s = { g, math_dag_ancestors(g, math_set(to)), to, 0, max, paths, { 0 } };
    if (from != to && s.useful & math_set(from))
        walk(&s, from);
    return s.found;
}
