/* event/otlp.c - the envelopes and the values of OpenTelemetry's requests. */
#include "event/otlp.h"

#include <stdio.h>

bool otlp_full(struct reading *r, struct fault *fault)
{
    r->end = reading_full(r, fault);
    return false;
}

bool otlp_broken(struct reading *r)
{
    r->end = ERR_INPUT;
    return false;
}

/* ---- values ---- */

static bool values(struct reading *r, struct slice list, int depth, struct value *out, struct fault *fault)
{
    struct pb       m = pb_of(list);
    struct pb_field f;
    size_t          count = 0;
    int             more;
    while ((more = pb_next(&m, &f)) > 0)
        count += pb_field(&f) == PB_FIELD(1, PB_LEN);
    struct value *item = count ? reading_alloc(r, count * sizeof *item) : NULL;
    if (more < 0)
        return otlp_broken(r);
    if (count && !item)
        return otlp_full(r, fault);
    out->as.list.item = item;
    out->as.list.count = count;
    for (m = pb_of(list); pb_next(&m, &f) > 0;)
        if (pb_field(&f) == PB_FIELD(1, PB_LEN) && !otlp_read_value(r, f.bytes, depth, item++, fault))
            return false;
    return true;
}

static bool attrs(struct reading *r, struct slice message, uint32_t number, size_t count, int depth, struct attrs *out, struct fault *fault)
{
    *out = (struct attrs){ NULL, 0 };
    if (count == 0)
        return true;
    struct attr *item = reading_alloc(r, count * sizeof *item);
    if (!item)
        return otlp_full(r, fault);
    *out = (struct attrs){ item, count };
    struct pb       m = pb_of(message);
    struct pb_field f, kv;
    while (pb_next(&m, &f) > 0) {
        if (pb_field(&f) != PB_FIELD(number, PB_LEN))
            continue;
        struct pb    pair = pb_of(f.bytes);
        struct slice any = { NULL, 0 };
        int          more;
        while ((more = pb_next(&pair, &kv)) > 0)
            if (pb_field(&kv) == PB_FIELD(OTLP_KEYVALUE_KEY, PB_LEN))
                item->key = kv.bytes;
            else if (pb_field(&kv) == PB_FIELD(OTLP_KEYVALUE_VALUE, PB_LEN))
                any = kv.bytes;
        if (more < 0)
            return otlp_broken(r);
        if (any.n && !otlp_read_value(r, any, depth, &item->value, fault))
            return false;
        item++;
    }
    return true;
}

bool otlp_read_attrs(struct reading *r, struct slice message, uint32_t number, size_t count, struct attrs *out, struct fault *fault)
{
    return attrs(r, message, number, count, 0, out, fault);
}

static bool map(struct reading *r, struct slice pairs, int depth, struct value *out, struct fault *fault)
{
    struct pb       m = pb_of(pairs);
    struct pb_field f;
    size_t          count = 0;
    int             more;
    while ((more = pb_next(&m, &f)) > 0)
        count += pb_field(&f) == PB_FIELD(1, PB_LEN);
    return more < 0 ? otlp_broken(r) : attrs(r, pairs, 1, count, depth, &out->as.map, fault);
}

/* Of several in the oneof the last is the value. depth: how many values this one is in. */
bool otlp_read_value(struct reading *r, struct slice any, int depth, struct value *out, struct fault *fault)
{
    struct pb       m = pb_of(any);
    struct pb_field f;
    struct slice    inner = { NULL, 0 };
    int             more;
    *out = (struct value){ .kind = VALUE_NONE };
    if (depth >= EVENT_DEPTH_MAX)
        return true;
    while ((more = pb_next(&m, &f)) > 0)
        switch (pb_field(&f)) {
        case PB_FIELD(OTLP_ANY_TEXT, PB_LEN):
        case PB_FIELD(OTLP_ANY_BYTES, PB_LEN):
            *out = (struct value){ .kind = f.number == OTLP_ANY_TEXT ? VALUE_TEXT : VALUE_BYTES, .as.text = f.bytes };
            break;
        case PB_FIELD(OTLP_ANY_BOOL, PB_VARINT): *out = (struct value){ .kind = VALUE_BOOL, .as.boolean = f.n != 0 }; break;
        case PB_FIELD(OTLP_ANY_INT, PB_VARINT): *out = (struct value){ .kind = VALUE_INT, .as.integer = (int64_t)f.n }; break;
        case PB_FIELD(OTLP_ANY_REAL, PB_I64): *out = (struct value){ .kind = VALUE_REAL, .as.real = pb_double(f.n) }; break;
        case PB_FIELD(OTLP_ANY_LIST, PB_LEN):
        case PB_FIELD(OTLP_ANY_MAP, PB_LEN):
            *out = (struct value){ .kind = f.number == OTLP_ANY_LIST ? VALUE_LIST : VALUE_MAP };
            inner = f.bytes;
            break;
        default: break;
        }
    if (more < 0)
        return otlp_broken(r);
    if (out->kind == VALUE_LIST)
        return values(r, inner, depth + 1, out, fault);
    return out->kind != VALUE_MAP || map(r, inner, depth + 1, out, fault);
}

