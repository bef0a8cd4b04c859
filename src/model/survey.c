/* model/survey.c - see survey.h. */
#include "model/survey.h"

#include <math.h>
#include <string.h>

void survey_init(struct survey *s)
{
    *s = (struct survey){ .stats_s = (double)NAN, .statements_s = (double)NAN, .load_ms = (double)NAN };
    arena_init(&s->arena, SURVEY_BYTES_MAX);
}

void survey_done(struct survey *s)
{
    for (int i = 0; i < s->queries; i++)
        json_decref(s->query[i].plan);
    arena_done(&s->arena);
    *s = (struct survey){ 0 };
}

int survey_table_named(const struct survey *s, const char *schema, const char *name)
{
    for (int i = 0; i < s->tables; i++)
        if (strcmp(s->table[i].name, name) == 0 && strcmp(s->table[i].schema, schema) == 0)
            return i;
    return -1;
}

int survey_column_named(const struct survey *s, int table, const char *name)
{
    for (int i = 0; i < s->table[table].columns; i++)
        if (strcmp(survey_column_of(s, table, i)->name, name) == 0)
            return i;
    return -1;
}

double survey_distinct(const struct survey *s, int table, int column)
{
    const struct survey_column *c = survey_column_of(s, table, column);
    if (isnan(c->n_distinct))
        return (double)NAN;
    return fmax(1, c->n_distinct >= 0 ? c->n_distinct : -c->n_distinct * s->table[table].rows);
}
