/*
 * wire/number.c - numbers from characters and back, exactly; of json_pull.h.
 */
#include "wire/json_pull.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Digits and nothing else. */
static bool plain(const char *s, size_t n, uint64_t *out)
{
    uint64_t v = 0;
    if (n == 0)
        return false;
    for (size_t i = 0; i < n; i++) {
        unsigned d = (unsigned)(s[i] - '0');
        if (d > 9 || __builtin_mul_overflow(v, UINT64_C(10), &v) || __builtin_add_overflow(v, (uint64_t)d, &v))
            return false;
    }
    *out = v;
    return true;
}

/* 1e3 and 5.0 are whole numbers too; below 2^53 a double holds them exactly. */
static bool whole(struct slice s, double *d)
{
    return number_double(s, false, d) && *d == floor(*d) && fabs(*d) <= 9007199254740992.0;
}

bool number_u64(struct slice s, uint64_t *n)
{
    double d;
    if (plain(s.s, s.n, n))
        return true;
    if (!whole(s, &d) || d < 0)
        return false;
    *n = (uint64_t)d;
    return true;
}

bool number_i64(struct slice s, int64_t *n)
{
    bool     minus = s.n && s.s[0] == '-';
    uint64_t u;
    double   d;
    if (plain(s.s + minus, s.n - minus, &u)) {
        if (u > (uint64_t)INT64_MAX + minus)
            return false;
        *n = minus ? (int64_t)(0 - u) : (int64_t)u;
        return true;
    }
    if (!whole(s, &d))
        return false;
    *n = (int64_t)d;
    return true;
}

static const double tens[] = { 1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15 };

/* Up to 15 digits with a point: one exact division. */
static bool quick(struct slice s, double *d)
{
    bool     minus = s.n && s.s[0] == '-', point = false;
    uint64_t v = 0;
    int      behind = 0, count = 0;
    for (size_t i = minus; i < s.n; i++) {
        if (s.s[i] == '.' && !point) {
            point = true;
            continue;
        }
        unsigned digit = (unsigned)(s.s[i] - '0');
        if (digit > 9 || ++count > 15)
            return false;
        v = v * 10 + digit;
        behind += point;
    }
    if (count == 0 || (point && behind == 0) || behind == count)
        return false;
    *d = (double)v / tens[behind];
    if (minus)
        *d = -*d;
    return true;
}

/* JSON's grammar: strtod alone would take hexadecimal, words and blanks. */
static bool grammar(struct slice s)
{
    struct pull p;
    pull_init(&p, s);
    return s.n && pull_next(&p) == PULL_NUMBER && p.text.n == s.n;
}

bool number_double(struct slice s, bool words, double *d)
{
    char copy[PULL_NUMBER_MAX + 1];
    if (words && slice_is(s, "NaN"))
        return *d = (double)NAN, true;
    if (words && (slice_is(s, "Infinity") || slice_is(s, "-Infinity")))
        return *d = s.s[0] == '-' ? -(double)INFINITY : (double)INFINITY, true;
    if (quick(s, d))
        return true;
    if (s.n > PULL_NUMBER_MAX || !grammar(s))
        return false;
    memcpy(copy, s.s, s.n);
    copy[s.n] = '\0';
    *d = strtod(copy, NULL);
    return true;
}

size_t number_text(double d, char *to)
{
    if (isnan(d))
        return (size_t)snprintf(to, 32, "NaN");
    if (isinf(d))
        return (size_t)snprintf(to, 32, d < 0 ? "-Infinity" : "Infinity");
    if (d == floor(d) && fabs(d) < 1e15)
        return (size_t)snprintf(to, 32, signbit(d) && d == 0 ? "-0" : "%.0f", d);
    for (int digits = 15; digits < 17; digits++) {
        int n = snprintf(to, 32, "%.*g", digits, d);
        if (strtod(to, NULL) == d)
            return (size_t)n;
    }
    return (size_t)snprintf(to, 32, "%.17g", d);
}
