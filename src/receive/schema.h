/*
 * receive/schema.h - the body of POST /schema/register: { "table": "app_errors", "kind": "logs", "columns": [ { "name": "code", "type": "int" }, ... ] }.
 */
#ifndef RECEIVE_SCHEMA_H
#define RECEIVE_SCHEMA_H

#include "base/err.h"
#include "base/slice.h"

#include <stddef.h>

enum { SCHEMA_COLUMNS_MAX = 1024, SCHEMA_BODY_MAX = 1024 * 1024 };

/* table gets the name; *kind becomes "metrics" or "logs". ERR_INPUT says what is wrong. */
MUST_CHECK enum err schema_read(struct slice json, char *table, size_t size, const char **kind, struct fault *fault);

#endif
