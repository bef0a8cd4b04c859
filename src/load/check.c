/* load/check.c - see the header; the statements are in sql/load/check.sql and tpch_check.sql. */
#include "load/check.h"

#include "base/text.h"
#include "load/random.h"
#include "load/schedule.h"
#include "load/schema.h"
#include "load/sql.h"
#include "load/target.h"

#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* by_size: $1 is the number of suppliers. each: how many of `things` a warehouse has that must be looked at; 0: none must. */
struct condition { const char *name, *text, *sql; bool by_size; int each; const char *things; };

static const struct condition conditions_tpcc[] = {
    { "1", "a warehouse's year-to-date sum is that of its districts", sql_load_check_1, false, 1, "warehouses" },
    { "2", "a district's next order number follows the last order, and the last undelivered one", sql_load_check_2, false, LOAD_DISTRICTS, "districts" },
    { "3", "a district's undelivered orders have no gaps", sql_load_check_3, false, 0, NULL },
    { "4", "a district has as many order lines as its orders say", sql_load_check_4, false, LOAD_DISTRICTS, "districts with orders" },
};
static const struct condition conditions_tpch[] = {
    { "rows", "the tables have the rows that the scale factor asks for", sql_load_tpch_check_rows, true, 0, NULL },
    { "lines", "orders have 1 to 7 lines, 4 on average", sql_load_tpch_check_lines, true, 0, NULL },
    { "references", "what a row refers to exists", sql_load_tpch_check_references, true, 0, NULL },
    { "orders", "an order's total and status are those of its lines, and its keys are ones that orders may have", sql_load_tpch_check_orders, true, 0, NULL },
    { "values", "a line's price, dates and flags follow from its order, its part and each other", sql_load_tpch_check_line_values, true, 0, NULL },
    { "suppliers", "a part has four suppliers", sql_load_tpch_check_part_suppliers, true, 0, NULL },
};
#define CONDITIONS_MAX 10

struct finding { const struct condition *condition; long long looked_at, violations; char first[300]; };
struct findings { struct finding list[CONDITIONS_MAX]; size_t count; };

/* A condition holds for each thing that is there, so of empty tables everything would hold. */
static void miss(struct finding *f, long long loaded)
{
    if (f->looked_at >= loaded)
        return;
    if (f->violations == 0)
        (void)snprintf(f->first, sizeof f->first, "%lld %s are there, %lld were loaded", f->looked_at, f->condition->things, loaded);
    f->violations += loaded - f->looked_at;
}

static enum err look(PGconn *conn, const struct condition *condition, const struct load_mark *mark, struct findings *found, struct fault *fault)
{
    PGresult   *r;
    char        size[32];
    const char *values[] = { size };
    (void)snprintf(size, sizeof size, "%lld", llround(mark->scale * 10000));
    enum err code = load_ask(conn, condition->sql, condition->by_size ? 1 : 0, values, &r, fault);
    if (code != OK)
        return code;
    struct finding *f = &found->list[found->count++];
    f->condition = condition;
    f->looked_at = atoll(PQgetvalue(r, 0, 0));
    f->violations = atoll(PQgetvalue(r, 0, 1));
    (void)snprintf(f->first, sizeof f->first, "%s", PQgetvalue(r, 0, 2));
    PQclear(r);
    miss(f, (long long)condition->each * mark->warehouses);
    return OK;
}

/* All conditions of one benchmark at one moment. */
static enum err look_at_all(PGconn *conn, const struct load_layout *l, const struct condition *list, size_t n, struct findings *found, struct fault *fault)
{
    struct load_mark mark;
    enum err         code = load_schema_inspect(conn, l, &mark, fault);
    if (code == OK)
        code = load_ask(conn, sql_load_begin_snapshot, 0, NULL, NULL, fault);
    for (size_t i = 0; i < n && code == OK; i++)
        code = look(conn, &list[i], &mark, found, fault);
    return code == OK ? load_ask(conn, sql_load_commit, 0, NULL, NULL, fault) : code;
}

static void print_text(const struct findings *found)
{
    for (size_t i = 0; i < found->count; i++) {
        const struct finding *f = &found->list[i];
        printf("condition %s %-8s  %s (%lld looked at", f->condition->name, f->violations ? "VIOLATED" : "ok", f->condition->text, f->looked_at);
        if (f->violations)
            printf(", %lld wrong; for example %s", f->violations, f->first);
        puts(")");
    }
}

/* TPC-C's conditions have numbers, TPC-H's have names. */
static json_t *name_of(const struct condition *c)
{
    int number = atoi(c->name);
    return number ? json_integer(number) : json_string(c->name);
}

static void put_object(json_t *o)
{
    (void)json_dumpf(o, stdout, JSON_COMPACT | JSON_REAL_PRECISION(12));
    putchar('\n');
    json_decref(o);
}

static void print_json(const struct findings *found, bool consistent)
{
    json_t *list = json_array();
    for (size_t i = 0; i < found->count; i++) {
        const struct finding *f = &found->list[i];
        json_array_append_new(list, json_pack("{s:o, s:s, s:b, s:I, s:I, s:s?}", "condition", name_of(f->condition), "text", f->condition->text, "ok", f->violations == 0, "looked_at",
                                              (json_int_t)f->looked_at, "violations", (json_int_t)f->violations, "first", f->violations ? f->first : NULL));
    }
    put_object(json_pack("{s:b, s:o}", "consistent", consistent, "conditions", list));
}

