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

static bool is_this_word(const char *s, const char *word) { return strncasecmp(s, word, strlen(word)) == 0 && !is_word(s[strlen(word)]); }

/* " with time zone", or without: how long that is; 0 when it does not follow. */
static size_t time_zone(const char *s)
{
    static const char *const words[][2] = { { "with", "without" }, { "time", "time" }, { "zone", "zone" } };
    const char *p = s;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        size_t blanks = strspn(p, " \t\n");
        p += blanks;
        const char *word = is_this_word(p, words[i][0]) ? words[i][0] : words[i][1];
        if (blanks == 0 || !is_this_word(p, word))
            return 0;
        p += strlen(word);
    }
    return (size_t)(p - s);
}

/* A type in front of a constant, at the beginning of s; 0 when none is. */
static size_t type_before_constant(const char *s)
{
    static const char *const types[] = {
        "interval", "date", "timestamptz", "timestamp", "timetz", "time", "uuid", "jsonb", "json", "inet", "cidr", "numeric", "bigint", "integer", "int", "smallint", "boolean", "text", "varchar",
    };
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (is_this_word(s, types[i])) {
            size_t n = strlen(types[i]);
            return n + (strncmp(types[i], "time", 4) == 0 ? time_zone(s + n) : 0);
        }
    return 0;
}

/* From 18 on only the first constant of a list is there, and this comment after it. */
static const char rest_of_list[] = "/*, ... */";

struct rewriting { struct text *out; bool gone[GONE_MAX]; long highest, last; bool any_gone; };

static void note_parameter(struct rewriting *r, const char *p, bool gone)
{
    long n = strtol(p + 1, NULL, 10);
    r->highest = n > r->highest ? n : r->highest;
    r->last = n;
    if (gone && n > 0 && n < GONE_MAX)
        r->gone[n] = r->any_gone = true;
}

/* What was one constant in SELECT and in GROUP BY is two parameters, and no expression with the one equals that with the other: "extract($1 from
 * a)", "date_trunc($2, a)", "a at time zone $3". Any constant does, since the plan is the same. How much was read; 0 when it is nothing of that. */
static size_t constant_again(struct rewriting *r, const char *s)
{
    static const struct { const char *word, *open, *instead; } rows[] = {
        { "extract", "(", "extract(year" }, { "date_trunc", "(", "date_trunc('day'" }, { "date_part", "(", "date_part('day'" }, { "zone", "", "zone 'UTC'" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t len, opens = strlen(rows[i].open);
        if (!is_this_word(s, rows[i].word))
            continue;
        const char *at = s + strlen(rows[i].word);
        at += strspn(at, " \t\n");
        const char *p = strncmp(at, rows[i].open, opens) == 0 ? parameter(at + opens, &len) : NULL;
        if (!p)
            return 0;
        text_add(r->out, rows[i].instead);
        note_parameter(r, p, true);
        return (size_t)(p - s) + len;
    }
    return 0;
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
    size_t again = constant_again(r, s);
    if (again)
        return again;
    while (is_word(s[n]))
        n++;
    text_add_n(r->out, s, n);
    return n;
}

static void rewrite(struct rewriting *r, const char *s)
{
    while (*s) {
        size_t n = skip(s), len;
        if (r->last && strncmp(s, rest_of_list, n) == 0 && n == sizeof rest_of_list - 1) {
            text_printf(r->out, ", $%ld", r->last);   /* a list of one would be planned as an equality */
            s += n;
            continue;
        }
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
