/* load/schema.c - see the header; the statements are in sql/load/schema.sql and tpch_schema.sql. */
#include "load/schema.h"

#include "base/text.h"
#include "load/sql.h"
#include "load/target.h"
#include "load/tpch_rows.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MARK_LOADING "homeostat-load: loading"
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void print_tpcc(const struct load_mark *m, char out[LOAD_MARK_SIZE])
{
    (void)snprintf(out, LOAD_MARK_SIZE, "homeostat-load: warehouses=%d c_last=%d seed=%" PRId64, m->warehouses, m->last_name, m->seed);
}

static bool read_tpcc(const char *text, struct load_mark *m)
{
    return sscanf(text, "homeostat-load: warehouses=%d c_last=%d seed=%" SCNd64, &m->warehouses, &m->last_name, &m->seed) == 3 &&
           m->warehouses > 0 && m->last_name >= 0 && m->last_name <= 255;
}

static void print_tpch(const struct load_mark *m, char out[LOAD_MARK_SIZE])
{
    (void)snprintf(out, LOAD_MARK_SIZE, "homeostat-load: scale=%.4f seed=%" PRId64, m->scale, m->seed);
}

static bool read_tpch(const char *text, struct load_mark *m)
{
    return sscanf(text, "homeostat-load: scale=%lf seed=%" SCNd64, &m->scale, &m->seed) == 2 && m->scale > 0 && m->scale <= LOAD_SCALE_MOST;
}

/* The long ones first, so that two connections finish at about the same time. */
static const char *const keys_tpcc[] = {
    sql_load_key_order_line, sql_load_key_stock, sql_load_key_customer, sql_load_index_customer_name, sql_load_key_orders,
    sql_load_index_orders_customer, sql_load_key_item, sql_load_key_new_order, sql_load_key_district, sql_load_key_warehouse,
};
/* Primary keys first. */
static const char *const keys_tpch[] = {
    sql_load_tpch_key_lineitem, sql_load_tpch_key_orders, sql_load_tpch_key_partsupp, sql_load_tpch_key_part, sql_load_tpch_key_customer,
    sql_load_tpch_key_supplier, sql_load_tpch_key_nation, sql_load_tpch_key_region,
    sql_load_tpch_index_lineitem_part, sql_load_tpch_index_lineitem_shipped, sql_load_tpch_index_orders_customer, sql_load_tpch_index_orders_date,
    sql_load_tpch_index_partsupp_supplier, sql_load_tpch_index_customer_nation, sql_load_tpch_index_supplier_nation,
};

const struct load_layout load_layout_tpcc = {
    .name = "TPC-C", .hint = "homeostat-load load --dsn ... --warehouses N", .tables = 9,
    .find = sql_load_find_tables, .create = sql_load_create_tables, .drop = sql_load_drop_tables, .foreign_keys = sql_load_foreign_keys,
    .analyze = sql_load_analyze, .read_mark = sql_load_read_mark, .write_mark = sql_load_write_mark,
    .keys = keys_tpcc, .key_count = COUNT(keys_tpcc), .primary_count = COUNT(keys_tpcc), .print = print_tpcc, .read = read_tpcc,
};
const struct load_layout load_layout_tpch = {
    .name = "TPC-H", .hint = "homeostat-load load --bench tpch --dsn ... --scale F", .tables = TPCH_TABLES,
    .find = sql_load_tpch_find_tables, .create = sql_load_tpch_create_tables, .drop = sql_load_tpch_drop_tables, .foreign_keys = sql_load_tpch_foreign_keys,
    .analyze = sql_load_tpch_analyze, .read_mark = sql_load_tpch_read_mark, .write_mark = sql_load_tpch_write_mark,
    .keys = keys_tpch, .key_count = COUNT(keys_tpch), .primary_count = TPCH_TABLES, .print = print_tpch, .read = read_tpch,
};

void load_mark_print(const struct load_layout *l, const struct load_mark *m, char out[LOAD_MARK_SIZE])
{
    if (m->complete)
        l->print(m, out);
    else
        (void)snprintf(out, LOAD_MARK_SIZE, "%s", MARK_LOADING);
}

bool load_mark_read(const struct load_layout *l, const char *text, struct load_mark *m)
{
    *m = (struct load_mark){ 0 };
    if (strcmp(text, MARK_LOADING) == 0)
        return true;
    m->complete = l->read(text, m);
    return m->complete;
}

enum err load_schema_name_check(const char *name, struct fault *fault)
{
    bool ok = *name && !isdigit((unsigned char)*name) && strlen(name) <= 63 && strncmp(name, "pg_", 3) != 0;
    for (const char *p = name; *p; p++)
        ok = ok && ((*p >= 'a' && *p <= 'z') || isdigit((unsigned char)*p) || *p == '_');
    if (ok)
        return OK;
    enum err code = fail(fault, ERR_INPUT, "\"%.80s\" is no name for a schema", name);
    fail_hint(fault, "small letters, digits and _, like tpch or olap_1");
    return code;
}

