/* math/cause/identify.c - doors, and what closes them. */
#include "math/cause/identify.h"

static const char *const names[MATH_IDENTIFIED_COUNT] = {
    [MATH_NO_EFFECT] = "no effect", [MATH_BACK_DOOR] = "back door", [MATH_FRONT_DOOR] = "front door", [MATH_UNIDENTIFIED] = "not identified",
};

const char *math_identified_name(enum math_identified how) { return (unsigned)how < MATH_IDENTIFIED_COUNT ? names[how] : "?"; }

/* ---- back door ---- */

/* What may be adjusted for: observed, and not touched by x. */
static uint64_t allowed(const struct math_dag *g, int x, int y)
{
    uint64_t all = g->n == 64 ? ~UINT64_C(0) : math_set(g->n) - 1;
    return all & ~g->hidden & ~math_dag_descendants(g, math_set(x)) & ~math_set(y);
}

bool math_back_door(const struct math_dag *g, int x, int y, uint64_t z)
{
    if (z & ~allowed(g, x, y))
        return false;
    struct math_dag behind = math_dag_without_out(g, math_set(x));
    return math_dag_separated(&behind, math_set(x), math_set(y), z);
}

/* Within the ancestors of x and y separation can only gain by more nodes, so what can be dropped singly can be dropped for good. */
static uint64_t candidates(const struct math_dag *g, int x, int y)
{
    return allowed(g, x, y) & math_dag_ancestors(g, math_set(x) | math_set(y));
}

static bool back_door_minimal(const struct math_dag *g, int x, int y, uint64_t *z)
{
    *z = candidates(g, x, y);
    if (!math_back_door(g, x, y, *z))
        return false;
    for (int v = g->n - 1; v >= 0; v--)
        if (*z & math_set(v) && math_back_door(g, x, y, *z & ~math_set(v)))
            *z &= ~math_set(v);
    return true;
}

/* Parents of everything between x and y (and of y), as far as they are neither between, nor x, nor touched by it. */
static uint64_t efficient(const struct math_dag *g, int x, int y)
{
    uint64_t touched = math_dag_between(g, x, y) | math_set(y), parents = 0;
    for (int v = 0; v < g->n; v++)
        if (touched & math_set(v))
            parents |= g->parents[v];
    return parents & ~math_dag_descendants(g, touched) & ~math_set(x);
}

/* A subset of the candidates, bit by bit, as a set of nodes. */
static uint64_t spread(uint64_t bits, const int *node)
{
    uint64_t set = 0;
    for (; bits; bits &= bits - 1)
        set |= math_set(node[__builtin_ctzll(bits)]);
    return set;
}

int math_back_door_sets(const struct math_dag *g, int x, int y, uint64_t *sets, int max)
{
    int node[MATH_MINIMAL_MAX], k = 0, found = 0;
    uint64_t some = candidates(g, x, y);
    for (int v = 0; v < g->n && k < MATH_MINIMAL_MAX; v++)
        if (some & math_set(v))
            node[k++] = v;
    for (int size = 0; size <= k; size++) {
        uint64_t end = UINT64_C(1) << k, bits = (UINT64_C(1) << size) - 1;
        while (bits < end) {
            uint64_t z = spread(bits, node);
            bool     minimal = math_back_door(g, x, y, z);
            for (uint64_t left = z; left && minimal; left &= left - 1)
                minimal = !math_back_door(g, x, y, z & ~(left & -left));
            if (minimal && found < max)
                sets[found] = z;
            found += minimal;
            if (bits == 0)
                break;
            uint64_t low = bits & -bits, ripple = bits + low;    /* the next word with as many bits (Gosper) */
            bits = ripple | (((bits ^ ripple) >> 2) / low);
        }
    }
    return found;
}

/* ---- front door ---- */

static bool catches_all(const struct math_dag *g, int x, int y, uint64_t m)
{
    struct math_dag cut = math_dag_without_in(g, m);
    return !(math_dag_descendants(&cut, math_set(x)) & math_set(y));
}

/* Nodes to which no way from x is open that begins with an edge into x. */
static uint64_t undisturbed(const struct math_dag *g, int x)
{
    struct math_dag behind = math_dag_without_out(g, math_set(x));
    return ~math_dag_reachable(&behind, math_set(x), 0);
}

