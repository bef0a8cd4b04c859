/* base/options.c - reading arguments by the rows; see options.h. */
#include "base/options.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_SIZE = 40, ROWS_MAX = 128 };

/* ---- reading one value ---- */

static bool is_choice(const char *choices, const char *value)
{
    size_t n = strlen(value);
    for (const char *p = choices; n > 0 && p; p = strchr(p, '|') ? strchr(p, '|') + 1 : NULL)
        if (strncmp(p, value, n) == 0 && (p[n] == '|' || p[n] == '\0'))
            return true;
    return false;
}

static enum err set_whole(const struct option *o, const char *value, int64_t *to, struct fault *fault)
{
    char *end = NULL;
    errno = 0;
    long long n = strtoll(value, &end, 10);
    if (end == value || *end)
        return fail(fault, ERR_INPUT, "--%s wants a whole number, not \"%.40s\"", o->name, value);
    if (errno == ERANGE || (double)n < o->least || (double)n > o->most)
        return o->most >= (double)INT64_MAX ? fail(fault, ERR_INPUT, "--%s %.40s is out of range: %.16g or more", o->name, value, o->least)
                                            : fail(fault, ERR_INPUT, "--%s %.40s is out of range: %.16g to %.16g", o->name, value, o->least, o->most);
    *to = n;
    return OK;
}

static enum err set_real(const struct option *o, const char *value, double *to, struct fault *fault)
{
    char  *end = NULL;
    double n = strtod(value, &end);
    if (end == value || *end || !isfinite(n))
        return fail(fault, ERR_INPUT, "--%s wants a number, not \"%.40s\"", o->name, value);
    if (n < o->least || n > o->most)
        return fail(fault, ERR_INPUT, "--%s %.40s is out of range: %.10g to %.10g", o->name, value, o->least, o->most);
    *to = n;
    return OK;
}

static enum err set_time(const struct option_table *t, const struct option *o, const char *value, int64_t *to, struct fault *fault)
{
    int64_t  us = 0;
    enum err code = t->time(value, &us, fault);
    if (code != OK) {
        (void)fail_in(fault, "--%s", o->name);
        return code;
    }
    if ((double)us < o->least || (double)us > o->most) {
        char lo[32], hi[32];
        return fail(fault, ERR_INPUT, "--%s %.40s is out of range: %s to %s", o->name, value, t->time_text((int64_t)o->least, lo, sizeof lo),
                    t->time_text((int64_t)o->most, hi, sizeof hi));
    }
    *to = us;
    return OK;
}

static enum err set(const struct option_table *t, const struct option *o, const char *value, void *values, struct fault *fault)
{
    void *at = (char *)values + o->at;
    switch (o->kind) {
    case OPTION_FLAG: *(bool *)at = true; return OK;
    case OPTION_TEXT:
        if (!*value && o->least > 0) {
            enum err code = fail(fault, ERR_INPUT, "--%s wants a value (%s), and this one is empty", o->name, o->unit);
            fail_hint(fault, "leave the option out if it is not meant; a variable that was not set looks like this");
            return code;
        }
        *(const char **)at = value;
        return OK;
    case OPTION_WHOLE: return set_whole(o, value, at, fault);
    case OPTION_REAL:
    case OPTION_MAYBE_REAL: return set_real(o, value, at, fault);
    case OPTION_TIME: return set_time(t, o, value, at, fault);
    case OPTION_CHOICE:
        if (!is_choice(o->unit, value))
            return fail(fault, ERR_INPUT, "--%s %.40s: choose one of %s", o->name, value, o->unit);
        *(const char **)at = value;
        return OK;
    case OPTION_MANY: {
        struct option_list *list = at;
        if (list->n >= OPTION_LIST_MAX)
            return fail(fault, ERR_INPUT, "--%s: at most %d times", o->name, OPTION_LIST_MAX);
        list->item[list->n++] = value;
        return OK;
    }
    }
    return OK;
}

void options_init(const struct option_table *t, void *values)
{
    for (size_t i = 0; i < t->rows; i++)
        if (t->row[i].preset && *t->row[i].preset == '\0')
            *(const char **)((char *)values + t->row[i].at) = "";
        else if (t->row[i].preset)
            (void)set(t, &t->row[i], t->row[i].preset, values, NULL);
}

/* ---- which option is meant ---- */

static bool names(const char *takes, const char *name)
{
    char spaced[NAME_SIZE + 2];
    (void)snprintf(spaced, sizeof spaced, " %s ", name);
    return strstr(takes, spaced) != NULL;
}

bool options_takes(const struct option_use *use, const struct option *o) { return names(use->takes, o->name); }

static const struct option *find(const struct option_table *t, const struct option_use *use, const char *word, size_t n)
{
    for (size_t i = 0; i < t->rows; i++) {
        const struct option *o = &t->row[i];
        bool long_form = n > 2 && strncmp(word, "--", 2) == 0 && strlen(o->name) == n - 2 && strncmp(word + 2, o->name, n - 2) == 0;
        bool short_form = o->letter && strlen(o->letter) == n && strncmp(word, o->letter, n) == 0;
        if ((long_form || short_form) && options_takes(use, o))
            return o;
    }
    return NULL;
}

