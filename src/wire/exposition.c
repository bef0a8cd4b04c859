/* wire/exposition.c - one line at a time, one pass over its bytes. Both forms share the line of a sample; what may stand around it differs. */
#include "wire/exposition.h"

#include "wire/protobuf.h"      /* utf8_valid() */

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

/* What a byte may be in: names of metrics begin with START or ':', labels do not have ':'. */
enum { START = 1, INSIDE = 2, COLON = 4 };
static const unsigned char class_of[256] = {
    ['a' ... 'z'] = START | INSIDE, ['A' ... 'Z'] = START | INSIDE, ['_'] = START | INSIDE, ['0' ... '9'] = INSIDE, [':'] = COLON,
};

/* x->told */
enum { TOLD_TYPE = 1, TOLD_HELP = 2, TOLD_UNIT = 4, TOLD_SAMPLES = 8 };

static bool strict(const struct exposition *x) { return x->form == EXPOSITION_OPENMETRICS; }

#define WRONG(x, fault, ...) wrong(x, fault, ERR_INPUT, __VA_ARGS__)
PRINTF(4, 5) static enum err wrong(const struct exposition *x, struct fault *fault, enum err code, const char *format, ...)
{
    char    what[200];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(what, sizeof what, format, args);
    va_end(args);
    return fail(fault, code, "line %zu of the exposition: %s", x->line, what);
}

/* ---- pieces of a line; p moves on over what was read ---- */

static struct slice bare_name(const char **p, const char *end, unsigned extra)
{
    const char *q = *p;
    if (q < end && (class_of[(unsigned char)*q] & (START | extra)))
        for (q++; q < end && (class_of[(unsigned char)*q] & (INSIDE | extra));)
            q++;
    struct slice name = { *p, (size_t)(q - *p) };
    *p = q;
    return name;
}

static struct slice unescape(struct arena *a, struct slice s, bool quotes)
{
    char  *to = arena_alloc(a, s.n ? s.n : 1);
    size_t n  = 0;
    if (!to)
        return (struct slice){ NULL, 0 };
    for (size_t i = 0; i < s.n; i++) {
        char c = s.s[i], next = i + 1 < s.n ? s.s[i + 1] : '\0';
        if (c == '\\' && (next == '\\' || next == 'n' || (next == '"' && quotes)))
            c = next == 'n' ? '\n' : next, i++;
        to[n++] = c;
    }
    return (struct slice){ to, n };
}

/* *p stands behind the opening quote, and afterwards behind the closing one. */
static enum err quoted(struct exposition *x, const char **p, const char *end, struct slice *out, struct fault *fault)
{
    const char   *q = *p;
    bool          escaped = false;
    unsigned char high = 0;
    while (q < end && *q != '"') {
        if (*q == '\\') {
            escaped = true;
            if (++q == end)
                break;
        }
        high |= (unsigned char)*q++;
    }
    if (q >= end)
        return WRONG(x, fault, "a quote that does not end");
    struct slice text = { *p, (size_t)(q - *p) };
    if (high >= 0x80 && !utf8_valid(text))
        return WRONG(x, fault, "a text that is not UTF-8");
    if (escaped && !(text = unescape(x->arena, text, true)).s)
        return wrong(x, fault, ERR_LIMIT, "no memory left for escaped texts");
    *out = text;
    *p   = q + 1;
    return OK;
}

static const char *skip_blanks(const char *p, const char *end)
{
    while (p < end && (*p == ' ' || *p == '\t'))
        p++;
    return p;
}

/* Between two tokens: exactly one space, or any blanks. NULL: something else stands there. */
static const char *gap(const struct exposition *x, const char *p, const char *end)
{
    if (!strict(x)) {
        const char *q = skip_blanks(p, end);
        return q > p || q == end ? q : NULL;
    }
    return p < end && *p == ' ' && (p + 1 == end || (p[1] != ' ' && p[1] != '\t')) ? p + 1 : NULL;
}

/*
 * From behind '{' to behind '}'. name is where the quoted name of the metric goes; NULL: there must be none.
 * The labels of exemplars are in braces as well.
 */
