/* digest/mask.c - the scanner: where tokens begin and end, and which of them vary by their shape. */
#include "base/utf8.h"
#include "digest/mask_inside.h"

enum {
    BLANK = 1, HARD = 2,                     /* ends a token; ends it and is one */
    DIGIT = 4, HEX = 8, ALPHA = 16,          /* 0-9, a-f, other letters */
    SLASH = 32, DOT = 64, COLON = 128, DASH = 256, AT = 512, OTHER = 1024, QUOTE = 2048,
    CJK = 4096,                              /* may begin a character of a script that puts no blanks between words */
};

#define EIGHT(x)   x, x, x, x, x, x, x, x
#define SIXTEEN(x) EIGHT(x), EIGHT(x)
static const uint16_t class_of[256] = {
    SIXTEEN(BLANK), SIXTEEN(BLANK),
    /* space ! " # $ % & ' */ BLANK, OTHER, HARD | QUOTE, OTHER, OTHER, OTHER, OTHER, HARD | QUOTE,
    /* ( ) * + , - . / */ HARD, HARD, OTHER, DASH, HARD, DASH, DOT, SLASH,
    DIGIT, DIGIT, DIGIT, DIGIT, DIGIT, DIGIT, DIGIT, DIGIT, DIGIT, DIGIT,
    /* : ; < = > ? */ COLON, HARD, HARD, HARD, HARD, OTHER,
    /* @ A-G */ AT, HEX, HEX, HEX, HEX, HEX, HEX, ALPHA, EIGHT(ALPHA), EIGHT(ALPHA), ALPHA, ALPHA, ALPHA,
    /* [ \ ] ^ _ */ HARD, SLASH, HARD, OTHER, OTHER,
    /* ` a-g */ HARD | QUOTE, HEX, HEX, HEX, HEX, HEX, HEX, ALPHA, EIGHT(ALPHA), EIGHT(ALPHA), ALPHA, ALPHA, ALPHA,
    /* { | } ~ DEL */ HARD, HARD, HARD, OTHER, BLANK,
    SIXTEEN(OTHER), SIXTEEN(OTHER), SIXTEEN(OTHER), SIXTEEN(OTHER), SIXTEEN(OTHER), SIXTEEN(OTHER),
    /* e0-e2, e3-ef */ OTHER, OTHER, OTHER, EIGHT(OTHER | CJK), OTHER | CJK, OTHER | CJK, OTHER | CJK, OTHER | CJK, OTHER | CJK,
    /* f0-f4, f5-ff */ OTHER | CJK, OTHER | CJK, OTHER | CJK, OTHER | CJK, OTHER | CJK, EIGHT(OTHER), OTHER, OTHER, OTHER,
};

static unsigned class_at(const char *s) { return class_of[(unsigned char)*s]; }

uint64_t mask_hash_next(uint64_t hash, uint64_t token)
{
    hash = (hash ^ token) * UINT64_C(0xff51afd7ed558ccd);
    return hash ^ (hash >> 32);
}

uint64_t mask_hash(const char *s, size_t n)
{
    uint64_t h = n * UINT64_C(0xc4ceb9fe1a85ec53) + 1;
    for (; n > 8; s += 8, n -= 8) {
        uint64_t w;
        memcpy(&w, s, 8);
        h = mask_hash_next(h, w);
    }
    uint64_t w = 0;
    for (size_t i = 0; i < n; i++)
        w = w << 8 | (unsigned char)s[i];
    return mask_hash_next(h, w);
}

/* ---- the tokens ---- */

struct scan {
    struct mask_line *m;
    const char       *begin, *end, *at;
    const char       *closes;                /* where a quotation of several words ends */
    const struct mask_ignore *ignore;        /* NULL: none */
    bool              blank, full;
    bool              array;                 /* in an array of JSON whose strings vary */
    bool              json;                  /* what closes is a string of JSON, with its escapes */
    bool              asked;                 /* a request was quoted: "GET /x HTTP/1.1" */
    const char       *who, *when;            /* of a line of a web server: who asks; its date. NULL: it is none */
};

