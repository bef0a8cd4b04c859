/* tests/unit/digester_lake.h - a sink that puts all of a journal away; by itself, since rooms have structs of the same name. */
#ifndef DIGESTER_LAKE_H
#define DIGESTER_LAKE_H

#include "journal/journal.h"
#include "ship/conf.h"

/* In batches of so many events, about. */
void lake_fill(struct journal *j, const struct sink_conf *conf, size_t piece);

#endif
