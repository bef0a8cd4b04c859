/* load/schema.c - see the header; the statements are in sql/load/schema.sql. */
#include "load/schema.h"

#include "base/text.h"
#include "load/sql.h"
#include "load/target.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MARK_LOADING "homeostat-load: loading"
#define TABLES 9

/* The long ones first, so that two connections finish at about the same time. */
static const char *const keys[] = {
    sql_load_key_order_line, sql_load_key_stock, sql_load_key_customer, sql_load_index_customer_name, sql_load_key_orders,
    sql_load_index_orders_customer, sql_load_key_item, sql_load_key_new_order, sql_load_key_district, sql_load_key_warehouse,
};

size_t      load_schema_key_count(void)  { return sizeof keys / sizeof keys[0]; }
const char *load_schema_key(size_t i)    { return keys[i]; }

void load_mark_print(const struct load_mark *m, char out[LOAD_MARK_SIZE])
{
    if (m->complete)
        (void)snprintf(out, LOAD_MARK_SIZE, "homeostat-load: warehouses=%d c_last=%d seed=%" PRId64, m->warehouses, m->last_name, m->seed);
    else
        (void)snprintf(out, LOAD_MARK_SIZE, "%s", MARK_LOADING);
}

bool load_mark_read(const char *text, struct load_mark *m)
{
    *m = (struct load_mark){ 0 };
    if (strcmp(text, MARK_LOADING) == 0)
        return true;
    m->complete = sscanf(text, "homeostat-load: warehouses=%d c_last=%d seed=%" SCNd64, &m->warehouses, &m->last_name, &m->seed) == 3 &&
                  m->warehouses > 0 && m->last_name >= 0 && m->last_name <= 255;
    return m->complete;
}

/* The names of those of our nine tables that are there. */
static enum err find_tables(PGconn *conn, struct text *names, int *count, struct fault *fault)
{
    PGresult *r;
    enum err  code = load_ask(conn, sql_load_find_tables, 0, NULL, &r, fault);
    if (code != OK)
        return code;
    *count = PQntuples(r);
    for (int i = 0; i < *count; i++)
        text_printf(names, "%s%s", i ? ", " : "", PQgetvalue(r, i, 0));
    PQclear(r);
    return OK;
}

static enum err read_mark(PGconn *conn, struct load_mark *mark, bool *ours, struct fault *fault)
{
    PGresult *r;
    enum err  code = load_ask(conn, sql_load_read_mark, 0, NULL, &r, fault);
    if (code != OK)
        return code;
    *ours = PQntuples(r) == 1 && load_mark_read(PQgetvalue(r, 0, 0), mark);
    PQclear(r);
    return OK;
}

static enum err write_mark(PGconn *conn, const struct load_mark *mark, struct fault *fault)
{
    char text[LOAD_MARK_SIZE];
    load_mark_print(mark, text);
    const char *values[] = { text };
    enum err    code = load_ask(conn, sql_load_set_mark, 1, values, NULL, fault);
    return code != OK ? code : load_ask(conn, sql_load_write_mark, 0, NULL, NULL, fault);
}

static enum err make_room(PGconn *conn, bool force, struct fault *fault)
{
    struct text      names CLEANUP(text_done);
    struct load_mark mark;
    bool             ours = false;
    int              found = 0;
    text_init(&names, 200);
    enum err code = find_tables(conn, &names, &found, fault);
    if (code != OK || found == 0)
        return code;
    code = read_mark(conn, &mark, &ours, fault);
    if (code != OK)
        return code;
    if (!ours) {
        code = fail(fault, ERR_STATE, "the database has tables of these names that were not made by homeostat-load: %s", names.s);
        fail_hint(fault, "load into an empty database of its own: they may be somebody's data, so --force does not drop them");
        return code;
    }
    if (!force) {
        code = fail(fault, ERR_STATE, "the tables are there already: %s", names.s);
        fail_hint(fault, "--force drops them and loads anew");
        return code;
    }
    return load_ask(conn, sql_load_drop_tables, 0, NULL, NULL, fault);
}

enum err load_schema_create(PGconn *conn, bool force, struct fault *fault)
{
    struct load_mark loading = { 0 };
    enum err         code = load_ask(conn, sql_load_begin, 0, NULL, NULL, fault);
    if (code == OK)
        code = make_room(conn, force, fault);
    if (code == OK)
        code = load_ask(conn, sql_load_create_tables, 0, NULL, NULL, fault);
    if (code == OK)
        code = write_mark(conn, &loading, fault);
    if (code == OK)
        code = load_ask(conn, sql_load_commit, 0, NULL, NULL, fault);
    return code;   /* a failure takes the transaction with it when the connection is closed */
}

enum err load_schema_finish(PGconn *conn, bool foreign_keys, const struct load_mark *mark, struct fault *fault)
{
    enum err code = foreign_keys ? load_ask(conn, sql_load_foreign_keys, 0, NULL, NULL, fault) : OK;
    if (code == OK)
        code = load_ask(conn, sql_load_analyze, 0, NULL, NULL, fault);
    return code != OK ? code : write_mark(conn, mark, fault);
}

enum err load_schema_inspect(PGconn *conn, struct load_mark *mark, struct fault *fault)
{
    struct text names CLEANUP(text_done);
    bool        ours = false;
    int         found = 0;
    text_init(&names, 200);
    enum err code = find_tables(conn, &names, &found, fault);
    if (code == OK && found == TABLES)
        code = read_mark(conn, mark, &ours, fault);
    if (code != OK)
        return code;
    if (found < TABLES) {
        code = found == 0 ? fail(fault, ERR_MISSING, "the database has no TPC-C tables")
                          : fail(fault, ERR_MISSING, "the database has only some of the nine TPC-C tables: %s", names.s);
        fail_hint(fault, "homeostat-load load --dsn ... --warehouses N makes them");
    } else if (!ours) {
        code = fail(fault, ERR_MISSING, "the TPC-C tables in this database were not loaded by homeostat-load");
        fail_hint(fault, "load into another database: homeostat-load load --dsn ... --warehouses N");
    } else if (!mark->complete) {
        code = fail(fault, ERR_MISSING, "an earlier load of this database did not finish");
        fail_hint(fault, "homeostat-load load --dsn ... --warehouses N --force starts again");
    }
    return code;
}
