/* sensor/group.c - see group.h. */
#include "sensor/group.h"

#include "base/text.h"
#include "base/utf8.h"
#include "sensor/group_inside.h"

#include <ctype.h>
#include <pwd.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>

struct pattern { regex_t re; char name[GROUP_CAPTURES_MAX][32]; size_t captures; };

/* Of comm or exe: a name, or an expression. */
struct entry { char *name; regex_t re; bool expression; };

struct recipe {
    char           *name;
    struct entry   *comm, *exe;
    size_t          comms, exes, patterns;
    struct pattern *pattern;
    bool            any_pattern;        /* one of them is enough */
};

struct grouping { struct recipe *recipe; size_t count; };

/* ---- expressions ---- */

/*
 * The library's compiler writes out repetitions, and those of repetitions, until memory is gone; and back references may take for ever. So what an
 * expression can be written out to is bounded before it is compiled.
 */
enum { REPEATS_MAX = 4096 };

enum err group_regex_bounded(const char *text, struct fault *fault)
{
    double copies  = 1;
    bool   inside = false, repeated = false;
    for (const char *c = text; *c; c++) {
        if (*c == '\\' && c[1]) {
            if (!inside && c[1] >= '1' && c[1] <= '9')
                return fail(fault, ERR_INPUT, "the expression refers back with \\%c, which may take for ever", c[1]);
            c       += !inside;
            repeated = false;
            continue;
        }
        if (inside || *c == '[') {
            /* a ] right behind [ or [^ is one of the characters */
            if (!inside) {
                c     += c[1] == '^';
                c     += c[1] == ']';
                inside = true;
            } else {
                inside = *c != ']';
            }
            repeated = false;
            continue;
        }
        bool many = *c == '+' || *c == '*' || *c == '{' || (*c == '?' && !(c > text && c[-1] == '('));
        if (many && repeated)
            return fail(fault, ERR_INPUT, "the expression repeats a repetition: %.20s", c);
        if (*c == '+' && c > text && c[-1] == ')')
            copies *= 2;
        for (const char *d = c; *c == '{' && *d && *d != '}'; d++)
            if (*d >= '0' && *d <= '9' && (d[1] == '}' || d[1] == '\0')) {
                const char *first = d;
                while (first > c && first[-1] >= '0' && first[-1] <= '9')
                    first--;
                copies *= 1 + atof(first);
            } else if (*d >= '0' && *d <= '9' && d[1] == ',' && d[2] == '}') {
                const char *first = d;
                while (first > c && first[-1] >= '0' && first[-1] <= '9')
                    first--;
                copies *= 2 + atof(first);
            }
        if (copies > REPEATS_MAX)
            return fail(fault, ERR_INPUT, "the expression repeats more than %d times in all", REPEATS_MAX);
        repeated = many && *c != '{';
        if (*c == '{')
            while (c[1] && *c != '}')
                c++, repeated = true;
    }
    return OK;
}

/* Go's notation into POSIX's: (?P<name>x) is (x), and its name is kept; (?:x) is (x); \d is [0-9]. */
static enum err translate(const char *from, char *to, size_t size, struct pattern *p, struct fault *fault)
{
    size_t n = 0, groups = 0;
    bool   inside = false;
    for (; *from; from++) {
        if (n + 8 > size)
            return fail(fault, ERR_INPUT, "the expression is too long");
        if (*from == '\\' && from[1]) {
            if (from[1] == 'd')
                n += (size_t)snprintf(to + n, size - n, "%s", inside ? "0-9" : "[0-9]");
            else
                to[n++] = from[0], to[n++] = from[1];
            from++;
            continue;
        }
        inside = *from == '[' ? true : *from == ']' ? false : inside;
        to[n++] = *from;
        if (*from != '(' || inside)
            continue;
        groups++;
        if (from[1] != '?')
            continue;
        if (from[2] == ':') {
            from += 2;
        } else if (from[2] == 'P' && from[3] == '<' && strchr(from, '>') && groups <= GROUP_CAPTURES_MAX) {
            size_t length = (size_t)(strchr(from, '>') - from - 4);
            if (length == 0 || length >= sizeof p->name[0])
                return fail(fault, ERR_INPUT, "the name of a part must have 1 to %zu characters", sizeof p->name[0] - 1);
            memcpy(p->name[groups - 1], from + 4, length);
            from += 4 + length;
        } else {
            return fail(fault, ERR_INPUT, "(? may be followed by : or P<name> only, in the first %d groups", GROUP_CAPTURES_MAX);
        }
    }
    to[n]       = 0;
    p->captures = groups < GROUP_CAPTURES_MAX ? groups : GROUP_CAPTURES_MAX;
    return OK;
}