/* Those of m from which no way back into y is open once x is known. */
static uint64_t shielded(const struct math_dag *g, int x, int y, uint64_t m)
{
    struct math_dag behind = math_dag_without_out(g, m);
    return m & ~math_dag_reachable(&behind, math_set(y), math_set(x));
}

bool math_front_door(const struct math_dag *g, int x, int y, uint64_t m)
{
    uint64_t ends = math_set(x) | math_set(y);
    if (m & (ends | g->hidden))
        return false;
    return catches_all(g, x, y, m) && !(m & ~undisturbed(g, x)) && shielded(g, x, y, m) == m;
}

/*
 * The largest subset of m in which every node is shielded.  A node that is not shielded by all of them is not by fewer either, so
 * dropping it loses nothing.
 */
static uint64_t all_shielded(const struct math_dag *g, int x, int y, uint64_t m)
{
    for (uint64_t before = 0; before != m;) {
        before = m;
        m = shielded(g, x, y, m);
    }
    return m;
}

static bool front_door_minimal(const struct math_dag *g, int x, int y, uint64_t *m)
{
    uint64_t all = g->n == 64 ? ~UINT64_C(0) : math_set(g->n) - 1;
    *m = all_shielded(g, x, y, undisturbed(g, x) & all & ~g->hidden & ~math_set(x) & ~math_set(y));
    if (!catches_all(g, x, y, *m))
        return false;
    for (int v = g->n - 1; v >= 0; v--) {
        if (!(*m & math_set(v)))
            continue;
        uint64_t fewer = all_shielded(g, x, y, *m & ~math_set(v));
        if (catches_all(g, x, y, fewer))
            *m = fewer;
    }
    return true;
}

/* ---- one edge ---- */

bool math_single_door(const struct math_dag *g, int a, int b, uint64_t *z)
{
    struct math_dag without = *g;
    without.children[a] &= ~math_set(b);
    without.parents[b] &= ~math_set(a);
    uint64_t ends = math_set(a) | math_set(b);
    *z = math_dag_ancestors(&without, ends) & ~g->hidden & ~math_dag_descendants(g, math_set(b)) & ~ends;
    if ((g->hidden & ends) || !math_dag_separated(&without, math_set(a), math_set(b), *z))
        return false;
    for (int v = g->n - 1; v >= 0; v--)
        if (*z & math_set(v) && math_dag_separated(&without, math_set(a), math_set(b), *z & ~math_set(v)))
            *z &= ~math_set(v);
    return true;
}

/* ---- instruments ---- */

/* Says something about x, and nothing about y once x acts on nobody. */
static uint64_t instruments(const struct math_dag *g, int x, int y)
{
    struct math_dag behind = math_dag_without_out(g, math_set(x));
    uint64_t near = math_dag_reachable(g, math_set(x), 0), open = math_dag_reachable(&behind, math_set(y), 0);
    return near & ~open & ~g->hidden & ~math_dag_descendants(g, math_set(x));
}

enum err math_identify(const struct math_dag *g, int x, int y, struct math_identity *id, struct fault *fault)
{
    *id = (struct math_identity){ .how = MATH_UNIDENTIFIED };
    if (x < 0 || x >= g->n || y < 0 || y >= g->n || x == y)
        return fail(fault, ERR_INPUT, "the effect of node %d on node %d in a graph of %d nodes", x, y, g->n);
    if (g->hidden & (math_set(x) | math_set(y)))
        return fail(fault, ERR_INPUT, "the effect of node %d on node %d: one of them is not observed", x, y);
    id->instruments = instruments(g, x, y);
    if (!(math_dag_descendants(g, math_set(x)) & math_set(y))) {
        id->how = MATH_NO_EFFECT;
    } else if (back_door_minimal(g, x, y, &id->adjust)) {
        uint64_t best = efficient(g, x, y);
        id->how = MATH_BACK_DOOR;
        id->efficient = math_back_door(g, x, y, best) ? best : id->adjust;
    } else if (front_door_minimal(g, x, y, &id->mediators)) {
        id->how = MATH_FRONT_DOOR;
        id->adjust = 0;
    } else {
        id->adjust = id->mediators = 0;
    }
    return OK;
}