static enum err labels(struct exposition *x, const char **at, const char *end, struct exposition_label *label, size_t *count, struct slice *name, struct fault *fault)
{
    const char *p    = *at;
    size_t      n    = 0, max = x->limits.labels && x->limits.labels < EXPOSITION_LABELS_MAX ? x->limits.labels : EXPOSITION_LABELS_MAX;
    bool        lax  = !strict(x);
    for (bool first = true;; first = false) {
        if (lax)
            p = skip_blanks(p, end);
        if (p < end && *p == '}' )
            break;
        struct slice key, value;
        bool         in_quotes = p < end && *p == '"';
        enum err     e;
        if (in_quotes) {
            p++;
            if ((e = quoted(x, &p, end, &key, fault)) != OK)
                return e;
        } else
            key = bare_name(&p, end, 0);
        if (!key.n)
            return WRONG(x, fault, "the name of a label is expected");
        if (lax)
            p = skip_blanks(p, end);
        if (in_quotes && (p == end || *p != '=')) {
            if (!name || name->n || !first)
                return WRONG(x, fault, "a quoted name may only stand once, and first");
            *name = key;
        } else {
            if (p == end || *p != '=')
                return WRONG(x, fault, "'=' is expected after label %.*s", (int)(key.n < 60 ? key.n : 60), key.s);
            p = lax ? skip_blanks(p + 1, end) : p + 1;
            if (p == end || *p != '"')
                return WRONG(x, fault, "the value of label %.*s is not in quotes", (int)(key.n < 60 ? key.n : 60), key.s);
            p++;
            if ((e = quoted(x, &p, end, &value, fault)) != OK)
                return e;
            if (n >= max)
                return wrong(x, fault, ERR_LIMIT, "more than %zu labels", max);
            if ((x->limits.name_bytes && key.n > x->limits.name_bytes) || (x->limits.value_bytes && value.n > x->limits.value_bytes))
                return wrong(x, fault, ERR_LIMIT, "label %.*s is longer than it may be", (int)(key.n < 60 ? key.n : 60), key.s);
            for (size_t i = 0; i < n; i++)
                if (label[i].name.n == key.n && !memcmp(label[i].name.s, key.s, key.n))
                    return WRONG(x, fault, "label %.*s occurs twice", (int)(key.n < 60 ? key.n : 60), key.s);
            if (key.n == 8 && !memcmp(key.s, "__name__", 8))
                return WRONG(x, fault, "__name__ is not a label here");
            label[n++] = (struct exposition_label){ key, value };
        }
        if (lax)
            p = skip_blanks(p, end);
        if (p < end && *p == ',') {
            p++;
            /* OpenMetrics has commas between labels, not after them. */
            if (!lax && p < end && *p == '}')
                return WRONG(x, fault, "a comma before '}'");
        } else if (p == end || *p != '}')
            return WRONG(x, fault, "',' or '}' is expected after a label");
    }
    *at    = p + 1;
    *count = n;
    return OK;
}

static size_t utf8_count(struct slice s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++)
        n += ((unsigned char)s.s[i] & 0xc0) != 0x80;
    return n;
}

/* The token up to a blank or the end. */
static struct slice token(const char **p, const char *end)
{
    const char *q = *p;
    while (q < end && *q != ' ' && *q != '\t')
        q++;
    struct slice s = { *p, (size_t)(q - *p) };
    *p = q;
    return s;
}

static bool read_time(const struct exposition *x, struct slice s, int64_t *ms)
{
    if (strict(x)) {
        double seconds;
        if (!exposition_number(s, &seconds) || !(fabs(seconds) < 9e15))
            return false;
        *ms = (int64_t)llround(seconds * 1e3);
        return true;
    }
    size_t i = s.n && (*s.s == '-' || *s.s == '+');
    if (i == s.n || s.n - i > 18)
        return false;
    int64_t v = 0;
    for (; i < s.n; i++) {
        if (s.s[i] < '0' || s.s[i] > '9')
            return false;
        v = v * 10 + (s.s[i] - '0');
    }
    *ms = *s.s == '-' ? -v : v;
    return true;
}

/* ---- families ---- */

static const struct { const char *word; enum exposition_type type; bool both; } types[] = {
    { "counter",        EXPOSITION_COUNTER,         true },
    { "gauge",          EXPOSITION_GAUGE,           true },
    { "histogram",      EXPOSITION_HISTOGRAM,       true },
    { "summary",        EXPOSITION_SUMMARY,         true },
    { "untyped",        EXPOSITION_UNKNOWN,         false },
    { "unknown",        EXPOSITION_UNKNOWN,         true },
    { "gaugehistogram", EXPOSITION_GAUGE_HISTOGRAM, true },
    { "info",           EXPOSITION_INFO,            true },
    { "stateset",       EXPOSITION_STATESET,        true },
};

const char *exposition_type_name(enum exposition_type type)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (types[i].type == type && types[i].both)
            return types[i].word;
    return "unknown";
}

