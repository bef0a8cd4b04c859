/* load/populate.c - TPC-C: one job for the items and one for each warehouse, then one for each key. */
#include "load/populate.h"

#include "base/clock.h"
#include "load/jobs.h"
#include "load/rows.h"
#include "load/schema.h"
#include "load/sql.h"
#include "load/tpch_populate.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

static const struct { enum load_table table; const char *sql; } copies[] = {
    { LOAD_WAREHOUSE, sql_load_copy_warehouse }, { LOAD_DISTRICT, sql_load_copy_district }, { LOAD_CUSTOMER, sql_load_copy_customer },
    { LOAD_HISTORY, sql_load_copy_history }, { LOAD_ORDER, sql_load_copy_orders }, { LOAD_NEW_ORDER_ROW, sql_load_copy_new_order },
    { LOAD_ORDER_LINE, sql_load_copy_order_line }, { LOAD_STOCK, sql_load_copy_stock },
};

struct piece { const struct load_content *content; enum load_table table; int warehouse; };

static enum err write_piece(void *ctx, struct load_sink *sink, struct fault *fault)
{
    const struct piece *p = ctx;
    return load_rows_write(p->content, p->table, p->warehouse, sink, fault);
}

/* Job 0 is the item table, job w is warehouse w. */
static enum err rows_job(struct load_jobs *j, PGconn *conn, int number, struct fault *fault)
{
    struct piece p = { .content = j->ctx, .table = LOAD_ITEM, .warehouse = number };
    if (number == 0)
        return load_jobs_copy(j, conn, sql_load_copy_item, write_piece, &p, fault);
    enum err code = load_ask(conn, sql_load_begin, 0, NULL, NULL, fault);
    for (size_t i = 0; i < sizeof copies / sizeof copies[0] && code == OK; i++) {
        p.table = copies[i].table;
        code = load_jobs_copy(j, conn, copies[i].sql, write_piece, &p, fault);
    }
    return code != OK ? code : load_ask(conn, sql_load_commit, 0, NULL, NULL, fault);
}

static enum err key_job(struct load_jobs *j, PGconn *conn, int number, struct fault *fault)
{
    (void)j;
    return load_ask(conn, load_layout_tpcc.keys[number], 0, NULL, NULL, fault);
}

static enum err populate(const struct load_options *o, struct load_jobs *j, const struct load_content *content, struct fault *fault)
{
    PGconn *conn = NULL;
    char    label[200] = "";
    int     threads = load_jobs_threads(o->threads, o->warehouses, sysconf(_SC_NPROCESSORS_ONLN));
    double  rows = (double)load_rows_expected(LOAD_ITEM);
    for (size_t i = 0; i < sizeof copies / sizeof copies[0]; i++)
        rows += (double)o->warehouses * (double)load_rows_expected(copies[i].table);

    enum err code = load_target_open_patiently(j->target, &conn, fault);
    if (code == OK) {
        load_target_label(conn, label, sizeof label);
        code = load_schema_create(conn, &load_layout_tpcc, o->force, fault);
    }
    if (code == OK)
        code = load_jobs_run(j, rows_job, (int)o->warehouses + 1, threads, "rows", rows, fault);
    if (code == OK)
        code = load_jobs_run(j, key_job, (int)load_layout_tpcc.key_count, threads, "keys and indexes", 0, fault);
    if (code == OK) {
        load_jobs_show(j, "statistics", 0);
        struct load_mark mark = { .complete = true, .warehouses = (int)o->warehouses, .last_name = content->constants.last_name, .seed = (int64_t)content->seed };
        code = load_schema_finish(conn, &load_layout_tpcc, o->foreign_keys, &mark, fault);
    }
    PQfinish(conn);
    if (code == OK)
        printf("loaded %" PRId64 " warehouses (%" PRIu64 " rows) into %s in %.1f s, seed %" PRIu64 "\n", o->warehouses, j->rows, label,
               (double)(clock_mono_us(&clock_real) - j->started_us) / 1e6, content->seed);
    return code;
}

static enum err populate_tpcc(const struct load_options *o, const struct load_target *target, uint64_t seed, struct fault *fault)
{
    struct load_content content = { .seed = seed };
    struct load_jobs    jobs;
    struct rand         rand;
    rand_seed(&rand, seed);
    load_constants_draw(&content.constants, &rand);
    (void)clock_format(clock_wall_us(&clock_real), content.now, sizeof content.now);
    load_jobs_init(&jobs, target, NULL, &content);
    enum err code = populate(o, &jobs, &content, fault);
    load_jobs_done(&jobs);
    return code;
}

int load_populate(const struct load_options *o)
{
    struct fault       fault = { 0 };
    struct load_target target;
    bool               tpcc = load_options_want(o, LOAD_BENCH_TPCC), tpch = load_options_want(o, LOAD_BENCH_TPCH);
    enum err           code = load_options_agree(o, &fault);
    if (code != OK)
        return load_options_complain(code, &fault);
    if (tpcc && o->warehouses == 0)
        code = fail(&fault, ERR_INPUT, "how many warehouses? --warehouses N, each about 100 MB");
    else if (tpch && o->scale == 0)
        code = fail(&fault, ERR_INPUT, "which scale factor? --scale F; 1 is about 1.6 GB");
    else if ((code = load_target_parse(o->dsn, &target, &fault)) == OK) {
        uint64_t seed = o->seed ? (uint64_t)o->seed : (uint64_t)clock_wall_us(&clock_real) % 1000000000 + 1;
        if (tpcc)
            code = populate_tpcc(o, &target, seed, &fault);
        if (tpch && code == OK)
            code = load_populate_tpch(o, &target, seed, &fault);
        load_target_done(&target);
    }
    return code == OK ? 0 : load_options_complain(code, &fault);
}
