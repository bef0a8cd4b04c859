/*
 * wire/json_pull.c - the grammar: what may come next is one state, what we are in is one bit per level.
 */
#include "wire/json_pull.h"

#include <string.h>

enum { WANT_VALUE, WANT_FIRST, WANT_KEY, WANT_COMMA, WANT_NOTHING, STUCK };   /* FIRST: a value or key, or the end at once */

void pull_init(struct pull *p, struct slice text)
{
    const char *s = text.s ? text.s : "";
    *p = (struct pull){ .begin = s, .at = s, .end = s + text.n, .expect = WANT_VALUE };
}

static enum pull_token bad(struct pull *p, const char *why)
{
    if (!p->why)
        p->why = why;
    p->expect = STUCK;
    return p->token = PULL_BAD;
}

static bool in_object(const struct pull *p) { return p->depth > 0 && p->object[(p->depth - 1) / 8] >> ((p->depth - 1) % 8) & 1; }

static void after_value(struct pull *p) { p->expect = p->depth ? WANT_COMMA : WANT_NOTHING; }

static enum pull_token open(struct pull *p, bool object)
{
    if (p->depth == PULL_DEPTH_MAX)
        return bad(p, "nested too deeply");
    uint8_t bit = (uint8_t)(1u << (p->depth % 8));
    if (object)
        p->object[p->depth / 8] |= bit;
    else
        p->object[p->depth / 8] &= (uint8_t)~bit;
    p->depth++;
    p->at++;
    p->expect = WANT_FIRST;
    return p->token = object ? PULL_OBJECT : PULL_ARRAY;
}

static enum pull_token close(struct pull *p, bool object)
{
    if (in_object(p) != object)
        return bad(p, "a bracket that closes the other kind");
    p->depth--;
    p->at++;
    after_value(p);
    return p->token = object ? PULL_OBJECT_END : PULL_ARRAY_END;
}

static int hex(char c) { return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1; }

/* From the opening quote to behind the closing one. */
static bool string(struct pull *p)
{
    const char *at = p->at + 1;
    p->escaped = false;
    for (;; at++) {
        while (at < p->end && *at != '"' && *at != '\\' && (unsigned char)*at >= 0x20)
            at++;
        if (at >= p->end) {
            p->at = at;
            (void)bad(p, "a string that does not end");
            return false;
        }
        if (*at == '"')
            break;
        bool good = *at == '\\' && at + 1 < p->end && memchr("\"\\/bfnrtu", at[1], 9) != NULL;
        if (good && *++at == 'u')
            for (int i = 0; i < 4; i++)
                good = good && ++at < p->end && hex(*at) >= 0;
        if (!good) {
            p->at = at < p->end ? at : p->end;
            (void)bad(p, p->at < p->end && (unsigned char)*p->at < 0x20 ? "a control character in a string" : "an escape that does not exist");
            return false;
        }
        p->escaped = true;
    }
    p->text = (struct slice){ p->at + 1, (size_t)(at - p->at - 1) };
    p->at = at + 1;
    return true;
}

static const char *digits(const char *at, const char *end)
{
    while (at < end && *at >= '0' && *at <= '9')
        at++;
    return at;
}

static enum pull_token number(struct pull *p)
{
    const char *at = p->at, *from;
    if (at < p->end && *at == '-')
        at++;
    from = at;
    at = digits(at, p->end);
    if (at == from || (*from == '0' && at - from > 1))
        return bad(p, "a number that is none");
    if (at < p->end && *at == '.') {
        from = ++at;
        at = digits(at, p->end);
        if (at == from)
            return bad(p, "a number that ends with its point");
    }
    if (at < p->end && (*at == 'e' || *at == 'E')) {
        at++;
        if (at < p->end && (*at == '+' || *at == '-'))
            at++;
        from = at;
        at = digits(at, p->end);
        if (at == from)
            return bad(p, "a number without its exponent");
    }
    if (at - p->at > PULL_NUMBER_MAX)
        return bad(p, "a number of too many characters");
    p->text = (struct slice){ p->at, (size_t)(at - p->at) };
    p->at = at;
    after_value(p);
    return p->token = PULL_NUMBER;
}

static enum pull_token word(struct pull *p, const char *w, enum pull_token token)
{
    size_t n = strlen(w);
    if ((size_t)(p->end - p->at) < n || memcmp(p->at, w, n) != 0)
        return bad(p, "neither a value nor a word that JSON knows");
    p->at += n;
    after_value(p);
    return p->token = token;
}

static enum pull_token value(struct pull *p)
{
    switch (*p->at) {
    case '{': return open(p, true);
    case '[': return open(p, false);
    case '"':
        if (!string(p))
            return PULL_BAD;
        after_value(p);
        return p->token = PULL_TEXT;
    case 't': return word(p, "true", PULL_TRUE);
    case 'f': return word(p, "false", PULL_FALSE);
    case 'n': return word(p, "null", PULL_NULL);
    default: return *p->at == '-' || (*p->at >= '0' && *p->at <= '9') ? number(p) : bad(p, "no value where one should be");
    }
}

