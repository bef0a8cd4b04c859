/*
 * conf/conf.c - from trees to structs: each key finds its row, each row its field.
 *
 * The keys of a file are looked up by their full path ("web.tls.key") among the
 * paths of all sections; below an instance ("targets.shop") among the knobs of
 * that section alone.  Everything wrong is complained of before giving up.
 */
#include "conf/conf.h"
#include "conf/inside.h"

#include <assert.h>
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CANDIDATES_MAX 256u

struct loader {
    struct conf            *conf;
    struct conf_complaints *all;
};

/* Where keys are looked up: all sections, or the knobs of one instance. */
struct scope {
    struct conf_part *only;       /* NULL: all */
    size_t            instance;
    const char       *label;      /* what stands before a path in messages: "targets.shop", "" */
};

enum found { FOUND_NOTHING, FOUND_BRANCH, FOUND_KNOB, FOUND_INSTANCES };

/* "a.b", or the one of the two that is not empty. What does not fit is cut; callers keep paths short enough. */
static const char *join(const char *a, const char *b, char out[CONF_PATH_SIZE])
{
    (void)text_copy(out, CONF_PATH_SIZE, a);
    size_t n = strlen(out);
    if (n && *b && n + 1 < CONF_PATH_SIZE)
        out[n++] = '.';
    (void)text_copy(out + n, CONF_PATH_SIZE - n, b);
    return out;
}

char *conf_knob_path(const struct conf_part *p, size_t instance, const struct conf_knob *k, char *out)
{
    char        own[CONF_PATH_SIZE];
    const char *name = p->section->shape == CONF_ONCE ? NULL : p->filled[instance].name;
    if (p->section->shape == CONF_ITEMS)
        (void)snprintf(own, sizeof own, "%s[%s]", p->section->path, name);
    else
        join(p->section->path, name ? name : "", own);
    join(own, k ? k->path : "", out);
    return out;
}

/* ---- parts ---- */

struct conf *conf_new(const char *path, const struct conf_section *const *sections, size_t count)
{
    assert(count <= CONF_SECTIONS_MAX);
    struct conf *c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
    char *here = getcwd(NULL, 0);
    arena_init(&c->arena, CONF_MEMORY_MAX);
    c->path = arena_text(&c->arena, path);
    c->absolute = *path == '/' ? c->path : here ? arena_printf(&c->arena, "%s/%s", here, path) : c->path;
    free(here);
    c->part = arena_alloc(&c->arena, (count ? count : 1) * sizeof *c->part);
    if (!c->path || !c->absolute || !c->part) {
        conf_free(c);
        return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        c->part[i].section = sections[i];
        c->part[i].room = sections[i]->shape == CONF_ONCE ? 1 : sections[i]->instances_max;
    }
    c->parts = count;
    return c;
}

void conf_free(struct conf *c)
{
    if (!c)
        return;
    for (size_t p = 0; p < c->parts; p++)
        for (size_t i = 0; i < c->part[p].count; i++)
            for (size_t k = 0; k < c->part[p].section->count; k++)
                knob_wipe(&c->part[p].section->knobs[k], conf_struct(&c->part[p], i));
    arena_done(&c->arena);
    free(c);
}

struct conf_filled *conf_part_grow(struct conf *c, struct conf_part *p, const char *name, struct conf_place at, struct conf_complaints *all)
{
    const struct conf_section *s = p->section;
    if (p->count == p->room) {
        conf_complain(all, at, NULL, "%s: more than %zu of them", s->path, p->room);
        return NULL;
    }
    if (!p->data) {
        p->data = arena_alloc(&c->arena, p->room * s->size);
        p->filled = arena_alloc(&c->arena, p->room * sizeof *p->filled);
    }
    const struct yaml_node **origin = arena_alloc(&c->arena, (s->count ? s->count : 1) * sizeof *origin);
    if (!p->data || !p->filled || !origin) {
        conf_complain(all, at, NULL, "out of memory for the configuration");
        return NULL;
    }
    struct conf_filled *f = &p->filled[p->count++];
    *f = (struct conf_filled){ .name = name, .at = at, .origin = origin };
    void *instance = conf_struct(p, p->count - 1);
    if (s->shape == CONF_MAP && s->name_at != CONF_NO_NAME)
        *(const char **)((char *)instance + s->name_at) = name;
    for (size_t k = 0; k < s->count; k++) {
        char path[CONF_PATH_SIZE];
        if (!knob_default(&s->knobs[k], conf_knob_path(p, p->count - 1, &s->knobs[k], path), instance, &c->arena, all))
            f->bad = true;
    }
    return f;
}

