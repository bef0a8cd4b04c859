/* plan/index_draw.c - candidates from the uses of tables, merged, and what is worth telling. */
#include "plan/index.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { KEYS_MAX = 4, INCLUDE_WIDTH_MAX = 64, INCLUDE_MAX = 3 };
static const double table_bytes_min = 1024 * 1024;     /* below, reading all of it is as good */
static const double rows_min = 1000;
static const double share_hot = 0.2;                   /* of the load: a query worth an index of its own shape */
static const double entry_ms = 0.02;                   /* one more entry for one more row, page in memory */
static const double settled_s = 86400;
static const double gain_least = 0.01, include_gain = 0.2;
static const double unselective = 0.2;                 /* an index that finds more than this part of a table is not used */

/* ---- what is there already ---- */

int index_covering(const struct survey *s, int table, const int *key, const bool *descending, int keys)
{
    for (int i = 0; i < s->indexes; i++) {
        const struct survey_index *x = &s->index[i];
        bool same = x->table == table && x->valid && !x->special && x->keys >= keys, forward = true, backward = true;
        for (int k = 0; same && k < keys; k++) {
            same = x->key[k] == key[k];
            forward = forward && x->descending[k] == descending[k];
            backward = backward && x->descending[k] != descending[k];
        }
        if (same && (forward || backward || keys == 1))
            return i;
    }
    return -1;
}

static bool among(const int *list, int n, int column)
{
    for (int i = 0; i < n; i++)
        if (list[i] == column)
            return true;
    return false;
}

/* A unique index on some of these columns, each of them equal to one value, already finds one row: nothing finds it faster. */
static bool found_by_unique(const struct survey *s, int table, const int *column, int n)
{
    for (int i = 0; i < s->indexes; i++) {
        const struct survey_index *x = &s->index[i];
        bool all = x->table == table && x->valid && !x->special && x->unique;
        for (int k = 0; all && k < x->keys; k++)
            all = among(column, n, x->key[k]);
        if (all)
            return true;
    }
    return false;
}

/* ---- drawing ---- */

struct drawing { const struct survey *s; struct index_candidate *list; int n, most; };   /* most: as many as there may be after this statement */

static bool worth_a_look(const struct survey *s, int table)
{
    const struct survey_table *t = &s->table[table];
    return t->rows >= rows_min && t->bytes >= table_bytes_min && !t->held;   /* held: nobody knows what indexes it has */
}

/* The share of the rows that equality on these columns leaves, as if they were independent; NAN when nothing is known. */
static double share_left(const struct survey *s, int table, const int *key, int n)
{
    double share = 1;
    for (int i = 0; i < n; i++)
        share /= survey_distinct(s, table, key[i]);
    return share;
}

static bool same_columns(const struct index_candidate *c, int table, const int *key, const bool *descending, int keys, const int *include, int includes)
{
    bool same = c->table == table && c->keys == keys && c->includes == includes;
    for (int i = 0; same && i < keys; i++)
        same = c->key[i] == key[i] && c->descending[i] == descending[i];
    for (int i = 0; same && i < includes; i++)
        same = c->key[keys + i] == include[i];
    return same;
}

static void note_query(const struct survey *s, struct index_candidate *c, int query)
{
    for (int i = 0; i < c->queries; i++)
        if (c->query[i].query == query)
            return;
    if (c->queries < CANDIDATE_QUERIES_MAX)
        c->query[c->queries++] = (struct candidate_query){ query, s->query[query].cost, (double)NAN };
}

static void define(const struct survey *s, struct index_candidate *c)
{
    const struct survey_table *t = &s->table[c->table];
    double width = 0;
    c->def = (struct index_def){ .columns = c->keys, .includes = c->includes };
    (void)text_copy(c->def.schema, sizeof c->def.schema, t->schema);
    (void)text_copy(c->def.table, sizeof c->def.table, t->name);
    for (int i = 0; i < c->keys + c->includes; i++) {
        const struct survey_column *col = survey_column_of(s, c->table, c->key[i]);
        width += isnan(col->width) ? 32 : col->width;
        if (i < c->keys) {
            (void)text_copy(c->def.column[i].name, sizeof c->def.column[i].name, col->name);
            c->def.column[i].descending = c->descending[i];
        } else {
            (void)text_copy(c->def.include[i - c->keys], INDEX_NAME_SIZE, col->name);
        }
    }
    index_name_make(&c->def);
    c->bytes = index_bytes_estimate(t->rows, width);
}