/* ---- envelopes ---- */

static bool read_resource(struct reading *r, struct slice message, struct slice schema, const struct resource **out, struct fault *fault)
{
    struct pb       m = pb_of(message);
    struct pb_field f;
    size_t          count = 0;
    uint32_t        dropped = 0;
    struct attrs    a;
    int             more;
    while ((more = pb_next(&m, &f)) > 0) {
        count += pb_field(&f) == PB_FIELD(OTLP_RESOURCE_ATTRS, PB_LEN);
        if (pb_field(&f) == PB_FIELD(OTLP_RESOURCE_DROPPED, PB_VARINT))
            dropped = (uint32_t)f.n;
    }
    if (more < 0)
        return otlp_broken(r);
    if (!attrs(r, message, OTLP_RESOURCE_ATTRS, count, 0, &a, fault))
        return false;
    struct resource *one = reading_resource(r, a);
    if (!one)
        return otlp_full(r, fault);
    one->schema_url = schema;
    one->dropped = dropped;
    *out = one;
    return true;
}

static bool read_scope(struct reading *r, struct slice message, struct slice schema, const struct scope **out, struct fault *fault)
{
    struct pb       m = pb_of(message);
    struct pb_field f;
    size_t          count = 0;
    int             more;
    struct scope   *one = reading_alloc(r, sizeof *one);
    if (!one)
        return otlp_full(r, fault);
    one->schema_url = schema;
    while ((more = pb_next(&m, &f)) > 0)
        switch (pb_field(&f)) {
        case PB_FIELD(OTLP_SCOPE_NAME, PB_LEN): one->name = f.bytes; break;
        case PB_FIELD(OTLP_SCOPE_VERSION, PB_LEN): one->version = f.bytes; break;
        case PB_FIELD(OTLP_SCOPE_ATTRS, PB_LEN): count++; break;
        case PB_FIELD(OTLP_SCOPE_DROPPED, PB_VARINT): one->dropped = (uint32_t)f.n; break;
        default: break;
        }
    *out = one;
    return more < 0 ? otlp_broken(r) : attrs(r, message, OTLP_SCOPE_ATTRS, count, 0, &one->attrs, fault);
}

/* The singular fields of Resource* and Scope*, which may stand behind what they belong to. Their numbers are the same. */
static bool head(struct reading *r, struct slice message, struct slice *one, struct slice *schema)
{
    struct pb       m = pb_of(message);
    struct pb_field f;
    int             more;
    *one = *schema = (struct slice){ NULL, 0 };
    while ((more = pb_next(&m, &f)) > 0)
        if (pb_field(&f) == PB_FIELD(OTLP_RESOURCES_RESOURCE, PB_LEN))
            *one = f.bytes;
        else if (pb_field(&f) == PB_FIELD(OTLP_RESOURCES_SCHEMA, PB_LEN))
            *schema = f.bytes;
    return more == 0 || otlp_broken(r);
}

static bool scopes(struct reading *r, const struct resource *resource, struct slice message, otlp_item *item, struct fault *fault)
{
    struct slice        one, schema;
    const struct scope *scope = NULL;
    struct pb           m = pb_of(message);
    struct pb_field     f;
    if (!head(r, message, &one, &schema) || !read_scope(r, one, schema, &scope, fault))
        return false;
    while (pb_next(&m, &f) > 0)
        if (pb_field(&f) == PB_FIELD(OTLP_SCOPES_ITEMS, PB_LEN) && !item(r, resource, scope, f.bytes, fault))
            return false;
    return true;
}

