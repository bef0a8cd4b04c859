/* model/index.c - see index.h. */
#include "model/index.h"

#include "base/clock.h"
#include "base/id.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define PREFIX "homeostat_"
enum { DIGITS = 8 };

/* ---- names ---- */

static void definition_text(const struct index_def *d, struct text *out)
{
    sql_identifier(out, d->schema);
    text_add(out, ".");
    sql_identifier(out, d->table);
    for (int i = 0; i < d->columns; i++) {
        text_add(out, i ? ", " : " (");
        sql_identifier(out, d->column[i].name);
        text_add(out, d->column[i].descending ? " DESC" : "");
    }
    text_add(out, ")");
    for (int i = 0; i < d->includes; i++) {
        text_add(out, i ? ", " : " INCLUDE (");
        sql_identifier(out, d->include[i]);
    }
    text_add(out, d->includes ? ")" : "");
}

/* Letters that need no quotes, so that people can type the name; the digest tells apart what looks the same. */
static size_t add_plain(char *out, size_t used, size_t most, const char *s)
{
    for (; *s && used < most; s++)
        out[used++] = isalnum((unsigned char)*s) ? (char)tolower((unsigned char)*s) : '_';
    return used;
}

static void make_name(const struct index_def *d, char out[INDEX_NAME_SIZE])
{
    struct text what CLEANUP(text_done);
    char        digest[DIGEST_SIZE];
    size_t      most = INDEX_NAME_SIZE - 1 - DIGITS - 1, used = strlen(PREFIX);
    text_init(&what, 8192);
    definition_text(d, &what);
    digest_hex(what.s, what.used, digest);
    memcpy(out, PREFIX, used);
    used = add_plain(out, used, most, d->table);
    for (int i = 0; i < d->columns && used < most; i++) {
        out[used++] = '_';
        used = add_plain(out, used, most, d->column[i].name);
    }
    (void)snprintf(out + used, INDEX_NAME_SIZE - used, "_%.*s", DIGITS, digest);
}

void index_name_make(struct index_def *d) { make_name(d, d->name); }

bool index_name_fits(const struct index_def *d)
{
    char name[INDEX_NAME_SIZE];
    make_name(d, name);
    return strcmp(name, d->name) == 0;
}

bool index_name_is_ours(const char *name)
{
    size_t n = strlen(name);
    return strncmp(name, PREFIX, strlen(PREFIX)) == 0 && n > strlen(PREFIX) + DIGITS + 1 && name[n - DIGITS - 1] == '_' &&
           strspn(name + n - DIGITS, "0123456789abcdef") == DIGITS;
}

static const char comment_begins[] = "built by Homeostat at ";

void index_comment_write(int64_t built_us, const char *action, char out[INDEX_COMMENT_SIZE])
{
    char when[32];
    (void)snprintf(out, INDEX_COMMENT_SIZE, "%s%s, action %.60s", comment_begins, clock_format(built_us, when, sizeof when), action && !strpbrk(action, "'\\") ? action : "unknown");
}

int64_t index_comment_time(const char *comment)
{
    char when[32];
    if (!comment || strncmp(comment, comment_begins, sizeof comment_begins - 1) != 0)
        return 0;
    comment += sizeof comment_begins - 1;
    (void)snprintf(when, sizeof when, "%.*s", (int)strcspn(comment, ","), comment);
    int64_t at = clock_parse(when);
    return at > 0 ? at : 0;
}

bool index_def_same(const struct index_def *a, const struct index_def *b)
{
    bool same = strcmp(a->schema, b->schema) == 0 && strcmp(a->table, b->table) == 0 && a->columns == b->columns && a->includes == b->includes;
    for (int i = 0; same && i < a->columns; i++)
        same = strcmp(a->column[i].name, b->column[i].name) == 0 && a->column[i].descending == b->column[i].descending;
    for (int i = 0; same && i < a->includes; i++)
        same = strcmp(a->include[i], b->include[i]) == 0;
    return same;
}

/* ---- JSON ---- */

static enum err take_name(const json_t *params, const char *member, char out[INDEX_NAME_SIZE], struct fault *fault)
{
    const char *s = json_string_value(json_object_get(params, member));
    if (!s || !*s || !text_copy(out, INDEX_NAME_SIZE, s))
        return fail(fault, ERR_INPUT, "/params/%s must be a name of 1 to %d bytes", member, INDEX_NAME_SIZE - 1);
    return OK;
}