static enum err no_such_option(const struct option_table *t, const struct option_use *use, const char *word, size_t n, struct fault *fault)
{
    const char *known[ROWS_MAX], *near = NULL;
    size_t      count = 0;
    char        said[NAME_SIZE] = "";
    for (size_t i = 0; i < t->rows && count < ROWS_MAX; i++)
        if (options_takes(use, &t->row[i]))
            known[count++] = t->row[i].name;
    (void)snprintf(said, sizeof said, "%.*s", (int)(n < sizeof said ? n : sizeof said - 1), word);
    const char *bare = said + strspn(said, "-");
    enum err    code = fail(fault, ERR_INPUT, "%s has no option %s", use->command, said);
    if (t->nearest)
        near = t->nearest(bare, known, count);
    if (strncmp(bare, "token", 5) == 0 || strncmp(bare, "pass", 4) == 0)
        fail_hint(fault, "secrets are read from files, never from arguments, which everybody on the machine can see");
    else if (near)
        fail_hint(fault, "did you mean --%s? %s %s --help lists them", near, t->program, use->command);
    else
        fail_hint(fault, "%s %s --help lists them", t->program, use->command);
    return code;
}

/* ---- a whole command line ---- */

/* The option at argv[*i], with its value, which may be the next argument. */
static enum err take(const struct option_table *t, const struct option_use *use, int argc, char **argv, int *i, void *values, struct fault *fault)
{
    const char          *word = argv[*i];
    size_t               n = strcspn(word, "=");
    const char          *value = word[n] ? word + n + 1 : NULL;
    const struct option *o = find(t, use, word, n);
    if (!o)
        return no_such_option(t, use, word, n, fault);
    if (o->kind == OPTION_FLAG && value)
        return fail(fault, ERR_INPUT, "--%s takes no value", o->name);
    if (o->kind == OPTION_MAYBE_REAL && !value)
        value = "1";
    if (o->kind != OPTION_FLAG && !value) {
        if (*i + 1 == argc)
            return fail(fault, ERR_INPUT, "--%s wants a value (%s)", o->name, o->unit);
        value = argv[++*i];
    }
    return set(t, o, value, values, fault);
}

enum err options_parse(const struct option_table *t, const struct option_use *use, int argc, char **argv, void *values, struct option_words *words,
                       bool *help, struct fault *fault)
{
    bool only_words = false;
    *help = false;
    for (int i = 0; i < argc; i++) {
        const char *word = argv[i];
        if (words && (only_words || word[0] != '-' || word[1] == '\0')) {
            if (words->n >= words->max)
                return fail(fault, ERR_INPUT, "%s: too many words", use->command);
            words->word[words->n++] = word;
        } else if (words && strcmp(word, "--") == 0) {
            only_words = true;
        } else if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
            *help = true;
            return OK;
        } else {
            enum err code = take(t, use, argc, argv, &i, values, fault);
            if (code != OK)
                return code;
        }
    }
    return OK;
}

void options_help(const struct option_table *t, const struct option_use *use, FILE *out)
{
    for (size_t i = 0; i < t->rows; i++) {
        const struct option *o = &t->row[i];
        if (!options_takes(use, o))
            continue;
        char left[140];
        bool maybe = o->kind == OPTION_MAYBE_REAL;
        (void)snprintf(left, sizeof left, "%s%s--%s%s%s%s", o->letter ? o->letter : "", o->letter ? ", " : "    ", o->name, maybe ? "[=" : o->unit ? " " : "",
                       o->unit ? o->unit : "", maybe ? "]" : "");
        fprintf(out, "  %-28s  ", left);
        if (strlen(left) > 28)
            fprintf(out, "\n  %-28s  ", "");
        fputs(o->help, out);
        if (o->preset && *o->preset && strcmp(o->preset, "-1") != 0)
            fprintf(out, " (default: %s)", o->preset);
        fputc('\n', out);
    }
}

enum err options_check(const struct option_table *t, const struct option_use *use, struct fault *fault)
{
    const char *p = use->takes;
    if (*p && (p[0] != ' ' || p[strlen(p) - 1] != ' '))
        return fail(fault, ERR_STATE, "%s: its options want a space at both ends", use->command);
    while (*(p += strspn(p, " "))) {
        char   name[NAME_SIZE];
        size_t n = strcspn(p, " ");
        bool   known = false;
        (void)snprintf(name, sizeof name, "%.*s", (int)n, p);
        for (size_t i = 0; i < t->rows; i++)
            known |= strcmp(t->row[i].name, name) == 0;
        if (!known)
            return fail(fault, ERR_STATE, "%s names --%s, which has no row", use->command, name);
        p += n;
    }
    return OK;
}
