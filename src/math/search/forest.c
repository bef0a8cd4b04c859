/* math/search/forest.c - growing trees, and asking them. */
#include "math/search/forest.h"

#include "math/stats/describe.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const struct math_forest_options usual = { .trees = 30, .columns_share = 5.0 / 6, .leaf_min = 1, .split_min = 3, .depth_max = 20 };

enum err math_forest_new(int columns, const int *choices, struct math_forest **out, struct fault *fault)
{
    *out = NULL;
    if (columns < 1 || columns > MATH_FOREST_COLUMNS_MAX)
        return fail(fault, ERR_INPUT, "a forest of %d columns; 1 to %d", columns, MATH_FOREST_COLUMNS_MAX);
    for (int c = 0; choices && c < columns; c++)
        if (choices[c] < 0 || choices[c] > MATH_FOREST_CHOICES_MAX)
            return fail(fault, ERR_INPUT, "column %d has %d choices; 0 to %d", c, choices[c], MATH_FOREST_CHOICES_MAX);
    struct math_forest *f = calloc(1, sizeof *f);
    if (f) {
        f->columns = columns;
        f->choices = calloc((size_t)columns, sizeof *f->choices);
        f->importance = calloc((size_t)columns, sizeof *f->importance);
    }
    if (!f || !f->choices || !f->importance) {
        math_forest_free(f);
        return fail(fault, ERR_LIMIT, "no memory for a forest");
    }
    for (int c = 0; c < columns; c++)
        f->choices[c] = choices ? choices[c] : 0;
    *out = f;
    return OK;
}

void math_forest_free(struct math_forest *f)
{
    if (!f)
        return;
    free(f->choices);
    free(f->node);
    free(f->importance);
    free(f);
}

/* ---- growing ---- */

struct pair { double at, y; };

struct growth {
    struct math_forest               *forest;
    const struct math_forest_options *options;
    struct rand                      *r;
    const double                     *x, *y;
    struct pair                      *pair;      /* scratch [n] */
    int                              *column;    /* scratch [columns] */
};

struct split { int column; double threshold, gain; uint64_t left_choices; };

/* Shell's sort with Ciura's gaps: short arrays, many times. */
static void sort_pairs(struct pair *p, int n)
{
    static const int gap[] = { 701, 301, 132, 57, 23, 10, 4, 1 };
    for (size_t g = 0; g < sizeof gap / sizeof gap[0]; g++)
        for (int i = gap[g]; i < n; i++) {
            struct pair one = p[i];
            int         j = i;
            for (; j >= gap[g] && p[j - gap[g]].at > one.at; j -= gap[g])
                p[j] = p[j - gap[g]];
            p[j] = one;
        }
}

/* n_l mean_l^2 + n_r mean_r^2 - n mean^2: how much of the sum of squares a split takes away. */
static double gain_of(double sum_left, int left, double sum, int n)
{
    double right = sum - sum_left;
    return sum_left * sum_left / left + right * right / (n - left) - sum * sum / n;
}

static void split_number(const struct growth *g, int column, int n, double sum, struct split *best)
{
    struct pair *p = g->pair;
    sort_pairs(p, n);
    double left = 0;
    int    cut = 0;
    double gain = 0;
    for (int k = 1; k < n; k++) {
        left += p[k - 1].y;
        if (p[k].at > p[k - 1].at && k >= g->options->leaf_min && n - k >= g->options->leaf_min) {
            double won = gain_of(left, k, sum, n);
            if (won > gain) {
                gain = won;
                cut = k;
            }
        }
    }
    if (cut > 0 && gain > best->gain) {
        double lo = p[cut - 1].at, hi = p[cut].at, at = lo + rand_unit(g->r) * (hi - lo);
        *best = (struct split){ .column = column, .threshold = at < hi ? at : lo, .gain = gain };
    }
}

