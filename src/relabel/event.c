/* relabel/event.c - what names of labels mean for an event, and changing one without touching what it was made from. */
#include "relabel/inside.h"

#include <string.h>

enum place { PLACE_ATTRIBUTE, PLACE_RESOURCE, PLACE_NAME, PLACE_TYPE, PLACE_TENANT, PLACE_SOURCE, PLACE_SEVERITY, PLACE_SEVERITY_TEXT, PLACE_BODY, PLACE_KIND, PLACE_STATUS };

static const struct { const char *name; enum place place; unsigned of; } places[] = {      /* of: bits 1 << EVENT_...; 0: all */
    { "__name__",      PLACE_NAME,          0 },
    { "__type__",      PLACE_TYPE,          0 },
    { "__tenant__",    PLACE_TENANT,        0 },
    { "__source__",    PLACE_SOURCE,        0 },
    { "severity",      PLACE_SEVERITY,      1u << EVENT_LOG },
    { "severity_text", PLACE_SEVERITY_TEXT, 1u << EVENT_LOG },
    { "body",          PLACE_BODY,          1u << EVENT_LOG },
    { "kind",          PLACE_KIND,          1u << EVENT_SPAN },
    { "status",        PLACE_STATUS,        1u << EVENT_SPAN },
};

static enum place place_of(const struct event *e, struct slice *name)
{
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++)
        if (slice_is(*name, places[i].name) && (places[i].of == 0 || places[i].of & 1u << e->type))
            return places[i].place;
    if (name->n > 9 && memcmp(name->s, "resource.", 9) == 0) {
        *name = (struct slice){ name->s + 9, name->n - 9 };
        return PLACE_RESOURCE;
    }
    return PLACE_ATTRIBUTE;
}

static struct slice *name_of(struct event *e)
{
    return e->type == EVENT_LOG ? &e->as.log.name : e->type == EVENT_POINT ? &e->as.point.name : &e->as.span.name;
}

static struct slice attr_get(const struct attrs *all, struct slice name, struct arena *a)
{
    for (size_t i = 0; i < all->count; i++)
        if (slice_same(all->item[i].key, name))
            return value_text(&all->item[i].value, a);
    return SLICE("");
}

static struct slice number(struct arena *a, int n)
{
    char *s = arena_printf(a, "%d", n);
    return s ? slice_of(s) : SLICE("");
}

static struct slice event_get(void *self, struct slice name, struct arena *a)
{
    static const char *const types[] = { "log", "metric", "span" }, *const kinds[] = { "", "internal", "server", "client", "producer", "consumer" },
                             *const status[] = { "unset", "ok", "error" };
    struct event *e = self;
    switch (place_of(e, &name)) {
    case PLACE_NAME:          return *name_of(e);
    case PLACE_TYPE:          return slice_of(types[e->type]);
    case PLACE_TENANT:        return e->tenant;
    case PLACE_SOURCE:        return e->source;
    case PLACE_SEVERITY:      return number(a, e->as.log.severity);
    case PLACE_SEVERITY_TEXT: return e->as.log.severity_text;
    case PLACE_BODY:          return value_text(&e->as.log.body, a);
    case PLACE_KIND:          return slice_of(kinds[e->as.span.kind]);
    case PLACE_STATUS:        return slice_of(status[e->as.span.status]);
    case PLACE_RESOURCE:      return attr_get(&e->resource->attrs, name, a);
    default:                  return attr_get(&e->attrs, name, a);
    }
}

/* A copy with these values set or added. False: no room. */
static bool attrs_put(struct attrs *all, const struct attr *more, size_t count, struct arena *a)
{
    struct attr *copy = arena_alloc(a, (all->count + count) * sizeof *copy + 1);
    size_t       n = 0;
    if (!copy)
        return false;
    for (size_t i = 0; i < all->count; i++) {
        bool again = false;
        for (size_t k = 0; k < count && !again; k++)
            again = slice_same(all->item[i].key, more[k].key);
        if (!again)
            copy[n++] = all->item[i];
    }
    if (count)
        memcpy(copy + n, more, count * sizeof *copy);
    *all = (struct attrs){ copy, n + count };
    return true;
}

