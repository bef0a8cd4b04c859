/* conf/complain.c - the list of complaints, and the guess at what a misspelt word was meant to be. */
#include "conf/complain.h"

#include "base/utf8.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define COMPLAINT_BYTES (256u * 1024u)
#define WORD_MAX        64u

void conf_complaints_init(struct conf_complaints *all)
{
    *all = (struct conf_complaints){ .count = 0 };
    arena_init(&all->memory, COMPLAINT_BYTES);
}

void conf_complaints_done(struct conf_complaints *all)
{
    arena_done(&all->memory);
    all->count = all->dropped = 0;
}

/* A copy that can be told in JSON and on a terminal: what is quoted was cut where its room ended, and escapes in double quotes are any characters. */
static const char *keep(struct conf_complaints *all, const char *s)
{
    char *copy = arena_text(&all->memory, s);
    if (copy)
        utf8_tame(copy, '?');
    return copy;
}

void conf_complain(struct conf_complaints *all, struct conf_place at, const char *hint, const char *format, ...)
{
    char    text[1024];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);

    struct conf_complaint c = { .at = at };
    if (all->count == CONF_COMPLAINTS_MAX
        || !(c.at.file = keep(all, at.file ? at.file : "-"))
        || !(c.text = keep(all, text))
        || !(c.hint = keep(all, hint ? hint : ""))) {
        all->dropped++;
        return;
    }
    all->list[all->count++] = c;
}

char *conf_place_text(struct conf_place at, char *out, size_t size)
{
    if (at.line == 0)
        (void)snprintf(out, size, "%s", at.file);
    else
        (void)snprintf(out, size, "%s:%u:%u", at.file, at.line, at.column);
    return out;
}

enum err conf_complaints_fault(const struct conf_complaints *all, struct fault *fault)
{
    if (all->count == 0)
        return all->dropped ? fail(fault, ERR_LIMIT, "out of memory while reading the configuration") : OK;
    const struct conf_complaint *c = &all->list[0];
    char   place[256];
    size_t others = all->count - 1 + all->dropped;
    conf_place_text(c->at, place, sizeof place);
    if (others)
        (void)fail(fault, ERR_INPUT, "%s: %s (and %zu more)", place, c->text, others);
    else
        (void)fail(fault, ERR_INPUT, "%s: %s", place, c->text);
    if (*c->hint)
        fail_hint(fault, "%s", c->hint);
    return ERR_INPUT;
}

void conf_complaints_text(const struct conf_complaints *all, struct text *out)
{
    for (size_t i = 0; i < all->count; i++) {
        const struct conf_complaint *c = &all->list[i];
        char place[512];
        text_printf(out, "%s: %s.", conf_place_text(c->at, place, sizeof place), c->text);
        if (*c->hint)
            text_printf(out, " %s", c->hint);
        text_add(out, "\n");
    }
    if (all->dropped)
        text_printf(out, "... and %zu more\n", all->dropped);
}

json_t *conf_complaints_json(const struct conf_complaints *all)
{
    json_t *list = json_array();
    for (size_t i = 0; list && i < all->count; i++) {
        const struct conf_complaint *c = &all->list[i];
        json_t *one = json_pack("{s:s, s:I, s:I, s:s, s:s}", "file", c->at.file, "line", (json_int_t)c->at.line,
                                "column", (json_int_t)c->at.column, "text", c->text, "hint", c->hint);
        if (!one || json_array_append_new(list, one) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

/* ---- what was meant ---- */

static char folded(char c) { return c == '-' ? '_' : (char)tolower((unsigned char)c); }

static unsigned least(unsigned a, unsigned b) { return a < b ? a : b; }

/* How many letters must be added, dropped, changed or swapped with their neighbour (optimal string alignment). */
static unsigned edits(const char *a, const char *b)
{
    size_t   la = strlen(a), lb = strlen(b);
    unsigned row[3][WORD_MAX + 1];
    if (la > WORD_MAX || lb > WORD_MAX)
        return WORD_MAX;
    for (unsigned j = 0; j <= lb; j++)
        row[0][j] = j;
    for (unsigned i = 1; i <= la; i++) {
        unsigned *now = row[i % 3], *last = row[(i + 2) % 3], *before = row[(i + 1) % 3];
        now[0] = i;
        for (unsigned j = 1; j <= lb; j++) {
            char x = folded(a[i - 1]), y = folded(b[j - 1]);
            now[j] = least(least(last[j] + 1, now[j - 1] + 1), last[j - 1] + (x != y));
            if (i > 1 && j > 1 && x == folded(b[j - 2]) && folded(a[i - 2]) == y)
                now[j] = least(now[j], before[j - 2] + 1);
        }
    }
    return row[la % 3][lb];
}

static bool within(const char *part, const char *whole) { return strlen(part) >= 4 && strcasestr(whole, part); }

const char *conf_nearest(const char *word, const char *const *list, size_t count)
{
    const char *best = NULL;
    size_t      length = strlen(word);
    unsigned    bound = length < 6 ? (length < 2 ? 0 : 1) : (unsigned)least(3, (unsigned)length / 3), nearest = bound + 1;
    for (size_t i = 0; i < count; i++) {
        unsigned d = edits(word, list[i]);
        if (d < nearest) {
            nearest = d;
            best = list[i];
        }
    }
    for (size_t i = 0; !best && i < count; i++)
        if (within(word, list[i]) || within(list[i], word))
            best = list[i];
    return best;
}