static enum err look_at_database(const struct load_options *o, PGconn *conn, struct findings *found, struct fault *fault)
{
    enum err code = OK;
    if (load_options_want(o, LOAD_BENCH_TPCC))
        code = look_at_all(conn, &load_layout_tpcc, conditions_tpcc, sizeof conditions_tpcc / sizeof conditions_tpcc[0], found, fault);
    if (code == OK && load_options_want(o, LOAD_BENCH_TPCH)) {
        code = load_schema_enter(conn, o->schema, false, fault);
        if (code == OK)
            code = look_at_all(conn, &load_layout_tpch, conditions_tpch, sizeof conditions_tpch / sizeof conditions_tpch[0], found, fault);
    }
    return code;
}

static bool wants_json(const struct load_options *o) { return strcmp(o->output, "json") == 0 || o->json; }

static int check_database(const struct load_options *o)
{
    struct load_target target;
    struct fault       fault = { 0 };
    struct findings    found = { 0 };
    PGconn            *conn = NULL;
    enum err           code = load_target_parse(o->dsn, &target, &fault);
    if (code == OK) {
        code = load_target_open_patiently(&target, &conn, &fault);
        if (code == OK)
            code = look_at_database(o, conn, &found, &fault);
        PQfinish(conn);
        load_target_done(&target);
    }
    if (code != OK)
        return load_options_complain(code, &fault);
    bool consistent = true;
    for (size_t i = 0; i < found.count; i++)
        consistent = consistent && found.list[i].violations == 0;
    if (wants_json(o))
        print_json(&found, consistent);
    else
        print_text(&found);
    return consistent ? 0 : 1;
}

/* -- a schedule -------------------------------------------------------------------------------------------------------- */

/* What is at work when a phase begins (after its ramp) and when it ends. */
static void print_spell_text(const struct load_schedule *s, size_t i, int64_t begin_us)
{
    const struct load_spell *p = &s->spell[i];
    struct load_share        from = load_schedule_at(s, begin_us + p->ramp_us < begin_us + p->duration_us ? begin_us + p->ramp_us : begin_us), to = load_schedule_at(s, begin_us + p->duration_us - 1);
    printf("%10.1f s  %-20s %8.1f s  TPC-C %5.1f %% to %5.1f %%  TPC-H %5.1f %% to %5.1f %%", (double)begin_us / 1e6, p->name, (double)p->duration_us / 1e6, 100 * from.tpcc,
           100 * to.tpcc, 100 * from.tpch, 100 * to.tpch);
    if (p->ramp_us)
        printf("  after a ramp of %.1f s", (double)p->ramp_us / 1e6);
    if (p->period_us)
        printf("  in waves of %.1f s", (double)p->period_us / 1e6);
    putchar('\n');
}

static void print_schedule_text(const struct load_schedule *s)
{
    int64_t begin_us = 0;
    for (size_t i = 0; i < s->count; begin_us += s->spell[i++].duration_us)
        print_spell_text(s, i, begin_us);
    printf("%zu phases, %.1f s", s->count, (double)s->cycle_us / 1e6);
    if (s->repeat == 0)
        printf(", for ever");
    else if (s->repeat > 1)
        printf(", %" PRId64 " times", s->repeat);
    struct load_share most = load_schedule_most(s);
    if (most.tpcc > 0 && s->rate > 0)
        printf("; TPC-C: up to %g transactions/s, %" PRId64 " clients", most.tpcc * s->rate, s->clients);
    else if (most.tpcc > 0)
        printf("; TPC-C: up to %g of %" PRId64 " clients", most.tpcc * (double)s->clients, s->clients);
    if (most.tpch > 0)
        printf("; TPC-H: up to %g of %" PRId64 " streams", most.tpch * (double)s->streams, s->streams);
    putchar('\n');
}

static void print_schedule_json(const struct load_schedule *s)
{
    json_t *list = json_array();
    int64_t begin_us = 0;
    for (size_t i = 0; i < s->count; begin_us += s->spell[i++].duration_us)
        json_array_append_new(list, json_pack("{s:s, s:f, s:f, s:f, s:f, s:f}", "name", s->spell[i].name, "from_s", (double)begin_us / 1e6, "seconds",
                                              (double)s->spell[i].duration_us / 1e6, "ramp_s", (double)s->spell[i].ramp_us / 1e6, "tpcc_share", s->spell[i].share.tpcc,
                                              "tpch_share", s->spell[i].share.tpch));
    json_t *o = json_pack("{s:b, s:f, s:I, s:I, s:f, s:I, s:o}", "ok", true, "cycle_s", (double)s->cycle_us / 1e6, "repeat", (json_int_t)s->repeat, "clients", (json_int_t)s->clients,
                          "rate", s->rate, "streams", (json_int_t)s->streams, "phases", list);
    put_object(o);
}

static int check_schedule(const struct load_options *o)
{
    struct load_schedule    *s = calloc(1, sizeof *s);
    struct conf_complaints   all CLEANUP(conf_complaints_done);
    struct fault             fault = { 0 };
    conf_complaints_init(&all);
    enum err code = s ? load_schedule_read(o->schedule, s, &all, &fault) : fail(&fault, ERR_LIMIT, "no memory for a schedule");
    if (code == OK) {
        (wants_json(o) ? print_schedule_json : print_schedule_text)(s);
    } else if (all.count == 0) {
        (void)load_options_complain(code, &fault);
    } else if (wants_json(o)) {
        put_object(json_pack("{s:b, s:o}", "ok", false, "complaints", conf_complaints_json(&all)));
    } else {
        struct text text CLEANUP(text_done);
        text_init(&text, 100000);
        conf_complaints_text(&all, &text);
        fputs(text.s, stderr);
    }
    free(s);
    return code == OK ? 0 : 2;
}

int load_check(const struct load_options *o)
{
    struct fault fault = { 0 };
    enum err     code = load_options_agree(o, &fault);
    if (code != OK)
        return load_options_complain(code, &fault);
    return *o->schedule ? check_schedule(o) : check_database(o);
}