/* Values side by side are one, however many: a b c, a, b, c and a:b; also a.b.c:1, a host and its port. */
static struct mask_token *list_before(const struct scan *s, bool blank, bool number)
{
    struct mask_line *m = s->m;
    if (number && m->n > 1 && !blank && m->token[m->n - 2].kind == MASK_SOFT && s->begin[m->token[m->n - 1].at] == ':' && !m->token[m->n - 1].blank) {
        m->token[m->n - 2].kind = MASK_VAR;
        m->token[m->n - 2].hash = MASK_VAR_HASH;
    }
    if (m->n && m->token[m->n - 1].kind == MASK_VAR)
        return &m->token[m->n - 1];
    if (m->n < 2 || m->token[m->n - 2].kind != MASK_VAR || m->token[m->n - 1].n != 1)
        return NULL;
    char between = s->begin[m->token[m->n - 1].at];
    return between == ',' || (between == ':' && !blank && !m->token[m->n - 1].blank) ? &m->token[m->n - 2] : NULL;
}

static void put(struct scan *s, const char *from, const char *to, enum mask_kind kind, bool number)
{
    struct mask_line *m = s->m;
    uint32_t          at = (uint32_t)(from - s->begin), n = (uint32_t)(to - from);
    bool              blank = s->blank;
    s->blank = false;
    if (kind == MASK_MARK && !blank && m->n && n == 1 && *from == ')' && from[-1] == '(' && m->token[m->n - 1].blank)
        put(s, from, from, MASK_VAR, false);                /* () may hold something elsewhere */
    if (s->full)
        return;
    struct mask_token *list = kind == MASK_VAR ? list_before(s, blank, number) : NULL;
    if (list) {
        list->n = at + n - list->at;
        list->number = number;
        m->n = (size_t)(list - m->token) + 1;
        return;
    }
    if (m->n + 1 >= MASK_TOKENS_MAX) {
        s->full = true;
        kind = MASK_VAR;
        n = (uint32_t)(s->end - from);
    }
    m->token[m->n++] = (struct mask_token){ at, n, (uint8_t)kind, blank, number, kind == MASK_VAR ? MASK_VAR_HASH : mask_hash(from, n) };
}

static const char *skip_blanks(const char *at, const char *end)
{
    while (at < end && class_at(at) & BLANK)
        at++;
    return at;
}

/* The end of a colon's part of a word: addresses, times, URLs and drives go on behind it, "key:value" does not. */
static bool colon_goes_on(const char *from, const char *at, const char *end, unsigned seen)
{
    if (at + 1 >= end || class_at(at + 1) & (BLANK | HARD))
        return false;
    if (at[1] == '\\' || (at[1] == '/' && at + 2 < end && at[2] == '/'))
        return true;
    if (!(seen & (ALPHA | SLASH | OTHER | AT)) && seen & DIGIT)
        return true;
    size_t   n = (size_t)(at - from);
    unsigned other = ~(unsigned)(HEX | DIGIT);               /* de:ad:be:ef:aa:cc */
    return n % 3 == 2 && !(seen & other & ~(unsigned)COLON) && at + 2 < end && !(class_at(at + 1) & other) && !(class_at(at + 2) & other) &&
           (n > 2 || (at + 3 < end && at[3] == ':'));
}

enum script { SCRIPT_OTHER, SCRIPT_CJK, SCRIPT_MARK, SCRIPT_BLANK };

/* What a character is that begins with a byte of class CJK, and how long: ideographs, kana, hangul and whatever else is from U+3000 on, or their
   punctuation and blank. Bytes that are no UTF-8, and what stands in place of such, are as any other. */
static enum script script_of(const char *at, const char *end, size_t *n)
{
    const unsigned char *u = (const unsigned char *)at;
    *n = utf8_length(at, (size_t)(end - at));
    if (*n < 3)
        return SCRIPT_OTHER;
    unsigned c = *n == 3 ? (u[0] & 15u) << 12 | (u[1] & 63u) << 6 | (u[2] & 63u) : 0x10000;
    if (c == 0x3000)
        return SCRIPT_BLANK;
    if ((c > 0x3000 && c <= 0x3003) || (c >= 0x3008 && c <= 0x3011) || (c >= 0x3014 && c <= 0x301f) || c == 0x30fb || (c >= 0xff01 && c <= 0xff0f) ||
        (c >= 0xff1a && c <= 0xff20) || (c >= 0xff3b && c <= 0xff40) || (c >= 0xff5b && c <= 0xff65))
        return SCRIPT_MARK;
    return c == 0xfffd ? SCRIPT_OTHER : SCRIPT_CJK;
}

