/*
 * conf/print.c - what is in force, as YAML that loads again and as JSON.
 *
 * Keys of one level stand together, whatever the order of sections and knobs,
 * since a key may be there only once.  Secrets are never written; a secret text
 * is a comment, and so is what an instance leaves to its default.
 */
#include "conf/inside.h"

#include "base/utf8.h"
#include "conf/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct row { const struct conf_part *part; size_t instance; const struct conf_knob *knob; char path[CONF_PATH_SIZE]; };

static const char *origin_of(const struct row *r, char *out, size_t size)
{
    const struct conf_filled *f = &r->part->filled[r->instance];
    const struct yaml_node   *n = f->origin[r->knob - r->part->section->knobs];
    if (!n)
        return "default";
    conf_place_text(n->at, out, size);
    utf8_tame(out, '?');
    return out;
}

static void print_value(const struct row *r, const char *key, unsigned depth, struct text *out)
{
    struct text value CLEANUP(text_done);
    char        origin[512];
    const void *instance = conf_struct(r->part, r->instance);
    text_init(&value, 256u * 1024u);
    knob_print(r->knob, instance, &value);
    /* Of what is there many times each may be of another kind, and not every key goes with every kind: there a default is only told. */
    bool        told = r->part->section->shape != CONF_ONCE && !r->part->filled[r->instance].origin[r->knob - r->part->section->knobs];
    bool        comment = told || (r->knob->flags & CONF_SECRET) || knob_is_unset(r->knob, instance);
    char        line[CONF_PATH_SIZE + 64];
    (void)snprintf(line, sizeof line, "%*s%s%s: ", (int)depth * 2, "", comment ? "# " : "", key);
    if (knob_is_unset(r->knob, instance))
        text_clear(&value);
    text_printf(out, "%s%s", line, value.s);
    size_t width = strlen(line) + value.used;
    text_printf(out, "%*s# %s%s\n", width < 48 ? (int)(48 - width) : 2, "", origin_of(r, origin, sizeof origin),
                r->knob->kind == CONF_SECRET_FILE && !comment ? "; contents ******" : "");
}

/* The rows whose path begins with prefix, grouped by their next key. */
static void print_level(const struct row *rows, size_t count, const char *prefix, unsigned depth, struct text *out)
{
    size_t n = strlen(prefix);
    for (size_t i = 0; i < count; i++) {
        const char *rest = rows[i].path + n;
        if (strncmp(rows[i].path, prefix, n) != 0)
            continue;
        size_t key = strcspn(rest, ".");
        bool   first = true;
        for (size_t j = 0; j < i && first; j++)
            first = strncmp(rows[j].path, rows[i].path, n + key) != 0 || (rows[j].path[n + key] != '.' && rows[j].path[n + key] != '\0');
        if (!first)
            continue;
        char word[CONF_PATH_SIZE], deeper[CONF_PATH_SIZE];
        (void)snprintf(word, sizeof word, "%.*s", (int)key, rest);
        if (rest[key] == '\0') {
            print_value(&rows[i], word, depth, out);
            continue;
        }
        text_printf(out, "%*s%s:\n", (int)depth * 2, "", word);
        (void)snprintf(deeper, sizeof deeper, "%.*s", (int)(n + key + 1), rows[i].path);
        print_level(rows, count, deeper, depth + 1, out);
    }
}

static size_t rows_of(const struct conf_part *p, size_t instance, const char *prefix, struct row *rows)
{
    for (size_t k = 0; k < p->section->count; k++) {
        rows[k] = (struct row){ .part = p, .instance = instance, .knob = &p->section->knobs[k] };
        (void)snprintf(rows[k].path, sizeof rows[k].path, "%s%s%s", prefix, *prefix ? "." : "", p->section->knobs[k].path);
    }
    return p->section->count;
}

static void print_instances(const struct conf_part *p, struct row *rows, struct text *out)
{
    char     line[CONF_PATH_SIZE];
    unsigned depth = 0;
    if (p->count == 0)
        return;
    (void)text_copy(line, sizeof line, p->section->path);
    for (char *save = NULL, *w = strtok_r(line, ".", &save); w; w = strtok_r(NULL, ".", &save))
        text_printf(out, "%*s%s:\n", (int)depth++ * 2, "", w);
    for (size_t i = 0; i < p->count; i++) {
        bool items = p->section->shape == CONF_ITEMS;
        text_printf(out, items ? "%*s-\n" : "%*s%s:\n", (int)depth * 2, "", p->filled[i].name);
        print_level(rows, rows_of(p, i, "", rows), "", depth + 1, out);
    }
}