/* A copy with one value set, added, or (empty) taken out. False: no room. */
static bool attr_set(struct attrs *all, struct slice name, struct slice value, struct arena *a)
{
    struct attr *copy = arena_alloc(a, (all->count + 1) * sizeof *copy);
    size_t       n = 0;
    bool         there = false;
    if (!copy)
        return false;
    for (size_t i = 0; i < all->count; i++) {
        bool this = slice_same(all->item[i].key, name);
        if (this && (value.n == 0 || there))
            continue;
        copy[n] = all->item[i];
        if (this)
            copy[n].value = (struct value){ .kind = VALUE_TEXT, .as.text = value };
        there |= this;
        n++;
    }
    if (!there && value.n > 0)
        copy[n++] = (struct attr){ name, { .kind = VALUE_TEXT, .as.text = value } };
    *all = (struct attrs){ copy, n };
    return true;
}

/* With other attributes it is another one. */
static bool resource_take(struct event *e, struct attrs attrs, struct arena *a)
{
    struct resource *copy = arena_alloc(a, sizeof *copy);
    if (!copy)
        return false;
    *copy = *e->resource;
    copy->attrs = attrs;
    copy->id = attrs_id(&attrs);
    e->resource = copy;
    return true;
}

static bool resource_set(struct event *e, struct slice name, struct slice value, struct arena *a)
{
    struct attrs attrs = e->resource->attrs;
    return attr_set(&attrs, name, value, a) && resource_take(e, attrs, a);
}

static bool event_set(void *self, struct slice name, struct slice value, struct arena *a)
{
    struct event *e = self;
    switch (place_of(e, &name)) {
    case PLACE_NAME:          *name_of(e) = value; return true;
    case PLACE_SEVERITY_TEXT: e->as.log.severity_text = value; return true;
    case PLACE_BODY:          e->as.log.body = (struct value){ .kind = VALUE_TEXT, .as.text = value }; return true;
    case PLACE_RESOURCE:      return resource_set(e, name, value, a);
    case PLACE_ATTRIBUTE:     return attr_set(&e->attrs, name, value, a);
    default:                  return true;          /* to look at, not to write */
    }
}

bool relabel_takes_values(const char *target)
{
    return strncmp(target, "__", 2) != 0 && strcmp(target, "severity") != 0 && strcmp(target, "severity_text") != 0;
}

static bool put_one(struct event *e, struct slice name, const struct value *v, struct arena *a)
{
    struct attrs      of_resource = e->resource->attrs;
    const enum place  place = place_of(e, &name);
    const struct attr one = { name, *v };
    switch (place) {
    case PLACE_BODY:      e->as.log.body = *v; return true;
    case PLACE_RESOURCE:  return attrs_put(&of_resource, &one, 1, a) && resource_take(e, of_resource, a);
    case PLACE_ATTRIBUTE: return attrs_put(&e->attrs, &one, 1, a);
    default:              return true;
    }
}

static enum err event_put(void *self, struct slice name, const struct value *v, struct arena *a)
{
    struct event *e = self;
    if (name.n)
        return put_one(e, name, v, a) ? OK : ERR_LIMIT;
    if (v->kind != VALUE_MAP || v->as.map.count > RELABEL_MEMBERS_MAX)
        return ERR_INPUT;
    return attrs_put(&e->attrs, v->as.map.item, v->as.map.count, a) ? OK : ERR_LIMIT;
}

static size_t       event_count(void *self) { return ((struct event *)self)->attrs.count; }
static struct label event_at(void *self, size_t i, struct arena *a)
{
    const struct attr *at = &((struct event *)self)->attrs.item[i];
    return (struct label){ at->key, value_text(&at->value, a) };
}