static bool is_cjk_mark(const char *at, const char *end)
{
    size_t n;
    return class_at(at) & CJK && script_of(at, end, &n) >= SCRIPT_MARK;
}

static const char *word_end(const char *from, const char *end, unsigned *seen)
{
    const char *at = from;
    unsigned    have = 0;
    for (; at < end; at++) {
        unsigned c = class_at(at);
        if (c & (BLANK | HARD)) {
            if (have & SLASH && (*from == '/' || have & COLON) && (*at == '=' || *at == ';' || *at == ','))
                continue;                                   /* a path with a query */
            if (*at == '\'' && at > from && at + 1 < end && class_at(at - 1) & (HEX | ALPHA) && class_at(at + 1) & (HEX | ALPHA))
                continue;
            break;
        }
        if (c & DOT && at > from && at + 1 < end && at[1] == '.')
            break;                                          /* enable.....0 */
        if (c & COLON && !colon_goes_on(from, at, end, have))
            break;
        if ((c | have) & CJK) {                             /* a word is of one script: what stands before and after a number goes on its own */
            size_t      n = 1;
            enum script script = c & CJK ? script_of(at, end, &n) : SCRIPT_OTHER;
            if (script >= SCRIPT_MARK || (at > from && (script == SCRIPT_CJK) != ((have & CJK) != 0)))
                break;
            if (script == SCRIPT_CJK)
                at += n - 1;
            else
                c &= ~(unsigned)CJK;
        }
        have |= c;
    }
    *seen = have;
    return at;
}

static enum mask_kind kind_of_word(const char *from, const char *to, const char *end, unsigned seen)
{
    size_t n = (size_t)(to - from);
    if (seen & (DIGIT | AT | COLON))
        return MASK_VAR;
    if (!(seen & (HEX | ALPHA)) && !(seen & SLASH && n > 1)) {
        for (const char *c = from; c < to; c++)
            if ((unsigned char)*c >= 0x80)
                return MASK_WORD;
        return MASK_MARK;
    }
    if (seen & SLASH) {
        size_t slashes = 0;
        for (const char *c = from; c < to; c++)
            slashes += *c == '/' || *c == '\\';
        return *from == '/' || slashes > 1 || seen & DOT || memchr(from, '\\', n) ? MASK_VAR : MASK_SOFT;
    }
    if (seen & DOT)
        return to < end && *to == '(' ? MASK_WORD : MASK_SOFT;
    return mask_is_constant(from, n) ? MASK_VAR : MASK_WORD;
}

/* A mark by itself that stands for a value: the path /, and - or _ where there is none. */
static bool is_lone_value(const struct scan *s, const char *at)
{
    const struct mask_line  *m = s->m;
    const struct mask_token *before = m->n ? &m->token[m->n - 1] : NULL;
    const char              *next = at + 1;
    if (!s->blank || !before || (next < s->end && !(class_at(next) & BLANK) && *next != ',' && *next != ';' && *next != '"'))
        return false;
    bool ends = next == s->end || !(class_at(next) & BLANK);
    if ((*at == '-' || *at == '_') && ends && s->begin[before->at] == ':' && before->n == 1 && !before->blank)
        return true;                                        /* server: _, user: -, */
    if (*at == '-')
        return s->asked && before->kind == MASK_VAR;
    bool word = before->kind == MASK_WORD || before->kind == MASK_SOFT;
    if (word && mask_is_method(s->begin + before->at, before->n))
        return *at == '/' || *at == '*';
    next = skip_blanks(next, s->end);
    return *at == '/' && !(word && next < s->end && class_at(next) & (HEX | ALPHA));     /* read / write */
}

static bool is_blank_escape(const char *at, const char *end)
{
    return *at == '\\' && at + 1 < end && (at[1] == 'n' || at[1] == 'r' || at[1] == 't');
}

/* In a string of JSON a word ends where \n does not follow another backslash. */
static const char *escape_in(const char *from, const char *to)
{
    for (const char *at = from; at < to && (at = memchr(at, '\\', (size_t)(to - at))); at += 2)
        if (is_blank_escape(at, to))
            return at;
    return to;
}

