/* conf/knob_use.c - values going out: printed, compared, copied, wiped. */
#include "conf/knob.h"

#include "conf/unit.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum err knob_time_parse(const char *text, int64_t *us, struct fault *fault)    { return unit_parse(&unit_time, text, us, fault); }
enum err knob_size_parse(const char *text, int64_t *bytes, struct fault *fault) { return unit_parse(&unit_size, text, bytes, fault); }
char *knob_time_format(int64_t us, char *out, size_t size)    { return unit_format(&unit_time, us, out, size); }
char *knob_size_format(int64_t bytes, char *out, size_t size) { return unit_format(&unit_size, bytes, out, size); }

static const void *field_of(const struct conf_knob *k, const void *instance) { return (const char *)instance + k->at; }

/* Characters that YAML takes for the end of a line, or not at all: C1, the two separators, the byte order mark. Answers how long, and its number. */
static size_t special(const char *s, unsigned *number)
{
    const unsigned char *u = (const unsigned char *)s;
    bool                 c1 = u[0] == 0xc2 && u[1] >= 0x80 && u[1] < 0xa0, separator = u[0] == 0xe2 && u[1] == 0x80 && (u[2] == 0xa8 || u[2] == 0xa9);
    bool                 mark = u[0] == 0xef && u[1] == 0xbb && u[2] == 0xbf;
    *number = c1 ? u[1] : separator ? 0x2000u + u[2] - 0x80u : 0xfeffu;
    return c1 ? 2 : separator || mark ? 3 : 0;
}

static void print_quoted(const char *s, struct text *out)
{
    text_add(out, "\"");
    for (; *s; s++) {
        unsigned number;
        size_t   n = special(s, &number);
        if (n) {
            text_printf(out, "\\u%04x", number);
            s += n - 1;
            continue;
        }
        if (*s == '"' || *s == '\\')
            text_printf(out, "\\%c", *s);
        else if (*s == '\n')
            text_add(out, "\\n");
        else if ((unsigned char)*s < 0x20 || *s == 0x7f)
            text_printf(out, "\\x%02x", (unsigned)(unsigned char)*s);
        else
            text_add_n(out, s, 1);
    }
    text_add(out, "\"");
}

/* As few digits as read back as the same number. */
static void print_real(double v, const char *unit, double scale, struct text *out)
{
    char s[40];
    for (int digits = 15; digits <= 17; digits++) {
        (void)snprintf(s, sizeof s, "%.*g", digits, v * scale);
        if (strtod(s, NULL) / scale == v)
            break;
    }
    text_printf(out, "%s%s", s, unit);
}

static void print_choice(const char *range, int index, struct text *out)
{
    while (index-- > 0 && (range = strchr(range, '|')))
        range++;
    assert(range);
    text_add_n(out, range, strcspn(range, "|"));
}

static bool is_off(const struct conf_knob *k, double value) { return value == 0 && k->range && strstr(k->range, " or off"); }

bool knob_is_unset(const struct conf_knob *k, const void *instance)
{
    const void *f = field_of(k, instance);
    switch (k->kind) {
    case CONF_TEXT:
    case CONF_PATH:        return !**(const char *const *)f;
    case CONF_ADDRESS:     return !*((const struct conf_address *)f)->host;
    case CONF_LIST:        return ((const struct conf_list *)f)->count == 0;
    case CONF_SECRET_FILE: return !*((const struct conf_secret *)f)->path;
    default:               return false;
    }
}

void knob_print(const struct conf_knob *k, const void *instance, struct text *out)
{
    const void *f = field_of(k, instance);
    char        s[48];
    if (k->flags & CONF_SECRET) {
        text_add(out, "\"******\"");
        return;
    }
    switch (k->kind) {
    case CONF_INT:
    case CONF_TIME:
    case CONF_SIZE: {
        int64_t                   v = *(const int64_t *)f;
        const struct unit_family *family = k->kind == CONF_TIME ? &unit_time : k->kind == CONF_SIZE ? &unit_size : &unit_none;
        text_add(out, is_off(k, (double)v) ? "off" : unit_format(family, v, s, sizeof s));
        break;
    }
    case CONF_REAL:
    case CONF_PERCENT: {
        double v = *(const double *)f;
        if (is_off(k, v))
            text_add(out, "off");
        else
            print_real(v, k->kind == CONF_PERCENT ? "%" : "", k->kind == CONF_PERCENT ? 100 : 1, out);
        break;
    }
    case CONF_BOOL:        text_add(out, *(const bool *)f ? "true" : "false");            break;
    case CONF_CHOICE:      print_choice(k->range, *(const int *)f, out);                  break;
    case CONF_TEXT:
    case CONF_PATH:        print_quoted(*(const char *const *)f, out);                    break;
    case CONF_SECRET_FILE: print_quoted(((const struct conf_secret *)f)->path, out);      break;
    case CONF_ADDRESS: {
        const struct conf_address *a = f;
        bool                       six = strchr(a->host, ':') != NULL;
        text_printf(out, *a->host ? "\"%s%s%s:%d\"" : "\"\"", six ? "[" : "", a->host, six ? "]" : "", a->port);
        break;
    }
    case CONF_LIST: {
        const struct conf_list *l = f;
        text_add(out, "[");
        for (size_t i = 0; i < l->count; i++) {
            text_add(out, i ? ", " : "");
            print_quoted(l->item[i], out);
        }
        text_add(out, "]");
        break;
    }
    case CONF_KIND_COUNT: assert(0 && "a kind"); break;
    }
}