/* ---- looking keys up ---- */

/* How a path relates to what is looked for: the same, or `full` is an ancestor of it. */
static enum found compare(const char *path, const char *full, enum found exact)
{
    size_t n = strlen(full);
    if (strncmp(path, full, n) != 0)
        return FOUND_NOTHING;
    return path[n] == '\0' ? exact : path[n] == '.' ? FOUND_BRANCH : FOUND_NOTHING;
}

static enum found look_in(struct conf_part *p, bool below_instance, const char *full, const struct conf_knob **knob)
{
    enum found best = FOUND_NOTHING;
    if (p->section->shape != CONF_ONCE && !below_instance)
        return compare(p->section->path, full, FOUND_INSTANCES);
    for (size_t k = 0; k < p->section->count; k++) {
        char       path[CONF_PATH_SIZE];
        enum found f = compare(join(below_instance ? "" : p->section->path, p->section->knobs[k].path, path), full, FOUND_KNOB);
        if (f == FOUND_NOTHING && p->section->knobs[k].also && !below_instance)
            f = compare(p->section->knobs[k].also, full, FOUND_KNOB);
        if (f == FOUND_KNOB) {
            *knob = &p->section->knobs[k];
            return f;
        }
        if (f == FOUND_BRANCH)
            best = f;
    }
    if (!below_instance && best == FOUND_NOTHING && *p->section->path)
        best = compare(p->section->path, full, FOUND_BRANCH);      /* a section without knobs of its own is still a key */
    return best;
}

static enum found look_up(struct loader *l, const struct scope *s, const char *full, struct conf_part **part, const struct conf_knob **knob)
{
    enum found best = FOUND_NOTHING;
    for (size_t i = 0; i < (s->only ? 1 : l->conf->parts); i++) {
        struct conf_part *p = s->only ? s->only : &l->conf->part[i];
        enum found        f = look_in(p, s->only != NULL, full, knob);
        if (f == FOUND_KNOB || f == FOUND_INSTANCES) {
            *part = p;
            return f;
        }
        if (f == FOUND_BRANCH)
            best = f;
    }
    return best;
}

/* ---- unknown keys ---- */

struct candidates { char word[CANDIDATES_MAX][64]; const char *list[CANDIDATES_MAX]; size_t count; };

static void candidate(struct candidates *c, const char *word, size_t n)
{
    if (c->count == CANDIDATES_MAX || n == 0 || n >= sizeof c->word[0])
        return;
    for (size_t i = 0; i < c->count; i++)
        if (strncmp(c->word[i], word, n) == 0 && c->word[i][n] == '\0')
            return;
    memcpy(c->word[c->count], word, n);
    c->word[c->count][n] = '\0';
    c->list[c->count] = c->word[c->count];
    c->count++;
}

