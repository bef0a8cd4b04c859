/* diagnose/upkeep.c - the table and how it is read. */
#include "diagnose/upkeep.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MB 1048576.0
static const double idle_s = 86400, rows_min = 1000, bytes_min = 1 * MB;

enum { FIRST_KIND = 201, KINDS = 9 };   /* of numbers */

struct findings { const struct survey *s; struct finding *list; int n, max, of_kind[KINDS], left_out; bool first; };   /* first: it is the turn of what a case could mend */

PRINTF(3, 4) static void write(char *out, size_t size, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(out, size, format, args);
    va_end(args);
}

static struct finding *begin(struct findings *f, int number, const char *kind, const char *schema, const char *name, double weight)
{
    static struct finding spare;   /* what does not fit is written and forgotten */
    int            *of_kind = &f->of_kind[number - FIRST_KIND];
    bool            room = f->n < f->max && *of_kind < FINDINGS_OF_KIND_MAX;
    struct finding *x = room ? &f->list[f->n++] : &spare;
    *of_kind += room;
    f->left_out += !room;
    *x = (struct finding){ .number = number, .kind = kind, .weight = isnan(weight) ? 0 : weight };
    write(x->subject, sizeof x->subject, "%.70s.%.70s", schema, name);
    return x;
}

static void quoted(const char *schema, const char *name, char *out, size_t size)
{
    struct text t CLEANUP(text_done);
    text_init(&t, 512);
    sql_identifier(&t, schema);
    text_add(&t, ".");
    sql_identifier(&t, name);
    (void)text_copy(out, size, t.s);
}

static const char *schema_of(const struct survey *s, const struct survey_index *x) { return s->table[x->table].schema; }

static void advise_drop(const struct survey *s, const struct survey_index *x, struct finding *f)
{
    char name[300];
    quoted(schema_of(s, x), x->name, name, sizeof name);
    write(f->advice, sizeof f->advice, s->table[x->table].kind == 'p' ? "DROP INDEX %s (which locks the table and its partitions for a moment: set lock_timeout)" : "DROP INDEX CONCURRENTLY %s", name);
}

/* Built by us, as its name says, and of these very columns: then it is ours to drop, through a case. */
static void offer_drop(const struct survey *s, const struct survey_index *x, struct finding *f)
{
    struct index_def d = { 0 };
    if (x->special || x->unique || x->constraint || x->building || x->keys > INDEX_COLUMNS_MAX || x->includes > INDEX_INCLUDE_MAX || !s->table[x->table].ours)
        return;
    (void)text_copy(d.schema, sizeof d.schema, schema_of(s, x));
    (void)text_copy(d.table, sizeof d.table, s->table[x->table].name);
    (void)text_copy(d.name, sizeof d.name, x->name);
    for (int i = 0; i < x->keys; i++) {
        (void)text_copy(d.column[i].name, sizeof d.column[i].name, survey_column_of(s, x->table, x->key[i])->name);
        d.column[d.columns++].descending = x->descending[i];
    }
    for (int i = 0; i < x->includes; i++)
        (void)text_copy(d.include[d.includes++], INDEX_NAME_SIZE, survey_column_of(s, x->table, x->key[x->keys + i])->name);
    f->drop = index_name_fits(&d);
    f->ours = d;
}

/* ---- indexes ---- */

static void invalid_indexes(struct findings *f)
{
    for (int i = 0; i < f->s->indexes; i++) {
        const struct survey_index *x = &f->s->index[i];
        if (x->valid || f->s->table[x->table].kind == 'p' || index_name_is_ours(x->name) != f->first)
            continue;
        struct finding *w = begin(f, 201, "invalid index", schema_of(f->s, x), x->name, x->bytes);
        if (x->building) {
            write(w->text, sizeof w->text, "it is not usable yet: somebody is building it right now");
            continue;
        }
        write(w->text, sizeof w->text, "no statement uses it and every write keeps it up to date (%.1f MB): a concurrent build or reindex did not get to its end%s", x->bytes / MB,
              index_name_is_ours(x->name) ? "; its name is one of ours" : "");
        advise_drop(f->s, x, w);
        offer_drop(f->s, x, w);
    }
}

static bool same_text(const char *a, const char *b) { return a == b || (a && b && strcmp(a, b) == 0); }

/* Does b begin with all keys of a, in a way that serves the same conditions? */
static bool begins_with(const struct survey_index *a, const struct survey_index *b)
{
    bool same = a->table == b->table && strcmp(a->method, b->method) == 0 && same_text(a->condition, b->condition) && a->keys <= b->keys;
    for (int k = 0; same && k < a->keys; k++)
        same = a->key[k] >= 0 && a->key[k] == b->key[k] && a->descending[k] == b->descending[k];
    return same;
}

/* Partial ones can be compared by their conditions; for the rest of what is special nobody here knows what it serves. */
static bool is_plain(const struct survey_index *x) { return !x->own_order && (!x->special || x->condition); }

