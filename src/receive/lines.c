/* receive/lines.c - see lines.h. */
#include "receive/lines.h"

#include "wire/protobuf.h"

#include <assert.h>
#include <stdint.h>

static bool grouped(const struct lines_rules *r) { return r->indented || r->start; }

/* Whether the line at the beginning of `in` begins a text. Its LF is at n. */
static bool begins(const struct lines_rules *r, const char *s, size_t n)
{
    if (r->indented && n && (s[0] == ' ' || s[0] == '\t'))
        return false;
    if (!r->start)
        return true;
    char   line[LINES_LOOK + 1];
    size_t look = n < LINES_LOOK ? n : LINES_LOOK;
    memcpy(line, s, look);
    line[look] = '\0';
    return regexec(r->start, line, 0, NULL, look < n ? REG_NOTEOL : 0) == 0;
}

/* A long text is parted between characters, where it has any. */
static size_t whole_characters(const char *s, size_t n)
{
    size_t back = 0;
    while (back < 4 && back + 1 < n && ((uint8_t)s[n - back] & 0xc0) == 0x80)
        back++;
    return back < 4 ? n - back : n;
}

static bool found_set(struct lines_found *f, struct slice in, size_t end, size_t used)
{
    f->text = (struct slice){ in.s, end };
    f->used = used;
    f->split = false;
    if (used > end && end && in.s[end - 1] == '\r')
        f->text.n--;
    return true;
}

static bool found_split(const struct lines_rules *r, struct lines_found *f, struct slice in)
{
    size_t n = whole_characters(in.s, r->max);
    *f = (struct lines_found){ .text = { in.s, n }, .used = n, .split = true };
    return true;
}

bool lines_next(const struct lines_rules *r, struct slice in, enum lines_flush flush, struct lines_found *found)
{
    size_t complete = 0;      /* where the last LF of the text so far stands */
    assert(r->max > 8);
    for (size_t at = 0; at < in.n;) {
        const char *lf = memchr(in.s + at, '\n', in.n - at);
        size_t      end = lf ? (size_t)(lf - in.s) : in.n;
        if (!lf && flush != LINES_END && in.n <= r->max)
            return at && flush == LINES_QUIET ? found_set(found, in, complete, complete + 1) : false;
        if (at && (end > r->max || begins(r, in.s + at, end - at)))
            return found_set(found, in, complete, complete + 1);
        if (end > r->max)
            return found_split(r, found, in);
        if (!lf || !grouped(r))
            return found_set(found, in, end, end + (lf != NULL));
        complete = end;
        at = end + 1;
    }
    return in.n && flush != LINES_MORE ? found_set(found, in, complete, complete + 1) : false;
}

struct slice lines_utf8(struct slice in, struct text *scratch)
{
    if (utf8_valid(in))
        return in;
    text_clear(scratch);
    for (size_t at = 0, good = 0;;) {      /* good: where what is known to be valid begins */
        size_t n = 1, left = in.n - at;
        if (left && (uint8_t)in.s[at] >= 0x80)
            for (n = 4; n > 1 && !(n <= left && utf8_valid((struct slice){ in.s + at, n })); n--)
                ;
        bool bad = left && n == 1 && (uint8_t)in.s[at] >= 0x80;
        if (left && !bad) {
            at += n;
            continue;
        }
        text_add_n(scratch, in.s + good, at - good);
        if (!left)
            return (struct slice){ scratch->s, scratch->used };
        text_add(scratch, "\xef\xbf\xbd");
        good = ++at;
    }
}
