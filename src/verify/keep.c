/* verify/keep.c - one walk over a member table for each direction. */
#include "verify/keep.h"

#include "base/text.h"

#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

json_t *keep_real(double x)
{
    if (isnan(x))
        return json_null();
    return isinf(x) ? json_string(x > 0 ? "inf" : "-inf") : json_real(x);
}

double keep_real_of(const json_t *v)
{
    if (json_is_number(v))
        return json_number_value(v);
    const char *s = json_string_value(v);
    if (s && strcmp(s, "inf") == 0)
        return (double)INFINITY;
    return s && strcmp(s, "-inf") == 0 ? -(double)INFINITY : (double)NAN;
}

json_t *keep_save(const struct keep *table, const void *from)
{
    json_t *o = json_object();
    for (const struct keep *k = table; k->name; k++) {
        const char *at = (const char *)from + k->at;
        json_t *v = NULL;
        switch (k->kind) {
        case KEEP_INT:     assert(k->size == sizeof(int)); v = json_integer(*(const int *)(const void *)at); break;
        case KEEP_INT64:   v = json_integer(*(const int64_t *)(const void *)at); break;
        case KEEP_REAL:    v = keep_real(*(const double *)(const void *)at); break;
        case KEEP_BOOL:    v = json_boolean(*(const bool *)(const void *)at); break;
        case KEEP_TEXT:    v = json_string(at); break;
        case KEEP_NOTHING: break;
        }
        json_object_set_new(o, k->name, v);
    }
    return o;
}

enum err keep_load(const struct keep *table, void *to, const json_t *saved, struct fault *fault)
{
    for (const struct keep *k = table; k->name; k++) {
        char *at = (char *)to + k->at;
        const json_t *v = json_object_get(saved, k->name);
        bool fits = false;
        switch (k->kind) {
        case KEEP_INT:
            if ((fits = json_is_integer(v) && json_integer_value(v) >= INT32_MIN && json_integer_value(v) <= INT32_MAX))
                *(int *)(void *)at = (int)json_integer_value(v);
            break;
        case KEEP_INT64:
            if ((fits = json_is_integer(v)))
                *(int64_t *)(void *)at = json_integer_value(v);
            break;
        case KEEP_REAL:
            if ((fits = json_is_number(v) || json_is_null(v) || json_is_string(v)))
                *(double *)(void *)at = keep_real_of(v);
            break;
        case KEEP_BOOL:
            if ((fits = json_is_boolean(v)))
                *(bool *)(void *)at = json_is_true(v);
            break;
        case KEEP_TEXT:
            fits = json_is_string(v) && text_copy(at, k->size, json_string_value(v));
            break;
        case KEEP_NOTHING:
            break;
        }
        if (!fits)
            return fail(fault, ERR_INPUT, "saved member %s is missing or malformed", k->name);
    }
    return OK;
}

void keep_save_array(json_t *o, const char *name, const struct keep *table, const void *first, size_t size, int n)
{
    json_t *a = json_array();
    for (int i = 0; i < n; i++)
        json_array_append_new(a, keep_save(table, (const char *)first + (size_t)i * size));
    json_object_set_new(o, name, a);
}

enum err keep_load_array(const json_t *o, const char *name, const struct keep *table, void *first, size_t size, int max, int *n,
                         struct fault *fault)
{
    const json_t *a = json_object_get(o, name);
    if (!json_is_array(a) || json_array_size(a) > (size_t)max)
        return fail(fault, ERR_INPUT, "saved list %s is missing or has more than %d entries", name, max);
    *n = (int)json_array_size(a);
    for (int i = 0; i < *n; i++) {
        enum err e = keep_load(table, (char *)first + (size_t)i * size, json_array_get(a, (size_t)i), fault);
        if (e)
            return fail_in(fault, "%s[%d]", name, i);
    }
    return OK;
}
