/*
 * base/err.c - the codes' names and the three ways to fill a fault.
 *
 * What is quoted may be anything and is cut where a room ends, within a character, too; faults are told in JSON, where that would be no text at all.
 */
#include "base/err.h"

#include "base/utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const names[ERR_COUNT] = {
    [OK] = "ok",
#define X(name, text) [ERR_##name] = #name,
    ERR_MAP(X)
#undef X
};

static const char *const texts[ERR_COUNT] = {
    [OK] = "all is well",
#define X(name, text) [ERR_##name] = text,
    ERR_MAP(X)
#undef X
};

const char *err_name(enum err code)
{
    return (unsigned)code < ERR_COUNT ? names[code] : "?";
}

const char *err_text(enum err code)
{
    return (unsigned)code < ERR_COUNT ? texts[code] : "?";
}

enum err fail(struct fault *fault, enum err code, const char *format, ...)
{
    if (fault) {
        /* The arguments may point into the fault itself, so format beside it first. */
        char text[sizeof fault->text];
        va_list args;
        va_start(args, format);
        (void)vsnprintf(text, sizeof text, format, args);
        va_end(args);
        utf8_clean(text, '?');
        fault->code = code;
        fault->hint[0] = '\0';
        memcpy(fault->text, text, sizeof text);
    }
    return code;
}

void fail_hint(struct fault *fault, const char *format, ...)
{
    if (!fault)
        return;
    va_list args;
    va_start(args, format);
    (void)vsnprintf(fault->hint, sizeof fault->hint, format, args);
    va_end(args);
    utf8_clean(fault->hint, '?');
}

enum err fail_in(struct fault *fault, const char *format, ...)
{
    if (!fault)
        return ERR_UNKNOWN;
    char where[sizeof fault->text];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(where, sizeof where, format, args);
    va_end(args);
    size_t used = strlen(where);
    if (used + 2 < sizeof where)
        (void)snprintf(where + used, sizeof where - used, ": %.*s", (int)(sizeof where - used - 3), fault->text);
    utf8_clean(where, '?');
    memcpy(fault->text, where, sizeof where);
    return fault->code;
}
