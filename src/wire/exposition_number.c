/*
<<<<<<<< HEAD:src/wire/exposition_number.c
<<<<<<<< HEAD:src/wire/exposition_number.c
 * wire/exposition_number.c - numbers as expositions write them.
 *
 * Nearly all have at most 15 digits and a small exponent; such a number is one division or multiplication of two exact doubles, hence rounded
 * rightly. The others go to strtod(), once their letters have been looked at: strtod() alone would take more than the format has.
 */
#include "wire/exposition.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { NUMBER_TEXT_MAX = 1024 };

static bool is_digit(char c) { return c >= '0' && c <= '9'; }
static bool is_hex(char c)   { return is_digit(c) || ((c | 32) >= 'a' && (c | 32) <= 'f'); }

static bool same_word(struct slice s, const char *word)
{
    if (s.n != strlen(word))
        return false;
    for (size_t i = 0; i < s.n; i++)
        if ((s.s[i] | 32) != word[i])
            return false;
    return true;
}

static bool long_number(struct slice s, double *value)
{
    char text[NUMBER_TEXT_MAX + 1];
    if (s.n > NUMBER_TEXT_MAX)
        return false;
    memcpy(text, s.s, s.n);
    text[s.n] = '\0';
    char *stop;
    *value = strtod(text, &stop);
    return stop == text + s.n && !isinf(*value);
}

static bool hex_number(struct slice s, const char *p, double *value)
{
    const char *end = s.s + s.n;
    size_t digits = 0, exponent = 0;
    for (; p < end && is_hex(*p); p++)
        digits++;
    if (p < end && *p == '.')
        for (p++; p < end && is_hex(*p); p++)
            digits++;
    if (!digits || p == end || (*p | 32) != 'p')
        return false;
    p++;
    if (p < end && (*p == '+' || *p == '-'))
        p++;
    for (; p < end && is_digit(*p); p++)
        exponent++;
    return exponent && p == end && long_number(s, value);
}

static bool word_number(struct slice s, bool negative, double *value)
{
    if (same_word(s, "inf") || same_word(s, "infinity"))
        *value = negative ? -(double)INFINITY : (double)INFINITY;
    else if (same_word(s, "nan"))
        *value = (double)NAN;
    else
        return false;
    return true;
}

bool exposition_number(struct slice s, double *value)
{
    static const double ten[] = { 1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22 };
    const char *p = s.s, *end = s.s + s.n;
    if (!s.n)
        return false;
    bool negative = *p == '-';
    if (negative || *p == '+')
        p++;
    if (end - p > 2 && p[0] == '0' && (p[1] | 32) == 'x')
        return hex_number(s, p + 2, value);

    uint64_t mantissa = 0;
    int      digits = 0, seen = 0, exponent = 0;     /* digits: significant ones in the mantissa */
    for (; p < end && is_digit(*p); p++, seen++) {
        if (digits < 18)
            mantissa = mantissa * 10 + (uint64_t)(*p - '0'), digits += mantissa != 0;
        else
            digits = 99;
    }
    if (p < end && *p == '.')
        for (p++; p < end && is_digit(*p); p++, seen++) {
            if (digits < 18)
                mantissa = mantissa * 10 + (uint64_t)(*p - '0'), digits += mantissa != 0, exponent--;
            else
                digits = 99;
        }
    if (!seen)
        return word_number((struct slice){ p, (size_t)(end - p) }, negative, value);
    if (p < end && (*p | 32) == 'e') {
        int  shift = 0, n = 0;
        bool down = ++p < end && *p == '-';
        if (p < end && (*p == '-' || *p == '+'))
            p++;
        for (; p < end && is_digit(*p); p++, n++)
            shift = shift < 100000 ? shift * 10 + (*p - '0') : shift;
        if (!n)
            return false;
        exponent += down ? -shift : shift;
    }
    if (p != end)
        return false;
    if (digits > 18 || mantissa > (UINT64_C(1) << 53) || exponent < -22 || exponent > 22)
        return long_number(s, value);
    double v = (double)mantissa;
    v = exponent < 0 ? v / ten[-exponent] : v * ten[exponent];
    *value = negative ? -v : v;
    return true;
}
========
========
>>>>>>>> ingest-ship:src/wire/number.c
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
<<<<<<<< HEAD:src/wire/exposition_number.c
>>>>>>>> ingest-server:src/wire/number.c
========
>>>>>>>> ingest-ship:src/wire/number.c