static enum err pattern_make(const char *text, struct pattern *p, struct fault *fault)
{
    char posix[4200], why[120];
    *p         = (struct pattern){ 0 };
    enum err e = group_regex_bounded(text, fault);
    if (e == OK)
        e = translate(text, posix, sizeof posix, p, fault);
    int wrong  = e == OK ? regcomp(&p->re, posix, REG_EXTENDED) : 0;
    if (wrong) {
        regerror(wrong, &p->re, why, sizeof why);
        return fail(fault, ERR_INPUT, "not an extended regular expression: %s", why);
    }
    return e;
}

enum err group_pattern_check(const char *value, struct fault *fault)
{
    struct pattern p;
    enum err       e = pattern_make(value, &p, fault);
    if (e == OK)
        regfree(&p.re);
    return e;
}

enum err group_entry_check(const char *value, struct fault *fault) { return group_entry_is_expression(value) ? group_pattern_check(group_entry_expression(value), fault) : OK; }

enum err group_template_check(const char *value, struct fault *fault)
{
    static const char *const known[] = { ".Comm", ".ExeBase", ".ExeFull", ".Username" };
    for (const char *at = value; (at = strstr(at, "{{"));) {
        const char *end = strstr(at, "}}");
        if (!end)
            return fail(fault, ERR_INPUT, "{{ without }}");
        bool fine = (size_t)(end - at - 2) > 9 && strncmp(at + 2, ".Matches.", 9) == 0;
        for (size_t i = 0; i < sizeof known / sizeof *known; i++)
            fine |= strlen(known[i]) == (size_t)(end - at - 2) && strncmp(at + 2, known[i], (size_t)(end - at - 2)) == 0;
        if (!fine) {
            enum err e = fail(fault, ERR_INPUT, "{{%.*s}} is not known", (int)(end - at - 2 < 40 ? end - at - 2 : 40), at + 2);
            fail_hint(fault, "There are {{.Comm}}, {{.ExeBase}}, {{.ExeFull}}, {{.Username}} and {{.Matches.x}}.");
            return e;
        }
        at = end + 2;
    }
    return OK;
}

/* ---- made and freed ---- */

/* *made counts what is to be freed. */
static enum err entries_make(struct conf_list list, struct entry **out, size_t *made, struct fault *fault)
{
    struct pattern p;
    if (!(*out = calloc(list.count + 1, sizeof **out)))
        return fail(fault, ERR_LIMIT, "out of memory for a group of processes");
    for (*made = 0; *made < list.count; ++*made) {
        struct entry *e    = &(*out)[*made];
        const char   *text = list.item[*made];
        if (group_entry_is_expression(text)) {
            enum err wrong = pattern_make(group_entry_expression(text), &p, fault);
            if (wrong != OK)
                return wrong;
            e->re         = p.re;
            e->expression = true;
        } else if (!(e->name = strdup(text))) {
            return fail(fault, ERR_LIMIT, "out of memory for a group of processes");
        }
    }
    return OK;
}

static void entries_free(struct entry *e, size_t n)
{
    for (size_t i = 0; e && i < n; i++) {
        free(e[i].name);
        if (e[i].expression)
            regfree(&e[i].re);
    }
    free(e);
}

