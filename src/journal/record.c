/* journal/record.c - the names of what the journal holds. */
#include "journal/record.h"

const char *record_kind_name(enum record_kind kind)
{
    switch (kind) {
#define X(name, number, word, what) \
    case RECORD_##name: return word;
    RECORD_KIND_MAP(X)
#undef X
    default: return "unknown";
    }
}
