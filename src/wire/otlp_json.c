/*
 * wire/otlp_json.c - a request in JSON written as the same request in protobuf, by the tables.
 *
 * So there is one reader, and both encodings mean the same.  The recursion ends where otlp_check() would not look either: a value that is too deep is
 * written as an empty one, and counted there.
 */
#include "wire/otlp.h"

#include "wire/json_pull.h"
#include "wire/protobuf.h"

#include <string.h>

struct translation {
    struct pull   pull;
    struct text  *out;
    struct fault *fault;
    int           values;        /* AnyValues that we are in */
};

static enum err wrong(struct translation *t, const struct otlp_field *f, const char *want)
{
    return fail(t->fault, ERR_INPUT, "JSON at byte %zu: %s must be %s", (size_t)(t->pull.at - t->pull.begin), f->name, want);
}

/* Room for n bytes that will be written by hand; NULL: the maximum is reached. */
static char *room(struct text *out, size_t n)
{
    static const char nothing[256];
    size_t            begun = out->used;
    for (size_t left = n; left; left -= left < sizeof nothing ? left : sizeof nothing)
        text_add_n(out, nothing, left < sizeof nothing ? left : sizeof nothing);
    return out->cut ? NULL : out->s + begun;
}

static enum err put_text(struct translation *t, uint32_t number, const struct otlp_field *f)
{
    if (t->pull.token != PULL_TEXT)
        return wrong(t, f, "a text");
    if (!t->pull.escaped) {
        pb_put_bytes(t->out, number, t->pull.text);
        return OK;
    }
    size_t begun = pb_begin(t->out, number);
    char  *to = room(t->out, t->pull.text.n);
    if (to) {
        t->out->used = begun + pull_unescape(t->pull.text, to);
        pb_end(t->out, begun);
    }
    return OK;
}

static int nibble(char c) { return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1; }

static enum err put_id(struct translation *t, uint32_t number, const struct otlp_field *f)
{
    char         bytes[OTLP_TRACE_ID * 2];
    struct slice s = t->pull.text;
    if (t->pull.token != PULL_TEXT || s.n % 2 || s.n / 2 > sizeof bytes)
        return wrong(t, f, "a text of hexadecimal digits");
    for (size_t i = 0; i < s.n / 2; i++) {
        int high = nibble(s.s[2 * i]), low = nibble(s.s[2 * i + 1]);
        if (high < 0 || low < 0)
            return wrong(t, f, "a text of hexadecimal digits");
        bytes[i] = (char)(high << 4 | low);
    }
    pb_put_bytes(t->out, number, (struct slice){ bytes, s.n / 2 });
    return OK;
}

static int six(char c)
{
    return c >= 'A' && c <= 'Z' ? c - 'A' : c >= 'a' && c <= 'z' ? c - 'a' + 26 : c >= '0' && c <= '9' ? c - '0' + 52 :
           c == '+' || c == '-' ? 62 : c == '/' || c == '_' ? 63 : -1;
}

/* Base64 of either alphabet, with or without its padding. */
static enum err put_base64(struct translation *t, uint32_t number, const struct otlp_field *f)
{
    struct slice s = t->pull.text;
    if (t->pull.token != PULL_TEXT)
        return wrong(t, f, "a text in base64");
    size_t begun = pb_begin(t->out, number), used = 0;
    char  *to = room(t->out, s.n);
    if (!to)
        return OK;
    if (t->pull.escaped) {      /* \/ is what some write for / */
        s = (struct slice){ to, pull_unescape(s, to) };
    }
    while (s.n && s.s[s.n - 1] == '=')
        s.n--;
    uint32_t bits = 0;
    int      have = 0;
    for (size_t i = 0; i < s.n; i++) {
        int v = six(s.s[i]);
        if (v < 0)
            return wrong(t, f, "a text in base64");
        bits = bits << 6 | (uint32_t)v;
        have += 6;
        if (have >= 8) {
            have -= 8;
            to[used++] = (char)(bits >> have);
        }
    }
    if (have == 6)
        return wrong(t, f, "a text in base64");
    t->out->used = begun + used;
    pb_end(t->out, begun);
    return OK;
}

static bool is_number(const struct translation *t) { return t->pull.token == PULL_NUMBER || (t->pull.token == PULL_TEXT && !t->pull.escaped); }

static enum err put_enum(struct translation *t, uint32_t number, const struct otlp_field *f)
{
    int64_t n;
    if (t->pull.token == PULL_TEXT)
        for (uint64_t i = 0; f->words && f->words[i]; i++)
            if (slice_is(t->pull.text, f->words[i])) {
                pb_put_varint(t->out, number, i);
                return OK;
            }
    if (!is_number(t) || !number_i64(t->pull.text, &n) || n < INT32_MIN || n > INT32_MAX)
        return wrong(t, f, "the number of an enum");
    pb_put_varint(t->out, number, (uint64_t)n);
    return OK;
}

static enum err put_double(struct translation *t, uint32_t number, const struct otlp_field *f)
{
    double d;
    if (!is_number(t) || !number_double(t->pull.text, t->pull.token == PULL_TEXT, &d))
        return wrong(t, f, "a number");
    pb_put_double(t->out, number, d);
    return OK;
}