/* Choices in the order of their means: the best split into two sets is one of those that keep this order. */
static void split_choice(const struct growth *g, int column, int n, double sum, struct split *best)
{
    int         count[MATH_FOREST_CHOICES_MAX] = { 0 }, kinds = 0;
    double      total[MATH_FOREST_CHOICES_MAX] = { 0 };
    struct pair kind[MATH_FOREST_CHOICES_MAX];
    for (int i = 0; i < n; i++) {
        count[(int)g->pair[i].at]++;
        total[(int)g->pair[i].at] += g->pair[i].y;
    }
    for (int c = 0; c < g->forest->choices[column]; c++)
        if (count[c])
            kind[kinds++] = (struct pair){ total[c] / count[c], c };
    sort_pairs(kind, kinds);
    uint64_t set = 0;
    double   left = 0;
    int      k = 0;
    for (int i = 0; i + 1 < kinds; i++) {
        int c = (int)kind[i].y;
        set |= UINT64_C(1) << c;
        left += total[c];
        k += count[c];
        double gain = gain_of(left, k, sum, n);
        if (k >= g->options->leaf_min && n - k >= g->options->leaf_min && gain > best->gain)
            *best = (struct split){ .column = column, .gain = gain, .left_choices = set };
    }
}

static bool goes_left(const struct math_forest *f, const struct math_forest_node *node, const double *x)
{
    double v = x[node->column];
    return f->choices[node->column] ? (node->left_choices >> (int)v) & 1 : v <= node->threshold;
}

/* The best split among a random share of the columns that are not constant here. */
static struct split find_split(const struct growth *g, const int *points, int n, double sum)
{
    const struct math_forest *f = g->forest;
    struct split              best = { .column = -1, .gain = 1e-12 };
    int                       want = (int)ceil(g->options->columns_share * f->columns);
    for (int c = 0; c < f->columns; c++)
        g->column[c] = c;
    for (int k = 0; k < f->columns && want > 0; k++) {
        int j = (int)rand_int(g->r, k, f->columns - 1), column = g->column[j];
        g->column[j] = g->column[k];
        g->column[k] = column;
        bool constant = true;
        for (int i = 0; i < n; i++) {
            g->pair[i] = (struct pair){ g->x[(size_t)points[i] * (size_t)f->columns + (size_t)column], g->y[points[i]] };
            constant = constant && g->pair[i].at == g->pair[0].at;
        }
        if (constant)
            continue;
        want--;
        if (f->choices[column])
            split_choice(g, column, n, sum, &best);
        else
            split_number(g, column, n, sum, &best);
    }
    return best;
}

/* The tree below these points; returns the number of its top node, or -1 when there is no memory. points is reordered. */
static int grow(struct growth *g, int *points, int n, int depth)
{
    struct math_forest *f = g->forest;
    if (f->nodes == f->nodes_room) {
        int                      room = f->nodes_room ? 2 * f->nodes_room : 1024;
        struct math_forest_node *more = realloc(f->node, (size_t)room * sizeof *more);
        if (!more)
            return -1;
        f->node = more;
        f->nodes_room = room;
    }
    int    me = f->nodes++;
    double sum = 0, squares = 0;
    for (int i = 0; i < n; i++)
        sum += g->y[points[i]];
    for (int i = 0; i < n; i++)
        squares += (g->y[points[i]] - sum / n) * (g->y[points[i]] - sum / n);
    struct math_forest_node node = { .column = -1, .mean = sum / n, .variance = squares / n };
    f->node[me] = node;
    if (n < g->options->split_min || depth >= g->options->depth_max || squares <= 0)
        return me;
    struct split s = find_split(g, points, n, sum);
    if (s.column < 0)
        return me;
    node.column = s.column;
    node.threshold = s.threshold;
    node.left_choices = s.left_choices;
    int left = 0;
    for (int i = 0; i < n; i++)
        if (goes_left(f, &node, g->x + (size_t)points[i] * (size_t)f->columns)) {
            int p = points[i];
            points[i] = points[left];
            points[left++] = p;
        }
    assert(left > 0 && left < n);
    f->importance[s.column] += s.gain;
    node.left = grow(g, points, left, depth + 1);
    node.right = node.left < 0 ? -1 : grow(g, points + left, n - left, depth + 1);
    if (node.right < 0)
        return -1;
    f->node[me] = node;
    return me;
}