static bool is_idle(const struct survey *s, const struct survey_index *x)
{
    if (!(s->stats_s >= idle_s) || !x->valid || x->unique || x->constraint || x->attached)
        return false;
    bool young = x->built_us > 0 && (double)(s->taken_us - x->built_us) < idle_s * 1e6;   /* what it was built for comes once a night, perhaps */
    return x->scans == 0 && !young && (x->bytes >= bytes_min || index_name_is_ours(x->name));
}

/* What is told to be unused is no reason to do without what is used: whoever follows both words would have neither. */
static void double_indexes(struct findings *f)
{
    for (int i = 0; i < f->s->indexes; i++)
        for (int j = 0; j < f->s->indexes; j++) {
            const struct survey_index *a = &f->s->index[i], *b = &f->s->index[j];
            if (i == j || !a->valid || !b->valid || !is_plain(a) || !is_plain(b) || a->unique || a->constraint || a->attached || a->includes || strcmp(a->method, "btree") != 0 || !begins_with(a, b) ||
                (is_idle(f->s, b) && !is_idle(f->s, a)))
                continue;
            bool same = a->keys == b->keys && b->includes == 0;
            if (same && !b->unique && !b->constraint && i < j)
                continue;   /* twins: the later one is told */
            struct finding *w = begin(f, same ? 202 : 203, same ? "duplicate index" : "redundant index", schema_of(f->s, a), a->name, a->bytes);
            write(w->text, sizeof w->text, same ? "%.100s has the same columns%.0s (this one: %.1f MB)" : "%.100s begins with the same columns%s (this one: %.1f MB)", b->name,
                  b->unique ? ", and is unique" : "", a->bytes / MB);
            advise_drop(f->s, a, w);
            break;
        }
}

static bool on_expression(const struct survey_index *x)
{
    for (int k = 0; k < x->keys; k++)
        if (x->key[k] < 0)
            return true;
    return false;
}

/* When an index was built, the server does not say. And what it is for need not be a statement: it may spare a foreign key a whole table. */
static void idle_indexes(struct findings *f)
{
    const struct survey *s = f->s;
    for (int i = 0; i < s->indexes; i++) {
        const struct survey_index *x = &s->index[i];
        char key[200] = "";
        if (!is_idle(s, x) || index_name_is_ours(x->name) != f->first)
            continue;
        if (x->foreign_key)
            write(key, sizeof key, "; it begins with the columns of foreign key %.64s: without an index each row deleted where they point to reads all of this table", x->foreign_key);
        struct finding *w = begin(f, 204, "unused index", schema_of(s, x), x->name, x->bytes);
        write(w->text, sizeof w->text, "not used on this server for %.0f days, or since it was built (%.1f MB)%s%s", s->stats_s / 86400, x->bytes / MB,
              s->standbys ? "; standbys follow this server, and each counts its own uses: look there too" : "",
              on_expression(x) ? "; it is on an expression, of which plans may use the statistics without using the index" : key);
        advise_drop(s, x, w);
        if (s->standbys == 0 && !x->foreign_key && x->built_us > 0)   /* how old it is is known */
            offer_drop(s, x, w);
    }
}

/* ---- statistics ---- */

static struct finding *stale(struct findings *f, int number, const char *kind, const struct survey_table *t, double weight)
{
    struct finding *w = begin(f, number, kind, t->schema, t->name, weight);
    w->refresh = t->ours;
    w->table_rows = t->rows;
    (void)text_copy(w->analyze.schema, sizeof w->analyze.schema, t->schema);
    (void)text_copy(w->analyze.table, sizeof w->analyze.table, t->name);
    char name[300];
    quoted(t->schema, t->name, name, sizeof name);
    write(w->advice, sizeof w->advice, "ANALYZE %s", name);
    return w;
}

static bool any_analyzed(const struct survey *s, const struct survey_table *t)
{
    for (int i = 0; i < t->columns; i++)
        if (s->column[t->first_column + i].analyzed)
            return true;
    return t->columns == 0;
}

/* Rows are counted since the statistics began, so a fresh count says nothing of what was there before. */
static double rows_there(const struct survey_table *t) { return fmax(isnan(t->rows) ? 0 : t->rows, isnan(t->live_rows) ? 0 : t->live_rows); }

