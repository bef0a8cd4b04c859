/* sense/preparable.c - see preparable.h. */
#include "sense/preparable.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { GONE_MAX = 256 };

static bool is_word(char c) { return isalnum((unsigned char)c) || c == '_' || (unsigned char)c >= 0x80; }

/* Past a quoted text, a quoted name, a comment or a text in dollars; 0 when none begins here. */
static size_t skip(const char *s)
{
    if (*s == '\'' || *s == '"') {
        const char *p = s + 1;
        while (*p && !(*p == *s && p[1] != *s))
            p += *p == *s ? 2 : 1;
        return (size_t)(p - s) + (*p != '\0');
    }
    if (s[0] == '-' && s[1] == '-')
        return strcspn(s, "\n");
    if (s[0] == '/' && s[1] == '*') {
        const char *end = strstr(s + 2, "*/");
        return end ? (size_t)(end - s) + 2 : strlen(s);
    }
    return 0;
}

/* "$12" after blanks; NULL when something else follows. */
static const char *parameter(const char *s, size_t *n)
{
    while (isspace((unsigned char)*s))
        s++;
    *n = *s == '$' ? 1 + strspn(s + 1, "0123456789") : 0;
    return *n > 1 ? s : NULL;
}

/* A type in front of a constant, at the beginning of s; 0 when none is. */
static size_t type_before_constant(const char *s)
{
    static const char *const types[] = { "interval", "date", "timestamptz", "timestamp", "timetz", "time" };
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (strncasecmp(s, types[i], strlen(types[i])) == 0 && !is_word(s[strlen(types[i])]))
            return strlen(types[i]);
    return 0;
}

struct rewriting { struct text *out; bool gone[GONE_MAX]; long highest; bool any_gone; };

static void note_parameter(struct rewriting *r, const char *p, bool gone)
{
    long n = strtol(p + 1, NULL, 10);
    r->highest = n > r->highest ? n : r->highest;
    if (gone && n > 0 && n < GONE_MAX)
        r->gone[n] = r->any_gone = true;
}

/* One word with what belongs to it; returns how much was read. */
static size_t word(struct rewriting *r, const char *s)
{
    size_t      n = 0, type = type_before_constant(s), len;
    const char *p = type ? parameter(s + type, &len) : NULL;
    if (p) {
        text_add_n(r->out, p, len);
        text_add(r->out, "::");
        text_add_n(r->out, s, type);
        note_parameter(r, p, false);
        return (size_t)(p - s) + len;
    }
    if (strncasecmp(s, "extract", 7) == 0 && !is_word(s[7])) {
        const char *open = s + 7 + strspn(s + 7, " \t\n");
        p = *open == '(' ? parameter(open + 1, &len) : NULL;
        if (p) {
            text_add(r->out, "extract(year");
            note_parameter(r, p, true);
            return (size_t)(p - s) + len;
        }
    }
    while (is_word(s[n]))
        n++;
    text_add_n(r->out, s, n);
    return n;
}

static void rewrite(struct rewriting *r, const char *s)
{
    while (*s) {
        size_t n = skip(s), len;
        if (n == 0 && is_word(*s)) {
            s += word(r, s);
            continue;
        }
        if (n == 0 && *s == '$' && parameter(s, &len))
            note_parameter(r, s, false);
        n = n ? n : 1;
        text_add_n(r->out, s, n);
        s += n;
    }
}

void preparable(const char *name, const char *statement, struct text *out)
{
    struct text      body CLEANUP(text_done);
    struct rewriting r = { .out = &body };
    text_init(&body, out->max);
    rewrite(&r, statement);
    text_printf(out, "PREPARE %s", name);
    for (long i = 1; r.any_gone && i <= r.highest; i++)
        text_printf(out, "%s%s", i == 1 ? " (" : ", ", i < GONE_MAX && r.gone[i] ? "text" : "unknown");
    text_add(out, r.any_gone ? ") AS " : " AS ");
    text_add_n(out, body.s, body.used);
    out->cut = out->cut || body.cut;
}
