/*
 * plan/index_read.c - how a statement uses its tables, read out of the plan that the server made of it.
 *
 * EXPLAIN (VERBOSE) writes conditions with every column qualified and every operator in parentheses, so a condition can be
 * taken apart without a grammar of SQL: split at AND, then look at both sides of one operator.  What is not understood is
 * passed over, which costs a candidate and never invents one.
 */
#include "plan/index.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

struct piece { const char *s; size_t n; };

/* ---- pieces of text ---- */

static struct piece trim(struct piece p)
{
    while (p.n && isspace((unsigned char)p.s[0]))
        p.s++, p.n--;
    while (p.n && isspace((unsigned char)p.s[p.n - 1]))
        p.n--;
    return p;
}

/* One step over a character, a quoted text or a quoted name. */
static size_t step_over(struct piece p, size_t i)
{
    char quote = p.s[i];
    if (quote != '\'' && quote != '"')
        return i + 1;
    for (i++; i < p.n; i++)
        if (p.s[i] == quote && (i + 1 == p.n || p.s[i + 1] != quote))
            return i + 1;
        else if (p.s[i] == quote)
            i++;
    return p.n;
}

static int depth_change(char c) { return (c == '(' || c == '[') - (c == ')' || c == ']'); }

/* Where `what` stands outside of all parentheses; n when nowhere. */
static size_t find_outside(struct piece p, const char *what)
{
    size_t len = strlen(what);
    int    depth = 0;
    for (size_t i = 0; i < p.n; i = step_over(p, i)) {
        if (depth == 0 && i + len <= p.n && memcmp(p.s + i, what, len) == 0)
            return i;
        depth += depth_change(p.s[i]);
    }
    return p.n;
}

static struct piece strip(struct piece p)
{
    for (;;) {
        p = trim(p);
        if (p.n < 2 || p.s[0] != '(' || p.s[p.n - 1] != ')')
            return p;
        int depth = 0;
        for (size_t i = 0; i + 1 < p.n; i = step_over(p, i)) {
            depth += depth_change(p.s[i]);
            if (depth == 0)
                return p;   /* the first parenthesis ends before the text does */
        }
        p.s++, p.n -= 2;
    }
}

/* A name, quoted or not, at the beginning; returns what is left. */
static struct piece take_name(struct piece p, char *out, size_t size)
{
    size_t used = 0, i = 0;
    if (p.n && p.s[0] == '"') {
        for (i = 1; i < p.n && !(p.s[i] == '"' && (i + 1 == p.n || p.s[i + 1] != '"')); i++) {
            if (p.s[i] == '"')
                i++;
            if (used + 1 < size)
                out[used++] = p.s[i];
        }
        i += i < p.n;
    } else {
        for (; i < p.n && (isalnum((unsigned char)p.s[i]) || p.s[i] == '_' || p.s[i] == '$' || (unsigned char)p.s[i] >= 0x80); i++)
            if (used + 1 < size)
                out[used++] = p.s[i];
    }
    out[used] = '\0';
    return (struct piece){ p.s + i, p.n - i };
}

/* ---- columns ---- */

struct reader { const struct survey *s; struct table_use *use; int n; bool more; };

static struct table_use *use_of(struct reader *r, const char *alias)
{
    for (int i = 0; i < r->n; i++)
        if (strcmp(r->use[i].alias, alias) == 0)
            return &r->use[i];
    return NULL;
}

static bool piece_is(struct piece p, const char *text) { return p.n == strlen(text) && memcmp(p.s, text, p.n) == 0; }

/* What text of any length becomes is what stands in its index; a number or an identifier said as text does not stand in any. */
static bool cast_is_harmless(struct piece type, const struct survey_column *c)
{
    if (c->varying)
        return piece_is(type, "text") || piece_is(type, "character varying");
    bool padded = strcmp(c->type, "bpchar") == 0 || strcmp(c->type, "character") == 0 || strncmp(c->type, "character(", 10) == 0;
    return padded && (piece_is(type, "bpchar") || piece_is(type, "character"));
}

