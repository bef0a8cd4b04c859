/* load/answer.c - FNV-1a for bytes, splitmix64's mixer for rows; rows are added up, so that their order does not count. */
#include "load/answer.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SORTED_MAX 4

static uint64_t mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

static uint64_t add_bytes(uint64_t h, const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++)
        h = (h ^ (unsigned char)text[i]) * UINT64_C(0x100000001b3);
    return h;
}

uint64_t load_answer_join(uint64_t so_far, uint64_t next) { return mix(so_far * UINT64_C(0x9e3779b97f4a7c15) + next + 1); }

char *load_answer_number(const char *text, int digits, char out[40])
{
    char  *end;
    double x = strtod(text, &end);
    if (end == text || *end || !isfinite(x))
        (void)snprintf(out, 40, "%.39s", text);
    else
        (void)snprintf(out, 40, "%.*g", digits, x == 0 ? 0.0 : x);   /* no negative zero */
    return out;
}

static uint64_t add_cell(uint64_t h, const struct load_cells *c, int row, int column)
{
    char        number[40];
    const char *text = c->text(c->ctx, row, column);
    if (!text)
        return add_bytes(h, "\1\2", 2);
    int digits = c->digits(c->ctx, column);
    if (digits > 0)
        text = load_answer_number(text, digits, number);
    size_t n = strlen(text);
    while (n > 0 && text[n - 1] == ' ')
        n--;
    return add_bytes(add_bytes(h, text, n), "\1", 1);
}

static uint64_t hash_row(const struct load_cells *c, int row)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    for (int column = 0; column < c->columns; column++)
        h = add_cell(h, c, row, column);
    return mix(h);
}

static uint64_t hash_order(const struct load_cells *c, int row, const int sorted_by[SORTED_MAX])
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    for (int i = 0; i < SORTED_MAX && sorted_by[i] > 0; i++)
        h = add_cell(h, c, row, sorted_by[i] - 1);
    return mix(h);
}

uint64_t load_answer_digest(const struct load_cells *c, const int sorted_by[SORTED_MAX], int limit)
{
    bool     sorted = sorted_by[0] > 0, cut = sorted && limit > 0 && c->rows >= limit;
    uint64_t order = 0, rows = 0, last = cut ? hash_order(c, c->rows - 1, sorted_by) : 0;
    for (int row = 0; row < c->rows; row++) {
        uint64_t place = sorted ? hash_order(c, row, sorted_by) : 0;
        if (sorted)
            order = load_answer_join(order, place);
        rows += cut && place == last ? place : hash_row(c, row);
    }
    return load_answer_join(load_answer_join(order, rows), (uint64_t)c->rows);
}

/* -- libpq ------------------------------------------------------------------------------------------------------------- */

static const char *text_of(const void *ctx, int row, int column)
{
    const PGresult *r = ctx;
    return PQgetisnull(r, row, column) ? NULL : PQgetvalue(r, row, column);
}

static int digits_of(const void *ctx, int column)
{
    const PGresult *r = ctx;
    switch (PQftype(r, column)) {
    case 700: case 701: return 9;    /* float4, float8 */
    case 1700:          return 15;   /* numeric */
    default:            return 0;
    }
}

struct load_cells load_cells_of(const PGresult *result)
{
    return (struct load_cells){ PQntuples(result), PQnfields(result), text_of, digits_of, result };
}