static void take_word(struct scan *s)
{
    unsigned    seen;
    const char *from = s->at, *to = word_end(from + (*from == '<'), s->end, &seen);
    if (seen & SLASH && s->json && from < s->closes && escape_in(from, to) < to)
        to = word_end(from, escape_in(from, to), &seen);
    if (to == from)       /* a colon */
        to++;
    if (*from == '.' && to - from == 1)
        while (to < s->end && *to == '.')
            to++;
    bool closes = to == s->end || class_at(to) & (BLANK | HARD | COLON);
    while (closes && to - from > 1 && (to[-1] == '.' || to[-1] == '!' || to[-1] == '?' || to[-1] == ':' || to[-1] == ',' || to[-1] == ';'))
        to--;
    s->at = to;
    size_t         n = (size_t)(to - from);
    enum mask_kind kind = kind_of_word(from, to, s->end, seen);
    struct mask_line *m = s->m;
    if (kind == MASK_WORD && n <= 8 && m->n) {
        struct mask_token *before = &m->token[m->n - 1];
        if (before->kind == MASK_VAR && before->number && mask_is_unit(from, n)) {
            before->n = (uint32_t)(to - s->begin) - before->at;
            before->number = false;
            s->blank = false;
            return;
        }
    }
    if (kind == MASK_WORD && n == 3) {
        const char *next = skip_blanks(to, s->end);
        if (next < s->end && ((mask_is_month(from, n) && class_at(next) & DIGIT) || (mask_is_day(from, n) && next + 3 <= s->end && mask_is_month(next, 3))))
            kind = MASK_VAR;
    }
    if (kind == MASK_MARK && n == 1 && is_lone_value(s, from))
        kind = MASK_VAR;
    bool number = kind == MASK_VAR && !(seen & ~(unsigned)(DIGIT | DOT | DASH | COLON | SLASH));
    put(s, from, to, kind, number);
}

/* ---- keys that are ignored ---- */

bool mask_ignore_add(struct mask_ignore *ignore, struct slice key)
{
    if (ignore->n == MASK_IGNORE_MAX)
        return false;
    ignore->key[ignore->n++] = mask_hash(key.s, key.n);
    return true;
}

static bool is_ignored(const struct scan *s, const char *from, const char *to)
{
    uint64_t h = s->ignore && to > from ? mask_hash(from, (size_t)(to - from)) : 0;
    for (size_t i = 0; h && i < s->ignore->n; i++)
        if (s->ignore->key[i] == h)
            return true;
    return false;
}

/* The key before an equals sign, blanks between them or not. */
static bool is_ignored_before(const struct scan *s, const char *equals)
{
    const char *to = equals, *from;
    while (to > s->begin && class_at(to - 1) & BLANK)
        to--;
    for (from = to; from > s->begin && !(class_at(from - 1) & (BLANK | HARD)); from--)
        ;
    return is_ignored(s, from, to);
}

static const char *quotation_end(const char *from, const char *end)
{
    for (const char *at = from + 1; at < end; at++) {
        if (*at == '\\')
            at++;
        else if (*at == *from)
            return at + 1;
    }
    return end;
}

/* What stands in quotes or brackets with all that is in there, else up to a blank or what ends a value. */
static const char *value_end(const char *from, const char *end)
{
    size_t depth = 0;
    if (from < end && class_at(from) & QUOTE)
        return quotation_end(from, end);
    for (const char *at = from; at < end; at++) {
        bool opens = *at == '(' || *at == '[' || *at == '{', closes = *at == ')' || *at == ']' || *at == '}';
        if (depth == 0 && !(opens && at == from) && ((class_at(at) & (BLANK | HARD) && *at != '=') || is_cjk_mark(at, end)))
            return at;
        if (*at == '"' && depth)
            at = quotation_end(at, end) - 1;
        depth += opens;
        depth -= closes && depth;
        if (closes && depth == 0)
            return at + 1;
    }
    return end;
}

static void take_ignored(struct scan *s)
{
    const char *from = skip_blanks(s->at, s->end), *to = value_end(from, s->end);
    if (from > s->at && from < s->end && !(class_at(from) & HARD) && memchr(from, '=', (size_t)(to - from)))
        from = to = s->at;                                  /* key= next=...: it is empty */
    s->blank = from > s->at;
    put(s, from, to, MASK_VAR, false);
    s->at = to;
}

