/*
 * model/knob_text.c - values to text and back, the way PostgreSQL does it.
 *
 * Following the rules of the manual, "Parameter Names and Values": units are
 * case sensitive; a value with a fraction is rounded to a whole number of the
 * next smaller unit, then to a whole number of base units; whole numbers may be
 * hexadecimal or octal; words for true and false may be shortened.
 */
#include "model/knob.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct unit_size { const char *name; double size; };   /* descending; ends with NULL */

static const struct unit_size sizes[] = {
    { "TB", 1099511627776.0 }, { "GB", 1073741824.0 }, { "MB", 1048576.0 }, { "kB", 1024.0 }, { "B", 1.0 }, { NULL, 0 },
};
static const struct unit_size times[] = {
    { "d", 86400e6 }, { "h", 3600e6 }, { "min", 60e6 }, { "s", 1e6 }, { "ms", 1e3 }, { "us", 1.0 }, { NULL, 0 },
};

double knob_unit_bytes(const struct knob *k)
{
    return strcmp(k->unit, "8kB") == 0 ? 8192.0 : strcmp(k->unit, "kB") == 0 ? 1024.0 : strcmp(k->unit, "MB") == 0 ? 1048576.0 : 0.0;
}

double knob_unit_seconds(const struct knob *k)
{
    return strcmp(k->unit, "ms") == 0 ? 1e-3 : strcmp(k->unit, "s") == 0 ? 1.0 : strcmp(k->unit, "min") == 0 ? 60.0 : 0.0;
}

/* The family of units that a knob is measured in, and its base unit in the family's smallest. NULL: it has none. */
static const struct unit_size *family_of(const struct knob *k, double *base)
{
    if (knob_unit_bytes(k) > 0) {
        *base = knob_unit_bytes(k);
        return sizes;
    }
    *base = knob_unit_seconds(k) * 1e6;
    return *base > 0 ? times : NULL;
}

static enum err bad_number(const struct knob *k, const char *text, struct fault *fault)
{
    (void)fail(fault, ERR_INPUT, "%s: \"%.60s\" is not %s", k->name, text, k->type == KNOB_TYPE_INT ? "a whole number" : "a number");
    if (knob_unit_bytes(k) > 0)
        fail_hint(fault, "write a size such as 64MB; units: B, kB, MB, GB, TB");
    else if (knob_unit_seconds(k) > 0)
        fail_hint(fault, "write a time such as 30s; units: us, ms, s, min, h, d");
    else
        fail_hint(fault, "%s has no unit", k->name);
    return ERR_INPUT;
}

static enum err parse_number(const struct knob *k, const char *text, double *value, struct fault *fault)
{
    char  *end = NULL;
    double v;

    errno = 0;
    if (k->type == KNOB_TYPE_INT) {
        v = (double)strtol(text, &end, 0);
        if (*end == '.' || *end == 'e' || *end == 'E' || errno == ERANGE) {
            errno = 0;
            v = strtod(text, &end);
        }
    } else {
        v = strtod(text, &end);
    }
    if (end == text || errno == ERANGE || !isfinite(v))
        return bad_number(k, text, fault);
    while (isspace((unsigned char)*end))
        end++;
    if (*end) {
        double                  base = 0;
        const struct unit_size *u = family_of(k, &base);
        size_t                  n = 0;
        while (end[n] && !isspace((unsigned char)end[n]))
            n++;
        const char *rest = end + n;
        while (isspace((unsigned char)*rest))
            rest++;
        while (u && u->name && (strlen(u->name) != n || strncmp(u->name, end, n) != 0))
            u++;
        if (!u || !u->name || *rest)
            return bad_number(k, text, fault);
        v *= u->size / base;
        if (u[1].name)
            v = rint(v * base / u[1].size) * (u[1].size / base);
    }
    if (!isfinite(v))      /* of so many days there are too many milliseconds */
        return bad_number(k, text, fault);
    if (k->type == KNOB_TYPE_INT) {
        v = rint(v);
        if (v > INT_MAX || v < INT_MIN)
            return fail(fault, ERR_INPUT, "%s: \"%.60s\" is beyond what a server can hold", k->name, text);
    }
    *value = v == 0 ? 0 : v;   /* no negative zero */
    return OK;
}

