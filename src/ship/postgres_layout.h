/*
 * ship/postgres_layout.h - events as rows of PostgreSQL's binary COPY, one stream of rows for each of the three tables.
 *
 *     pg_rows_init(&rows); pg_rows_begin(&rows); pg_rows_add(&rows, event); ...; pg_rows_end(&rows); -> rows.out
 *
 * PostgreSQL holds neither NUL nor what is not UTF-8: both become U+FFFD, and the label homeostat.replaced of the row says how many.
 */
#ifndef SHIP_POSTGRES_LAYOUT_H
#define SHIP_POSTGRES_LAYOUT_H

#include "base/text.h"
#include "event/event.h"

#include <stdint.h>

struct pg_rows {
    struct text out;             /* out.cut: it did not fit */
    struct text scratch, clean;
    uint64_t    rows, replaced;
};

struct pg_table {
    enum event_type type;
    const char     *name, *stage, *copy, *insert;      /* statements */
};

const struct pg_table *pg_tables(void);                 /* three, in the order of enum event_type */

void pg_rows_init(struct pg_rows *r, size_t max);
void pg_rows_done(struct pg_rows *r);
void pg_rows_begin(struct pg_rows *r);
void pg_rows_add(struct pg_rows *r, const struct event *e);
void pg_rows_end(struct pg_rows *r);

/* Days since 1970 (UTC) of the row's time. */
int64_t pg_row_day(const struct event *e);

#endif
