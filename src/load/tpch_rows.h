/*
 * load/tpch_rows.h - the contents of TPC-H's eight tables (clause 4.2.3), drawn from a seed and written as COPY rows.
 *
 * Every row is a function of the seed, the scale and its own number alone.  So
 * any range of rows can be written by anybody in any order, and orders and
 * lineitem, which must agree with each other, are drawn from the same order.
 *
 * Two liberties.  Below scale factor 0.0229 the rule that gives a part its four
 * suppliers would name one twice for some parts; those take the rule's first
 * term alone.  And comments are not the specification's prose (see tpch_words.h).
 */
#ifndef LOAD_TPCH_ROWS_H
#define LOAD_TPCH_ROWS_H

#include "base/err.h"
#include "load/sink.h"

#include <stdint.h>

#define LOAD_SCALE_LEAST 0.001
#define LOAD_SCALE_MOST  1000.0
#define LOAD_DAYS        2557      /* 1992-01-01 to 1998-12-31; a date is a number of days from the first */
#define LOAD_DAY_TODAY   1263      /* 1995-06-17 */
#define LOAD_DAY_LAST_ORDER (LOAD_DAYS - 1 - 151)
#define LOAD_PART_SUPPLIERS 4
#define LOAD_ORDER_LINES_MAX 7

enum load_tpch_table {
    TPCH_REGION, TPCH_NATION, TPCH_SUPPLIER, TPCH_CUSTOMER, TPCH_PART, TPCH_PARTSUPP, TPCH_ORDERS, TPCH_LINEITEM, TPCH_TABLES
};

struct load_tpch {
    uint64_t seed, base[TPCH_TABLES];                       /* what a table's rows are drawn from */
    double   scale;                                         /* exactly suppliers / 10000 */
    int64_t  suppliers, parts, customers, orders, clerks;
    char     dates[LOAD_DAYS][11];
};

/* scale is rounded to four decimals. */
void load_tpch_init(struct load_tpch *t, double scale, uint64_t seed);

/* How many things a table is written by: its rows, but parts for partsupp (four rows each) and orders for lineitem (1 to 7). */
int64_t load_tpch_units(const struct load_tpch *t, enum load_tpch_table table);
/* Rows in all; of lineitem, how many to expect. */
int64_t load_tpch_rows_expected(const struct load_tpch *t, enum load_tpch_table table);

/* Units from (counted from 0) up to but not including to. */
MUST_CHECK enum err load_tpch_write(const struct load_tpch *t, enum load_tpch_table table, int64_t from, int64_t to, struct load_sink *sink, struct fault *fault);

/* -- what the rows are made of; for the tables above, and for tests -- */

struct load_tpch_line {
    int64_t part, supplier, price_cents;                    /* price of all of the quantity */
    int     quantity, discount, tax;                        /* hundredths */
    int     shipped, promised, received;                    /* dates */
    char    returned, status;
    int     instruction, mode;
};

struct load_tpch_order {
    int64_t               key, customer, total_cents, clerk;
    int                   date, priority, lines;
    char                  status;
    struct load_tpch_line line[LOAD_ORDER_LINES_MAX];
    struct rand           rest;                             /* for what else its row draws */
};

void load_tpch_draw_order(const struct load_tpch *t, int64_t number, struct load_tpch_order *o);   /* number from 0 */

int64_t load_tpch_order_key(int64_t number);                                                      /* 8 of each 32 keys are used */
int64_t load_tpch_part_supplier(const struct load_tpch *t, int64_t part, int which);              /* which: 0..3, four different ones */
int64_t load_tpch_part_price_cents(int64_t part);

enum load_complaint { LOAD_PLAIN, LOAD_COMPLAINS, LOAD_RECOMMENDS };
enum load_complaint load_tpch_supplier_complaint(const struct load_tpch *t, int64_t supplier);    /* 5 of each for every 10,000 suppliers, at least one */

#endif
