/* explain/figure.c - numbers as people read them, and texts of others as they may be shown. */
#include "explain/inside.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

char *figure_number(double x, char *out, size_t size)
{
    double a = fabs(x);
    if (!isfinite(x))
        (void)snprintf(out, size, "unknown");
    else if (a >= 1e9)
        (void)snprintf(out, size, "%.3g", x);
    else
        (void)snprintf(out, size, a >= 100 ? "%.0f" : a >= 10 ? "%.1f" : a >= 1 ? "%.2f" : a >= 0.001 || a < 1e-12 ? "%.3g" : "%.1e", a < 1e-12 ? 0 : x);
    return out;
}

char *figure_signed(double x, char *out, size_t size)
{
    char number[40];
    (void)snprintf(out, size, "%s%s", isfinite(x) && x >= 0 ? "+" : "", figure_number(x, number, sizeof number));
    return out;
}

char *figure_share(double ratio, char *out, size_t size)
{
    if (isfinite(ratio))
        (void)snprintf(out, size, fabs(ratio) >= 0.995 ? "%+.0f %%" : "%+.1f %%", 100 * ratio);
    else
        (void)snprintf(out, size, "unknown");
    return out;
}

char *figure_percent(double log_ratio, char *out, size_t size) { return figure_share(expm1(log_ratio), out, size); }

char *figure_with_unit(double x, const char *unit, char *out, size_t size)
{
    char number[40];
    (void)snprintf(out, size, "%s%s%s", figure_number(x, number, sizeof number), isfinite(x) ? figure_unit_gap(unit) : "", isfinite(x) ? unit : "");
    return out;
}

/* An effect without a level was not measured on all of the load. */
const char *figure_scope(const struct explain_try *t) { return isfinite(t->effect) && !isfinite(t->level) ? " of the statements it was made for" : ""; }

const char *figure_load(const struct explanation *e, int i)
{
    return i > 0 && e->tried[i].chapter != e->tried[i - 1].chapter ? "(the load is another one) " : "";
}

const char *figure_chapters(const struct explanation *e)
{
    return e->chapters < 2 ? "" : "The load was not the same all the time, and what was won under one load says nothing of another: the best so far begins anew with each, against the "
                                  "configuration that was in force then, and goes on where a load came back to a configuration that was known under it.";
}

void figure_interval(const struct explain_figure *f, const char *unit, struct text *out)
{
    char a[40], b[40], c[40];
    if (f->standing != STANDING_KNOWN && f->standing != STANDING_ASSUMED)
        text_printf(out, "%s%s%s", explain_standing_name(f->standing), *f->why ? ": " : "", f->why);
    else
        text_printf(out, "%s%s%s (%s to %s)", figure_signed(f->estimate, a, sizeof a), figure_unit_gap(unit), unit, figure_signed(f->lo, b, sizeof b), figure_signed(f->hi, c, sizeof c));
}

/* ---- texts of others ---- */

/* Length of the UTF-8 character at s, 0 for what is none: too short, overlong, a surrogate, beyond Unicode. */
static size_t utf8_length(const unsigned char *s)
{
    size_t n = s[0] < 0x80 ? 1 : s[0] >= 0xc2 && s[0] < 0xe0 ? 2 : s[0] >= 0xe0 && s[0] < 0xf0 ? 3 : s[0] >= 0xf0 && s[0] < 0xf5 ? 4 : 0;
    for (size_t i = 1; i < n; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    bool odd = (s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] >= 0xa0) || (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] >= 0x90);
    return odd ? 0 : n;
}

/* Characters that turn the direction of writing could make a text say something else than it does. */
static bool is_harmless(const unsigned char *s, size_t n)
{
    if (n == 1)
        return s[0] >= ' ' && s[0] != 0x7f;
    if (n == 2)
        return s[0] != 0xc2 || s[1] >= 0xa0;                                                     /* C1 controls */
    return !(n == 3 && s[0] == 0xe2 && ((s[1] == 0x80 && s[2] >= 0x8b && s[2] <= 0x8f) || (s[1] == 0x80 && s[2] >= 0xa8 && s[2] <= 0xae)
                                        || (s[1] == 0x81 && s[2] >= 0xa6 && s[2] <= 0xa9)));
}

/* The next piece of s that may be shown: a character, a space for white space and a question mark for all else. Returns what it takes of s. */
static size_t next_piece(const char *s, char piece[5])
{
    const unsigned char *u = (const unsigned char *)s;
    size_t               n = utf8_length(u);
    bool                 shown = n > 0 && is_harmless(u, n);
    memset(piece, 0, 5);
    if (shown)
        memcpy(piece, s, n);
    else
        piece[0] = *s == '\n' || *s == '\t' || *s == '\r' ? ' ' : '?';
    return n > 0 ? n : 1;
}

char *figure_label(const char *from, char *out, size_t size)
{
    size_t used = 0;
    char   piece[5];
    while (from && *from) {
        from += next_piece(from, piece);
        size_t n = strlen(piece);
        if (used + n + 1 > size - 3 && *from) {                    /* room for the sign that something is left out */
            memcpy(out + used, "...", 3);
            used += 3;
            break;
        }
        if (used + n + 1 > size)
            break;
        memcpy(out + used, piece, n);
        used += n;
    }
    out[used] = '\0';
    return out;
}

static const char *replaced(enum escape how, char c)
{
    switch (c) {
    case '&':  return "&amp;";           /* Markdown reads entities, too */
    case '<':  return "&lt;";
    case '>':  return "&gt;";
    case '"':  return how == ESCAPE_HTML ? "&quot;" : NULL;
    case '\'': return how == ESCAPE_HTML ? "&#39;" : NULL;
    default:   return NULL;
    }
}

/*
 * GitHub's Markdown makes links of addresses, and mentions of @names, that no sign marks as such: the character that would begin one
 * is written as an entity. Mentions and mail addresses are looked for after entities were read, so an invisible word joiner parts the @ from
 * what follows. at: behind the character c of the text that begins at `begin`.
 */
static const char *unlinked(const char *begin, const char *at, char c)
{
    if (c == '@')
        return "&#64;&#8288;";
    if (c == ':' && strncmp(at, "//", 2) == 0)
        return "&#58;";
    return c == '.' && at - begin >= 4 && strncasecmp(at - 4, "www", 3) == 0 ? "&#46;" : NULL;
}

void escape_add(struct text *out, enum escape how, const char *s)
{
    const char *begin = s;
    char        piece[5];
    while (*s) {
        s += next_piece(s, piece);
        const char *instead = how == ESCAPE_PLAIN ? NULL : replaced(how, piece[0]);
        if (how == ESCAPE_MARKDOWN && !instead)
            instead = unlinked(begin, s, piece[0]);
        if (!instead && how == ESCAPE_MARKDOWN && piece[1] == '\0' && strchr("\\`*_[]#|~$", piece[0]))
            text_add(out, "\\");
        text_add(out, instead ? instead : piece);
    }
}
