/* conf/command.c - see command.h. */
#include "conf/command.h"

#include "base/utf8.h"

#include <stdlib.h>
#include <string.h>

#define OUTPUT_MAX (16u * 1024u * 1024u)

static void put_json(json_t *o, FILE *out)
{
    char *s = o ? json_dumps(o, JSON_INDENT(2)) : NULL;
    fprintf(out, "%s\n", s ? s : "{}");
    free(s);
    json_decref(o);
}

static void put_complaints(const struct conf_complaints *all, const struct fault *fault, bool json, FILE *out, FILE *err)
{
    if (json) {
        put_json(json_pack("{s:b, s:o, s:I}", "ok", 0, "errors", conf_complaints_json(all), "not_shown", (json_int_t)all->dropped), out);
        return;
    }
    struct text t CLEANUP(text_done);
    text_init(&t, OUTPUT_MAX);
    conf_complaints_text(all, &t);
    if (t.used)
        fputs(t.s, err);
    else
        fprintf(err, "%s\n", fault->text);
}

/* The name of a file is any bytes. */
static json_t *name_json(const char *name)
{
    char shown[4096];
    (void)text_copy(shown, sizeof shown, name);
    utf8_clean(shown, '?');
    return json_string(shown);
}

static void put_summary(const struct conf *c, const struct conf_section *const *sections, size_t count, bool json, FILE *out)
{
    const char *const *files;
    size_t             n = conf_files(c, &files);
    json_t            *names = json_array(), *instances = json_object();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(names, name_json(files[i]));
    if (!json)
        fprintf(out, "%s: ok, %zu file%s", conf_path(c), n, n == 1 ? "" : "s");
    for (size_t s = 0; s < count; s++) {
        if (sections[s]->shape == CONF_ONCE)
            continue;
        size_t many;
        (void)conf_instances(c, sections[s], &many);
        json_object_set_new(instances, sections[s]->path, json_integer((json_int_t)many));
        if (!json)
            fprintf(out, ", %zu %s", many, sections[s]->path);
    }
    if (json) {
        put_json(json_pack("{s:b, s:O, s:O, s:[]}", "ok", 1, "files", names, "count", instances, "errors"), out);
    } else {
        fputs("\n", out);
    }
    json_decref(names);
    json_decref(instances);
}

int conf_command_check(const char *path, const struct conf_section *const *sections, size_t count, bool json, FILE *out, FILE *err)
{
    struct conf_complaints all CLEANUP(conf_complaints_done);
    struct conf           *c = NULL;
    struct fault           fault = { 0 };
    conf_complaints_init(&all);
    if (conf_load(path, sections, count, &c, &all, &fault) != OK) {
        put_complaints(&all, &fault, json, out, err);
        return 1;
    }
    put_summary(c, sections, count, json, out);
    conf_free(c);
    return 0;
}

int conf_command_print(const char *path, const struct conf_section *const *sections, size_t count, bool json, FILE *out, FILE *err)
{
    struct conf_complaints all CLEANUP(conf_complaints_done);
    struct text            t CLEANUP(text_done);
    struct conf           *c = NULL;
    struct fault           fault = { 0 };
    conf_complaints_init(&all);
    text_init(&t, OUTPUT_MAX);
    if (conf_load(path, sections, count, &c, &all, &fault) != OK) {
        put_complaints(&all, &fault, json, out, err);
        return 1;
    }
    if (json) {
        put_json(conf_print_json(c), out);
    } else {
        conf_print(c, &t);
        fputs(t.s, out);
    }
    conf_free(c);
    if (t.cut)
        fputs("the configuration is too large to print\n", err);
    return t.cut;
}

int conf_command_docs(const char *form, const struct conf_section *const *sections, size_t count, FILE *out, FILE *err)
{
    static const struct { const char *name; enum conf_docs form; } forms[] = {
        { "markdown", CONF_DOCS_MARKDOWN }, { "man", CONF_DOCS_SCDOC }, { "json", CONF_DOCS_JSON },
    };
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        if (strcmp(forms[i].name, form) != 0)
            continue;
        struct text t CLEANUP(text_done);
        text_init(&t, OUTPUT_MAX);
        conf_docs(sections, count, forms[i].form, &t);
        fputs(t.s, out);
        return 0;
    }
    fprintf(err, "config docs: `%s` is no form. Write markdown, man or json.\n", form);
    return 1;
}
