/* load/check.c - see the header; the statements are in sql/load/check.sql. */
#include "load/check.h"

#include "load/schema.h"
#include "load/sql.h"
#include "load/target.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static const struct { int number; const char *text, *sql; } conditions[] = {
    { 1, "a warehouse's year-to-date sum is that of its districts", sql_load_check_1 },
    { 2, "a district's next order number follows the last order, and the last undelivered one", sql_load_check_2 },
    { 3, "a district's undelivered orders have no gaps", sql_load_check_3 },
    { 4, "a district has as many order lines as its orders say", sql_load_check_4 },
};
#define CONDITIONS (sizeof conditions / sizeof conditions[0])

struct finding { long long looked_at, violations; char first[300]; };

static enum err look(PGconn *conn, const char *sql, struct finding *f, struct fault *fault)
{
    PGresult *r;
    enum err  code = load_ask(conn, sql, 0, NULL, &r, fault);
    if (code != OK)
        return code;
    f->looked_at = atoll(PQgetvalue(r, 0, 0));
    f->violations = atoll(PQgetvalue(r, 0, 1));
    (void)snprintf(f->first, sizeof f->first, "%s", PQgetvalue(r, 0, 2));
    PQclear(r);
    return OK;
}

static enum err look_at_all(PGconn *conn, struct finding found[CONDITIONS], struct fault *fault)
{
    struct load_mark mark;
    enum err         code = load_schema_inspect(conn, &mark, fault);
    if (code == OK)
        code = load_ask(conn, sql_load_begin_snapshot, 0, NULL, NULL, fault);
    for (size_t i = 0; i < CONDITIONS && code == OK; i++)
        code = look(conn, conditions[i].sql, &found[i], fault);
    return code;
}

static void print_text(const struct finding found[CONDITIONS])
{
    for (size_t i = 0; i < CONDITIONS; i++) {
        printf("condition %d %-8s  %s (%lld looked at", conditions[i].number, found[i].violations ? "VIOLATED" : "ok", conditions[i].text, found[i].looked_at);
        if (found[i].violations)
            printf(", %lld wrong; for example %s", found[i].violations, found[i].first);
        puts(")");
    }
}

static void print_json(const struct finding found[CONDITIONS], bool consistent)
{
    json_t *list = json_array();
    for (size_t i = 0; i < CONDITIONS; i++)
        json_array_append_new(list, json_pack("{s:i, s:s, s:b, s:I, s:I, s:s?}", "condition", conditions[i].number, "text", conditions[i].text, "ok",
                                              found[i].violations == 0, "looked_at", (json_int_t)found[i].looked_at, "violations",
                                              (json_int_t)found[i].violations, "first", found[i].violations ? found[i].first : NULL));
    json_t *o = json_pack("{s:b, s:o}", "consistent", consistent, "conditions", list);
    (void)json_dumpf(o, stdout, JSON_COMPACT);
    putchar('\n');
    json_decref(o);
}

int load_check(const struct load_options *o)
{
    struct load_target target;
    struct fault       fault = { 0 };
    struct finding     found[CONDITIONS] = { 0 };
    PGconn            *conn = NULL;
    enum err           code = load_target_parse(o->dsn, &target, &fault);
    if (code == OK) {
        code = load_target_open(&target, &conn, &fault);
        if (code == OK)
            code = look_at_all(conn, found, &fault);
        PQfinish(conn);
        load_target_done(&target);
    }
    if (code != OK)
        return load_options_complain(code, &fault);
    bool consistent = true;
    for (size_t i = 0; i < CONDITIONS; i++)
        consistent = consistent && found[i].violations == 0;
    if (strcmp(o->output, "json") == 0 || o->json)
        print_json(found, consistent);
    else
        print_text(found);
    return consistent ? 0 : 1;
}
