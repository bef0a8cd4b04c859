/*
 * load/rows.h - the first contents of the tables (clause 4.3.3.1), written as COPY rows.
 *
 * The same scale and seed give the same rows, whatever the number of threads, but for the time of day.
 */
#ifndef LOAD_ROWS_H
#define LOAD_ROWS_H

#include "base/err.h"
#include "load/random.h"
#include "load/sink.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct load_content {
    uint64_t              seed;
    struct load_constants constants;
    char                  now[32];   /* the moment of the load, as the server reads it */
};

enum load_table { LOAD_ITEM, LOAD_WAREHOUSE, LOAD_STOCK, LOAD_DISTRICT, LOAD_CUSTOMER, LOAD_HISTORY, LOAD_ORDER, LOAD_NEW_ORDER_ROW, LOAD_ORDER_LINE, LOAD_TABLES };

/* How many rows a table has for one warehouse (LOAD_ITEM: in all); of order lines, how many to expect. */
int64_t load_rows_expected(enum load_table table);

/* Write one table's rows for one warehouse (LOAD_ITEM: for all of them; warehouse is then 0). */
MUST_CHECK enum err load_rows_write(const struct load_content *content, enum load_table table, int warehouse, struct load_sink *sink, struct fault *fault);

#endif