static size_t knobs_in(const struct conf *c)
{
    size_t n = 0;
    for (size_t p = 0; p < c->parts; p++)
        n += c->part[p].section->count;
    return n;
}

void conf_print(const struct conf *c, struct text *out)
{
    struct row *rows = calloc(knobs_in(c) + 1, sizeof *rows);
    size_t      n = 0;
    if (!rows)
        return;
    for (size_t p = 0; p < c->parts; p++)
        if (c->part[p].section->shape == CONF_ONCE)
            n += rows_of(&c->part[p], 0, c->part[p].section->path, rows + n);
    print_level(rows, n, "", 0, out);
    for (size_t p = 0; p < c->parts; p++)
        if (c->part[p].section->shape != CONF_ONCE)
            print_instances(&c->part[p], rows, out);
    free(rows);
}

/* ---- JSON ---- */

static json_t *native(const struct conf_knob *k, const void *instance)
{
    const void *f = (const char *)instance + k->at;
    struct text t CLEANUP(text_done);
    text_init(&t, 64u * 1024u);
    if (k->flags & CONF_SECRET)
        return json_string("******");
    switch (k->kind) {
    case CONF_INT:         return json_integer(*(const int64_t *)f);
    case CONF_REAL:        return json_real(*(const double *)f);
    case CONF_BOOL:        return json_boolean(*(const bool *)f);
    case CONF_TEXT:
    case CONF_PATH:        return json_string(*(const char *const *)f);
    case CONF_SECRET_FILE: return json_string(((const struct conf_secret *)f)->path);
    case CONF_ADDRESS: {
        const struct conf_address *a = f;
        text_printf(&t, strchr(a->host, ':') ? "[%s]:%d" : "%s:%d", a->host, a->port);
        return json_string(*a->host ? t.s : "");
    }
    case CONF_LIST: {
        json_t *list = json_array();
        for (size_t i = 0; list && i < ((const struct conf_list *)f)->count; i++)
            json_array_append_new(list, json_string(((const struct conf_list *)f)->item[i]));
        return list;
    }
    default:
        knob_print(k, instance, &t);
        return json_string(t.s);
    }
}

static json_t *leaf(const struct row *r)
{
    char    origin[512];
    json_t *o = json_pack("{s:o, s:s, s:b}", "value", native(r->knob, conf_struct(r->part, r->instance)), "from", origin_of(r, origin, sizeof origin),
                          "live", (r->knob->flags & CONF_LIVE) != 0);
    const void *f = (const char *)conf_struct(r->part, r->instance) + r->knob->at;
    if (o && (r->knob->kind == CONF_TIME || r->knob->kind == CONF_SIZE) && !(r->knob->flags & CONF_SECRET))
        json_object_set_new(o, r->knob->kind == CONF_TIME ? "us" : "bytes", json_integer(*(const int64_t *)f));
    return o;
}

/* The object that a dotted path leads to, made on the way. */
static json_t *object_at(json_t *root, const char *path)
{
    char copy[CONF_PATH_SIZE];
    (void)text_copy(copy, sizeof copy, path);
    for (char *save = NULL, *w = strtok_r(copy, ".", &save); w && root; w = strtok_r(NULL, ".", &save)) {
        json_t *next = json_object_get(root, w);
        if (!next && (next = json_object()))
            json_object_set_new(root, w, next);
        root = next;
    }
    return root;
}

static void set_rows(json_t *to, const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char  parent[CONF_PATH_SIZE];
        (void)text_copy(parent, sizeof parent, rows[i].path);
        char *dot = strrchr(parent, '.');
        *(dot ? dot : parent) = '\0';
        json_t *o = object_at(to, parent);
        if (o)
            json_object_set_new(o, dot ? dot + 1 : rows[i].path, leaf(&rows[i]));
    }
}

json_t *conf_print_json(const struct conf *c)
{
    json_t     *root = json_object();
    struct row *rows = calloc(knobs_in(c) + 1, sizeof *rows);
    for (size_t p = 0; root && rows && p < c->parts; p++) {
        const struct conf_part *part = &c->part[p];
        if (part->section->shape == CONF_ONCE) {
            set_rows(root, rows, rows_of(part, 0, part->section->path, rows));
            continue;
        }
        json_t *o = object_at(root, part->section->path);
        for (size_t i = 0; o && i < part->count; i++) {
            json_t *one = json_object();
            set_rows(one, rows, rows_of(part, i, "", rows));
            json_object_set_new(o, part->filled[i].name, one);
        }
    }
    free(rows);
    return root;
}