static void spaces(struct pull *p)
{
    while (p->at < p->end && (*p->at == ' ' || *p->at == '\n' || *p->at == '\r' || *p->at == '\t'))
        p->at++;
}

static enum pull_token key(struct pull *p)
{
    if (*p->at != '"')
        return bad(p, "no key where one should be");
    if (!string(p))
        return PULL_BAD;
    spaces(p);
    if (p->at == p->end || *p->at != ':')
        return bad(p, "no colon after a key");
    p->at++;
    p->expect = WANT_VALUE;
    return p->token = PULL_KEY;
}

enum pull_token pull_next(struct pull *p)
{
    if (p->expect == STUCK)
        return PULL_BAD;
    spaces(p);
    if (p->at == p->end)
        return p->expect == WANT_NOTHING ? (p->token = PULL_END) : bad(p, "it ends too early");
    if (p->expect == WANT_NOTHING)
        return bad(p, "something after the end");
    if (p->expect == WANT_COMMA || p->expect == WANT_FIRST) {
        if (*p->at == '}' || *p->at == ']')
            return close(p, *p->at == '}');
        if (p->expect == WANT_COMMA) {
            if (*p->at != ',')
                return bad(p, "no comma between two values");
            p->at++;
            spaces(p);
            if (p->at == p->end)
                return bad(p, "it ends too early");
        }
        p->expect = in_object(p) ? WANT_KEY : WANT_VALUE;
    }
    return p->expect == WANT_KEY ? key(p) : value(p);
}

bool pull_skip(struct pull *p)
{
    if (p->token == PULL_OBJECT || p->token == PULL_ARRAY)
        for (int depth = p->depth; p->depth >= depth;)
            if (pull_next(p) == PULL_BAD)
                return false;
    return p->token != PULL_BAD;
}

enum err pull_fail(const struct pull *p, struct fault *fault)
{
    return fail(fault, ERR_INPUT, "JSON at byte %zu of %zu: %s", (size_t)(p->at - p->begin), (size_t)(p->end - p->begin), p->why ? p->why : "not what is wanted here");
}

/* ---- strings ---- */

static uint32_t four(const char *s) { return (uint32_t)(hex(s[0]) << 12 | hex(s[1]) << 8 | hex(s[2]) << 4 | hex(s[3])); }

static size_t utf8_put(uint32_t c, char *to)
{
    if (c < 0x80) {
        to[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        to[0] = (char)(0xc0 | c >> 6);
        to[1] = (char)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        to[0] = (char)(0xe0 | c >> 12);
        to[1] = (char)(0x80 | (c >> 6 & 0x3f));
        to[2] = (char)(0x80 | (c & 0x3f));
        return 3;
    }
    to[0] = (char)(0xf0 | c >> 18);
    to[1] = (char)(0x80 | (c >> 12 & 0x3f));
    to[2] = (char)(0x80 | (c >> 6 & 0x3f));
    to[3] = (char)(0x80 | (c & 0x3f));
    return 4;
}

size_t pull_unescape(struct slice raw, char *to)
{
    size_t used = 0;
    for (size_t i = 0; i < raw.n;) {
        const char *stop = memchr(raw.s + i, '\\', raw.n - i);
        size_t      plain = stop ? (size_t)(stop - raw.s) - i : raw.n - i;
        memmove(to + used, raw.s + i, plain);
        used += plain;
        i += plain;
        if (i >= raw.n)
            break;
        char c = raw.s[i + 1];
        i += 2;
        if (c != 'u') {
            to[used++] = c == 'n' ? '\n' : c == 't' ? '\t' : c == 'r' ? '\r' : c == 'b' ? '\b' : c == 'f' ? '\f' : c;
            continue;
        }
        uint32_t u = four(raw.s + i);
        i += 4;
        if (u >= 0xd800 && u < 0xdc00 && i + 6 <= raw.n && raw.s[i] == '\\' && raw.s[i + 1] == 'u') {
            uint32_t low = four(raw.s + i + 2);
            if (low >= 0xdc00 && low < 0xe000) {
                u = 0x10000 + ((u - 0xd800) << 10) + (low - 0xdc00);
                i += 6;
            }
        }
        used += utf8_put(u >= 0xd800 && u < 0xe000 ? 0xfffd : u, to + used);
    }
    return used;
}

bool pull_text_is(const struct pull *p, const char *w)
{
    char small[256];
    if (!p->escaped)
        return slice_is(p->text, w);
    if (p->text.n > sizeof small)
        return false;
    return slice_is((struct slice){ small, pull_unescape(p->text, small) }, w);
}