static bool shortens(const char *text, const char *word, size_t least)
{
    size_t n = strlen(text);
    return n >= least && n <= strlen(word) && strncasecmp(text, word, n) == 0;
}

static bool parse_truth(const char *text, bool *value)
{
    *value = shortens(text, "true", 1) || shortens(text, "yes", 1) || shortens(text, "on", 2) || strcmp(text, "1") == 0;
    return *value || shortens(text, "false", 1) || shortens(text, "no", 1) || shortens(text, "off", 2) || strcmp(text, "0") == 0;
}

static const char *truth_word(const char *text)
{
    static const char *const same[][2] = { { "true", "on" }, { "yes", "on" }, { "1", "on" }, { "false", "off" }, { "no", "off" }, { "0", "off" } };
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++)
        if (strcasecmp(text, same[i][0]) == 0)
            return same[i][1];
    return text;
}

static enum err bad_choice(const struct knob *k, const char *text, struct fault *fault)
{
    char   list[160] = "";
    size_t used = 0;
    for (int i = 0; i < KNOB_CHOICES_MAX && k->choice[i].name && used < sizeof list - 1; i++)
        used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", i ? ", " : "", k->choice[i].name);
    (void)fail(fault, ERR_INPUT, "%s cannot be \"%.60s\"", k->name, text);
    fail_hint(fault, "one of: %s", list);
    return ERR_INPUT;
}

enum err knob_parse(const struct knob *k, const char *text, double *value, struct fault *fault)
{
    if (!*text)
        return fail(fault, ERR_INPUT, "%s: the value is empty", k->name);
    if (k->type == KNOB_TYPE_INT || k->type == KNOB_TYPE_REAL)
        return parse_number(k, text, value, fault);
    bool truth;
    if (k->type == KNOB_TYPE_BOOL) {
        if (!parse_truth(text, &truth))
            return bad_choice(k, text, fault);
        *value = truth;
        return OK;
    }
    const char *word = truth_word(text);   /* enums with on and off take the long words for them too, and no short ones */
    for (int i = 0; i < KNOB_CHOICES_MAX && k->choice[i].name; i++)
        if (strcasecmp(k->choice[i].name, word) == 0) {
            *value = i;
            return OK;
        }
    return bad_choice(k, text, fault);
}

double knob_round(const struct knob *k, double value)
{
    if (k->type != KNOB_TYPE_REAL)
        return rint(value) == 0 ? 0 : rint(value);
    char text[32];
    (void)snprintf(text, sizeof text, "%.6g", value);
    return strtod(text, NULL);
}

bool knob_equal(const struct knob *k, double a, double b)
{
    if (k->type != KNOB_TYPE_REAL)
        return fabs(a - b) < 0.5;
    return fabs(a - b) <= 1e-6 * fmax(1e-6, fmax(fabs(a), fabs(b)));
}

char *knob_format(const struct knob *k, double value, char *out, size_t size)
{
    if (k->type == KNOB_TYPE_BOOL || k->type == KNOB_TYPE_ENUM) {
        const char *name = value >= 0 && value < KNOB_CHOICES_MAX ? k->choice[(int)value].name : NULL;
        (void)snprintf(out, size, "%s", name ? name : "?");
        return out;
    }
    value = knob_round(k, value);
    double                  base = 0;
    const struct unit_size *u = family_of(k, &base);
    if (!u || value <= 0) {
        (void)snprintf(out, size, k->type == KNOB_TYPE_INT ? "%.0f" : "%.6g", value);
        return out;
    }
    for (; u[1].name; u++) {
        double in_unit = value * base / u->size;
        bool   whole = k->type == KNOB_TYPE_INT ? fmod(value * base, u->size) == 0 : fabs(rint(in_unit) / in_unit - 1) <= 1e-8;
        if (in_unit >= 1 && whole)
            break;
    }
    (void)snprintf(out, size, k->type == KNOB_TYPE_INT ? "%.0f%s" : "%.6g%s", value * base / u->size, u->name);
    return out;
}
