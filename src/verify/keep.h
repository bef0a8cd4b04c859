/*
 * verify/keep.h - plain structs to JSON and back, by a table of their members.
 *
 * Reals keep all their digits; what JSON has no number for is written as null
 * (NAN), "inf" and "-inf".  A member that is missing or of the wrong type is a
 * fault: half a trial is none.
 */
#ifndef VERIFY_KEEP_H
#define VERIFY_KEEP_H

#include "base/err.h"

#include <jansson.h>
#include <stddef.h>

enum keep_kind { KEEP_NOTHING, KEEP_INT, KEEP_INT64, KEEP_REAL, KEEP_BOOL, KEEP_TEXT };

struct keep { const char *name; enum keep_kind kind; size_t at, size; };

/* Enums are kept as INT. */
#define KEEP(type, member, kind) { #member, KEEP_##kind, offsetof(type, member), sizeof ((type *)0)->member }
#define KEEP_END                 { NULL, KEEP_NOTHING, 0, 0 }

json_t             *keep_save(const struct keep *table, const void *from);
MUST_CHECK enum err keep_load(const struct keep *table, void *to, const json_t *saved, struct fault *fault);

json_t *keep_real(double x);
double  keep_real_of(const json_t *v);   /* NAN for null and for what is not a number */

/* Arrays of structs under a name; the count is the array's. */
void                keep_save_array(json_t *o, const char *name, const struct keep *table, const void *first, size_t size, int n);
MUST_CHECK enum err keep_load_array(const json_t *o, const char *name, const struct keep *table, void *first, size_t size, int max, int *n,
                                    struct fault *fault);

#endif