/* key=value, key="a value", key= next=...: the value varies, also the empty one. */
static void take_value(struct scan *s)
{
    const char *from = s->at, *to;
    const struct mask_token *key = &s->m->token[s->m->n - 2];
    if (key->kind == MASK_WORD && mask_says(s->begin + key->at, key->n))
        return;                                             /* not a value but what the line says */
    if (from < s->end && class_at(from) & QUOTE) {
        to = memchr(from + 1, *from, (size_t)(s->end - from - 1));
        if (to) {
            put(s, from, to + 1, MASK_VAR, false);
            s->at = to + 1;
            return;
        }
    }
    from = skip_blanks(from, s->end);
    bool apart = from != s->at;
    for (to = from; to < s->end && !(class_at(to) & BLANK) && !strchr(",;()[]{}<>\"'|", *to) && !(apart && *to == '=') && !is_cjk_mark(to, s->end); to++)
        ;
    if (to == from && to < s->end && !(class_at(to) & BLANK) && strchr("([{<", *to))
        return;                                             /* something with parts of its own */
    if (apart && to < s->end && *to == '=')
        to = from = s->at;
    while (to - from > 1 && to[-1] == '.')
        to--;
    if (to > from && apart)
        s->blank = true;
    put(s, from, to, MASK_VAR, to > from && class_at(from) & DIGIT);
    s->at = to;
}

/* ---- quotations ---- */

/* The key of key="..." and "key":"...", when a quotation begins here; NULL: there is none. */
static const struct mask_token *key_before(const struct scan *s)
{
    const struct mask_line *m = s->m;
    if (m->n < 2 || m->token[m->n - 1].kind != MASK_MARK || m->token[m->n - 1].n != 1 || m->token[m->n - 2].kind != MASK_WORD)
        return NULL;
    char between = s->begin[m->token[m->n - 1].at];
    return between == '=' || (between == ':' && s->begin[m->token[m->n - 2].at] == '"') ? &m->token[m->n - 2] : NULL;
}

/* Does what is quoted read as one or several words would, and not as a number, an identifier or a path? */
static bool is_wording(const char *from, const char *to)
{
    unsigned seen = 0;
    bool     letters = false;
    for (const char *at = from; at < to; at++) {
        seen |= is_blank_escape(at, to) ? BLANK : class_at(at);
        letters |= class_at(at) & (HEX | ALPHA) || (unsigned char)*at >= 0x80;
    }
    return letters && (seen & BLANK || !(seen & (DIGIT | SLASH | AT))) && !mask_is_constant(from, (size_t)(to - from));
}

/* The value of a member of JSON varies, whatever is in it; of a key like msg it is what the line says, be it one word. false: neither. */
static bool take_member(struct scan *s)
{
    const struct mask_token *key = key_before(s);
    const char              *from = s->at, *to;
    if (!key && !s->array)
        return false;
    to = quotation_end(from, s->end);
    if (key && mask_says(s->begin + key->at, key->n)) {
        bool closed = to - 1 > from && to[-1] == '"';
        if (!is_wording(from + 1, to - closed))
            return false;
        s->closes = to - closed;
        s->json = s->begin[key->at] == '"';
        to = from + 1;
        put(s, from, to, MASK_MARK, false);
    } else if (!key || s->begin[key->at] == '"') {
        put(s, from, to, MASK_VAR, false);
    } else {
        return false;
    }
    s->at = to;
    return true;
}

/* "GET /x HTTP/1.1": all but the method varies. Behind it a quotation that follows a value is one: who sent them, with which program. */
static bool take_request(struct scan *s)
{
    const char *from = s->at, *to = s->end;
    bool        value = s->asked && s->blank && s->m->n && s->m->token[s->m->n - 1].kind == MASK_VAR;
    bool        loud = from + 1 < s->end && from[1] >= 'A' && from[1] <= 'Z' && !key_before(s);
    if (value || loud)
        to = quotation_end(from, s->end);
    size_t method = loud ? mask_request(from + 1, (size_t)(to - from - 1)) : 0;
    if (!method && !value)
        return false;
    if (method) {
        put(s, from, from + 1, MASK_MARK, false);
        put(s, from + 1, from + 1 + method, MASK_WORD, false);
        from = skip_blanks(from + 1 + method, s->end);
        to -= to[-1] == '"';
        s->blank = s->asked = true;
        s->closes = to;
    }
    put(s, from, to, MASK_VAR, false);
    s->at = to;
    return true;
}

