/*
 * cli/print.h - JSON as people read it.
 *
 * Whatever comes from elsewhere (titles, reasons, outputs) is printed without
 * the control characters that a terminal would obey.
 */
#ifndef CLI_PRINT_H
#define CLI_PRINT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum print_kind {
    PRINT_TEXT,
    PRINT_TIME /* RFC 3339, or microseconds since 1970 */,
    PRINT_GAIN /* log ratio, as +12.3 % */,
    PRINT_SHARE /* 0 to 1, as 12.3 % */,
    PRINT_SHORT /* the first 12 characters, for digests */,
    PRINT_RULE /* a number; 0 is none */
};

struct print_column {
    const char     *title;      /* NULL ends the list */
    const char     *path;       /* of the member; dots go down: "outcome.kept" */
    enum print_kind kind;
    int             most;       /* characters; 0: as they come */
};

/* Rows of equal columns. An empty list prints the word. */
void print_table(FILE *out, const json_t *rows, const struct print_column *columns, const char *empty);
/* "title  value" lines; members that are missing or empty are left out. */
void print_record(FILE *out, const json_t *object, const struct print_column *columns);

/* One value as text into a buffer; "-" for null and what is missing. Returns out. */
char *print_value(const json_t *value, enum print_kind kind, char *out, size_t size);
/* The member at a path with dots; NULL when it is not there. */
json_t *print_member(const json_t *object, const char *path);
/* The member as a text; "" when it is none. */
const char *print_text(const json_t *object, const char *path);

/* As JSON, and a line break. What a terminal would obey is written as an escape, also where JSON itself need not. */
void print_json(FILE *out, const json_t *json, size_t flags);

/* Text of others: control characters become '?', tabs and newlines a space, or, with lines, stay. */
void print_safe(FILE *out, const char *text, bool lines);

#endif
