/*
 * conf/unit.h - numbers as people write them: digits, perhaps a fraction, perhaps a unit.
 *
 * Whole numbers in a base unit (microseconds, bytes) come out exact or not at
 * all: "1.5s" is 1500000, "0.1us" is refused.
 */
#ifndef CONF_UNIT_H
#define CONF_UNIT_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

struct unit { const char *name; int64_t size; };
struct unit_slip { const char *wrote, *meant; };

/* A family of units; ends are marked by a NULL name. */
struct unit_family {
    const char             *noun;      /* "a time" */
    const char             *names;     /* "us, ms, s, min, h, d" */
    const struct unit      *units;     /* ascending */
    const struct unit_slip *slips;     /* what people write instead */
};

extern const struct unit_family unit_time, unit_size, unit_none;

/* family unit_none: no unit may follow. The fault has no place; it says what is wrong, its hint what would be right. */
MUST_CHECK enum err unit_parse(const struct unit_family *f, const char *text, int64_t *out, struct fault *fault);

/* In the largest unit that divides it. Returns out. */
char *unit_format(const struct unit_family *f, int64_t value, char *out, size_t size);

/* A finite number without a unit, in the C locale, which the program never leaves. */
MUST_CHECK enum err unit_real_parse(const char *text, double *out, struct fault *fault);
/* A number followed by %; 20% is 0.2. */
MUST_CHECK enum err unit_percent_parse(const char *text, double *out, struct fault *fault);

#endif