static void offer(struct drawing *d, int query, int table, const int *key, const bool *descending, int keys, int equal, const int *include, int includes)
{
    const struct survey *s = d->s;
    if (keys == 0 || (includes == 0 && index_covering(s, table, key, descending, keys) >= 0))
        return;
    for (int i = 0; i < keys; i++)
        if (!survey_column_of(s, table, key[i])->sortable || survey_column_of(s, table, key[i])->width > 512)
            return;
    for (int i = 0; i < d->n; i++)
        if (same_columns(&d->list[i], table, key, descending, keys, include, includes)) {
            note_query(s, &d->list[i], query);
            return;
        }
    if (d->n == d->most)
        return;
    struct index_candidate *c = &d->list[d->n++];
    *c = (struct index_candidate){ .table = table, .keys = keys, .includes = includes, .equal = equal, .benefit_ms = (double)NAN, .overhead_ms = (double)NAN };
    memcpy(c->key, key, (size_t)keys * sizeof *key);
    memcpy(c->descending, descending, (size_t)keys * sizeof *descending);
    if (includes)
        memcpy(c->key + keys, include, (size_t)includes * sizeof *include);
    define(s, c);
    note_query(s, c, query);
}

/* Many different values first: a column that is worth most stands where other statements can use it, too. */
static int sort_equal(const struct survey *s, int table, const int *from, int n, int *key)
{
    int kept = 0;
    for (int i = 0; i < n; i++) {
        double distinct = survey_distinct(s, table, from[i]);
        int    at = kept;
        for (; at > 0 && !(survey_distinct(s, table, key[at - 1]) >= distinct); at--)
            key[at] = key[at - 1];
        key[at] = from[i];
        kept++;
    }
    /* What the first ones have narrowed down to a few rows needs no more columns. */
    int enough = 1;
    while (enough < kept && enough < KEYS_MAX - 1 && share_left(s, table, key, enough) * s->table[table].rows > 10)
        enough++;
    return kept < enough ? kept : enough;
}

static bool is_hot(const struct survey *s, int query) { return s->query[query].total_ms >= share_hot * s->load_ms; }

/* Everything a hot statement needs of the table, when that is little, so that the table itself need not be read. */
static void offer_including(struct drawing *d, int query, const struct table_use *u, const int *key, const bool *descending, int keys, int equal)
{
    int    include[INDEX_INCLUDE_MAX], n = 0;
    double width = 0;
    if (u->needs_all || !is_hot(d->s, query) || !(d->s->table[u->table].all_visible > 0.8))
        return;
    for (int i = 0; i < u->needs; i++) {
        if (among(key, keys, u->need[i]))
            continue;
        if (n == INCLUDE_MAX)
            return;
        width += survey_column_of(d->s, u->table, u->need[i])->width;
        include[n++] = u->need[i];
    }
    if (n > 0 && width <= INCLUDE_WIDTH_MAX)
        offer(d, query, u->table, key, descending, keys, equal, include, n);
}

static void offer_both(struct drawing *d, int query, const struct table_use *u, const int *key, const bool *descending, int keys, int equal)
{
    offer(d, query, u->table, key, descending, keys, equal, NULL, 0);
    offer_including(d, query, u, key, descending, keys, equal);
}

static void draw_equal_and_more(struct drawing *d, int query, const struct table_use *u, const int *from, int n)
{
    const struct survey *s = d->s;
    int  key[USE_COLUMNS_MAX + 1] = { 0 }, equal = n ? sort_equal(s, u->table, from, n, key) : 0;
    bool descending[USE_COLUMNS_MAX + 1] = { false };
    if (equal > 0 && !(share_left(s, u->table, key, equal) > unselective))
        offer_both(d, query, u, key, descending, equal, equal);
    if (equal < KEYS_MAX)
        for (int i = 0; i < u->ranges && i < 2; i++)
            if (!among(key, equal, u->range[i])) {
                key[equal] = u->range[i];
                offer_both(d, query, u, key, descending, equal + 1, equal);
            }
    int keys = equal;
    for (int i = 0; i < u->orders && keys < KEYS_MAX; i++)
        if (!among(key, keys, u->order[i])) {
            key[keys] = u->order[i];
            descending[keys++] = u->order_descending[i];
        }
    /* All in one direction can be read backwards: the plain order is the more useful one. */
    bool all = keys > equal;
    for (int i = equal; i < keys; i++)
        all = all && descending[i];
    for (int i = equal; all && i < keys; i++)
        descending[i] = false;
    if (keys > equal)
        offer_both(d, query, u, key, descending, keys, equal);
}