/* The keys that may stand at this level, and (at) a path anywhere whose last key is the word. */
static void gather(struct loader *l, const struct scope *s, const char *prefix, const char *word, struct candidates *c, char at[CONF_PATH_SIZE])
{
    size_t n = strlen(prefix);
    for (size_t i = 0; i < (s->only ? 1 : l->conf->parts); i++) {
        const struct conf_section *section = s->only ? s->only->section : l->conf->part[i].section;
        bool many = section->shape != CONF_ONCE && !s->only;
        for (size_t k = 0; k < (many ? 1 : section->count); k++) {
            char        path[CONF_PATH_SIZE];
            const char *last;
            join(s->only ? "" : section->path, many ? "" : section->knobs[k].path, path);
            if (strncmp(path, prefix, n) == 0 && (n == 0 || path[n] == '.'))
                candidate(c, path + n + (n != 0), strcspn(path + n + (n != 0), "."));
            const char *also = many || s->only ? NULL : section->knobs[k].also;
            if (also && n && strncmp(also, prefix, n) == 0 && also[n] == '.')
                candidate(c, also + n + 1, strcspn(also + n + 1, "."));
            last = strrchr(path, '.');
            if (last && strcmp(last + 1, word) == 0)
                (void)text_copy(at, CONF_PATH_SIZE, path);
        }
    }
    if (!s->only && n == 0)
        candidate(c, "include", strlen("include"));
}

static void complain_unknown(struct loader *l, const struct scope *s, const char *prefix, const struct yaml_node *n)
{
    struct candidates *c = calloc(1, sizeof *c);
    char               hint[CONF_PATH_SIZE * 2] = "", at[CONF_PATH_SIZE] = "", label[CONF_PATH_SIZE], full[CONF_PATH_SIZE];
    if (c)
        gather(l, s, prefix, n->key, c, at);
    const char *meant = c ? conf_nearest(n->key, c->list, c->count) : NULL;
    struct conf_part       *part;
    const struct conf_knob *knob;
    if (strchr(n->key, '.') && strlen(prefix) + strlen(n->key) + 2 < CONF_PATH_SIZE && look_up(l, s, join(prefix, n->key, full), &part, &knob) == FOUND_KNOB)
        (void)snprintf(hint, sizeof hint, "Write the words between the dots on lines of their own, each indented below the one before.");
    else if (meant)
        (void)snprintf(hint, sizeof hint, "Did you mean `%s`?", meant);
    else if (*at)
        (void)snprintf(hint, sizeof hint, "Did you mean `%s`?", join(s->label, at, label));
    else if (c && c->count && c->count <= 16) {
        size_t used = (size_t)snprintf(hint, sizeof hint, "Known here: ");
        for (size_t i = 0; i < c->count && used < sizeof hint - 70; i++)
            used += (size_t)snprintf(hint + used, sizeof hint - used, "%s%s", i ? ", " : "", c->list[i]);
        (void)snprintf(hint + used, sizeof hint - used, ".");
    }
    conf_complain(l->all, n->key_at, hint, "unknown key `%.80s`%s%s", n->key, *join(s->label, prefix, full) ? " in " : "", full);
    free(c);
}

/* ---- walking a file ---- */

static void walk(struct loader *l, const struct scope *s, const struct yaml_node *map, const char *prefix);

/* It was written under its other name, too: nothing to complain of when both say the same. What cannot be read has been complained of. */
static bool said_the_same(struct loader *l, struct conf_part *p, size_t instance, const struct conf_knob *k, const struct yaml_node *before, const struct yaml_node *n, const char *path)
{
    void *copy = k->also && strcmp(before->key, n->key) != 0 ? arena_alloc(&l->conf->arena, p->section->size) : NULL;
    return copy && (!knob_read(k, path, n, copy, &l->conf->arena, l->all) || knob_same(k, copy, conf_struct(p, instance)));
}

static void set_knob(struct loader *l, struct conf_part *p, size_t instance, const struct conf_knob *k, const struct yaml_node *n)
{
    struct conf_filled *f = &p->filled[instance];
    size_t              at = (size_t)(k - p->section->knobs);
    char                path[CONF_PATH_SIZE];
    conf_knob_path(p, instance, k, path);
    if (f->origin[at]) {
        char place[256], hint[600];
        if (said_the_same(l, p, instance, k, f->origin[at], n, path))
            return;
        (void)snprintf(hint, sizeof hint, "It is set at %s already; keep one of the two.%s%s%s", conf_place_text(f->origin[at]->key_at, place, sizeof place), k->also ? " It is also written `" : "",
                       k->also ? k->also : "", k->also ? "`." : "");
        conf_complain(l->all, n->key_at, hint, "%s is set twice%s", path, k->also && strcmp(f->origin[at]->key, n->key) != 0 ? ", and not to the same" : "");
        return;
    }
    f->origin[at] = n;
    if (!knob_read(k, path, n, conf_struct(p, instance), &l->conf->arena, l->all))
        f->bad = true;
}

