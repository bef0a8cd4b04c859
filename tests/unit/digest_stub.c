/* tests/unit/digest_stub.c - until the room event is there. */
#include "event/event.h"
__attribute__((weak)) const struct value *attrs_find(const struct attrs *a, const char *key)
{
    for (size_t i = 0; i < a->count; i++)
        if (slice_is(a->item[i].key, key))
            return &a->item[i].value;
    return NULL;
}
__attribute__((weak)) struct slice attrs_text(const struct attrs *a, const char *key)
{
    const struct value *v = attrs_find(a, key);
    return v && v->kind == VALUE_TEXT ? v->as.text : (struct slice){ 0 };
}
__attribute__((weak)) struct slice value_text(const struct value *v, struct arena *a) { (void)v; (void)a; return (struct slice){ 0 }; }