/* The table as the inner side of a join: its rows looked up by what the other side has, and by what is known besides. */
static void draw_join(struct drawing *d, int query, const struct table_use *u)
{
    int  known[2 * USE_COLUMNS_MAX], both[USE_COLUMNS_MAX], key[USE_COLUMNS_MAX], n = u->joins;
    bool descending[USE_COLUMNS_MAX] = { false };
    memcpy(known, u->join, (size_t)u->joins * sizeof *known);
    memcpy(known + u->joins, u->single, (size_t)u->singles * sizeof *known);
    if (u->joins == 0 || found_by_unique(d->s, u->table, known, u->joins + u->singles))
        return;
    memcpy(both, u->join, (size_t)n * sizeof *both);
    int equal = sort_equal(d->s, u->table, both, n, key);
    offer_both(d, query, u, key, descending, equal, equal);
    for (int i = 0; i < u->equals; i++)
        if (!among(both, n, u->equal[i]) && n < USE_COLUMNS_MAX)
            both[n++] = u->equal[i];
    if (n > u->joins)
        draw_equal_and_more(d, query, u, both, n);
}

/* What a table is filtered by counts also where it is joined by its key: the join may begin with it. */
static void draw_use(struct drawing *d, int query, const struct table_use *u)
{
    if (!worth_a_look(d->s, u->table) || d->s->table[u->table].kind == 'p' || found_by_unique(d->s, u->table, u->single, u->singles))
        return;
    if (!d->s->has_hypopg && !u->scans_whole)
        return;   /* it is found by an index already, and nobody could say whether another would find it faster */
    draw_equal_and_more(d, query, u, u->equal, u->equals);
    draw_join(d, query, u);
}

/* ---- merging ---- */

/* Does b, perhaps with its equality columns in another order, begin with all of a? Then *key is that order. */
static bool can_begin_with(const struct index_candidate *a, const struct index_candidate *b, int *key)
{
    if (a->table != b->table || a->includes || a->keys >= b->keys || a->keys > b->equal)
        return false;
    int n = 0;
    for (int i = 0; i < a->keys; i++) {
        if (!among(b->key, b->equal, a->key[i]) || a->descending[i])
            return false;
        key[n++] = a->key[i];
    }
    for (int i = 0; i < b->keys; i++)
        if (!among(key, n, b->key[i]))
            key[n++] = b->key[i];
    return n == b->keys;
}

static void merge(struct drawing *d)
{
    for (int i = 0; i < d->n; i++)
        for (int j = 0; j < d->n; j++) {
            struct index_candidate *a = &d->list[i], *b = &d->list[j];
            int key[INDEX_COLUMNS_MAX + INDEX_INCLUDE_MAX];
            if (i == j || !can_begin_with(a, b, key))
                continue;
            memcpy(b->key, key, (size_t)b->keys * sizeof *key);
            define(d->s, b);
            for (int q = 0; q < a->queries; q++)
                note_query(d->s, b, a->query[q].query);
        }
}

int index_draw(const struct survey *s, struct index_candidate *list)
{
    struct drawing d = { s, list, 0, 0 };
    for (int q = 0; q < s->queries; q++) {
        struct table_use uses[USES_MAX];
        int              n = index_read(s, &s->query[q], uses);
        d.most = d.n + CANDIDATES_OF_QUERY_MAX < CANDIDATES_MAX ? d.n + CANDIDATES_OF_QUERY_MAX : CANDIDATES_MAX;
        for (int i = 0; i < n; i++)
            draw_use(&d, q, &uses[i]);
    }
    merge(&d);
    return d.n;
}