static bool name_is_fit(const char *name)
{
    if (!isalnum((unsigned char)*name) || strlen(name) > CONF_NAME_MAX)
        return false;
    for (; *name; name++)
        if (!isalnum((unsigned char)*name) && *name != '-' && *name != '_')
            return false;
    return true;
}

static void add_instance(struct loader *l, struct conf_part *p, const struct yaml_node *n)
{
    const struct conf_section *s = p->section;
    struct conf_place          at = n->key ? n->key_at : n->at;
    const char                *name = n->key;
    if (s->shape == CONF_MAP) {
        if (!name_is_fit(name)) {
            conf_complain(l->all, at, "Use letters, digits, - and _ (63 at most), beginning with a letter or digit.", "%s: `%.80s` cannot be a name", s->path, name);
            return;
        }
        for (size_t i = 0; i < p->count; i++)
            if (strcmp(p->filled[i].name, name) == 0) {
                char place[256], hint[300];
                (void)snprintf(hint, sizeof hint, "It stands at %s already.", conf_place_text(p->filled[i].at, place, sizeof place));
                conf_complain(l->all, at, hint, "%s.%s is there twice", s->path, name);
                return;
            }
    } else {
        name = arena_printf(&l->conf->arena, "%zu", p->count);
    }
    if (!name || !conf_part_grow(l->conf, p, name, at, l->all))
        return;
    char label[CONF_PATH_SIZE];
    conf_knob_path(p, p->count - 1, NULL, label);
    struct scope inside = { p, p->count - 1, label };
    if (n->kind == YAML_MAP)
        walk(l, &inside, n, "");
    else if (!yaml_is_null(n))
        conf_complain(l->all, n->at, "Write its settings as `key: value` lines, indented below it.", "%s: a map is wanted here", label);
}

/* A name below the instances that leads to a setting's other path (struct conf_knob.also). */
static bool leads_elsewhere(struct loader *l, struct conf_part *p, const struct yaml_node *c)
{
    static const struct scope everything = { NULL, 0, "" };
    struct conf_part         *part;
    const struct conf_knob   *knob;
    char                      full[CONF_PATH_SIZE];
    if (p->section->shape != CONF_MAP || strlen(p->section->path) + strlen(c->key) + 2 > CONF_PATH_SIZE || look_up(l, &everything, join(p->section->path, c->key, full), &part, &knob) != FOUND_BRANCH)
        return false;
    if (c->kind == YAML_MAP)
        walk(l, &everything, c, full);
    else if (!yaml_is_null(c))
        conf_complain(l->all, c->at, "Write its settings as `key: value` lines, indented below it.", "%s: a map is wanted here", full);
    return true;
}

static void add_instances(struct loader *l, struct conf_part *p, const struct yaml_node *n)
{
    enum yaml_kind wanted = p->section->shape == CONF_MAP ? YAML_MAP : YAML_LIST;
    if (yaml_is_null(n))
        return;
    if (n->kind != wanted) {
        conf_complain(l->all, n->at, wanted == YAML_MAP ? "Write a name for each, with its settings indented below it." : "Write one item for each, beginning with `- `.",
                      "%s: a %s is wanted here", p->section->path, wanted == YAML_MAP ? "map of names" : "list");
        return;
    }
    p->at = n->key_at;
    for (const struct yaml_node *c = n->first; c; c = c->next)
        if (!leads_elsewhere(l, p, c))
            add_instance(l, p, c);
}