void grouping_free(struct grouping *g)
{
    for (size_t i = 0; g && i < g->count; i++) {
        struct recipe *r = &g->recipe[i];
        free(r->name);
        entries_free(r->comm, r->comms);
        entries_free(r->exe, r->exes);
        for (size_t j = 0; j < r->patterns; j++)
            regfree(&r->pattern[j].re);
        free(r->pattern);
    }
    if (g)
        free(g->recipe);
    free(g);
}

static enum err recipe_make(struct recipe *r, const struct sensors_group_conf *c, struct fault *fault)
{
    *r = (struct recipe){ .name = strdup(c->name), .pattern = calloc(c->cmdline.count + 1, sizeof *r->pattern) };
    if (!r->name || !r->pattern)
        return fail(fault, ERR_LIMIT, "out of memory for the group %s", c->name);
    enum err wrong = entries_make(c->comm, &r->comm, &r->comms, fault);
    if (wrong == OK)
        wrong = entries_make(c->exe, &r->exe, &r->exes, fault);
    if (wrong != OK)
        return wrong;
    for (size_t i = 0; i < c->cmdline.count; i++) {
        enum err e = pattern_make(c->cmdline.item[i], &r->pattern[i], fault);
        if (e != OK)
            return e;
        r->patterns++;
    }
    r->any_pattern = group_alternatives(c);
    return group_template_check(c->name, fault);
}

enum err grouping_new(const struct sensors_group_conf *conf, size_t count, struct grouping **out, struct fault *fault)
{
    static const char *const        anything[] = { ".+", NULL };
    const struct sensors_group_conf by_name    = { .name = "{{.Comm}}", .cmdline = { anything, 1 } };
    if (!count) {
        conf  = &by_name;
        count = 1;
    }
    struct grouping *g = calloc(1, sizeof *g);
    if (!g || !(g->recipe = calloc(count, sizeof *g->recipe))) {
        free(g);
        return fail(fault, ERR_LIMIT, "out of memory for the groups of processes");
    }
    for (size_t i = 0; i < count; i++) {
        g->count   = i + 1;
        enum err e = recipe_make(&g->recipe[i], &conf[i], fault);
        if (e != OK) {
            grouping_free(g);
            return e;
        }
    }
    *out = g;
    return OK;
}

/* ---- matching ---- */

struct asked {
    const struct group_facts *f;
    struct slice              exe, base;
    struct slice              first;                        /* of exe up to a blank: some write all their arguments into the first one */
    char                      line[GROUP_CMDLINE_MAX];      /* arguments parted by blanks */
};

static bool found(const regex_t *re, struct slice s)
{
    char   copy[GROUP_CMDLINE_MAX];
    size_t n = s.n < sizeof copy ? s.n : sizeof copy - 1;
    if (n)
        memcpy(copy, s.s, n);
    copy[n] = 0;
    return regexec(re, copy, 0, NULL, 0) == 0;
}

static bool any_comm(const struct recipe *r, struct slice comm)
{
    for (size_t i = 0; i < r->comms; i++)
        if (r->comm[i].expression ? found(&r->comm[i].re, comm) : slice_is(comm, r->comm[i].name))
            return true;
    return false;
}

static bool any_exe(const struct recipe *r, const struct asked *a)
{
    for (size_t i = 0; i < r->exes; i++) {
        const struct entry *e = &r->exe[i];
        if (e->expression ? found(&e->re, a->exe) || found(&e->re, a->first) : slice_is(strchr(e->name, '/') ? a->exe : a->base, e->name))
            return true;
    }
    return false;
}

struct capture { const char *name; struct slice value; };
struct captures { struct capture item[4 * GROUP_CAPTURES_MAX]; size_t count; };