/* How the samples of a family may end, besides not at all. CREATED is not a series of its own, and of OpenMetrics alone. */
enum suffix { SUFFIX_NONE, SUFFIX_TOTAL, SUFFIX_CREATED, SUFFIX_BUCKET, SUFFIX_SUM, SUFFIX_COUNT, SUFFIX_GSUM, SUFFIX_GCOUNT, SUFFIX_INFO, SUFFIX_COUNT_OF };
static const char *const suffix_text[SUFFIX_COUNT_OF] = { "", "_total", "_created", "_bucket", "_sum", "_count", "_gsum", "_gcount", "_info" };
#define BIT(s) (1u << SUFFIX_##s)
static const unsigned suffixes[] = {
    [EXPOSITION_UNKNOWN] = 0, [EXPOSITION_COUNTER] = BIT(TOTAL) | BIT(CREATED), [EXPOSITION_GAUGE] = 0, [EXPOSITION_HISTOGRAM] = BIT(BUCKET) | BIT(SUM) | BIT(COUNT) | BIT(CREATED),
    [EXPOSITION_GAUGE_HISTOGRAM] = BIT(BUCKET) | BIT(GSUM) | BIT(GCOUNT), [EXPOSITION_SUMMARY] = BIT(SUM) | BIT(COUNT) | BIT(CREATED), [EXPOSITION_INFO] = BIT(INFO),
    [EXPOSITION_STATESET] = 0,
};

/* Which suffix the name has beyond the family's; -1: it is none that the family may have. */
static int suffix_of(const struct exposition *x, struct slice name)
{
    struct slice family = x->family.name;
    if (!x->in_family || name.n < family.n || memcmp(name.s, family.s, family.n) != 0)
        return -1;
    unsigned     may  = suffixes[x->family.type] & ~(strict(x) ? 0 : BIT(CREATED));
    struct slice rest = { name.s + family.n, name.n - family.n };
    if (!rest.n)
        return SUFFIX_NONE;
    for (int i = SUFFIX_TOTAL; i < SUFFIX_COUNT_OF; i++)
        if ((may & (1u << i)) && slice_is(rest, suffix_text[i]))
            return i;
    return -1;
}

static void begin_family(struct exposition *x, struct slice name)
{
    x->family    = (struct exposition_family){ .name = name };
    x->in_family = true;
    x->told      = 0;
}

/* "# TYPE name word", "# HELP name text", "# UNIT name unit"; p stands behind '#'. */
static enum err descriptor(struct exposition *x, const char *p, const char *end, struct fault *fault)
{
    static const struct { struct slice word; unsigned told; } words[] = { { { "TYPE", 4 }, TOLD_TYPE }, { { "HELP", 4 }, TOLD_HELP }, { { "UNIT", 4 }, TOLD_UNIT } };
    const char  *q    = strict(x) ? gap(x, p, end) : skip_blanks(p, end);
    struct slice word = { NULL, 0 };
    unsigned     told = 0;
    if (q)
        word = token(&q, end);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (slice_same(word, words[i].word))
            told = words[i].told;
    if (!strict(x) && (!told || told == TOLD_UNIT))
        return OK;
    if (strict(x) && slice_is(word, "EOF") && q == end)
        return WRONG(x, fault, "something comes after # EOF");
    if (!told)
        return WRONG(x, fault, "a comment; OpenMetrics has HELP, TYPE, UNIT and EOF only");

    struct slice name = { NULL, 0 };
    enum err     e;
    q = gap(x, q, end);
    if (q && q < end && *q == '"') {
        q++;
        if ((e = quoted(x, &q, end, &name, fault)) != OK)
            return e;
    } else if (q)
        name = bare_name(&q, end, COLON);
    if (!name.n || (q < end && *q != ' ' && *q != '\t'))
        return WRONG(x, fault, "# %.*s without the name of a metric", (int)word.n, word.s);
    if (!x->in_family || !slice_same(name, x->family.name) || (strict(x) && (x->told & (told | TOLD_SAMPLES))))
        begin_family(x, name);
    x->told |= told;

