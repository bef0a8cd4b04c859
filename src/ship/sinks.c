/* ship/sinks.c - the table of the kinds of sinks: a row each. */
#include "ship/kinds.h"

#include <string.h>

static const struct sink_kind *const kinds[] = {
    &sink_files,
    &sink_loki,
    &sink_otlp,
    &sink_remote_write,
    &sink_postgres,
    &sink_clickhouse,
    &sink_nats,
    &sink_object,
    &sink_kafka,
    NULL
};

const struct sink_kind *const *sink_kinds(size_t *count)
{
    *count = sizeof kinds / sizeof kinds[0] - 1;
    return kinds;
}

const struct sink_kind *sink_kind_find(const char *name)
{
    for (const struct sink_kind *const *k = kinds; *k; k++)
        if (strcmp((*k)->name, name) == 0)
            return *k;
    return NULL;
}
