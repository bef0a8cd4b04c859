/* event/json.c - JSON as a value: of rows, and of a text that a rule takes for JSON. */
#include "event/inside.h"

#include "wire/json_pull.h"

bool reading_json_text(struct reading *r, const struct pull *p, struct slice *out)
{
    *out = p->text;
    if (!p->escaped)
        return true;
    char *to = reading_alloc(r, p->text.n);
    if (to)
        *out = (struct slice){ to, pull_unescape(p->text, to) };
    return to != NULL;
}

static struct value number_of(struct slice text)
{
    int64_t n;
    double  d;
    if (number_i64(text, &n))
        return (struct value){ .kind = VALUE_INT, .as.integer = n };
    if (number_double(text, false, &d))
        return (struct value){ .kind = VALUE_REAL, .as.real = d };
    return (struct value){ .kind = VALUE_NONE };
}

static bool value_of(struct reading *r, struct pull *p, int depth, struct value *out);

static bool list_of(struct reading *r, struct pull *p, int depth, struct value *out)
{
    struct pull ahead = *p;
    size_t      count = 0;
    while (pull_next(&ahead) != PULL_ARRAY_END && pull_skip(&ahead))
        count++;
    struct value *item = reading_alloc(r, count * sizeof *item);
    *out = (struct value){ .kind = VALUE_LIST, .as.list = { item, count } };
    while (item && pull_next(p) != PULL_ARRAY_END)
        if (!value_of(r, p, depth + 1, item++))
            return false;
    return item != NULL;
}

static bool map_of(struct reading *r, struct pull *p, int depth, struct value *out)
{
    struct pull ahead = *p;
    size_t      count = 0;
    while (pull_next(&ahead) == PULL_KEY) {
        (void)pull_next(&ahead);
        (void)pull_skip(&ahead);
        count++;
    }
    struct attr *item = reading_alloc(r, count * sizeof *item);
    *out = (struct value){ .kind = VALUE_MAP, .as.map = { item, count } };
    for (; item && pull_next(p) == PULL_KEY; item++) {
        if (!reading_json_text(r, p, &item->key))
            return false;
        (void)pull_next(p);
        if (!value_of(r, p, depth + 1, &item->value))
            return false;
    }
    return item != NULL;
}

static bool value_of(struct reading *r, struct pull *p, int depth, struct value *out)
{
    *out = (struct value){ .kind = VALUE_NONE };
    if (depth >= EVENT_DEPTH_MAX && (p->token == PULL_OBJECT || p->token == PULL_ARRAY))
        return pull_skip(p);
    switch (p->token) {
    case PULL_TEXT:   out->kind = VALUE_TEXT; return reading_json_text(r, p, &out->as.text);
    case PULL_TRUE:
    case PULL_FALSE:  *out = (struct value){ .kind = VALUE_BOOL, .as.boolean = p->token == PULL_TRUE }; return true;
    case PULL_NUMBER: *out = number_of(p->text); return true;
    case PULL_ARRAY:  return list_of(r, p, depth, out);
    case PULL_OBJECT: return map_of(r, p, depth, out);
    default:          return true;
    }
}

bool reading_json(struct reading *r, struct pull *p, struct value *out) { return value_of(r, p, 0, out); }

enum err value_from_json(struct slice text, struct arena *a, struct value *out)
{
    struct reading r = { .arena = a };
    struct pull    p;
    pull_init(&p, text);
    if (pull_next(&p) == PULL_BAD || !pull_skip(&p) || pull_next(&p) != PULL_END)
        return ERR_INPUT;
    pull_init(&p, text);
    (void)pull_next(&p);
    return reading_json(&r, &p, out) ? OK : ERR_LIMIT;
}
