/* conf/docs.c - the documentation that the tables are: Markdown for the site, scdoc for the man page, JSON for the dashboard. And their check. */
#include "conf/inside.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *many(const struct conf_section *s) { return s->shape == CONF_MAP ? ".NAME" : s->shape == CONF_ITEMS ? "[]" : ""; }

static void full_path(const struct conf_section *s, const struct conf_knob *k, char out[CONF_PATH_SIZE])
{
    (void)snprintf(out, CONF_PATH_SIZE, "%s%s%s%s", s->path, many(s), *s->path ? "." : "", k->path);
}

static const char *initial_of(const struct conf_knob *k) { return !k->initial ? "required" : *k->initial ? k->initial : "unset"; }
static const char *when_of(const struct conf_knob *k) { return k->flags & CONF_LIVE ? "reload" : "restart"; }

static const char *range_of(const struct conf_knob *k)
{
    if (k->range && k->kind == CONF_PATH)
        return strcmp(k->range, "folder") == 0 ? "an existing folder" : "an existing file";
    return k->range ? k->range : "";
}

/* `|` would end the cell of a table; in scdoc `_` and `*` mean emphasis. */
static void escaped(const char *s, const char *special, struct text *out)
{
    for (; *s; s++) {
        if (strchr(special, *s))
            text_add(out, "\\");
        text_add_n(out, s, 1);
    }
}

static void markdown(const struct conf_section *s, struct text *out)
{
    text_printf(out, "\n## %s%s\n\n%s\n\n| key | type | default | range | changed by | why |\n| --- | --- | --- | --- | --- | --- |\n", *s->path ? s->path : "top level", many(s),
                s->why ? s->why : "");
    for (size_t i = 0; i < s->count; i++) {
        const struct conf_knob *k = &s->knobs[i];
        text_printf(out, "| `%s` | %s | ", k->path, knob_kind_name(k->kind));
        escaped(initial_of(k), "|", out);
        text_add(out, " | ");
        escaped(range_of(k), "|", out);
        text_printf(out, " | %s | ", when_of(k));
        escaped(k->why, "|", out);
        text_add(out, " |\n");
    }
}

static void scdoc(const struct conf_section *s, struct text *out)
{
    text_add(out, "\n# ");
    escaped(*s->path ? s->path : "TOP LEVEL", "_*", out);
    text_printf(out, "%s\n\n", many(s));
    escaped(s->why ? s->why : "", "_*", out);
    text_add(out, "\n\n");
    for (size_t i = 0; i < s->count; i++) {
        const struct conf_knob *k = &s->knobs[i];
        char                    path[CONF_PATH_SIZE];
        full_path(s, k, path);
        text_add(out, "*");
        escaped(path, "_*", out);
        text_printf(out, "* (%s, default ", knob_kind_name(k->kind));
        escaped(initial_of(k), "_*", out);
        if (*range_of(k)) {
            text_add(out, ", ");
            escaped(range_of(k), "_*", out);
        }
        text_printf(out, ", %s)\n\t", when_of(k));
        escaped(k->why, "_*", out);
        text_add(out, "\n\n");
    }
}

static void json(const struct conf_section *const *sections, size_t count, struct text *out)
{
    json_t *list = json_array();
    for (size_t s = 0; list && s < count; s++)
        for (size_t i = 0; i < sections[s]->count; i++) {
            const struct conf_knob *k = &sections[s]->knobs[i];
            char                    path[CONF_PATH_SIZE];
            full_path(sections[s], k, path);
            json_array_append_new(list, json_pack("{s:s, s:s, s:s?, s:s, s:s, s:b, s:s}", "path", path, "type", knob_kind_name(k->kind), "default", k->initial,
                                                  "range", range_of(k), "changed_by", when_of(k), "secret", (k->flags & CONF_SECRET) != 0 || k->kind == CONF_SECRET_FILE,
                                                  "why", k->why));
        }
    char *s = list ? json_dumps(list, JSON_INDENT(2)) : NULL;
    text_add(out, s ? s : "[]");
    text_add(out, "\n");
    free(s);
    json_decref(list);
}

static const char *const intro =
    "Times carry a unit: us, ms, s, min, h, d. So do sizes: B, kB, MB, GB, TB count in thousands, KiB, MiB, GiB, TiB in 1024s. "
    "Relative paths start at the folder of the file they stand in. `include: [other.yaml, ...]` reads more files (globs are allowed); "
    "a setting may be made once only. What says reload takes effect on SIGHUP; what says restart keeps its old value until then.";

void conf_docs(const struct conf_section *const *sections, size_t count, enum conf_docs form, struct text *out)
{
    if (form == CONF_DOCS_JSON) {
        json(sections, count, out);
        return;
    }
    if (form == CONF_DOCS_MARKDOWN) {
        text_printf(out, "# homeostat.yaml\n\n%s\n", intro);
    } else {
        text_add(out, "homeostat.yaml(5)\n\n# NAME\n\nhomeostat.yaml - configuration of homeostat\n\n# DESCRIPTION\n\n");
        escaped(intro, "_*", out);
        text_add(out, "\n");
    }
    for (size_t s = 0; s < count; s++)
        (form == CONF_DOCS_MARKDOWN ? markdown : scdoc)(sections[s], out);
}

