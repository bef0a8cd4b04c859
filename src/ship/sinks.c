/* ship/sinks.c - the table of the kinds of sinks: a row each. */
#include "ship/kinds.h"

#include <string.h>

static const struct sink_kind *const kinds[] = {
    NULL
};

enum { KINDS = sizeof kinds / sizeof kinds[0] - 1 };

const struct sink_kind *const *sink_kinds(size_t *count)
{
    *count = KINDS;
    return kinds;
}

const struct sink_kind *sink_kind_find(const char *name)
{
    for (size_t i = 0; i < KINDS; i++)
        if (strcmp(kinds[i]->name, name) == 0)
            return kinds[i];
    return NULL;
}
