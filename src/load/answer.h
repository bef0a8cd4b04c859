/*
 * load/answer.h - a query's answer in 64 bits, so that answers under different configurations can be compared.
 *
 * Two answers have the same digest when they hold the same rows, and where the
 * query orders them, in the same order.  What a plan may rightly do otherwise
 * does not count:
 *   - numbers agree when their first digits do, since sums may be rounded in another order: nine of floating point, 15
 *     of numeric, which is exact, and all of whole numbers;
 *   - rows that the query orders alike may stand in any order among themselves;
 *   - where a LIMIT cuts through rows that are ordered alike, only what orders them counts: which of them are shown is open.
 * Blanks at the end of a value and zeros at the end of a fraction mean nothing.
 */
#ifndef LOAD_ANSWER_H
#define LOAD_ANSWER_H

#include <libpq-fe.h>
#include <stddef.h>
#include <stdint.h>

/* Where a table of text comes from: libpq's result, or a test. */
struct load_cells {
    int          rows, columns;
    const char *(*text)(const void *ctx, int row, int column);   /* NULL for a null */
    int         (*digits)(const void *ctx, int column);          /* by how many a column of numbers is compared; 0: letter by letter */
    const void  *ctx;
};
struct load_cells load_cells_of(const PGresult *result);

/* sorted_by: columns from 1, ended by 0 or the fourth; limit 0: none. */
uint64_t load_answer_digest(const struct load_cells *cells, const int sorted_by[4], int limit);

/* What a number is compared by: so many digits, no zeros behind. Returns out. */
char *load_answer_number(const char *text, int digits, char out[40]);

/* One digest for several, in this order. Begin with 0. */
uint64_t load_answer_join(uint64_t so_far, uint64_t next);

#endif
