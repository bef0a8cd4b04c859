/* conf/unit.c - see unit.h. */
#include "conf/unit.h"

#include "conf/complain.h"

#include <ctype.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DIGITS_MAX 18      /* so that no product below leaves 128 bits */

static const struct unit time_units[] = {
    { "us", 1 }, { "ms", 1000 }, { "s", 1000000 }, { "min", INT64_C(60000000) }, { "h", INT64_C(3600000000) }, { "d", INT64_C(86400000000) }, { NULL, 0 },
};
static const struct unit_slip time_slips[] = {
    { "m", "min (minutes) or ms (milliseconds)" }, { "M", "min" }, { "sec", "s" }, { "secs", "s" }, { "second", "s" }, { "seconds", "s" }, { "S", "s" },
    { "mins", "min" }, { "minute", "min" }, { "minutes", "min" }, { "hr", "h" }, { "hrs", "h" }, { "hour", "h" }, { "hours", "h" }, { "H", "h" },
    { "day", "d" }, { "days", "d" }, { "D", "d" }, { "msec", "ms" }, { "millis", "ms" }, { "usec", "us" }, { "w", "d, a week being 7d" },
    { "\xc2\xb5s", "us" }, { "\xce\xbcs", "us" }, { NULL, NULL },
};
static const struct unit size_units[] = {
    { "B", 1 }, { "kB", 1000 }, { "KiB", 1024 }, { "MB", 1000000 }, { "MiB", 1 << 20 }, { "GB", 1000000000 }, { "GiB", 1 << 30 },
    { "TB", INT64_C(1000000000000) }, { "TiB", INT64_C(1) << 40 }, { NULL, 0 },
};
static const struct unit_slip size_slips[] = {
    { "K", "KiB (1024 bytes) or kB (1000 bytes)" }, { "k", "KiB (1024 bytes) or kB (1000 bytes)" }, { "KB", "kB (1000 bytes) or KiB (1024 bytes)" },
    { "kb", "kB" }, { "kib", "KiB" }, { "kiB", "KiB" }, { "M", "MiB or MB" }, { "m", "MiB or MB" }, { "Mb", "MB" }, { "mb", "MB" }, { "mib", "MiB" },
    { "G", "GiB or GB" }, { "g", "GiB or GB" }, { "Gb", "GB" }, { "gb", "GB" }, { "gib", "GiB" }, { "T", "TiB or TB" }, { "tb", "TB" }, { "tib", "TiB" },
    { "b", "B" }, { "byte", "B" }, { "bytes", "B" }, { NULL, NULL },
};
static const struct unit      no_units[] = { { NULL, 0 } };
static const struct unit_slip no_slips[] = { { NULL, NULL } };

const struct unit_family unit_time = { "a time", "us, ms, s, min, h, d", time_units, time_slips };
const struct unit_family unit_size = { "a size", "B, kB, MB, GB, TB (thousands) and KiB, MiB, GiB, TiB (1024s)", size_units, size_slips };
const struct unit_family unit_none = { "a whole number", "", no_units, no_slips };

static const struct unit *find(const struct unit_family *f, const char *name)
{
    for (const struct unit *u = f->units; u->name; u++)
        if (strcmp(u->name, name) == 0)
            return u;
    return NULL;
}

static const struct unit_family *owner_of(const char *name)
{
    static const struct unit_family *const all[] = { &unit_time, &unit_size };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if (find(all[i], name))
            return all[i];
    return NULL;
}

static enum err wrong_unit(const struct unit_family *f, const char *number, size_t digits, const char *name, struct fault *fault)
{
    const struct unit_family *other = owner_of(name);
    if (!*f->names) {
        (void)fail(fault, ERR_INPUT, "`%.40s` has a unit, and this is a plain number", number);
        fail_hint(fault, "Write %.*s.", (int)(digits < 40 ? digits : 40), number);
        return ERR_INPUT;
    }
    if (other)
        (void)fail(fault, ERR_INPUT, "`%.40s` is %s, and this is %s", number, other->noun, f->noun);
    else
        (void)fail(fault, ERR_INPUT, "`%.40s` has an unknown unit `%.20s`", number, name);
    for (const struct unit_slip *s = f->slips; s->wrote; s++)
        if (strcmp(s->wrote, name) == 0) {
            fail_hint(fault, "Did you mean %s? Units are %s.", s->meant, f->names);
            return ERR_INPUT;
        }
    fail_hint(fault, "Units are %s.", f->names);
    return ERR_INPUT;
}

