/*
 * scrape/targets_file.c - a file of targets: JSON by its name, else YAML. Two readers, since a number in YAML is taken as it is written, "0100" as "0100".
 */
#include "scrape/targets.h"

#include "conf/yaml.h"

#include <jansson.h>
#include <string.h>

static enum err no_room(const char *name, struct fault *fault) { return fail(fault, ERR_LIMIT, "%s: no memory left for targets", name); }

static bool copied(struct arena *a, const char *s, size_t n, struct slice *out)
{
    char *to = arena_alloc(a, n + 1);
    if (!to)
        return false;
    memcpy(to, s, n);
    *out = (struct slice){ to, n };
    return true;
}

/* ---- JSON ---- */

static enum err json_group(const char *name, size_t at, json_t *item, struct target_group *g, struct arena *a, struct fault *fault)
{
    json_t     *targets = json_object_get(item, "targets"), *labels = json_object_get(item, "labels"), *v;
    const char *key;
    size_t      i;
    if (!json_is_object(item))
        return fail(fault, ERR_INPUT, "%s: item %zu is not a map of targets and labels", name, at);
    json_object_foreach(item, key, v)
        if (strcmp(key, "targets") != 0 && strcmp(key, "labels") != 0)
            return fail(fault, ERR_INPUT, "%s: item %zu has %.40s, and only targets and labels are known", name, at, key);
    if (targets && !json_is_array(targets))
        return fail(fault, ERR_INPUT, "%s: targets of item %zu is not a list", name, at);
    if (labels && !json_is_object(labels))
        return fail(fault, ERR_INPUT, "%s: labels of item %zu is not a map", name, at);
    struct slice *address = arena_alloc(a, (json_array_size(targets) + 1) * sizeof *address);
    struct label *label = arena_alloc(a, (json_object_size(labels) + 1) * sizeof *label);
    if (!address || !label)
        return no_room(name, fault);
    *g = (struct target_group){ .file = name, .address = address, .label = label };
    json_array_foreach(targets, i, v) {
        if (!json_is_string(v))
            return fail(fault, ERR_INPUT, "%s: target %zu of item %zu is not a text", name, i, at);
        if (!copied(a, json_string_value(v), json_string_length(v), &address[g->addresses++]))
            return no_room(name, fault);
    }
    json_object_foreach(labels, key, v) {
        if (!json_is_string(v))
            return fail(fault, ERR_INPUT, "%s: label %.40s of item %zu is not a text", name, key, at);
        if (!copied(a, key, strlen(key), &label[g->labels].name) || !copied(a, json_string_value(v), json_string_length(v), &label[g->labels].value))
            return no_room(name, fault);
        g->labels++;
    }
    return OK;
}

static enum err json_groups(const char *name, const char *data, size_t size, struct target_group **group, size_t *groups, struct arena *a, struct fault *fault)
{
    json_error_t why;
    json_t      *root = json_loadb(data, size, JSON_REJECT_DUPLICATES, &why), *item;
    enum err     e = OK;
    size_t       i;
    if (!root)
        return fail(fault, ERR_INPUT, "%s:%d:%d: %s", name, why.line, why.column, why.text);
    if (!json_is_array(root))
        e = fail(fault, ERR_INPUT, "%s: a list of {targets, labels} is expected", name);
    else if (!(*group = arena_alloc(a, (json_array_size(root) + 1) * sizeof **group)))
        e = no_room(name, fault);
    else
        json_array_foreach(root, i, item)
            if (e == OK && (e = json_group(name, i, item, &(*group)[i], a, fault)) == OK)
                *groups = i + 1;
    json_decref(root);
    return e;
}

/* ---- YAML ---- */

static enum err yaml_group(const char *name, const struct yaml_node *item, struct target_group *g, struct arena *a, struct fault *fault)
{
    static const char *const keys[] = { "targets", "labels" };
    enum err                 e = yaml_keys_check(item, keys, 2, fault);
    if (e != OK)
        return e;
    const struct yaml_node *targets = yaml_get(item, "targets"), *labels = yaml_get(item, "labels");
    if (targets && targets->kind != YAML_LIST)
        return yaml_fail(fault, targets, "targets is not a list");
    if (labels && labels->kind != YAML_MAP)
        return yaml_fail(fault, labels, "labels is not a map");
    struct slice *address = arena_alloc(a, ((targets ? targets->count : 0) + 1) * sizeof *address);
    struct label *label = arena_alloc(a, ((labels ? labels->count : 0) + 1) * sizeof *label);
    if (!address || !label)
        return no_room(name, fault);
    *g = (struct target_group){ .file = name, .address = address, .label = label };
    for (const struct yaml_node *n = targets ? targets->first : NULL; n; n = n->next) {
        if (!yaml_text(n))
            return yaml_fail(fault, n, "a target is host:port");
        if (!copied(a, n->text, strlen(n->text), &address[g->addresses++]))
            return no_room(name, fault);
    }
    for (const struct yaml_node *n = labels ? labels->first : NULL; n; n = n->next) {
        if (!yaml_text(n))
            return yaml_fail(fault, n, "the value of a label is a text");
        if (!copied(a, n->key, strlen(n->key), &label[g->labels].name) || !copied(a, n->text, strlen(n->text), &label[g->labels].value))
            return no_room(name, fault);
        g->labels++;
    }
    return OK;
}

static enum err yaml_groups(const char *name, const char *data, size_t size, struct target_group **group, size_t *groups, struct arena *a, struct fault *fault)
{
    struct arena      tree;
    struct yaml_node *root = NULL;
    arena_init(&tree, YAML_ARENA_MIN);
    enum err e = yaml_parse(&tree, name, data, size, &root, NULL, fault);
    if (e == OK && root->kind != YAML_LIST)
        e = yaml_fail(fault, root, "a list of {targets, labels} is expected");
    if (e == OK && !(*group = arena_alloc(a, (root->count + 1) * sizeof **group)))
        e = no_room(name, fault);
    for (const struct yaml_node *n = e == OK ? root->first : NULL; n && e == OK; n = n->next)
        if ((e = yaml_group(name, n, &(*group)[*groups], a, fault)) == OK)
            ++*groups;
    arena_done(&tree);
    return e;
}

enum err targets_parse(const char *name, const char *data, size_t size, struct target_group **group, size_t *groups, struct arena *a, struct fault *fault)
{
    size_t n = strlen(name);
    *group = NULL;
    *groups = 0;
    if (n > 5 && !strcmp(name + n - 5, ".json"))
        return json_groups(name, data, size, group, groups, a, fault);
    return yaml_groups(name, data, size, group, groups, a, fault);
}