/* ---- are the tables in order? ---- */

static bool path_is_fit(const char *path) { return path[strspn(path, "abcdefghijklmnopqrstuvwxyz0123456789_.")] == '\0' && *path != '.' && !strstr(path, ".."); }

static enum err row_check(const struct conf_section *s, const struct conf_knob *k, const char *path, struct fault *fault)
{
    bool numbers = k->kind == CONF_INT || k->kind == CONF_REAL || k->kind == CONF_TIME || k->kind == CONF_SIZE || k->kind == CONF_PERCENT;
    if (!path_is_fit(k->path) || !*k->path || strlen(path) + CONF_NAME_MAX >= CONF_PATH_SIZE)
        return fail(fault, ERR_INPUT, "%s: keys are lower-case words", path);
    if (!k->why || strlen(k->why) < 8)
        return fail(fault, ERR_INPUT, "%s: say why one would change it", path);
    if (!(k->flags & CONF_LIVE) == !(k->flags & CONF_RESTART))
        return fail(fault, ERR_INPUT, "%s: either CONF_LIVE or CONF_RESTART", path);
    if (k->kind == CONF_CHOICE ? !k->range || !*k->range || strlen(k->range) > 200 : k->range && (numbers || k->kind == CONF_TEXT || k->kind == CONF_LIST) && !strstr(k->range, ".."))
        return fail(fault, ERR_INPUT, "%s: the range is malformed", path);
    if (k->kind == CONF_PATH && k->range && strcmp(k->range, "file") != 0 && strcmp(k->range, "folder") != 0)
        return fail(fault, ERR_INPUT, "%s: a path's range is file or folder", path);
    if (k->kind == CONF_SECRET_FILE && k->initial && *k->initial)
        return fail(fault, ERR_INPUT, "%s: a secret file has no default", path);
    if ((numbers || k->kind == CONF_BOOL || k->kind == CONF_CHOICE) && k->initial && !*k->initial)
        return fail(fault, ERR_INPUT, "%s: this kind cannot be unset", path);
    if ((k->flags & CONF_SECRET) && k->kind != CONF_TEXT)
        return fail(fault, ERR_INPUT, "%s: only a text can be CONF_SECRET", path);
    if (k->also && (s->shape != CONF_ONCE || !strchr(k->also, '.') || strlen(k->also) >= CONF_PATH_SIZE))
        return fail(fault, ERR_INPUT, "%s: its other path is malformed", path);
    if (k->at >= s->size)
        return fail(fault, ERR_INPUT, "%s: the field lies outside of its struct", path);
    return OK;
}

static enum err defaults_check(const struct conf_section *s, const struct conf_knob *k, const char *path, struct fault *fault)
{
    struct conf_complaints all CLEANUP(conf_complaints_done);
    struct arena           a CLEANUP(arena_done);
    enum err               e = OK;
    void                  *instance = calloc(1, s->size);
    conf_complaints_init(&all);
    arena_init(&a, 1u << 20);
    if (!instance)
        return fail(fault, ERR_LIMIT, "out of memory");
    bool in_place = k->kind == CONF_PATH && k->range;     /* whether a file exists is not a property of the table */
    if (!in_place && !knob_default(k, path, instance, &a, &all))
        e = conf_complaints_fault(&all, fault);
    free(instance);
    return e;
}

/* A key is either a value or holds others; two rows may not claim the same. */
static bool clash(const char *a, const char *b)
{
    size_t n = strlen(a), m = strlen(b), least = n < m ? n : m;
    return strncmp(a, b, least) == 0 && (n == m || (n < m ? b : a)[least] == '.');
}

enum err conf_tables_check(const struct conf_section *const *sections, size_t count, struct fault *fault)
{
    if (count > CONF_SECTIONS_MAX)
        return fail(fault, ERR_LIMIT, "more than %u sections", CONF_SECTIONS_MAX);
    for (size_t s = 0; s < count; s++) {
        const struct conf_section *x = sections[s];
        if (!path_is_fit(x->path) || !x->size || !x->why)
            return fail(fault, ERR_INPUT, "section %s: path, size or why is wrong", x->path);
        if (x->shape != CONF_ONCE && (!x->instances_max || !*x->path || strchr(x->path, '.')))
            return fail(fault, ERR_INPUT, "section %s: what is there many times needs a bound and a key at the top level", x->path);
        for (size_t i = 0; i < x->count; i++) {
            char path[CONF_PATH_SIZE], other[CONF_PATH_SIZE];
            full_path(x, &x->knobs[i], path);
            if (row_check(x, &x->knobs[i], path, fault) != OK || defaults_check(x, &x->knobs[i], path, fault) != OK)
                return fault ? fault->code : ERR_INPUT;
            for (size_t t = 0; t <= s; t++)
                for (size_t j = 0; j < (t == s ? i : sections[t]->count); j++) {
                    full_path(sections[t], &sections[t]->knobs[j], other);
                    bool mixed = t != s && (x->shape != CONF_ONCE || sections[t]->shape != CONF_ONCE);
                    if (clash(path, other) || (mixed && (clash(x->path, other) || clash(sections[t]->path, path))))
                        return fail(fault, ERR_INPUT, "%s and %s claim the same key", path, other);
                }
        }
    }
    return OK;
}