bool knob_same(const struct conf_knob *k, const void *a, const void *b)
{
    const void *x = field_of(k, a), *y = field_of(k, b);
    switch (k->kind) {
    case CONF_INT:
    case CONF_TIME:
    case CONF_SIZE:    return *(const int64_t *)x == *(const int64_t *)y;
    case CONF_REAL:
    case CONF_PERCENT: return *(const double *)x == *(const double *)y;
    case CONF_BOOL:    return *(const bool *)x == *(const bool *)y;
    case CONF_CHOICE:  return *(const int *)x == *(const int *)y;
    case CONF_TEXT:
    case CONF_PATH:    return strcmp(*(const char *const *)x, *(const char *const *)y) == 0;
    case CONF_ADDRESS: {
        const struct conf_address *p = x, *q = y;
        return p->port == q->port && strcmp(p->host, q->host) == 0;
    }
    case CONF_SECRET_FILE: {
        const struct conf_secret *p = x, *q = y;
        return p->size == q->size && strcmp(p->path, q->path) == 0 && memcmp(p->value, q->value, p->size) == 0;
    }
    case CONF_LIST: {
        const struct conf_list *p = x, *q = y;
        if (p->count != q->count)
            return false;
        for (size_t i = 0; i < p->count; i++)
            if (strcmp(p->item[i], q->item[i]) != 0)
                return false;
        return true;
    }
    case CONF_KIND_COUNT: break;
    }
    assert(0 && "a kind");
    return false;
}

static bool copy_text(const char **to, const char *from, struct arena *a) { return (*to = arena_text(a, from)) != NULL; }

static bool copy_list(struct conf_list *to, const struct conf_list *from, struct arena *a)
{
    const char **item = arena_alloc(a, (from->count + 1) * sizeof *item);
    for (size_t i = 0; item && i < from->count; i++)
        if (!copy_text(&item[i], from->item[i], a))
            return false;
    *to = (struct conf_list){ item, from->count };
    return item != NULL;
}

static bool copy_secret(struct conf_secret *to, const struct conf_secret *from, struct arena *a)
{
    char *value = arena_alloc(a, from->size + 1);
    if (!value)
        return false;
    memcpy(value, from->value, from->size);
    to->value = value;
    to->size = from->size;
    return copy_text(&to->path, from->path, a);
}

enum err knob_copy(const struct conf_knob *k, void *to, const void *from, struct arena *a, struct fault *fault)
{
    void       *x = (char *)to + k->at;
    const void *y = field_of(k, from);
    bool        done = true;
    switch (k->kind) {
    case CONF_INT:
    case CONF_TIME:
    case CONF_SIZE:        *(int64_t *)x = *(const int64_t *)y; break;
    case CONF_REAL:
    case CONF_PERCENT:     *(double *)x = *(const double *)y; break;
    case CONF_BOOL:        *(bool *)x = *(const bool *)y; break;
    case CONF_CHOICE:      *(int *)x = *(const int *)y; break;
    case CONF_TEXT:
    case CONF_PATH:        done = copy_text(x, *(const char *const *)y, a); break;
    case CONF_LIST:        done = copy_list(x, y, a); break;
    case CONF_SECRET_FILE: done = copy_secret(x, y, a); break;
    case CONF_ADDRESS: {
        struct conf_address *address = x;
        *address = *(const struct conf_address *)y;
        done = copy_text(&address->host, address->host, a);
        break;
    }
    case CONF_KIND_COUNT: assert(0 && "a kind"); break;
    }
    return done ? OK : fail(fault, ERR_LIMIT, "out of memory for the configuration");
}

void knob_wipe(const struct conf_knob *k, void *instance)
{
    if (k->kind != CONF_SECRET_FILE)
        return;
    struct conf_secret *s = (struct conf_secret *)((char *)instance + k->at);
    if (s->value && s->size)
        explicit_bzero((char *)(uintptr_t)s->value, s->size);
    s->size = 0;
}
