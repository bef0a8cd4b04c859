/*
 * sense/facts.h - what is known of a server, from the answers to the slow questions into struct target_facts.
 */
#ifndef SENSE_FACTS_H
#define SENSE_FACTS_H

#include "base/err.h"
#include "base/text.h"
#include "model/target.h"
#include "sense/line.h"

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

/* An extension lies in a schema of its own choosing, and ours is no session to look for names in a path: {schema} becomes that schema, in quotes. */
void sql_in_schema(const char *sql, const char *schema, struct text *out);

/* In the order in which they are asked. The sizes have a rhythm of their own. */
enum fact_question { FACT_SERVER, FACT_CONTROL, FACT_SETTINGS, FACT_OVERRIDES, FACT_OWNER, FACT_SIZES, FACT_COUNT };
extern const char *const fact_what[FACT_COUNT];

void fact_item(enum fact_question q, int server_version, struct line_item *item);

void facts_clear(struct target_facts *f);    /* everything unknown */
/* false: the answer does not have the columns it should have. */
MUST_CHECK bool facts_take(enum fact_question q, const PGresult *answer, struct target_facts *f);
/* What follows from several answers: the owner by the settings' sources, the data directory. */
void facts_finish(struct target_facts *f);

/* The query id of the question itself; 0: the server does not say. */
int64_t facts_own_id(enum fact_question q, const PGresult *answer);

/* Is the library of pg_stat_statements loaded, as far as we can see? Without it the extension only answers with errors. */
bool facts_preload_statements(const struct target_facts *f);

struct sizes { double database_bytes, dead_tuples; };   /* NAN: unknown */
MUST_CHECK bool facts_take_sizes(const PGresult *answer, struct sizes *s);

#endif