static void walk(struct loader *l, const struct scope *s, const struct yaml_node *map, const char *prefix)
{
    for (const struct yaml_node *n = map->first; n; n = n->next) {
        char                    full[CONF_PATH_SIZE], label[CONF_PATH_SIZE];
        struct conf_part       *part = NULL;
        const struct conf_knob *knob = NULL;
        bool                    too_long = strlen(prefix) + strlen(n->key) + 2 > CONF_PATH_SIZE || strchr(n->key, '.') || !*n->key;
        if (!s->only && !*prefix && strcmp(n->key, "include") == 0)
            continue;
        switch (too_long ? FOUND_NOTHING : look_up(l, s, join(prefix, n->key, full), &part, &knob)) {
        case FOUND_NOTHING:   complain_unknown(l, s, prefix, n); break;
        case FOUND_INSTANCES: add_instances(l, part, n); break;
        case FOUND_KNOB:      set_knob(l, part, s->only ? s->instance : 0, knob, n); break;
        case FOUND_BRANCH:
            for (size_t i = 0; !s->only && i < l->conf->parts; i++)
                if (strcmp(l->conf->part[i].section->path, full) == 0 && l->conf->part[i].count)
                    l->conf->part[i].filled[0].at = n->key_at;
            if (n->kind == YAML_MAP)
                walk(l, s, n, full);
            else if (!yaml_is_null(n))
                conf_complain(l->all, n->at, "Write its settings as `key: value` lines, indented below it.", "%s: a map is wanted here",
                              join(s->label, full, label));
            break;
        }
    }
}

/* ---- after everything has been read ---- */

static void check_instance(struct loader *l, struct conf_part *p, size_t i)
{
    struct conf_filled *f = &p->filled[i];
    for (size_t k = 0; k < p->section->count; k++) {
        const struct conf_knob *knob = &p->section->knobs[k];
        char                    path[CONF_PATH_SIZE], hint[300];
        if (knob->initial || f->origin[k])
            continue;
        (void)snprintf(hint, sizeof hint, "Add `%s:` with %s. %.160s", knob->path, knob_kind_example(knob->kind), knob->why);
        conf_complain(l->all, f->at, hint, "%s is missing", conf_knob_path(p, i, knob, path));
        f->bad = true;
    }
    if (p->section->check && !f->bad) {
        struct conf_checker c = { l->conf, p, f, l->all };
        p->section->check(conf_struct(p, i), &c);
    }
}

void conf_check(struct conf *c, struct conf_complaints *all)
{
    struct loader l = { c, all };
    for (size_t p = 0; p < c->parts; p++)
        for (size_t i = 0; i < c->part[p].count; i++)
            check_instance(&l, &c->part[p], i);
}

static size_t knob_index(const struct conf_checker *c, const char *knob)
{
    const struct conf_section *s = c->part->section;
    for (size_t k = 0; k < s->count; k++)
        if (strcmp(s->knobs[k].path, knob) == 0)
            return k;
    assert(0 && "the check of a section names its own knobs");
    return 0;
}

void conf_refuse(struct conf_checker *c, const char *knob, const char *hint, const char *format, ...)
{
    size_t                  k = knob_index(c, knob);
    const struct yaml_node *n = c->filled->origin[k];
    char                    text[512], path[CONF_PATH_SIZE];
    va_list                 args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    conf_knob_path(c->part, (size_t)(c->filled - c->part->filled), &c->part->section->knobs[k], path);
    conf_complain(c->all, n ? n->at : c->filled->at, hint, "%s: %s", path, text);
}

const struct conf *conf_whole(const struct conf_checker *c) { return c->conf; }

bool conf_is_set(const struct conf_checker *c, const char *knob)
{
    const struct yaml_node *origin = c->filled->origin[knob_index(c, knob)];
    return origin && origin != &conf_kept_default;
}

/* ---- load ---- */