enum err load_schema_enter(PGconn *conn, const char *schema, bool create, struct fault *fault)
{
    enum err code = load_ask(conn, sql_load_tpch_set_path, 1, &schema, NULL, fault);
    return code == OK && create ? load_ask(conn, sql_load_tpch_create_schema, 0, NULL, NULL, fault) : code;
}

/* The names of those of our tables that are there. */
static enum err find_tables(PGconn *conn, const struct load_layout *l, struct text *names, int *count, struct fault *fault)
{
    PGresult *r;
    enum err  code = load_ask(conn, l->find, 0, NULL, &r, fault);
    if (code != OK)
        return code;
    *count = PQntuples(r);
    for (int i = 0; i < *count; i++)
        text_printf(names, "%s%s", i ? ", " : "", PQgetvalue(r, i, 0));
    PQclear(r);
    return OK;
}

static enum err read_mark(PGconn *conn, const struct load_layout *l, struct load_mark *mark, bool *ours, struct fault *fault)
{
    PGresult *r;
    enum err  code = load_ask(conn, l->read_mark, 0, NULL, &r, fault);
    if (code != OK)
        return code;
    *ours = PQntuples(r) == 1 && load_mark_read(l, PQgetvalue(r, 0, 0), mark);
    PQclear(r);
    return OK;
}

static enum err write_mark(PGconn *conn, const struct load_layout *l, const struct load_mark *mark, struct fault *fault)
{
    char text[LOAD_MARK_SIZE];
    load_mark_print(l, mark, text);
    const char *values[] = { text };
    enum err    code = load_ask(conn, sql_load_set_mark, 1, values, NULL, fault);
    return code != OK ? code : load_ask(conn, l->write_mark, 0, NULL, NULL, fault);
}

static enum err make_room(PGconn *conn, const struct load_layout *l, bool force, struct fault *fault)
{
    struct text      names CLEANUP(text_done);
    struct load_mark mark;
    bool             ours = false;
    int              found = 0;
    text_init(&names, 200);
    enum err code = find_tables(conn, l, &names, &found, fault);
    if (code != OK || found == 0)
        return code;
    code = read_mark(conn, l, &mark, &ours, fault);
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
    return load_ask(conn, l->drop, 0, NULL, NULL, fault);
}

enum err load_schema_create(PGconn *conn, const struct load_layout *l, bool force, struct fault *fault)
{
    struct load_mark loading = { 0 };
    enum err         code = load_ask(conn, sql_load_begin, 0, NULL, NULL, fault);
    if (code == OK)
        code = make_room(conn, l, force, fault);
    if (code == OK)
        code = load_ask(conn, l->create, 0, NULL, NULL, fault);
    if (code == OK)
        code = write_mark(conn, l, &loading, fault);
    if (code == OK)
        code = load_ask(conn, sql_load_commit, 0, NULL, NULL, fault);
    return code;   /* a failure takes the transaction with it when the connection is closed */
}

enum err load_schema_finish(PGconn *conn, const struct load_layout *l, bool foreign_keys, const struct load_mark *mark, struct fault *fault)
{
    /* First, for keys are checked by indexes alone only where it is known that all see the rows: else each is read, at random. */
    enum err code = load_ask(conn, l->analyze, 0, NULL, NULL, fault);
    if (code == OK && foreign_keys)
        code = load_ask(conn, l->foreign_keys, 0, NULL, NULL, fault);
    return code != OK ? code : write_mark(conn, l, mark, fault);
}

enum err load_schema_inspect(PGconn *conn, const struct load_layout *l, struct load_mark *mark, struct fault *fault)
{
    struct text names CLEANUP(text_done);
    bool        ours = false;
    int         found = 0;
    text_init(&names, 200);
    enum err code = find_tables(conn, l, &names, &found, fault);
    if (code == OK && found == l->tables)
        code = read_mark(conn, l, mark, &ours, fault);
    if (code != OK)
        return code;
    if (found < l->tables) {
        code = found == 0 ? fail(fault, ERR_MISSING, "the database has no %s tables", l->name)
                          : fail(fault, ERR_MISSING, "the database has only some of the %s %s tables: %s", l == &load_layout_tpcc ? "nine" : "eight", l->name, names.s);
        fail_hint(fault, "%s makes them", l->hint);
    } else if (!ours) {
        code = fail(fault, ERR_MISSING, "the %s tables in this database were not loaded by homeostat-load", l->name);
        fail_hint(fault, "load into another database: %s", l->hint);
    } else if (!mark->complete) {
        code = fail(fault, ERR_MISSING, "an earlier load of this database did not finish");
        fail_hint(fault, "%s --force starts again", l->hint);
    }
    return code;
}