enum err unit_parse(const struct unit_family *f, const char *text, int64_t *out, struct fault *fault)
{
    const char *s = text;
    bool        minus = *s == '-';
    __int128    mantissa = 0, scale = 1;
    unsigned    digits = 0, fraction = 0;
    bool        point = false;
    for (s += minus || *s == '+'; isdigit((unsigned char)*s) || (*s == '.' && !point); s++) {
        if (*s == '.') {
            point = true;
            continue;
        }
        if (++digits > DIGITS_MAX)
            return fail(fault, ERR_INPUT, "`%.40s` has too many digits", text);
        mantissa = mantissa * 10 + (*s - '0');
        if (point) {
            scale *= 10;
            fraction++;
        }
    }
    if (digits == 0 || (point && fraction == 0)) {
        (void)fail(fault, ERR_INPUT, "`%.40s` is not %s", text, f->noun);
        if (*f->names)
            fail_hint(fault, "Write a number and one of the units %s.", f->names);
        return ERR_INPUT;
    }
    size_t number = (size_t)(s - text);
    while (*s == ' ')
        s++;
    int64_t size = 1;
    if (*s) {
        const struct unit *u = find(f, s);
        if (!u)
            return wrong_unit(f, text, number, s, fault);
        size = u->size;
    } else if (*f->names && mantissa != 0) {
        (void)fail(fault, ERR_INPUT, "`%.40s` has no unit", text);
        fail_hint(fault, "Units are %s.", f->names);
        return ERR_INPUT;
    }
    __int128 value = mantissa * size;
    if (value % scale != 0) {
        if (*f->names)
            return fail(fault, ERR_INPUT, "`%.40s` is finer than 1 %s", text, f->units[0].name);
        return fail(fault, ERR_INPUT, "`%.40s` is not a whole number", text);
    }
    value = minus ? -(value / scale) : value / scale;
    if (value > INT64_MAX || value < -INT64_MAX)
        return fail(fault, ERR_INPUT, "`%.40s` is too large", text);
    *out = (int64_t)value;
    return OK;
}

char *unit_format(const struct unit_family *f, int64_t value, char *out, size_t size)
{
    const struct unit *best = f->units;
    for (const struct unit *u = f->units; u->name; u++)
        if (value % u->size == 0 && (value == 0 || llabs(value) >= u->size))
            best = value == 0 ? best : u;
    if (!best->name)
        (void)snprintf(out, size, "%lld", (long long)value);
    else if (value == 0)
        (void)snprintf(out, size, "0");
    else
        (void)snprintf(out, size, "%lld%s", (long long)(value / best->size), best->name);
    return out;
}

enum err unit_real_parse(const char *text, double *out, struct fault *fault)
{
    const char *s = text + (*text == '-' || *text == '+');
    char       *end;
    if (!isdigit((unsigned char)*s) && !(*s == '.' && isdigit((unsigned char)s[1])))
        return fail(fault, ERR_INPUT, "`%.40s` is not a number", text);
    if (s[0] == '0' && (s[1] == 'x' || s[1] == 'X'))
        return fail(fault, ERR_INPUT, "`%.40s` is not a decimal number", text);
    double v = strtod(text, &end);
    if (*end == '%') {
        (void)fail(fault, ERR_INPUT, "`%.40s` has a unit, and this is a plain number", text);
        fail_hint(fault, "Write %g.", v / 100);
        return ERR_INPUT;
    }
    if (*end)
        return fail(fault, ERR_INPUT, "`%.40s` is not a plain number", text);
    if (!isfinite(v))
        return fail(fault, ERR_INPUT, "`%.40s` is too large", text);
    *out = v;
    return OK;
}

enum err unit_percent_parse(const char *text, double *out, struct fault *fault)
{
    size_t n = strcspn(text, "%");
    char   number[64];
    double v;
    while (n && text[n - 1] == ' ')
        n--;
    if (n >= sizeof number)
        return fail(fault, ERR_INPUT, "`%.40s` is not a percentage", text);
    memcpy(number, text, n);
    number[n] = '\0';
    const char *sign = strchr(text, '%');
    if ((sign && sign[1]) || unit_real_parse(number, &v, NULL) != OK) {
        (void)fail(fault, ERR_INPUT, "`%.40s` is not a percentage", text);
        fail_hint(fault, "Write a number and %%, such as 20%%.");
        return ERR_INPUT;
    }
    if (!sign && v != 0) {
        (void)fail(fault, ERR_INPUT, "`%.40s` has no %% sign", text);
        fail_hint(fault, "Write %g%% if you mean that part of 100, or %g%% if %g is a fraction of 1.", v, v * 100, v);
        return ERR_INPUT;
    }
    *out = v / 100;
    return OK;
}