    struct slice rest;
    if (strict(x)) {
        /* HELP may be any text, also one that begins with a blank. */
        if (q < end)
            q++;
        else if (told != TOLD_UNIT)
            return WRONG(x, fault, "# %.*s says nothing", (int)word.n, word.s);
    } else
        q = skip_blanks(q, end);
    rest = (struct slice){ q, (size_t)(end - q) };
    if (told == TOLD_HELP) {
        if (!utf8_valid(rest))
            return WRONG(x, fault, "a text that is not UTF-8");
        if (rest.n && memchr(rest.s, '\\', rest.n) && !(rest = unescape(x->arena, rest, strict(x))).s)
            return wrong(x, fault, ERR_LIMIT, "no memory left for escaped texts");
        x->family.help = rest;
        return OK;
    }
    while (!strict(x) && rest.n && (rest.s[rest.n - 1] == ' ' || rest.s[rest.n - 1] == '\t'))
        rest.n--;
    if (told == TOLD_UNIT) {
        struct slice full = x->family.name;
        if (rest.n && !(full.n > rest.n + 1 && full.s[full.n - rest.n - 1] == '_' && !memcmp(full.s + full.n - rest.n, rest.s, rest.n)))
            return WRONG(x, fault, "unit %.*s is not how the name of the family ends", (int)(rest.n < 60 ? rest.n : 60), rest.s);
        x->family.unit = rest;
        return OK;
    }
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (slice_is(rest, types[i].word) && (types[i].both || !strict(x))) {
            x->family.type = types[i].type;
            return OK;
        }
    return WRONG(x, fault, "type %.*s is not known", (int)(rest.n < 60 ? rest.n : 60), rest.s);
}

/* ---- samples ---- */

static enum err exemplar(struct exposition *x, const char **at, const char *end, struct exposition_sample *s, struct fault *fault)
{
    const char *p = *at;
    if (end - p < 3 || p[0] != '#' || p[1] != ' ' || p[2] != '{')
        return WRONG(x, fault, "an exemplar begins with # {");
    p += 3;
    enum err e = labels(x, &p, end, x->exemplar, &s->exemplar.labels_n, NULL, fault);
    if (e != OK)
        return e;
    size_t characters = 0;
    for (size_t i = 0; i < s->exemplar.labels_n; i++)
        characters += utf8_count(x->exemplar[i].name) + utf8_count(x->exemplar[i].value);
    if (characters > EXPOSITION_EXEMPLAR_MAX)
        return WRONG(x, fault, "the labels of an exemplar have more than %d characters", EXPOSITION_EXEMPLAR_MAX);
    s->has_exemplar    = true;
    s->exemplar.labels = x->exemplar;
    if (!(p = gap(x, p, end)) || !exposition_number(token(&p, end), &s->exemplar.value))
        return WRONG(x, fault, "the value of an exemplar is not a number");
    if (p < end) {
        if (!(p = gap(x, p, end)) || !read_time(x, token(&p, end), &s->exemplar.time_ms))
            return WRONG(x, fault, "the time of an exemplar is not a number");
        s->exemplar.has_time = true;
    }
    *at = p;
    return OK;
}

/* The family the sample is of. */
static void place(struct exposition *x, struct exposition_sample *s)
{
    int suffix = suffix_of(x, s->name);
    s->created = suffix == SUFFIX_CREATED;
    s->family  = &x->family;
    if (suffix >= 0)
        x->told |= TOLD_SAMPLES;
    else if (strict(x)) {
        begin_family(x, s->name);
        x->told |= TOLD_SAMPLES;
    } else {
        x->none   = (struct exposition_family){ .name = s->name };
        s->family = &x->none;
    }
}

static enum err sample(struct exposition *x, const char *p, const char *end, struct exposition_sample *s, struct fault *fault)
{
    const char *begin = p;
    enum err    e;
    s->name         = bare_name(&p, end, COLON);
    s->labels       = x->label;
    s->labels_n     = 0;
    s->has_time     = false;
    s->has_exemplar = false;
    s->exemplar.has_time = false;
    const char *brace = strict(x) ? p : skip_blanks(p, end);
    if (brace < end && *brace == '{') {
        p = brace + 1;
        bool quoted_name = !s->name.n;
        if ((e = labels(x, &p, end, x->label, &s->labels_n, quoted_name ? &s->name : NULL, fault)) != OK)
            return e;
    }
    if (!s->name.n)
        return WRONG(x, fault, "the name of a metric is expected");
    if (x->limits.name_bytes && s->name.n > x->limits.name_bytes)
        return wrong(x, fault, ERR_LIMIT, "a name of %zu bytes", s->name.n);
    s->series = (struct slice){ begin, (size_t)(p - begin) };
    /* Behind '}' 0.0.4 needs no blank. */
    const char *q = p[-1] == '}' && !strict(x) ? skip_blanks(p, end) : gap(x, p, end);
    struct slice value = { NULL, 0 };
    if (q) {
        p     = q;
        value = token(&p, end);
    }
    if (!exposition_number(value, &s->value))
        return WRONG(x, fault, "the value of %.*s is not a number%s", (int)(s->name.n < 100 ? s->name.n : 100), s->name.s,
                     value.n && value.s[value.n - 1] == '\r' ? ": its lines end in CR LF, and must end in LF alone" : "");
    if (!strict(x))
        p = skip_blanks(p, end);
    else if (p < end && !(p = gap(x, p, end)))
        return WRONG(x, fault, "more than one space");
    else if (p == end && p[-1] == ' ')
        return WRONG(x, fault, "a space at the end");
    if (p < end && *p != '#') {
        if (!read_time(x, token(&p, end), &s->time_ms))
            return WRONG(x, fault, "the time of %.*s is not one", (int)(s->name.n < 100 ? s->name.n : 100), s->name.s);
        s->has_time = true;
        if (!strict(x))
            p = skip_blanks(p, end);
        else if (p < end && (!(p = gap(x, p, end)) || p == end))
            return WRONG(x, fault, "a space at the end");
    }
    if (p < end && strict(x) && (e = exemplar(x, &p, end, s, fault)) != OK)
        return e;
    if (p != end)
        return WRONG(x, fault, "something comes after the sample");
    place(x, s);
    return OK;
}