/* ---- estimates that are far off ---- */

/* The root's rows are the statement's, unless something above the scan makes them few whatever was found. */
static bool rows_are_told(const json_t *plan)
{
    static const char *const hiding[] = { "Limit", "Aggregate", "ModifyTable", "LockRows", "Unique", "Group", "Result" };
    const char *type = json_string_value(json_object_get(plan, "Node Type"));
    for (size_t i = 0; i < sizeof hiding / sizeof hiding[0]; i++)
        if (!type || strcmp(type, hiding[i]) == 0)
            return false;
    return true;
}

int index_misjudged(const struct survey *s, struct misjudged *list, int max)
{
    int n = 0;
    for (int q = 0; q < s->queries && n < max; q++) {
        const struct survey_query *query = &s->query[q];
        struct table_use           uses[USES_MAX];
        int    many = index_read(s, query, uses);
        double expected = json_number_value(json_object_get(query->plan, "Plan Rows")), actual = query->rows / query->calls;
        if (many != 1 || uses[0].equals < 2 || uses[0].guessed || !rows_are_told(query->plan) || query->calls < 10)
            continue;
        if (fmax(actual, 1) < 10 * fmax(expected, 1) && fmax(expected, 1) < 10 * fmax(actual, 1))
            continue;
        list[n] = (struct misjudged){ .query = q, .table = uses[0].table, .expected = expected, .actual = actual };
        for (int i = 0; i < uses[0].equals && i < 4; i++)
            list[n].column[list[n].columns++] = uses[0].equal[i];
        n++;
    }
    return n;
}

/* ---- scoring ---- */

static double known(double x) { return isnan(x) ? 0 : x; }

static double ms_per_second(const struct survey *s, const struct survey_query *q) { return q->total_ms / fmax(s->statements_s, 1); }

static bool word_at(const char *text, size_t at, size_t n)
{
    return (at == 0 || !(isalnum((unsigned char)text[at - 1]) || text[at - 1] == '_')) && !(isalnum((unsigned char)text[at + n]) || text[at + n] == '_');
}

/* UPDATE ... SET ... column = ...: a plan does not name what is set, so here the text has to do. */
static bool sets_column(const char *text, const char *column)
{
    const char *set = strcasestr(text, " set ");
    if (strncasecmp(text, "update", 6) != 0 || !set)
        return false;
    const char *end = strcasestr(set, " where ");
    size_t      n = strlen(column);
    for (const char *p = set; (p = strcasestr(p, column)) && (!end || p < end); p += n) {
        const char *after = p + n + (p[n] == '"');
        while (isspace((unsigned char)*after))
            after++;
        if (word_at(text, (size_t)(p - text), n) && *after == '=')
            return true;
    }
    return false;
}

/* HOT updates a second that this index would end, because they set one of its columns. */
static double hot_lost(const struct survey *s, const struct index_candidate *c)
{
    const struct survey_table *t = &s->table[c->table];
    double updates = 0;
    if (!(t->hot_updates > 0) || s->statements_s <= 0)
        return 0;
    for (int q = 0; q < s->queries; q++)
        for (int i = 0; i < c->keys + c->includes; i++)
            if (strcasestr(s->query[q].text, t->name) && sets_column(s->query[q].text, survey_column_of(s, c->table, c->key[i])->name)) {
                updates += s->query[q].rows / fmax(s->statements_s, 1);
                break;
            }
    return fmin(updates, t->hot_updates);
}

/* Rows a second that the statements known to us write into a table in this way. */
static double written_by_statements(const struct survey *s, const struct survey_table *t, const char *operation)
{
    double rows = 0;
    for (int q = 0; q < s->queries; q++) {
        const json_t *plan = s->query[q].plan;
        const char   *does = json_string_value(json_object_get(plan, "Operation")), *name = json_string_value(json_object_get(plan, "Relation Name"));
        const char   *schema = json_string_value(json_object_get(plan, "Schema"));
        if (does && name && schema && strcmp(does, operation) == 0 && strcmp(name, t->name) == 0 && strcmp(schema, t->schema) == 0)
            rows += s->query[q].rows;
    }
    return rows / fmax(s->statements_s, 1);
}