/* A column's name may end in " desc" only by being meant so: PostgreSQL allows such names, nobody has them. */
static bool take_column(const json_t *one, struct index_column *c)
{
    const char *s = json_string_value(one);
    size_t      n = s ? strlen(s) : 0;
    c->descending = n > 5 && strcmp(s + n - 5, " desc") == 0;
    n -= c->descending ? 5 : 0;
    if (n == 0 || n >= sizeof c->name)
        return false;
    memcpy(c->name, s, n);
    c->name[n] = '\0';
    return true;
}

static bool named_twice(const struct index_def *d)
{
    const char *all[INDEX_COLUMNS_MAX + INDEX_INCLUDE_MAX];
    int         n = 0;
    for (int i = 0; i < d->columns; i++)
        all[n++] = d->column[i].name;
    for (int i = 0; i < d->includes; i++)
        all[n++] = d->include[i];
    for (int i = 0; i < n; i++)
        for (int j = 0; j < i; j++)
            if (strcmp(all[i], all[j]) == 0)
                return true;
    return false;
}

static enum err take_columns(const json_t *params, struct index_def *d, struct fault *fault)
{
    const json_t *columns = json_object_get(params, "columns"), *include = json_object_get(params, "include");
    size_t        i;
    json_t       *one;
    if (!json_is_array(columns) || json_array_size(columns) < 1 || json_array_size(columns) > INDEX_COLUMNS_MAX)
        return fail(fault, ERR_INPUT, "/params/columns must be a list of 1 to %d columns", INDEX_COLUMNS_MAX);
    if (include && (!json_is_array(include) || json_array_size(include) > INDEX_INCLUDE_MAX))
        return fail(fault, ERR_INPUT, "/params/include must be a list of at most %d columns", INDEX_INCLUDE_MAX);
    json_array_foreach(columns, i, one)
        if (!take_column(one, &d->column[d->columns++]))
            return fail(fault, ERR_INPUT, "/params/columns/%zu must be a column, perhaps followed by \" desc\"", i);
    json_array_foreach(include, i, one) {
        const char *s = json_string_value(one);
        if (!s || !*s || !text_copy(d->include[d->includes++], INDEX_NAME_SIZE, s))
            return fail(fault, ERR_INPUT, "/params/include/%zu must be a column", i);
    }
    return named_twice(d) ? fail(fault, ERR_INPUT, "/params/columns: a column is named twice") : OK;
}

static double number_or_nan(const json_t *params, const char *member)
{
    const json_t *n = json_object_get(params, member);
    return json_is_number(n) && json_number_value(n) >= 0 ? json_number_value(n) : (double)NAN;
}

enum err index_step_parse(const json_t *params, struct index_step *s, struct fault *fault)
{
    *s = (struct index_step){ .bytes = number_or_nan(params, "bytes"), .table_bytes = number_or_nan(params, "table_bytes"), .lock_timeout_s = INDEX_LOCK_DEFAULT_S };
    const char *what = json_string_value(json_object_get(params, "do"));
    s->drop = what && strcmp(what, "drop") == 0;
    if (!s->drop && (!what || strcmp(what, "create") != 0))
        return fail(fault, ERR_INPUT, "/params/do must be create or drop");
    const json_t *lock = json_object_get(params, "lock_timeout_s");
    if (lock && (!json_is_integer(lock) || json_integer_value(lock) < 1 || json_integer_value(lock) > INDEX_LOCK_MAX_S))
        return fail(fault, ERR_INPUT, "/params/lock_timeout_s must be 1 to %d", INDEX_LOCK_MAX_S);
    s->lock_timeout_s = lock ? (int)json_integer_value(lock) : INDEX_LOCK_DEFAULT_S;
    enum err e = take_name(params, "schema", s->def.schema, fault);
    if (e == OK)
        e = take_name(params, "table", s->def.table, fault);
    if (e == OK)
        e = take_name(params, "name", s->def.name, fault);
    if (e == OK)
        e = take_columns(params, &s->def, fault);
    if (e == OK && !index_name_fits(&s->def)) {
        char name[INDEX_NAME_SIZE];
        make_name(&s->def, name);
        e = fail(fault, ERR_INPUT, "/params/name: an index of ours on these columns is called %s, not %s", name, s->def.name);
        fail_hint(fault, "the name tells a leftover of ours from somebody else's index; nothing under another name is built or dropped");
    }
    return e;
}