static enum err load(struct conf *c, const char *data, size_t size, struct conf_complaints *all, struct fault *fault)
{
    struct loader      l = { c, all };
    struct conf_roots *roots = calloc(1, sizeof *roots);
    if (!roots)
        return fail(fault, ERR_LIMIT, "out of memory for the configuration");
    for (size_t p = 0; p < c->parts; p++)
        if (c->part[p].section->shape == CONF_ONCE)
            (void)conf_part_grow(c, &c->part[p], NULL, (struct conf_place){ c->path, 0, 0 }, all);
    if (data)
        conf_text_read(c, c->path, data, size, roots, all);
    else
        conf_files_read(c, c->path, roots, all);
    struct scope everything = { NULL, 0, "" };
    bool         readable = all->count == 0 && all->dropped == 0;
    for (size_t i = 0; i < roots->count; i++)
        walk(&l, &everything, roots->root[i], "");
    free(roots);
    /* A file that could not be read may hold what seems missing, so say nothing of that then. */
    if (readable)
        conf_check(c, all);
    return conf_complaints_fault(all, fault);
}

static enum err load_any(const char *path, const char *data, size_t size, const struct conf_section *const *sections, size_t count,
                         struct conf **out, struct conf_complaints *all, struct fault *fault)
{
    struct conf_complaints own;
    struct conf           *c = conf_new(path, sections, count);
    if (!c)
        return fail(fault, ERR_LIMIT, "out of memory for the configuration");
    conf_complaints_init(&own);
    enum err e = load(c, data, size, all ? all : &own, fault);
    conf_complaints_done(&own);
    if (e == OK)
        *out = c;
    else
        conf_free(c);
    return e;
}

enum err conf_load(const char *path, const struct conf_section *const *sections, size_t count, struct conf **out,
                   struct conf_complaints *all, struct fault *fault)
{
    return load_any(path, NULL, 0, sections, count, out, all, fault);
}

enum err conf_load_text(const char *name, const char *data, size_t size, const struct conf_section *const *sections, size_t count,
                        struct conf **out, struct conf_complaints *all, struct fault *fault)
{
    return load_any(name, data, size, sections, count, out, all, fault);
}

/* ---- access ---- */

static const struct conf_part *part_of(const struct conf *c, const struct conf_section *s)
{
    for (size_t p = 0; p < c->parts; p++)
        if (c->part[p].section == s)
            return &c->part[p];
    assert(0 && "the section was passed to conf_load()");
    return NULL;
}

bool conf_knows(const struct conf *c, const struct conf_section *s)
{
    size_t p = 0;
    while (p < c->parts && c->part[p].section != s)
        p++;
    return p < c->parts;
}

const void *conf_of(const struct conf *c, const struct conf_section *s)
{
    assert(s->shape == CONF_ONCE);
    return part_of(c, s)->data;
}

const void *conf_instances(const struct conf *c, const struct conf_section *s, size_t *count)
{
    const struct conf_part *p = part_of(c, s);
    *count = p->count;
    return p->data;
}

const char *conf_instance_name(const struct conf *c, const struct conf_section *s, size_t i)
{
    const struct conf_part *p = part_of(c, s);
    return i < p->count ? p->filled[i].name : NULL;
}

const void *conf_instance(const struct conf *c, const struct conf_section *s, const char *name)
{
    const struct conf_part *p = part_of(c, s);
    for (size_t i = 0; i < p->count; i++)
        if (p->filled[i].name && strcmp(p->filled[i].name, name) == 0)
            return conf_struct(p, i);
    return NULL;
}

const char *conf_path(const struct conf *c) { return c->path; }

size_t conf_files(const struct conf *c, const char *const **files)
{
    *files = c->files;
    return c->sources;
}

void conf_digest(const struct conf *c, char out[DIGEST_SIZE])
{
    char all[CONF_FILES_MAX * DIGEST_SIZE];
    for (size_t i = 0; i < c->sources; i++)
        memcpy(all + i * (DIGEST_SIZE - 1), c->source[i].digest, DIGEST_SIZE - 1);
    digest_hex(all, c->sources * (DIGEST_SIZE - 1), out);
}