static bool resources(struct reading *r, struct slice message, otlp_item *item, struct fault *fault)
{
    struct slice           one, schema;
    const struct resource *resource = NULL;
    struct pb              m = pb_of(message);
    struct pb_field        f;
    if (!head(r, message, &one, &schema) || !read_resource(r, one, schema, &resource, fault))
        return false;
    while (pb_next(&m, &f) > 0)
        if (pb_field(&f) == PB_FIELD(OTLP_RESOURCES_SCOPES, PB_LEN) && !scopes(r, resource, f.bytes, item, fault))
            return false;
    return true;
}

static bool request(struct reading *r, struct slice body, otlp_item *item, struct fault *fault)
{
    struct pb       m = pb_of(body);
    struct pb_field f;
    int             more;
    while ((more = pb_next(&m, &f)) > 0)
        if (pb_field(&f) == PB_FIELD(OTLP_REQUEST_RESOURCES, PB_LEN) && !resources(r, f.bytes, item, fault))
            return false;
    return more == 0 || otlp_broken(r);
}

/* ---- both encodings ---- */

/* The worst case is an array of numbers of one digit, each of which becomes eight bytes. */
static size_t translated_max(size_t json) { return json < RECORD_BODY_MAX ? json * 8 + 1024 : (size_t)RECORD_BODY_MAX * 8; }

static void tell(struct event_report *report, const struct otlp_count *c)
{
    report->rejected = c->rejected;
    report->too_deep = c->too_deep;
    report->bad_text = c->bad_text;
    if (c->why)
        (void)snprintf(report->why, sizeof report->why, "%s", c->why);
}

static enum err unknown_form(enum record_form form, struct fault *fault)
{
    return fail(fault, ERR_INPUT, "OpenTelemetry in form %d: only protobuf (%d) and JSON (%d) are known", (int)form, FORM_PROTOBUF, FORM_JSON);
}

enum err otlp_check_body(enum otlp_signal signal, enum record_form form, struct slice body, struct event_report *report, struct fault *fault)
{
    struct otlp_count count = { 0 };
    enum err          e;
    if (form == FORM_PROTOBUF) {
        e = otlp_check(signal, body, &count, fault);
    } else if (form == FORM_JSON) {
        struct text t CLEANUP(text_done);
        text_init(&t, translated_max(body.n));
        e = otlp_from_json(signal, body, &t, fault);
        if (e == OK)
            e = otlp_check(signal, (struct slice){ t.s, t.used }, &count, fault);
    } else {
        return unknown_form(form, fault);
    }
    tell(report, &count);
    report->events = count.items;
    if (e == OK && form == FORM_JSON && count.items + count.rejected == 0 && otlp_json_is_strange(signal, body))
        (void)snprintf(report->why, sizeof report->why, "nothing in this request is known here, so nothing was taken: is it for another path?");
    return e;
}

/* The body in protobuf, in the arena. */
static enum err translate(struct reading *r, enum otlp_signal signal, struct slice *body, struct fault *fault)
{
    struct text t CLEANUP(text_done);
    text_init(&t, translated_max(body->n));
    enum err e = otlp_from_json(signal, *body, &t, fault);
    if (e != OK)
        return e;
    char *copy = arena_alloc(r->arena, t.used + 1);
    if (!copy)
        return reading_full(r, fault);
    memcpy(copy, t.s, t.used);
    *body = (struct slice){ copy, t.used };
    return OK;
}

enum err otlp_read(struct reading *r, enum otlp_signal signal, otlp_item *item, struct fault *fault)
{
    struct slice      body = r->record->body;
    struct otlp_count count;
    if (r->record->form == FORM_JSON) {
        enum err e = translate(r, signal, &body, fault);
        if (e != OK)
            return e;
    } else if (r->record->form != FORM_PROTOBUF) {
        return unknown_form(r->record->form, fault);
    }
    enum err checked = otlp_check(signal, body, &count, fault);
    tell(r->report, &count);
    if (request(r, body, item, fault))
        return checked;
    return r->end == ERR_INPUT ? checked : r->end;
}
