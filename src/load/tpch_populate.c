/* load/tpch_populate.c - each table is cut into chunks, each chunk is one COPY; then one job for each key. */
#include "load/tpch_populate.h"

#include "base/clock.h"
#include "load/jobs.h"
#include "load/schema.h"
#include "load/sql.h"
#include "load/tpch_rows.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHUNK_UNITS INT64_C(50000)      /* of orders: 50,000 rows, or 200,000 of lineitem (25 MB) */

/* The large ones first. */
static const struct { enum load_tpch_table table; const char *sql; } copies[] = {
    { TPCH_LINEITEM, sql_load_tpch_copy_lineitem }, { TPCH_ORDERS, sql_load_tpch_copy_orders },     { TPCH_PARTSUPP, sql_load_tpch_copy_partsupp },
    { TPCH_PART, sql_load_tpch_copy_part },         { TPCH_CUSTOMER, sql_load_tpch_copy_customer }, { TPCH_SUPPLIER, sql_load_tpch_copy_supplier },
    { TPCH_NATION, sql_load_tpch_copy_nation },     { TPCH_REGION, sql_load_tpch_copy_region },
};
_Static_assert(sizeof copies / sizeof copies[0] == TPCH_TABLES, "every table is filled");

struct chunk { const struct load_tpch *content; int copy; int64_t from, to; };

static enum err write_chunk(void *ctx, struct load_sink *sink, struct fault *fault)
{
    const struct chunk *c = ctx;
    return load_tpch_write(c->content, copies[c->copy].table, c->from, c->to, sink, fault);
}

/* Where chunk `number` of all chunks begins and ends. */
static struct chunk find_chunk(const struct load_tpch *t, int64_t number)
{
    for (int i = 0; i < TPCH_TABLES; i++) {
        int64_t units = load_tpch_units(t, copies[i].table), chunks = (units + CHUNK_UNITS - 1) / CHUNK_UNITS;
        if (number < chunks) {
            int64_t from = number * CHUNK_UNITS, to = from + CHUNK_UNITS;
            return (struct chunk){ t, i, from, to < units ? to : units };
        }
        number -= chunks;
    }
    abort();
}

static int count_chunks(const struct load_tpch *t)
{
    int64_t n = 0;
    for (int i = 0; i < TPCH_TABLES; i++)
        n += (load_tpch_units(t, copies[i].table) + CHUNK_UNITS - 1) / CHUNK_UNITS;
    return (int)n;
}

static enum err rows_job(struct load_jobs *j, PGconn *conn, int number, struct fault *fault)
{
    struct chunk c = find_chunk(j->ctx, number);
    return load_jobs_copy(j, conn, copies[c.copy].sql, write_chunk, &c, fault);
}

static enum err key_job(struct load_jobs *j, PGconn *conn, int number, struct fault *fault)
{
    (void)j;
    return load_ask(conn, load_layout_tpch.keys[number], 0, NULL, NULL, fault);
}

static enum err populate(const struct load_options *o, struct load_jobs *j, const struct load_tpch *t, struct fault *fault)
{
    const struct load_layout *l = &load_layout_tpch;
    PGconn                   *conn = NULL;
    char                      label[200] = "";
    double                    rows = 0;
    int                       chunks = count_chunks(t), threads = load_jobs_threads(o->threads, chunks, sysconf(_SC_NPROCESSORS_ONLN));
    for (int i = 0; i < TPCH_TABLES; i++)
        rows += (double)load_tpch_rows_expected(t, (enum load_tpch_table)i);

    enum err code = load_target_open_patiently(j->target, &conn, fault);
    if (code == OK) {
        load_target_label(conn, label, sizeof label);
        code = load_schema_enter(conn, o->schema, true, fault);
    }
    if (code == OK)
        code = load_schema_create(conn, l, o->force, fault);
    if (code == OK)
        code = load_jobs_run(j, rows_job, chunks, threads, "rows", rows, fault);
    if (code == OK)
        code = load_jobs_run(j, key_job, (int)(strcmp(o->indexes, "keys") == 0 ? l->primary_count : l->key_count), threads, "keys and indexes", 0, fault);
    if (code == OK) {
        load_jobs_show(j, "foreign keys and statistics", 0);
        struct load_mark mark = { .complete = true, .scale = t->scale, .seed = (int64_t)t->seed };
        code = load_schema_finish(conn, l, true, &mark, fault);
    }
    PQfinish(conn);
    if (code == OK)
        printf("loaded TPC-H at scale factor %g (%" PRIu64 " rows) into schema %s of %s in %.1f s, seed %" PRIu64 "\n", t->scale, j->rows, o->schema, label,
               (double)(clock_mono_us(&clock_real) - j->started_us) / 1e6, t->seed);
    return code;
}

enum err load_populate_tpch(const struct load_options *o, const struct load_target *target, uint64_t seed, struct fault *fault)
{
    struct load_jobs  jobs;
    struct load_tpch *t = malloc(sizeof *t);
    if (!t)
        return fail(fault, ERR_LIMIT, "no memory to load with");
    load_tpch_init(t, o->scale, seed);
    load_jobs_init(&jobs, target, o->schema, t);
    enum err code = populate(o, &jobs, t, fault);
    load_jobs_done(&jobs);
    free(t);
    return code;
}
