/*
 * sense/preparable.h - a statement as pg_stat_statements shows it, said so that it can be prepared.  Pure.
 *
 * Where constants stood there are parameters, also where the grammar has no place for one:
 *     interval $1, date $2           become   $1::interval, $2::date
 *     extract($3 from a)             becomes  extract(year from a), whatever it was: the plan is the same
 *     a IN ($6 ...), a list with a comment for its rest (18)      a IN ($6, $6): a list of one is an equality
 *     date_trunc($4, a at time zone $5)       date_trunc('day', a at time zone 'UTC'): in GROUP BY it has to be what it is in SELECT
 * A parameter that is gone then is declared, because nothing tells its type any more.
 */
#ifndef SENSE_PREPARABLE_H
#define SENSE_PREPARABLE_H

#include "base/text.h"

/* "PREPARE name AS ...", or with types. */
void preparable(const char *name, const char *statement, struct text *out);

#endif