static enum err put_integer(struct translation *t, uint32_t number, const struct otlp_field *f)
{
    bool     is_signed = f->type == OTLP_INT64 || f->type == OTLP_SFIXED64 || f->type == OTLP_SINT32;
    int64_t  i = 0;
    uint64_t u = 0;
    if (!is_number(t) || !(is_signed ? number_i64(t->pull.text, &i) : number_u64(t->pull.text, &u)))
        return wrong(t, f, "a whole number in its range");
    if (f->type == OTLP_SINT32 ? i < INT32_MIN || i > INT32_MAX : (f->type == OTLP_UINT32 || f->type == OTLP_FIXED32) && u > UINT32_MAX)
        return wrong(t, f, "a whole number of 32 bits");
    switch (f->type) {
    case OTLP_INT64: pb_put_varint(t->out, number, (uint64_t)i); break;
    case OTLP_SINT32: pb_put_sint(t->out, number, i); break;
    case OTLP_SFIXED64: pb_put_fixed64(t->out, number, (uint64_t)i); break;
    case OTLP_FIXED64: pb_put_fixed64(t->out, number, u); break;
    case OTLP_FIXED32: pb_put_fixed32(t->out, number, (uint32_t)u); break;
    default: pb_put_varint(t->out, number, u); break;
    }
    return OK;
}

static enum err object(struct translation *t, const struct otlp_message *d);

/* The value whose first token has been read. */
static enum err one(struct translation *t, uint32_t number, const struct otlp_field *f)
{
    size_t   begun;
    enum err e;
    switch (f->type) {
    case OTLP_TEXT: return put_text(t, number, f);
    case OTLP_ID: return put_id(t, number, f);
    case OTLP_BYTES: return put_base64(t, number, f);
    case OTLP_ENUM: return put_enum(t, number, f);
    case OTLP_DOUBLE: return put_double(t, number, f);
    case OTLP_BOOL:
        if (t->pull.token != PULL_TRUE && t->pull.token != PULL_FALSE)
            return wrong(t, f, "true or false");
        pb_put_varint(t->out, number, t->pull.token == PULL_TRUE);
        return OK;
    case OTLP_MESSAGE:
        if (t->pull.token != PULL_OBJECT)
            return wrong(t, f, "an object");
        begun = pb_begin(t->out, number);
        if (f->message->role == OTLP_ANY && t->values == OTLP_VALUE_DEPTH_MAX) {
            e = pull_skip(&t->pull) ? OK : pull_fail(&t->pull, t->fault);
        } else {
            t->values += f->message->role == OTLP_ANY;
            e = object(t, f->message);
            t->values -= f->message->role == OTLP_ANY;
        }
        pb_end(t->out, begun);
        return e;
    default: return put_integer(t, number, f);
    }
}

static enum err many(struct translation *t, uint32_t number, const struct otlp_field *f)
{
    if (t->pull.token != PULL_ARRAY)
        return wrong(t, f, "an array");
    while (pull_next(&t->pull) != PULL_ARRAY_END) {
        if (t->pull.token == PULL_BAD)
            return pull_fail(&t->pull, t->fault);
        enum err e = one(t, number, f);
        if (e != OK)
            return e;
        if (t->out->cut)
            return OK;
    }
    return OK;
}

/* resource_logs for resourceLogs: so do programs write it that keep the names of the .proto files, and no unknown key looks like that. */
static bool is_snake(struct slice key, const char *name)
{
    size_t i = 0;
    for (; *name; name++) {
        bool upper = *name >= 'A' && *name <= 'Z';
        if (upper && (i == key.n || key.s[i++] != '_'))
            return false;
        if (i == key.n || key.s[i++] != (upper ? *name | 0x20 : *name))
            return false;
    }
    return i == key.n;
}

static uint32_t find(const struct otlp_message *d, const struct pull *p)
{
    for (uint32_t i = 1; i <= d->last; i++)
        if (d->field[i].type && pull_text_is(p, d->field[i].name))
            return i;
    bool snake = p->text.n && memchr(p->text.s, '_', p->text.n);
    for (uint32_t i = 1; snake && i <= d->last; i++)
        if (d->field[i].type && is_snake(p->text, d->field[i].name))
            return i;
    return 0;
}

/* From behind its opening brace to behind its closing one. */
static enum err object(struct translation *t, const struct otlp_message *d)
{
    while (pull_next(&t->pull) == PULL_KEY) {
        uint32_t number = find(d, &t->pull);
        enum err e = OK;
        if (pull_next(&t->pull) == PULL_BAD)
            return pull_fail(&t->pull, t->fault);
        if (number == 0) {
            if (!pull_skip(&t->pull))
                return pull_fail(&t->pull, t->fault);
            continue;
        }
        if (t->pull.token != PULL_NULL)
            e = d->field[number].repeated ? many(t, number, &d->field[number]) : one(t, number, &d->field[number]);
        if (e != OK || t->out->cut)
            return e;
    }
    return t->pull.token == PULL_OBJECT_END ? OK : pull_fail(&t->pull, t->fault);
}

enum err otlp_from_json(enum otlp_signal signal, struct slice body, struct text *out, struct fault *fault)
{
    struct translation t = { .out = out, .fault = fault };
    pull_init(&t.pull, body);
    if (pull_next(&t.pull) != PULL_OBJECT)
        return t.pull.token == PULL_BAD ? pull_fail(&t.pull, fault) : fail(fault, ERR_INPUT, "JSON: %s must be an object", otlp_request(signal)->name);
    enum err e = object(&t, otlp_request(signal));
    if (e != OK)
        return e;
    if (out->cut)
        return fail(fault, ERR_LIMIT, "an OTLP request in JSON of %zu bytes is larger than %zu bytes in protobuf", body.n, out->max);
    return pull_next(&t.pull) == PULL_END ? OK : pull_fail(&t.pull, fault);
}

bool otlp_json_is_strange(enum otlp_signal signal, struct slice body)
{
    struct pull p;
    bool        any = false;
    pull_init(&p, body);
    if (pull_next(&p) != PULL_OBJECT)
        return false;
    while (pull_next(&p) == PULL_KEY) {
        if (find(otlp_request(signal), &p))
            return false;
        any = true;
        (void)pull_next(&p);
        if (!pull_skip(&p))
            return false;
    }
    return any;
}