/* "alias.column" and nothing else, perhaps cast in a way that an index does not mind. */
static struct table_use *column_of(struct reader *r, struct piece p, int *column)
{
    p = strip(p);
    size_t       cast = find_outside(p, "::");
    struct piece type = { NULL, 0 };
    if (cast < p.n) {
        type = (struct piece){ p.s + cast + 2, p.n - cast - 2 };
        p = strip((struct piece){ p.s, cast });
    }
    char alias[INDEX_NAME_SIZE], name[INDEX_NAME_SIZE];
    struct piece rest = take_name(p, alias, sizeof alias);
    if (!*alias || rest.n < 2 || rest.s[0] != '.')
        return NULL;
    rest = take_name((struct piece){ rest.s + 1, rest.n - 1 }, name, sizeof name);
    struct table_use *u = rest.n == 0 ? use_of(r, alias) : NULL;
    *column = u ? survey_column_named(r->s, u->table, name) : -1;
    if (*column >= 0 && type.s && !cast_is_harmless(type, survey_column_of(r->s, u->table, *column)))
        return NULL;
    return *column >= 0 ? u : NULL;
}

static void add(int *list, int *n, int max, int column)
{
    for (int i = 0; i < *n; i++)
        if (list[i] == column)
            return;
    if (*n < max)
        list[(*n)++] = column;
}

static void need(struct table_use *u, int column)
{
    int before = u->needs;
    add(u->need, &u->needs, USE_NEEDS_MAX, column);
    u->needs_all = u->needs_all || (before == USE_NEEDS_MAX && u->needs == before);
}

/* Every "alias.column" inside of a text; `mine` is set when the alias occurs. */
static void note_columns(struct reader *r, struct piece p, const struct table_use *whose, bool *mine)
{
    for (size_t i = 0; i < p.n;) {
        char first = p.s[i];
        if (first == '\'' || !(isalpha((unsigned char)first) || first == '_' || first == '"' || (unsigned char)first >= 0x80)) {
            i = step_over(p, i);
            continue;
        }
        char         alias[INDEX_NAME_SIZE], name[INDEX_NAME_SIZE];
        struct piece rest = take_name((struct piece){ p.s + i, p.n - i }, alias, sizeof alias);
        struct table_use *u = rest.n > 1 && rest.s[0] == '.' ? use_of(r, alias) : NULL;
        if (u) {
            bool star = rest.s[1] == '*';
            rest = take_name((struct piece){ rest.s + 1, rest.n - 1 }, name, sizeof name);
            int column = survey_column_named(r->s, u->table, name);
            if (column >= 0)
                need(u, column);
            u->needs_all = u->needs_all || star || column < 0;
            if (u == whose && mine)
                *mine = true;
        }
        size_t next = (size_t)(rest.s - p.s);
        i = next > i ? next : i + 1;
    }
}

/* ---- conditions ---- */

enum comparison { RANGE, IS_NULL, EQUAL_TO_ANY, EQUAL_TO_ONE };

/* Whether it was understood. */
static bool take_sides(struct reader *r, struct piece left, struct piece right, enum comparison how)
{
    int               column, other;
    bool              mine = false;
    struct table_use *u = column_of(r, left, &column);
    if (!u)
        return false;
    struct table_use *v = column_of(r, right, &other);
    note_columns(r, right, u, &mine);
    if (mine)
        return false;   /* two columns of one table: no index finds that */
    if (how == RANGE)
        add(u->range, &u->ranges, USE_COLUMNS_MAX, column);
    else if (v)
        add(u->join, &u->joins, USE_COLUMNS_MAX, column);
    else
        add(u->equal, &u->equals, USE_COLUMNS_MAX, column);
    if (how == EQUAL_TO_ONE && !v)
        add(u->single, &u->singles, USE_COLUMNS_MAX, column);
    u->guessed = u->guessed || how == RANGE || how == EQUAL_TO_ANY;
    return true;
}

static void take_clause(struct reader *r, struct piece p)
{
    static const struct { const char *text; enum comparison how; } operators[] = {
        { " = ANY ", EQUAL_TO_ANY }, { " = ", EQUAL_TO_ONE }, { " <= ", RANGE }, { " >= ", RANGE }, { " < ", RANGE }, { " > ", RANGE },
    };
    p = strip(p);
    size_t null = find_outside(p, " IS NULL");
    if (null < p.n && null + strlen(" IS NULL") == p.n) {
        r->more |= !take_sides(r, (struct piece){ p.s, null }, (struct piece){ "", 0 }, IS_NULL);
        return;
    }
    for (size_t i = 0; i < sizeof operators / sizeof operators[0]; i++) {
        size_t at = find_outside(p, operators[i].text), len = strlen(operators[i].text);
        if (at == p.n)
            continue;
        struct piece left = { p.s, at }, right = { p.s + at + len, p.n - at - len };
        bool one = take_sides(r, left, right, operators[i].how), other = take_sides(r, right, left, operators[i].how);
        r->more |= !one && !other;
        return;
    }
    r->more = true;
}

