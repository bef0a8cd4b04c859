/*
 * receive/schema.h - the body of POST /schema/register: { "columns": [ { "name": "code", "type": "int" }, ... ] }.
 *
 * The table's name is "table" or "table_name" in the body, or ?table= in the path. What describes it may also stand one level down, in "schema".
 * "kind" is "metrics" or "logs"; without it a table with a column value of numbers is one of metrics, any other one of logs.
 * Types are those that people write for their databases, in any case and with their lengths: text, varchar(20), BIGINT, double precision, timestamptz, jsonb, ...
 */
#ifndef RECEIVE_SCHEMA_H
#define RECEIVE_SCHEMA_H

#include "base/err.h"
#include "base/slice.h"
#include "base/text.h"

#include <stddef.h>

enum { SCHEMA_COLUMNS_MAX = 1024, SCHEMA_BODY_MAX = 1024 * 1024, SCHEMA_TEXT_MAX = 4 * SCHEMA_BODY_MAX };

/*
 * table holds the name that the path gave, or "", and gets the name; *kind becomes "metrics" or "logs". schema gets everything that was
 * said but the name, and the kind, as JSON: what table_registry keeps; it has room for SCHEMA_TEXT_MAX. ERR_INPUT says what is wrong.
 */
MUST_CHECK enum err schema_read(struct slice json, char *table, size_t size, const char **kind, struct text *schema, struct fault *fault);

#endif