static void statistics(struct findings *f)
{
    for (int i = 0; i < f->s->tables; i++) {
        const struct survey_table *t = &f->s->table[i];
        double rows = rows_there(t);
        if (t->ours != f->first || (rows < rows_min && !(t->bytes >= bytes_min)))
            continue;
        if (!any_analyzed(f->s, t) && (isnan(t->rows) || t->analyzed_us == 0)) {
            struct finding *w = stale(f, 205, "no statistics", t, rows);
            write(w->text, sizeof w->text, "never analysed, as far as our role can see (about %.0f rows): plans are made from guesses%s", rows,
                  t->kind == 'p' ? "; autovacuum comes to its partitions, never to the whole" : "");
        } else if (t->kind == 'p') {
            continue;   /* what is modified is counted in its partitions, and they have findings of their own */
        } else if (isnan(t->analyze_at) && t->modified > 0.1 * rows) {
            struct finding *w = stale(f, 206, "stale statistics", t, t->modified);
            write(w->text, sizeof w->text, "%.0f of %.0f rows were modified since the last ANALYZE, and autovacuum is switched off for it", t->modified, rows);
        } else if (t->modified > 2 * t->analyze_at && t->modified > 0.2 * rows) {
            struct finding *w = stale(f, 206, "stale statistics", t, t->modified);
            write(w->text, sizeof w->text, "%.0f of %.0f rows were modified since the last ANALYZE, twice what should have brought autovacuum (%.0f)", t->modified, rows, t->analyze_at);
        } else if (t->rows > 0 && t->live_rows >= rows_min && (t->live_rows > 2 * t->rows) && t->modified > 0) {
            struct finding *w = stale(f, 207, "row count is off", t, t->live_rows);
            write(w->text, sizeof w->text, "plans are made for %.0f rows, there are about %.0f", t->rows, t->live_rows);
        }
    }
}

static void distinct_values(struct findings *f)
{
    for (int i = 0; i < f->s->tables; i++)
        for (int k = 0; k < f->s->table[i].columns; k++) {
            const struct survey_table  *t = &f->s->table[i];
            const struct survey_column *c = survey_column_of(f->s, i, k);
            bool more = c->counted > 5 * c->n_distinct, fewer = c->counted_all && c->counted * 5 < c->n_distinct;
            if (!(c->n_distinct > 0) || (!more && !fewer))
                continue;
            struct finding *w = stale(f, 209, "distinct values are off", t, t->rows);
            struct text     name CLEANUP(text_done);
            text_init(&name, 200);
            sql_identifier(&name, c->name);
            write(w->text, sizeof w->text, "statistics know %.0f different values of %s, %s %.0f were counted", c->n_distinct, c->name, c->counted_all ? "but" : "but more than", c->counted);
            char table[300];
            quoted(t->schema, t->name, table, sizeof table);
            write(w->advice, sizeof w->advice, "ANALYZE %s; if that does not mend it: ALTER TABLE %s ALTER COLUMN %s SET STATISTICS 1000", table, table, name.s);
            w->refresh = false;   /* another ANALYZE of the same kind need not see it better: a person decides */
        }
}

/* Before 16 they must have a name; the one that an index on these columns would have is short enough, and no other columns have it. */
static void statistics_name(const struct survey *s, const struct correlation *c, char *out, size_t size)
{
    struct index_def d = { .columns = c->columns };
    (void)text_copy(d.schema, sizeof d.schema, s->table[c->table].schema);
    (void)text_copy(d.table, sizeof d.table, s->table[c->table].name);
    for (int i = 0; i < c->columns; i++)
        (void)text_copy(d.column[i].name, sizeof d.column[i].name, survey_column_of(s, c->table, c->column[i])->name);
    index_name_make(&d);
    quoted(d.schema, d.name, out, size);
}

void diagnose_correlation(const struct survey *s, const struct correlation *c, struct finding *f)
{
    struct findings one = { .s = s, .list = f, .max = 1 };
    const struct survey_table *t = &s->table[c->table];
    struct finding *w = begin(&one, 208, "correlated columns", t->schema, t->name, s->query[c->query].total_ms);
    char            name[300], own[300];
    struct text     list CLEANUP(text_done);
    text_init(&list, 600);
    for (int i = 0; i < c->columns; i++) {
        text_add(&list, i ? ", " : "");
        sql_identifier(&list, survey_column_of(s, c->table, c->column[i])->name);
    }
    quoted(t->schema, t->name, name, sizeof name);
    write(w->text, sizeof w->text, "statement %lld compares %s for equality; its plan expects %.3g rows, it gets %.3g: the columns may depend on each other", (long long)s->query[c->query].id,
          list.s, c->expected, c->actual);
    statistics_name(s, c, own, sizeof own);
    write(w->advice, sizeof w->advice, "CREATE STATISTICS %s (dependencies, ndistinct, mcv) ON %s FROM %s; ANALYZE %s", own, list.s, name, name);
}

/* ---- all of it ---- */

static int by_number_and_weight(const void *a, const void *b)
{
    const struct finding *x = a, *y = b;
    if (x->number != y->number)
        return x->number < y->number ? -1 : 1;
    return x->weight < y->weight ? 1 : x->weight > y->weight ? -1 : strcmp(x->subject, y->subject);
}

int diagnose_upkeep(const struct survey *s, struct finding *list, int max, int *left_out)
{
    struct findings f = { .s = s, .list = list, .max = max };
    for (int turn = 0; turn < 2; turn++) {   /* what strangers left lying about must not take the room of what is ours to mend */
        f.first = turn == 0;
        invalid_indexes(&f);
        idle_indexes(&f);
        statistics(&f);
    }
    double_indexes(&f);
    distinct_values(&f);
    qsort(list, (size_t)f.n, sizeof *list, by_number_and_weight);
    if (left_out)
        *left_out = f.left_out;
    return f.n;
}
