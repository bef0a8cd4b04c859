/*
 * conf/files.c - the main file, and the files that it and they include.
 *
 * Every file is read once, in a fixed order (as included, globs sorted by
 * name), and remembered with its digest.
 */
#include "conf/inside.h"

#include "base/file.h"

#include <glob.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct opening {
    struct conf            *conf;
    struct conf_roots      *roots;
    struct conf_complaints *all;
    unsigned                depth;
};

static void read_one(struct opening *o, const char *path, const struct yaml_node *because);

/* "a/b.yaml" that includes "c.yaml" means "a/c.yaml". */
static const char *beside(struct arena *a, const char *file, const char *path)
{
    const char *slash = strrchr(file, '/');
    if (*path == '/' || !slash)
        return arena_text(a, path);
    return arena_printf(a, "%.*s/%s", (int)(slash - file), file, path);
}

static void include_pattern(struct opening *o, const struct yaml_node *n)
{
    if (n->kind != YAML_SCALAR || yaml_is_null(n) || !*n->text) {
        conf_complain(o->all, n->at, "Write `include: other.yaml` or `include: [conf.d/*.yaml]`.", "include: a path is wanted here");
        return;
    }
    const char *path = beside(&o->conf->arena, n->at.file, n->text);
    if (!path) {
        conf_complain(o->all, n->at, NULL, "out of memory for the configuration");
        return;
    }
    if (!strpbrk(n->text, "*?[")) {
        read_one(o, path, n);
        return;
    }
    glob_t g = { 0 };
    int    answer = glob(path, 0, NULL, &g);
    if (answer != 0 && answer != GLOB_NOMATCH)      /* no match is fine: an empty conf.d is usual */
        conf_complain(o->all, n->at, "Look at the permissions of the folder.", "include: cannot list %s", path);
    for (size_t i = 0; answer == 0 && i < g.gl_pathc; i++)
        read_one(o, g.gl_pathv[i], n);
    globfree(&g);
}

static void follow_includes(struct opening *o, const struct yaml_node *root)
{
    const struct yaml_node *n = yaml_get(root, "include");
    if (!n)
        return;
    if (o->depth == CONF_INCLUDE_DEPTH) {
        conf_complain(o->all, n->key_at, "Flatten them.", "includes are nested deeper than %u", CONF_INCLUDE_DEPTH);
        return;
    }
    o->depth++;
    if (n->kind == YAML_LIST)
        for (const struct yaml_node *c = n->first; c; c = c->next)
            include_pattern(o, c);
    else
        include_pattern(o, n);
    o->depth--;
}

static bool remember(struct opening *o, const char *path, const char *data, size_t size, const struct yaml_node *because)
{
    struct conf *c = o->conf;
    char         real[PATH_MAX];
    const char  *known = path && because && realpath(path, real) ? real : path;
    struct conf_place at = because ? because->at : (struct conf_place){ path, 0, 0 };
    for (size_t i = 0; i < c->sources; i++) {
        char other[PATH_MAX];
        if (because && realpath(c->files[i], other) && strcmp(other, known) == 0) {
            conf_complain(o->all, at, "Include it once.", "include: %s has been read already", path);
            return false;
        }
    }
    if (c->sources == CONF_FILES_MAX) {
        conf_complain(o->all, at, NULL, "more than %u files", CONF_FILES_MAX);
        return false;
    }
    const char *copy = arena_text(&c->arena, path);
    if (!copy) {
        conf_complain(o->all, at, NULL, "out of memory for the configuration");
        return false;
    }
    c->files[c->sources] = c->source[c->sources].path = copy;
    digest_hex(data, size, c->source[c->sources].digest);
    c->sources++;
    return true;
}

static struct yaml_node *parse(struct opening *o, const char *path, const char *data, size_t size, bool main_file)
{
    struct yaml_node *root;
    if (yaml_parse(&o->conf->arena, path, data, size, &root, o->all, NULL) != OK && !root)
        return NULL;
    if (yaml_is_null(root) || (root->kind == YAML_MAP && root->count == 0)) {
        if (main_file)
            conf_complain(o->all, (struct conf_place){ path, 0, 0 }, "Was it cut off? Write at least one setting.", "the file is empty");
        return NULL;
    }
    if (root->kind != YAML_MAP) {
        conf_complain(o->all, root->at, "Begin each line with `key: `.", "a configuration is a map of keys, this is %s",
                      root->kind == YAML_LIST ? "a list" : "text");
        return NULL;
    }
    o->roots->root[o->roots->count++] = root;
    return root;
}

static void read_one(struct opening *o, const char *path, const struct yaml_node *because)
{
    char        *data = NULL;
    size_t       size = 0;
    struct fault why;
    struct stat  st;
    if (because && stat(path, &st) == 0 && !S_ISREG(st.st_mode)) {       /* opening a pipe could wait for ever */
        conf_complain(o->all, because->at, NULL, "include: %s is no regular file", path);
        return;
    }
    enum err e = file_read(path, YAML_BYTES_MAX + 3, &data, &size, &why);
    if (e != OK) {
        struct conf_place at = because ? because->at : (struct conf_place){ path, 0, 0 };
        if (because)
            conf_complain(o->all, at, "A relative path starts at the folder of this file.", "include: %s", why.text);
        else
            conf_complain(o->all, at, NULL, "%s", e == ERR_MISSING ? "there is no such file" : why.text);
        return;
    }
    if (remember(o, path, data, size, because)) {
        const struct yaml_node *root = parse(o, path, data, size, !because);
        if (root)
            follow_includes(o, root);
    }
    free(data);
}

void conf_files_read(struct conf *c, const char *path, struct conf_roots *roots, struct conf_complaints *all)
{
    struct opening o = { c, roots, all, 0 };
    read_one(&o, path, NULL);
}

void conf_text_read(struct conf *c, const char *name, const char *data, size_t size, struct conf_roots *roots, struct conf_complaints *all)
{
    struct opening o = { c, roots, all, 0 };
    if (!remember(&o, name, data, size, NULL))
        return;
    const struct yaml_node *root = parse(&o, name, data, size, true), *include = yaml_get(root, "include");
    if (include)
        conf_complain(all, include->key_at, "Write the settings out.", "include: only a file can include others");
}