/* Counters that began today may hold little but the loading of the table, which will not come again. */
static double writes(const struct survey *s, const struct survey_table *t, double counted, const char *operation)
{
    return s->stats_s >= settled_s ? counted : fmin(counted, written_by_statements(s, t, operation));
}

static void weigh(const struct survey *s, struct index_candidate *c)
{
    const struct survey_table *t = &s->table[c->table];
    double cold = writes(s, t, known(t->updates), "Update") * (t->updates > 0 ? 1 - known(t->hot_updates) / t->updates : 0), lost = hot_lost(s, c), all = 0;
    for (int i = 0; i < s->indexes; i++)
        all += s->index[i].table == c->table;
    /* An update that is HOT no longer writes an entry into every index of the table. */
    c->overhead_ms = entry_ms * (writes(s, t, known(t->inserts), "Insert") + fmax(cold, 0) + lost * (1 + all));
    c->at_most_ms = 0;
    c->benefit_ms = c->judged ? 0 : (double)NAN;
    for (int i = 0; i < c->queries; i++) {
        const struct candidate_query *q = &c->query[i];
        double ms = ms_per_second(s, &s->query[q->query]);
        c->at_most_ms += ms;
        if (c->judged && q->cost_before > 0 && q->cost_after < q->cost_before)
            c->benefit_ms += ms * (1 - q->cost_after / q->cost_before);
    }
    int used = (int)snprintf(c->why, sizeof c->why, "%d statement%s, %.3g ms of work a second", c->queries, c->queries == 1 ? "" : "s", c->at_most_ms);
    if (c->judged)
        used += snprintf(c->why + used, sizeof c->why - (size_t)used, ", of which it would save %.3g (by cost, with a hypothetical index)", c->benefit_ms);
    else
        used += snprintf(c->why + used, sizeof c->why - (size_t)used, "; not judged, because %s: how much of that it saves is not known",
                         s->has_hypopg ? "hypopg took no such index" : "hypopg is not installed here");
    (void)snprintf(c->why + used, sizeof c->why - (size_t)used, "; writes would cost %.3g ms a second more%s; about %.1f MB", c->overhead_ms,
                   lost > 0 ? ", since updates that were HOT would not be any more" : "", c->bytes / 1048576);
}

static double net(const struct index_candidate *c) { return (c->judged ? c->benefit_ms : c->at_most_ms / 1000) - c->overhead_ms; }

static int by_net(const void *a, const void *b)
{
    const struct index_candidate *x = a, *y = b;
    double d = net(y) - net(x);
    return d > 0 ? 1 : d < 0 ? -1 : strcmp(x->def.name, y->def.name);
}

/* a does what b does: on the same table, serving all of b's statements, and nearly as well. */
static bool replaces(const struct index_candidate *a, const struct index_candidate *b)
{
    if (a->table != b->table)
        return false;
    for (int i = 0; i < b->queries; i++) {
        bool served = false;
        for (int k = 0; k < a->queries; k++)
            served = served || a->query[k].query == b->query[i].query;
        if (!served)
            return false;
    }
    if (!a->judged || !b->judged)
        return a->keys >= b->keys;
    double more = b->includes > a->includes ? 1 + include_gain : 1.02;   /* wider ones have to be clearly better */
    return b->benefit_ms <= a->benefit_ms * more;
}

int index_score(const struct survey *s, struct index_candidate *list, int n)
{
    int kept = 0;
    for (int i = 0; i < n; i++) {
        weigh(s, &list[i]);
        double load = s->load_ms / fmax(s->statements_s, 1), least = gain_least * known(load);
        bool worth = list[i].judged ? list[i].benefit_ms - list[i].overhead_ms > 0 && list[i].benefit_ms >= least : list[i].at_most_ms > list[i].overhead_ms && list[i].at_most_ms >= least;
        if (worth)
            list[kept++] = list[i];
    }
    qsort(list, (size_t)kept, sizeof *list, by_net);
    n = kept;
    kept = 0;
    for (int i = 0; i < n; i++) {
        bool needless = false;
        for (int k = 0; k < n && !needless; k++)
            needless = k != i && replaces(&list[k], &list[i]) && (k < i || !replaces(&list[i], &list[k]));
        if (!needless)
            list[kept++] = list[i];
    }
    return kept;
}