static bool matches(const struct recipe *r, const struct asked *a, struct captures *c)
{
    size_t hits = 0;
    c->count = 0;
    if ((r->comms && !any_comm(r, a->f->comm)) || (r->exes && !any_exe(r, a)))
        return false;
    for (size_t i = 0; i < r->patterns; i++) {
        regmatch_t            m[GROUP_CAPTURES_MAX + 1];
        const struct pattern *p = &r->pattern[i];
        if (regexec(&p->re, a->line, GROUP_CAPTURES_MAX + 1, m, 0) != 0) {
            if (!r->any_pattern)
                return false;
            continue;
        }
        hits++;
        for (size_t j = 0; j < p->captures && c->count < sizeof c->item / sizeof *c->item; j++)
            if (*p->name[j] && m[j + 1].rm_so >= 0)
                c->item[c->count++] = (struct capture){ p->name[j], { a->line + m[j + 1].rm_so, (size_t)(m[j + 1].rm_eo - m[j + 1].rm_so) } };
    }
    return hits || !r->patterns;
}

static struct slice username(uid_t uid, char *buffer, size_t size)
{
    struct passwd entry, *found = NULL;
    if (getpwuid_r(uid, &entry, buffer, size, &found) == 0 && found)
        return slice_of(found->pw_name);
    int n = snprintf(buffer, size, "%u", (unsigned)uid);
    return (struct slice){ buffer, n > 0 ? (size_t)n : 0 };
}

static void add(char *out, size_t *n, struct slice s)
{
    for (size_t i = 0; i < s.n && *n + 1 < GROUP_NAME_MAX; i++)
        out[(*n)++] = s.s[i];
    out[*n] = 0;
}

static void fill_in(const char *template, const struct asked *a, const struct captures *c, char *out)
{
    size_t n = 0;
    char   buffer[1024];
    *out = 0;
    while (*template) {
        const char *open = strstr(template, "{{"), *end = open ? strstr(open, "}}") : NULL;
        if (!end) {
            add(out, &n, slice_of(template));
            return;
        }
        add(out, &n, (struct slice){ template, (size_t)(open - template) });
        struct slice word = { open + 2, (size_t)(end - open - 2) };
        if (slice_is(word, ".Comm"))
            add(out, &n, a->f->comm);
        else if (slice_is(word, ".ExeBase"))
            add(out, &n, a->base);
        else if (slice_is(word, ".ExeFull"))
            add(out, &n, a->exe);
        else if (slice_is(word, ".Username"))
            add(out, &n, username(a->f->uid, buffer, sizeof buffer));
        for (size_t i = 0; i < c->count && word.n > 9; i++)
            if (slice_is((struct slice){ word.s + 9, word.n - 9 }, c->item[i].name))
                add(out, &n, c->item[i].value);
        template = end + 2;
    }
}

bool grouping_name(const struct grouping *g, const struct group_facts *f, char out[GROUP_NAME_MAX])
{
    struct asked    a = { .f = f };
    struct captures c;
    size_t          n = f->cmdline.n < sizeof a.line ? f->cmdline.n : sizeof a.line - 1;
    a.exe = (struct slice){ f->cmdline.s, f->cmdline.n ? strnlen(f->cmdline.s, f->cmdline.n) : 0 };
    const char *blank = a.exe.n ? memchr(a.exe.s, ' ', a.exe.n) : NULL;
    a.first           = blank ? (struct slice){ a.exe.s, (size_t)(blank - a.exe.s) } : a.exe;
    const char *slash = a.exe.n ? memrchr(a.exe.s, '/', a.exe.n) : NULL;
    a.base = slash ? (struct slice){ slash + 1, (size_t)(a.exe.s + a.exe.n - slash - 1) } : a.exe;
    for (size_t i = 0; i < n; i++)
        a.line[i] = f->cmdline.s[i] ? f->cmdline.s[i] : ' ';
    while (n && a.line[n - 1] == ' ')
        n--;
    a.line[n] = 0;
    for (size_t i = 0; i < g->count; i++)
        if (matches(&g->recipe[i], &a, &c)) {
            fill_in(g->recipe[i].name, &a, &c, out);
            utf8_clean(out, '?');
            return *out != 0;
        }
    return false;
}
