/*
 * event/values.c - attributes: finding them, as text, and one number for a set of them.
 */
#include "event/inside.h"

#include "wire/json_pull.h"
#include "wire/otlp_reply.h"

#include <inttypes.h>
#include <stdio.h>
#include <xxhash.h>

const struct value *attrs_find(const struct attrs *a, const char *key)
{
    size_t n = strlen(key);
    for (size_t i = 0; i < a->count; i++)
        if (a->item[i].key.n == n && (n == 0 || memcmp(a->item[i].key.s, key, n) == 0))
            return &a->item[i].value;
    return NULL;
}

struct slice attrs_text(const struct attrs *a, const char *key)
{
    const struct value *v = attrs_find(a, key);
    return v && v->kind == VALUE_TEXT ? v->as.text : (struct slice){ "", 0 };
}

const struct value *event_find(const struct event *e, const char *key)
{
    const struct value *v = attrs_find(&e->attrs, key);
    if (!v)
        v = attrs_find(&e->scope->attrs, key);
    return v ? v : attrs_find(&e->resource->attrs, key);
}

/* ---- as text ---- */

static void put_base64(struct text *t, struct slice bytes)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < bytes.n; i += 3) {
        size_t   left = bytes.n - i;
        uint32_t bits = (uint32_t)(unsigned char)bytes.s[i] << 16;
        if (left > 1)
            bits |= (uint32_t)(unsigned char)bytes.s[i + 1] << 8;
        if (left > 2)
            bits |= (unsigned char)bytes.s[i + 2];
        char four[4] = { letters[bits >> 18], letters[bits >> 12 & 63], left > 1 ? letters[bits >> 6 & 63] : '=', left > 2 ? letters[bits & 63] : '=' };
        text_add_n(t, four, 4);
    }
}

static void put_real(struct text *t, double d, bool inside)
{
    char   s[32];
    size_t n = number_text(d, s);
    bool   word = s[n - 1] == 'N' || s[n - 1] == 'y';    /* JSON has no such numbers, so they are texts in it */
    if (word && inside)
        text_add(t, "\"");
    text_add_n(t, s, n);
    if (word && inside)
        text_add(t, "\"");
}

/* inside: of a list or map, where texts have quotes. */
static void put_value(struct text *t, const struct value *v, bool inside)
{
    switch (v->kind) {
    case VALUE_NONE:
        if (inside)
            text_add(t, "null");
        break;
    case VALUE_TEXT:
        if (inside)
            json_put_text(t, v->as.text);
        else
            text_add_n(t, v->as.text.s, v->as.text.n);
        break;
    case VALUE_BOOL: text_add(t, v->as.boolean ? "true" : "false"); break;
    case VALUE_INT: text_printf(t, "%" PRId64, v->as.integer); break;
    case VALUE_REAL: put_real(t, v->as.real, inside); break;
    case VALUE_BYTES:
        if (inside)
            text_add(t, "\"");
        put_base64(t, v->as.text);
        if (inside)
            text_add(t, "\"");
        break;
    case VALUE_LIST:
        text_add(t, "[");
        for (size_t i = 0; i < v->as.list.count; i++) {
            if (i)
                text_add(t, ",");
            put_value(t, &v->as.list.item[i], true);
        }
        text_add(t, "]");
        break;
    case VALUE_MAP:
        text_add(t, "{");
        for (size_t i = 0; i < v->as.map.count; i++) {
            if (i)
                text_add(t, ",");
            json_put_text(t, v->as.map.item[i].key);
            text_add(t, ":");
            put_value(t, &v->as.map.item[i].value, true);
        }
        text_add(t, "}");
        break;
    }
}

struct slice value_text(const struct value *v, struct arena *a)
{
    if (v->kind == VALUE_TEXT)
        return v->as.text;
    struct text t CLEANUP(text_done);
    text_init(&t, a->bound - a->used);
    put_value(&t, v, false);
    char *copy = t.cut ? NULL : arena_alloc(a, t.used + 1);
    if (!copy)
        return (struct slice){ "", 0 };
    memcpy(copy, t.s, t.used);
    return (struct slice){ copy, t.used };
}

/* ---- as one number ---- */

static uint64_t value_id(const struct value *v);

static uint64_t attr_id(const struct attr *a)
{
    return XXH3_64bits_withSeed(a->key.s, a->key.n, value_id(&a->value));
}

static uint64_t value_id(const struct value *v)
{
    uint64_t id = (uint64_t)v->kind + 1;
    switch (v->kind) {
    case VALUE_TEXT:
    case VALUE_BYTES: return XXH3_64bits_withSeed(v->as.text.s, v->as.text.n, id);
    case VALUE_BOOL: return XXH3_64bits_withSeed(&v->as.boolean, sizeof v->as.boolean, id);
    case VALUE_INT: return XXH3_64bits_withSeed(&v->as.integer, sizeof v->as.integer, id);
    case VALUE_REAL: return XXH3_64bits_withSeed(&v->as.real, sizeof v->as.real, id);
    case VALUE_LIST:
        for (size_t i = 0; i < v->as.list.count; i++) {
            uint64_t one = value_id(&v->as.list.item[i]);
            id = XXH3_64bits_withSeed(&one, sizeof one, id);
        }
        return id;
    case VALUE_MAP: return id + attrs_id(&v->as.map);
    default: return id;
    }
}

/* A sum, so that the order does not matter; each part is well mixed already. Without attributes it is 0. */
uint64_t attrs_id(const struct attrs *a)
{
    uint64_t id = 0;
    for (size_t i = 0; i < a->count; i++)
        id += attr_id(&a->item[i]);
    return id;
}
