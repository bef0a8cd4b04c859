/* model/told.h - text that was cut, or that somebody else wrote, as JSON: half a character in it must not cost the reader everything beside it. */
#ifndef MODEL_TOLD_H
#define MODEL_TOLD_H

#include "base/utf8.h"

#include <jansson.h>
#include <stdlib.h>

static inline json_t *told_text(const char *s)
{
    json_t *j = json_string(s);
    char   *copy = j ? NULL : strdup(s);
    if (copy) {
        utf8_clean(copy, '?');
        j = json_string(copy);
    }
    free(copy);
    return j ? j : json_null();
}

#endif
