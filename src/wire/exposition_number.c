/*
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
    if (!s.n)
        return false;
    const char *p = s.s, *end = s.s + s.n;
    bool        negative = *p == '-';
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