static void take_hard(struct scan *s)
{
    const char *from = s->at, *end = s->end;
    char        c = *from;
    if (class_at(from) & QUOTE && from != s->closes) {
        if (c == '"' && take_request(s))
            return;
        size_t      room = (size_t)(end - from - 1);
        const char *to = memchr(from + 1, c, room > 256 ? 256 : room);
        bool        one = to != NULL;
        if (c == '"' && to && to > from + 1 && to + 1 < end && to[1] == ':') {
            put(s, from, to + 1, MASK_WORD, false);          /* a key of JSON */
            s->at = to + 1;
            if (!s->full && is_ignored(s, from + 1, to)) {
                put(s, to + 1, to + 2, MASK_MARK, false);
                s->at = to + 2;
                take_ignored(s);
            }
            return;
        }
        if (c == '"' && take_member(s))
            return;
        for (const char *at = from + 1; one && at < to; at++)
            one = !(class_at(at) & BLANK);
        if (one) {
            put(s, from, to + 1, MASK_VAR, false);
            s->at = to + 1;
            return;
        }
        if (to && (!s->closes || from > s->closes))
            s->closes = to;
    }
    if (s->json && from == s->closes)
        s->json = s->blank = false;                          /* what ended with \n */
    if (c == '<' && from + 1 < end && class_at(from + 1) & DIGIT) {      /* <1 sec */
        take_word(s);
        return;
    }
    while (s->at < end && *s->at == c)
        s->at++;
    if (c != ',' && c != '=')
        s->at = from + 1;
    if (c == '[' && !s->array) {
        const struct mask_token *key = key_before(s);
        s->array = key && s->begin[key->at] == '"' && !mask_says(s->begin + key->at, key->n);
    } else if (c == ']') {
        s->array = false;
    }
    put(s, from, s->at, MASK_MARK, false);
    if (c == '=' && s->at == from + 1 && !s->full && is_ignored_before(s, from))
        take_ignored(s);
    else if (c == '=' && s->at == from + 1 && !s->full && !(s->at < end && *s->at == '>') && !(from > s->begin && strchr("!<>", from[-1])) && s->m->n > 1)
        take_value(s);
}

static void take_cjk_mark(struct scan *s)
{
    size_t n;
    if (script_of(s->at, s->end, &n) == SCRIPT_BLANK)
        s->blank = true;
    else
        put(s, s->at, s->at + n, MASK_MARK, false);
    s->at += n;
}

/* A new line, in a string of JSON \n. However deep and whichever way it was called: the frames of a stack trace are one value. */
static void take_newline(struct scan *s)
{
    bool        json = *s->at == '\\';
    const char *end = json ? s->closes : s->end, *to = mask_frames(s->at, end, json);
    s->blank = true;
    if (to > s->at)
        put(s, s->at + 1 + json, to, MASK_VAR, false);
    s->at = to > s->at ? to : s->at + 1 + json;
    s->blank = true;
}

void mask_line(struct mask_line *m, struct slice line, const struct mask_ignore *ignore)
{
    struct scan s = { .ignore = ignore && ignore->n ? ignore : NULL, .m = m, .begin = line.s, .end = line.s + line.n, .at = line.s };
    m->line = line;
    m->n = 0;
    s.who = mask_access(s.begin, s.end, &s.when);
    while (s.at < s.end && !s.full) {
        unsigned c = class_at(s.at);
        bool     escape = s.json && s.at < s.closes && is_blank_escape(s.at, s.closes);
        if (*s.at == '\n' || (escape && s.at[1] == 'n')) {
            take_newline(&s);
        } else if (c & BLANK || escape) {
            s.blank = true;
            s.at += escape ? 2 : 1;
        } else if (s.at == s.who) {
            put(&s, s.who, s.when - 1, MASK_VAR, false);
            s.at = s.when - 1;
        } else if (c & HARD) {
            take_hard(&s);
        } else if (c & CJK && is_cjk_mark(s.at, s.end)) {
            take_cjk_mark(&s);
        } else {
            take_word(&s);
        }
    }
    uint64_t h = m->n;
    for (size_t i = 0; i < m->n; i++)
        h = mask_hash_next(h, m->token[i].hash);
    m->hash = h ? h : 1;
}
