/*
 * ingest/detail_rows.h - rows of digest.db as lines of PostgreSQL's COPY in text form.
 *
 * PostgreSQL holds neither NUL nor what is not UTF-8: both become U+FFFD and are counted; so does the escape \u0000 in columns that become jsonb.
 */
#ifndef INGEST_DETAIL_ROWS_H
#define INGEST_DETAIL_ROWS_H

#include "base/text.h"
#include "store/db.h"

#include <stdint.h>

struct detail_rows {
    struct text out;                 /* out.cut: it did not fit */
    uint64_t    rows, replaced;      /* since the beginning */
};

void detail_rows_init(struct detail_rows *r, size_t max);
void detail_rows_done(struct detail_rows *r);
/* All columns, in their order. */
void detail_rows_add(struct detail_rows *r, struct db_rows *row);

#endif