enum err analyze_step_parse(const json_t *params, struct analyze_step *s, struct fault *fault)
{
    *s = (struct analyze_step){ 0 };
    enum err e = take_name(params, "schema", s->schema, fault);
    if (e == OK)
        e = take_name(params, "table", s->table, fault);
    const json_t *columns = json_object_get(params, "columns"), *one;
    size_t        i;
    if (e == OK && columns && (!json_is_array(columns) || json_array_size(columns) > INDEX_COLUMNS_MAX))
        e = fail(fault, ERR_INPUT, "/params/columns must be a list of at most %d columns", INDEX_COLUMNS_MAX);
    for (i = 0; e == OK && i < json_array_size(columns); i++) {
        one = json_array_get(columns, i);
        if (!json_is_string(one) || !*json_string_value(one) || !text_copy(s->column[s->columns++], INDEX_NAME_SIZE, json_string_value(one)))
            e = fail(fault, ERR_INPUT, "/params/columns/%zu must be a column", i);
    }
    return e;
}

static json_t *columns_json(const struct index_def *d)
{
    json_t *list = json_array();
    for (int i = 0; i < d->columns; i++) {
        char text[INDEX_NAME_SIZE + 8];
        (void)snprintf(text, sizeof text, "%s%s", d->column[i].name, d->column[i].descending ? " desc" : "");
        json_array_append_new(list, json_string(text));
    }
    return list;
}

json_t *index_step_json(const struct index_step *s, const char *target, int timeout_s)
{
    json_t *params = json_pack("{s:s,s:s,s:s,s:s,s:s,s:o,s:i}", "target", target, "do", s->drop ? "drop" : "create", "schema", s->def.schema, "table", s->def.table,
                               "name", s->def.name, "columns", columns_json(&s->def), "lock_timeout_s", s->lock_timeout_s);
    if (s->def.includes) {
        json_t *include = json_array();
        for (int i = 0; i < s->def.includes; i++)
            json_array_append_new(include, json_string(s->def.include[i]));
        json_object_set_new(params, "include", include);
    }
    if (isfinite(s->bytes))
        json_object_set_new(params, "bytes", json_integer((json_int_t)s->bytes));
    if (isfinite(s->table_bytes))
        json_object_set_new(params, "table_bytes", json_integer((json_int_t)s->table_bytes));
    return json_pack("{s:s,s:o,s:i,s:i}", "action", "postgres.index", "params", params, "timeout_s", timeout_s, "retry", 1);
}

json_t *analyze_step_json(const struct analyze_step *s, const char *target, int timeout_s)
{
    json_t *params = json_pack("{s:s,s:s,s:s}", "target", target, "schema", s->schema, "table", s->table);
    if (s->columns) {
        json_t *columns = json_array();
        for (int i = 0; i < s->columns; i++)
            json_array_append_new(columns, json_string(s->column[i]));
        json_object_set_new(params, "columns", columns);
    }
    return json_pack("{s:s,s:o,s:i,s:i}", "action", "postgres.analyze", "params", params, "timeout_s", timeout_s, "retry", 1);
}

/* ---- SQL ---- */

void sql_identifier(struct text *out, const char *name)
{
    text_add(out, "\"");
    for (; *name; name++)
        text_add_n(out, *name == '"' ? "\"\"" : name, *name == '"' ? 2 : 1);
    text_add(out, "\"");
}

void index_create_sql(const struct index_def *d, struct text *out)
{
    text_add(out, "CREATE INDEX CONCURRENTLY ");
    sql_identifier(out, d->name);
    text_add(out, " ON ");
    definition_text(d, out);
}

void index_drop_sql(const struct index_def *d, struct text *out)
{
    text_add(out, "DROP INDEX CONCURRENTLY IF EXISTS ");
    sql_identifier(out, d->schema);
    text_add(out, ".");
    sql_identifier(out, d->name);
}

void analyze_sql(const struct analyze_step *s, struct text *out)
{
    text_add(out, "ANALYZE ");
    sql_identifier(out, s->schema);
    text_add(out, ".");
    sql_identifier(out, s->table);
    for (int i = 0; i < s->columns; i++) {
        text_add(out, i ? ", " : " (");
        sql_identifier(out, s->column[i]);
    }
    text_add(out, s->columns ? ")" : "");
}

/* Header of 8 bytes, the columns padded to 8, a line pointer of 4; pages of 8168 usable bytes, filled to 90 %. */
double index_bytes_estimate(double rows, double width)
{
    double entry = 8 + 8 * ceil(width / 8) + 4;
    return 8192 * (2 + ceil(rows * entry / (8168 * 0.9)));
}
