/*
 * event/rows_inside.h - between rows.c, which finds rows in a body and judges them, and rows_read.c, which makes events of them.
 */
#ifndef EVENT_ROWS_INSIDE_H
#define EVENT_ROWS_INSIDE_H

#include "event/inside.h"
#include "event/rows.h"
#include "wire/json_pull.h"

/* A value of a row, as it stands in the body. */
struct row_cell { enum pull_token token; bool escaped; struct slice text; };

struct row {
    struct row_cell of[ROW_ROLES];
    uint8_t         key[ROW_ROLES];      /* which of row_keys it stands under, from 1; 0: it was not said */
    uint32_t        said[ROW_ROLES];     /* how often, under that one */
    struct row_cell table;               /* of the row, or around the rows */
    size_t          attrs;               /* labels and keys that are none of these */
    uint32_t        too_deep;            /* values in them that are */
    struct pull     at;                  /* behind the opening brace: to read it again */
    bool            object;
};

enum rows_kind { ROWS_EITHER, ROWS_METRICS, ROWS_LOGS };

typedef bool row_take(void *ctx, const struct row *row);

/* ---- cells ---- */

struct row_cell row_cell(const struct pull *p);
bool            row_is_set(const struct row_cell *c);
bool            row_number(const struct row_cell *c, double *d);
/* 0: none was given. */
bool            row_time_of(const struct row_cell *c, int64_t *ns);
/* Which of row_keys the last KEY is; ROW_KEYS: none. */
size_t          row_key_of(const struct pull *p);
/* What a key means whose value is no array or object; ROW_OTHER for labels. */
enum row_role   row_role_of(size_t key);

/* ---- rows ---- */

/* What is done with each row of a body. */
struct rows_walk { row_take *take; void *ctx; bool stopped; };
/* ERR_INPUT: not JSON, or neither rows nor a row. Rows before that place were taken. */
enum err rows_walk(enum record_form form, struct slice body, struct rows_walk *w, struct fault *fault);

/* What a row is, or why it is none: as its path says, else as it looks. */
enum rows_kind rows_judge(const struct row *row, enum rows_kind path, const char **why);

/* What the labels of a record say of its path. */
struct rows_marks { enum rows_kind path; bool table; };
struct rows_marks rows_marks_of(struct slice labels);
/* "kind" is the path, and "table" without a value says that the source is a table: neither is a label of the events. */
bool              rows_is_mark(struct slice key, struct slice value);

#endif
