/* receive/follow_store.c - see follow_store.h. */
#include "receive/follow_store.h"

#include "base/file.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum { STORE_MAX = 64 * 1024 * 1024, RULES_MAX = 1024 };

static const char head[] = "homeostat files 1\n";

/* ---- writing ---- */

void follow_store_begin(struct text *t) { text_add(t, head); }
void follow_store_put_rule(struct text *t, const char *name) { text_printf(t, "R %s\n", name); }

void follow_store_put(struct text *t, const struct follow_seen *f)
{
    text_printf(t, "F %" PRIu64 " %" PRIu64 " %" PRIu32 " %016" PRIx64 " %" PRId64 " %s ", f->dev, f->ino, f->print_n, f->print, f->offset, f->rule);
    for (const char *p = f->path; *p; p++)
        if (*p > ' ' && *p < 0x7f && *p != '%')
            text_add_n(t, p, 1);
        else
            text_printf(t, "%%%02x", (unsigned)(unsigned char)*p);
    text_add(t, "\n");
}

void follow_store_end(struct text *t) { text_printf(t, "E %016" PRIx64 "\n", XXH3_64bits(t->s, t->used)); }

/* ---- reading ---- */

static char *unescaped(const char *s)
{
    char *out = strdup(s), *to = out;
    for (const char *p = s; out && *p; p++) {
        unsigned c = (unsigned char)*p;
        if (*p == '%' && (sscanf(p + 1, "%2x", &c) != 1 || c == 0 || !p[2])) {
            free(out);
            return NULL;
        }
        p += *p == '%' ? 2 : 0;
        *to++ = (char)c;
    }
    if (out)
        *to = '\0';
    return out;
}

static bool read_file_line(struct follow_store *s, char *line)
{
    struct follow_seen f = { 0 };
    int                rule = 0, rule_end = 0;
    if (sscanf(line, "F %" SCNu64 " %" SCNu64 " %" SCNu32 " %" SCNx64 " %" SCNd64 " %n%*s%n", &f.dev, &f.ino, &f.print_n, &f.print, &f.offset, &rule, &rule_end) != 5 || !rule || !rule_end ||
        line[rule_end] != ' ' || f.offset < 0)
        return false;
    line[rule_end] = '\0';
    if (s->seen_n == s->seen_room) {
        size_t              room = s->seen_room ? s->seen_room * 2 : 64;
        struct follow_seen *more = realloc(s->seen, room * sizeof *more);
        if (!more)
            return false;
        s->seen = more;
        s->seen_room = room;
    }
    f.rule = strdup(line + rule);
    f.path = unescaped(line + rule_end + 1);
    s->seen[s->seen_n++] = f;
    return f.rule && f.path;
}

static bool read_rule_line(struct follow_store *s, const char *line)
{
    char **more = s->rules_n < RULES_MAX ? realloc(s->rules, (s->rules_n + 1) * sizeof *more) : NULL;
    if (!more)
        return false;
    s->rules = more;
    return (s->rules[s->rules_n++] = strdup(line + 2)) != NULL;
}

enum err follow_store_load(const char *path, struct follow_store *s, struct fault *fault)
{
    char    *data, *save = NULL;
    size_t   size;
    uint64_t sum;
    *s = (struct follow_store){ 0 };
    enum err e = file_read(path, STORE_MAX, &data, &size, fault);
    if (e != OK)
        return e == ERR_MISSING ? OK : e;
    char *last = size > sizeof head ? memrchr(data, '\n', size - 1) : NULL;
    bool  fine = last && strncmp(data, head, sizeof head - 1) == 0 && sscanf(last + 1, "E %" SCNx64, &sum) == 1 && sum == XXH3_64bits(data, (size_t)(last + 1 - data));
    if (fine)
        last[1] = '\0';
    for (char *line = fine ? strtok_r(data + sizeof head - 1, "\n", &save) : NULL; line && fine; line = strtok_r(NULL, "\n", &save))
        fine = *line == 'F' ? read_file_line(s, line) : *line == 'R' && line[1] == ' ' && read_rule_line(s, line);
    free(data);
    if (fine)
        return OK;
    follow_store_done(s);
    return fail(fault, ERR_INPUT, "%s is damaged", path);
}

void follow_store_done(struct follow_store *s)
{
    for (size_t i = 0; i < s->seen_n; i++) {
        free(s->seen[i].rule);
        free(s->seen[i].path);
    }
    for (size_t i = 0; i < s->rules_n; i++)
        free(s->rules[i]);
    free(s->seen);
    free(s->rules);
    *s = (struct follow_store){ 0 };
}

bool follow_store_rule(const struct follow_store *s, const char *name)
{
    for (size_t i = 0; i < s->rules_n; i++)
        if (strcmp(s->rules[i], name) == 0)
            return true;
    return false;
}