static void take_condition(struct reader *r, struct piece p)
{
    p = strip(p);
    if (find_outside(p, " OR ") < p.n || (p.n > 4 && memcmp(p.s, "NOT ", 4) == 0)) {
        r->more = true;
        return;
    }
    size_t at = find_outside(p, " AND ");
    if (at == p.n) {
        take_clause(r, p);
        return;
    }
    take_condition(r, (struct piece){ p.s, at });
    take_condition(r, (struct piece){ p.s + at + 5, p.n - at - 5 });
}

static bool ends_with(struct piece p, const char *what) { return p.n > strlen(what) && memcmp(p.s + p.n - strlen(what), what, strlen(what)) == 0; }

/* All keys must be columns of one table, else no index gives the order. */
static void take_order(struct reader *r, const json_t *keys)
{
    struct table_use *u = NULL;
    size_t  i;
    json_t *one;
    int     n = 0, order[USE_COLUMNS_MAX];
    bool    descending[USE_COLUMNS_MAX];
    json_array_foreach(keys, i, one) {
        struct piece p = { json_string_value(one), json_string_length(one) };
        if (!p.s || n == USE_COLUMNS_MAX)
            return;
        descending[n] = ends_with(p, " DESC");
        p.n -= descending[n] ? strlen(" DESC") : 0;
        struct table_use *v = column_of(r, p, &order[n]);
        if (!v || (u && v != u))
            return;
        u = v;
        n++;
    }
    if (!u || u->orders)
        return;
    u->orders = n;
    memcpy(u->order, order, sizeof order);
    memcpy(u->order_descending, descending, sizeof descending);
}

/* ---- the tree ---- */

static void find_tables(struct reader *r, const json_t *node)
{
    const char *name = json_string_value(json_object_get(node, "Relation Name")), *schema = json_string_value(json_object_get(node, "Schema"));
    const char *alias = json_string_value(json_object_get(node, "Alias")), *type = json_string_value(json_object_get(node, "Node Type"));
    size_t      i;
    json_t     *child;
    json_array_foreach(json_object_get(node, "Plans"), i, child)
        find_tables(r, child);
    int table = name && schema ? survey_table_named(r->s, schema, name) : -1;
    if (table < 0 || !alias || !type || strcmp(type, "ModifyTable") == 0 || r->n == USES_MAX || use_of(r, alias))
        return;
    struct table_use *u = &r->use[r->n++];
    *u = (struct table_use){ .table = table, .scans_whole = strstr(type, "Seq Scan") != NULL, .rows = json_number_value(json_object_get(node, "Plan Rows")) };
    (void)text_copy(u->alias, sizeof u->alias, alias);
}

static void read_node(struct reader *r, const json_t *node)
{
    static const char *const conditions[] = { "Filter", "Index Cond", "Recheck Cond", "Hash Cond", "Merge Cond", "Join Filter" };
    size_t  i;
    json_t *one;
    for (size_t c = 0; c < sizeof conditions / sizeof conditions[0]; c++) {
        const json_t *text = json_object_get(node, conditions[c]);
        struct piece  p = { json_string_value(text), json_string_length(text) };
        if (!p.s)
            continue;
        take_condition(r, p);
        note_columns(r, p, NULL, NULL);
    }
    json_array_foreach(json_object_get(node, "Output"), i, one)
        note_columns(r, (struct piece){ json_string_value(one), json_string_length(one) }, NULL, NULL);
    take_order(r, json_object_get(node, "Sort Key"));
    json_array_foreach(json_object_get(node, "Plans"), i, one)
        read_node(r, one);
}

int index_read(const struct survey *s, const struct survey_query *q, struct table_use uses[USES_MAX])
{
    struct reader r = { s, uses, 0, false };
    if (!q->plan)
        return 0;
    find_tables(&r, q->plan);
    read_node(&r, q->plan);
    for (int i = 0; i < r.n; i++)
        uses[i].guessed = uses[i].guessed || r.more;
    return r.n;
}