/* ---- labeldrop: a secret is one wherever it stands ---- */

struct sweep { bool (*goes)(void *ctx, struct slice name); void *ctx; struct arena *a; bool full; };

/* prefix: what the names of these attributes are called by rules, in front. True: some went, and the list is another one. */
static bool sweep_attrs(struct sweep *s, struct attrs *all, const char *prefix)
{
    struct attr *copy = NULL;
    size_t       n = 0;
    for (size_t i = 0; i < all->count && !s->full; i++) {
        struct slice name = all->item[i].key;
        const char  *longer = *prefix ? arena_printf(s->a, "%s%.*s", prefix, (int)name.n, name.n ? name.s : "") : "";
        s->full = s->full || !longer;
        bool goes = longer && s->goes(s->ctx, *prefix ? slice_of(longer) : name);
        if (goes && !copy) {
            copy = arena_alloc(s->a, all->count * sizeof *copy);
            s->full = s->full || !copy;
            n = i;
            if (copy && n)
                memcpy(copy, all->item, n * sizeof *copy);
        }
        if (!goes && copy)
            copy[n++] = all->item[i];
    }
    if (!copy || s->full)
        return false;
    *all = (struct attrs){ copy, n };
    return true;
}

static void sweep_resource(struct sweep *s, struct event *e)
{
    struct attrs left = e->resource->attrs;
    if (sweep_attrs(s, &left, "resource."))
        s->full = !resource_take(e, left, s->a);
}

static void sweep_scope(struct sweep *s, struct event *e)
{
    struct attrs  left = e->scope->attrs;
    struct scope *copy = sweep_attrs(s, &left, "") ? arena_alloc(s->a, sizeof *copy) : NULL;
    if (left.item == e->scope->attrs.item)
        return;
    s->full = !copy;
    if (!copy)
        return;
    *copy = *e->scope;
    copy->attrs = left;
    e->scope = copy;
}

/* Things of that size, each with attributes at that place in it: the list itself, or a copy without what goes. */
static const void *sweep_list(struct sweep *s, const void *list, size_t count, size_t size, size_t at)
{
    char *copy = NULL;
    for (size_t i = 0; i < count && !s->full; i++) {
        struct attrs left;
        memcpy(&left, (const char *)list + i * size + at, sizeof left);
        if (!sweep_attrs(s, &left, ""))
            continue;
        if (!copy && (copy = arena_alloc(s->a, count * size)))
            memcpy(copy, list, count * size);
        s->full = s->full || !copy;
        if (copy)
            memcpy(copy + i * size + at, &left, sizeof left);
    }
    return copy ? copy : list;
}

static bool event_sweep(void *self, bool (*goes)(void *ctx, struct slice name), void *ctx, struct arena *a)
{
    struct event *e = self;
    struct sweep  s = { goes, ctx, a, false };
    (void)sweep_attrs(&s, &e->attrs, "");
    sweep_resource(&s, e);
    sweep_scope(&s, e);
    if (e->type == EVENT_SPAN) {
        e->as.span.notes = sweep_list(&s, e->as.span.notes, e->as.span.notes_n, sizeof *e->as.span.notes, offsetof(struct span_note, attrs));
        e->as.span.links = sweep_list(&s, e->as.span.links, e->as.span.links_n, sizeof *e->as.span.links, offsetof(struct span_link, attrs));
    } else if (e->type == EVENT_POINT) {
        e->as.point.exemplars = sweep_list(&s, e->as.point.exemplars, e->as.point.exemplars_n, sizeof *e->as.point.exemplars, offsetof(struct exemplar, attrs));
    }
    return !s.full;
}

bool relabel_event(struct relabel *r, struct event *e, struct arena *a, struct relabel_report *report)
{
    static const struct labels_of of = { event_get, event_set, event_count, event_at, event_put, event_sweep };
    struct relabel_report         unheard;
    return relabel_apply(r, &of, e, a, report ? report : &unheard);
}