/* ---- the whole ---- */

enum err exposition_open(struct exposition *x, enum exposition_form form, struct slice body, const struct exposition_limits *limits, struct arena *arena,
    struct fault *fault)
{
    x->form      = form;
    x->limits    = limits ? *limits : (struct exposition_limits){ 0 };
    x->at        = body.n ? body.s : "";
    x->end       = x->at + body.n;
    x->line      = x->samples = 0;
    x->in_family = false;
    x->told      = 0;
    x->arena     = arena;
    if (form != EXPOSITION_OPENMETRICS)
        return OK;
    const char *end = x->end;
    if (end > x->at && end[-1] == '\n')
        end--;
    if (end - x->at < 5 || memcmp(end - 5, "# EOF", 5) != 0 || (end - 5 > x->at && end[-6] != '\n'))
        return fail(fault, ERR_INPUT, "the OpenMetrics exposition does not end in # EOF: it was cut off");
    x->end = end - 5;
    return OK;
}

bool exposition_next(struct exposition *x, struct exposition_sample *s, enum err *e, struct fault *fault)
{
    while (x->at < x->end) {
        const char *p = x->at, *end = memchr(p, '\n', (size_t)(x->end - p));
        if (!end)
            end = x->end;
        x->at = end < x->end ? end + 1 : end;
        x->line++;
        if (!strict(x))
            p = skip_blanks(p, end);
        if (p == end) {
            if (!strict(x))
                continue;
            *e = WRONG(x, fault, "an empty line");
            return false;
        }
        if (*p == '#') {
            if ((*e = descriptor(x, p + 1, end, fault)) != OK)
                return false;
            continue;
        }
        if ((*e = sample(x, p, end, s, fault)) != OK)
            return false;
        if (!s->created && x->limits.samples && x->samples >= x->limits.samples) {
            *e = wrong(x, fault, ERR_LIMIT, "more than %zu samples", x->limits.samples);
            return false;
        }
        x->samples += !s->created;
        return true;
    }
    *e = OK;
    return false;
}

enum err exposition_check(enum exposition_form form, struct slice body, const struct exposition_limits *limits, struct arena *arena, uint64_t *samples,
    struct fault *fault)
{
    struct exposition        x;
    struct exposition_sample s;
    enum err                 e = exposition_open(&x, form, body, limits, arena, fault);
    *samples = 0;
    if (e != OK)
        return e;
    while (exposition_next(&x, &s, &e, fault)) {}
    *samples = x.samples;
    return e;
}

enum exposition_form exposition_form_of(struct slice content_type)
{
    static const char word[] = "application/openmetrics-text";
    const char *p = content_type.s, *end = p + content_type.n;
    p = content_type.n ? skip_blanks(p, end) : end;
    if ((size_t)(end - p) < sizeof word - 1)
        return EXPOSITION_TEXT;
    for (size_t i = 0; i < sizeof word - 1; i++)
        if ((p[i] >= 'A' && p[i] <= 'Z' ? p[i] | 32 : p[i]) != word[i])
            return EXPOSITION_TEXT;
    p += sizeof word - 1;
    return p == end || *p == ';' || *p == ' ' || *p == '\t' ? EXPOSITION_OPENMETRICS : EXPOSITION_TEXT;
}