static enum err check(const struct math_forest *f, int n, const double *x, const double *y, struct fault *fault)
{
    if (n < 1 || n > MATH_FOREST_POINTS_MAX)
        return fail(fault, ERR_INPUT, "a forest on %d points; 1 to %d", n, MATH_FOREST_POINTS_MAX);
    for (int i = 0; i < n; i++) {
        if (!isfinite(y[i]))
            return fail(fault, ERR_INPUT, "value %d is not a finite number", i);
        for (int c = 0; c < f->columns; c++) {
            double v = x[(size_t)i * (size_t)f->columns + (size_t)c];
            if (!isfinite(v))
                return fail(fault, ERR_INPUT, "column %d of point %d is not a finite number", c, i);
            if (f->choices[c] && !(v >= 0 && v < f->choices[c] && v == floor(v)))
                return fail(fault, ERR_INPUT, "column %d of point %d is no choice", c, i);
        }
    }
    return OK;
}

static struct math_forest_options complete(const struct math_forest_options *o)
{
    struct math_forest_options full = o ? *o : usual;
    full.trees = full.trees > 0 ? full.trees : usual.trees;
    full.trees = full.trees < MATH_FOREST_TREES_MAX ? full.trees : MATH_FOREST_TREES_MAX;
    full.columns_share = full.columns_share > 0 ? full.columns_share : usual.columns_share;
    full.leaf_min = full.leaf_min > 0 ? full.leaf_min : usual.leaf_min;
    full.split_min = full.split_min > 0 ? full.split_min : usual.split_min;
    full.depth_max = full.depth_max > 0 ? full.depth_max : usual.depth_max;
    return full;
}

enum err math_forest_fit(struct math_forest *f, int n, const double *x, const double *y, const struct math_forest_options *options,
                         struct rand *r, struct fault *fault)
{
    enum err e = check(f, n, x, y, fault);
    if (e != OK)
        return e;
    struct math_forest_options o = complete(options);
    struct pair *pair = calloc((size_t)n, sizeof *pair);
    int         *points = calloc((size_t)n, sizeof *points), *column = calloc((size_t)f->columns, sizeof *column);
    struct growth g = { f, &o, r, x, y, pair, column };
    f->trees = f->nodes = 0;
    f->n = n;
    memset(f->importance, 0, (size_t)f->columns * sizeof *f->importance);
    for (int t = 0; t < o.trees && pair && points && column; t++) {
        for (int i = 0; i < n; i++)
            points[i] = o.every_point ? i : (int)rand_int(r, 0, n - 1);
        f->root[t] = grow(&g, points, n, 0);
        if (f->root[t] < 0)
            break;
        f->trees++;
    }
    free(pair);
    free(points);
    free(column);
    if (f->trees < o.trees) {
        f->trees = 0;
        return fail(fault, ERR_LIMIT, "no memory for a forest of %d trees", o.trees);
    }
    double all = 0;
    for (int c = 0; c < f->columns; c++)
        all += f->importance[c];
    for (int c = 0; c < f->columns && all > 0; c++)
        f->importance[c] /= all;
    f->variance_min = fmax(1e-4 * (n > 1 ? math_variance(y, n) : 1), 1e-12);
    return OK;
}

void math_forest_predict(const struct math_forest *f, int m, const double *x, double *mean, double *variance)
{
    assert(f->trees > 0);
    for (int i = 0; i < m; i++) {
        const double *at = x + (size_t)i * (size_t)f->columns;
        double        centre = 0, between = 0, within = 0;
        for (int t = 0; t < f->trees; t++) {
            const struct math_forest_node *node = &f->node[f->root[t]];
            while (node->column >= 0)
                node = &f->node[goes_left(f, node, at) ? node->left : node->right];
            double step = node->mean - centre;
            centre += step / (t + 1);
            between += step * (node->mean - centre);
            within += node->variance;
        }
        mean[i] = centre;
        variance[i] = fmax((between + within) / f->trees, f->variance_min);
    }
}
