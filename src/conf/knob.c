/* conf/knob.c - one value: from YAML into its field, and what a range says about it. Printing and copying: knob_use.c. */
#include "conf/knob.h"

#include "conf/unit.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

/* What is at hand while one value is read. */
struct reading {
    const struct conf_knob  *k;
    const char              *path;       /* as the user would call it: targets.shop.dsn */
    const struct yaml_node  *node;
    struct arena            *arena;
    struct conf_complaints  *all;
};

static const struct { const char *name, *example; } kinds[CONF_KIND_COUNT] = {
    [CONF_INT]         = { "number",      "a whole number" },
    [CONF_REAL]        = { "number",      "a number" },
    [CONF_BOOL]        = { "boolean",     "true or false" },
    [CONF_TIME]        = { "time",        "a time such as 90s or 5min" },
    [CONF_SIZE]        = { "size",        "a size such as 64MiB" },
    [CONF_PERCENT]     = { "percentage",  "a percentage such as 20%" },
    [CONF_TEXT]        = { "text",        "text" },
    [CONF_CHOICE]      = { "choice",      "one word" },
    [CONF_PATH]        = { "path",        "a path" },
    [CONF_ADDRESS]     = { "address",     "an address such as 127.0.0.1:7433" },
    [CONF_LIST]        = { "list",        "a list such as [a, b]" },
    [CONF_SECRET_FILE] = { "secret file", "the path of a file" },
};

const char *knob_kind_name(enum conf_kind kind)    { return kinds[kind].name; }
const char *knob_kind_example(enum conf_kind kind) { return kinds[kind].example; }

char *knob_allowed(const struct conf_knob *k, char *out, size_t size)
{
    size_t used = 0;
    *out = '\0';
    if (k->kind == CONF_CHOICE) {
        used += (size_t)snprintf(out, size, "Allowed: ");
        for (const char *p = k->range; *p && used + 4 < size; p++)
            used += (size_t)snprintf(out + used, size - used, *p == '|' ? ", " : "%c", *p);
    } else if (k->range && k->kind != CONF_PATH) {
        const char *of = k->kind == CONF_TEXT ? " characters" : k->kind == CONF_LIST ? " items" : "";
        used += (size_t)snprintf(out, size, "Allowed: %s%s", k->range, of);
    }
    if (used && used < size && k->initial && *k->initial)
        used += (size_t)snprintf(out + used, size - used, " (default %s)", k->initial);
    if (used && used + 1 < size)
        (void)snprintf(out + used, size - used, ".");
    return out;
}

static bool refuse(const struct reading *r, const char *hint, const char *text)
{
    conf_complain(r->all, r->node->at, hint, "%s: %s", r->path, text);
    return false;
}

/* A fault from below, with the range as hint where the fault has none. */
static bool refuse_fault(const struct reading *r, const struct fault *f)
{
    char allowed[256];
    return refuse(r, *f->hint ? f->hint : knob_allowed(r->k, allowed, sizeof allowed), f->text);
}

static bool out_of_memory(const struct reading *r) { return refuse(r, NULL, "out of memory for the configuration"); }

/* ---- ranges ---- */

#define OFF_SUFFIX " or off"

static bool may_be_off(const struct conf_knob *k)
{
    size_t n = k->range ? strlen(k->range) : 0, m = strlen(OFF_SUFFIX);
    return n > m && strcmp(k->range + n - m, OFF_SUFFIX) == 0;
}

/* "lo..hi" parted; an end that is left out is "". False when there is no range. */
static bool ends_of(const struct conf_knob *k, char lo[64], char hi[64])
{
    if (!k->range)
        return false;
    const char *dots = strstr(k->range, ".."), *end = k->range + strlen(k->range) - (may_be_off(k) ? strlen(OFF_SUFFIX) : 0);
    assert(dots && dots - k->range < 64 && end - dots - 2 < 64);
    (void)snprintf(lo, 64, "%.*s", (int)(dots - k->range), k->range);
    (void)snprintf(hi, 64, "%.*s", (int)(end - dots - 2), dots + 2);
    return true;
}

static bool refuse_range(const struct reading *r, const char *is, const char *way, const char *bound)
{
    char text[256], allowed[256];
    (void)snprintf(text, sizeof text, "%.60s is %s than %s", is, way, bound);
    return refuse(r, knob_allowed(r->k, allowed, sizeof allowed), text);
}

static bool whole_in_range(const struct reading *r, const struct unit_family *f, int64_t value, const char *is)
{
    char    lo[64], hi[64];
    int64_t bound;
    if (!ends_of(r->k, lo, hi))
        return true;
    if (*lo && unit_parse(f, lo, &bound, NULL) == OK && value < bound)
        return refuse_range(r, is, "less", lo);
    if (*hi && unit_parse(f, hi, &bound, NULL) == OK && value > bound)
        return refuse_range(r, is, "more", hi);
    return true;
}

static bool real_in_range(const struct reading *r, enum err (*parse)(const char *, double *, struct fault *), double value, const char *is)
{
    char   lo[64], hi[64];
    double bound;
    if (!ends_of(r->k, lo, hi))
        return true;
    if (*lo && parse(lo, &bound, NULL) == OK && value < bound)
        return refuse_range(r, is, "less", lo);
    if (*hi && parse(hi, &bound, NULL) == OK && value > bound)
        return refuse_range(r, is, "more", hi);
    return true;
}

/* How many characters or items; without a range at most `most`. */
static bool count_in_range(const struct reading *r, size_t count, size_t most, const char *noun)
{
    char is[64];
    (void)snprintf(is, sizeof is, "%zu %s", count, noun);
    if (count > most) {
        char bound[32];
        (void)snprintf(bound, sizeof bound, "%zu", most);
        return refuse_range(r, is, "more", bound);
    }
    return whole_in_range(r, &unit_none, (int64_t)count, is);
}

static size_t characters(const char *s)
{
    size_t n = 0;
    for (; *s; s++)
        n += ((unsigned char)*s & 0xc0) != 0x80;
    return n;
}

/* ---- each kind ---- */

static bool read_whole(const struct reading *r, const struct unit_family *f, int64_t *out)
{
    struct fault why = { 0 };
    if (may_be_off(r->k) && strcasecmp(r->node->text, "off") == 0) {
        *out = 0;
        return true;
    }
    if (unit_parse(f, r->node->text, out, &why) != OK)
        return refuse_fault(r, &why);
    return whole_in_range(r, f, *out, r->node->text);
}

static bool read_real(const struct reading *r, enum err (*parse)(const char *, double *, struct fault *), double *out)
{
    struct fault why = { 0 };
    if (may_be_off(r->k) && strcasecmp(r->node->text, "off") == 0) {
        *out = 0;
        return true;
    }
    if (parse(r->node->text, out, &why) != OK)
        return refuse_fault(r, &why);
    return real_in_range(r, parse, *out, r->node->text);
}

static bool read_bool(const struct reading *r, bool *out)
{
    static const char *const words[] = { "false", "true", "no", "yes", "off", "on" };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strcasecmp(r->node->text, words[i]) == 0) {
            *out = i & 1;
            return true;
        }
    char text[128];
    (void)snprintf(text, sizeof text, "`%.40s` is neither true nor false", r->node->text);
    return refuse(r, "Write true or false.", text);
}

static bool read_choice(const struct reading *r, int *out)
{
    enum { WORDS_MAX = 32 };
    char        range[256];
    const char *words[WORDS_MAX];
    size_t      n = 0;
    (void)text_copy(range, sizeof range, r->k->range);
    for (char *save = NULL, *w = strtok_r(range, "|", &save); w && n < WORDS_MAX; w = strtok_r(NULL, "|", &save))
        words[n++] = w;
    for (size_t i = 0; i < n; i++)
        if (strcmp(words[i], r->node->text) == 0) {
            *out = (int)i;
            return true;
        }
    char        text[128], hint[400], allowed[256];
    const char *meant = conf_nearest(r->node->text, words, n);
    knob_allowed(r->k, allowed, sizeof allowed);
    (void)snprintf(hint, sizeof hint, meant ? "Did you mean %s? %s" : "%.0s%s", meant ? meant : "", allowed);
    (void)snprintf(text, sizeof text, "`%.40s` is not one of the choices", r->node->text);
    return refuse(r, hint, text);
}

static bool checked(const struct reading *r, const char *value)
{
    struct fault why = { 0 };
    return !r->k->check || r->k->check(value, &why) == OK || refuse_fault(r, &why);
}

static bool read_text(const struct reading *r, const char **out)
{
    if (!count_in_range(r, characters(r->node->text), KNOB_TEXT_MAX, "characters") || !checked(r, r->node->text))
        return false;
    return (*out = arena_text(r->arena, r->node->text)) || out_of_memory(r);
}

/* Relative to the folder of the file it stands in, so that it does not matter where the program is started. */
static const char *absolute(const struct reading *r, const char *path)
{
    const char *file = r->node->at.file, *slash = file ? strrchr(file, '/') : NULL;
    char        here[PATH_MAX];
    if (*path == '/')
        return arena_text(r->arena, path);
    if (slash && *file == '/')
        return arena_printf(r->arena, "%.*s/%s", (int)(slash - file), file, path);
    if (!getcwd(here, sizeof here))
        return NULL;
    return slash ? arena_printf(r->arena, "%s/%.*s/%s", here, (int)(slash - file), file, path) : arena_printf(r->arena, "%s/%s", here, path);
}

static bool read_path(const struct reading *r, const char **out)
{
    const char *s = r->node->text;
    if (*s == '~')
        return refuse(r, "Write the path out.", "`~` is not known here");
    if (characters(s) > KNOB_TEXT_MAX)
        return refuse(r, NULL, "the path is too long");
    if (!(*out = absolute(r, s)))
        return out_of_memory(r);
    if (r->k->range) {
        struct stat st;
        char        text[KNOB_TEXT_MAX];
        if (stat(*out, &st) != 0) {
            (void)snprintf(text, sizeof text, "cannot find %.3000s: %s", *out, strerror(errno));
            return refuse(r, *s == '/' ? "" : "A relative path starts at the folder of this file.", text);
        }
        if (strcmp(r->k->range, "folder") == 0 ? !S_ISDIR(st.st_mode) : S_ISDIR(st.st_mode)) {
            (void)snprintf(text, sizeof text, "%.3000s is %s", *out, S_ISDIR(st.st_mode) ? "a folder, and a file is wanted" : "no folder");
            return refuse(r, NULL, text);
        }
    }
    return checked(r, *out);
}

static bool read_address(const struct reading *r, struct conf_address *out)
{
    const char *s = r->node->text, *colon = strrchr(s, ':');
    const char *hint = "Write host:port, such as 127.0.0.1:7433 or [::1]:7433.";
    char        text[160];
    int64_t     port;
    (void)snprintf(text, sizeof text, "`%.80s` is no address", s);
    if (!colon || strlen(s) > 255)
        return refuse(r, hint, text);
    if (colon == s)
        return refuse(r, "Write 0.0.0.0:port if all interfaces are meant.", "the host is missing");
    if (unit_parse(&unit_none, colon + 1, &port, NULL) != OK || !isdigit((unsigned char)colon[1]) || port > 65535)
        return refuse(r, "A port is a number from 0 to 65535.", text);
    bool        six = *s == '[';
    const char *from = s + six;
    size_t      n = (size_t)(colon - s);
    if (six ? n < 3 || s[n - 1] != ']' : memchr(s, ':', n) != NULL)
        return refuse(r, hint, text);
    n -= six ? 2u : 0u;
    if (strspn(from, six ? "0123456789abcdefABCDEF:." : "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_") < n)
        return refuse(r, hint, text);
    char *host = arena_printf(r->arena, "%.*s", (int)n, from);
    if (!host)
        return out_of_memory(r);
    bool loopback = strncmp(host, "127.", 4) == 0 ? strspn(host, "0123456789.") == n : strcmp(host, "::1") == 0 || strcmp(host, "localhost") == 0;
    *out = (struct conf_address){ host, (int)port, loopback };
    return true;
}

static bool read_list(const struct reading *r, struct conf_list *out)
{
    const struct yaml_node *n = r->node;
    if (!count_in_range(r, n->count, KNOB_ITEMS_MAX, "items"))
        return false;
    const char **item = arena_alloc(r->arena, (n->count + 1) * sizeof *item);
    if (!item)
        return out_of_memory(r);
    size_t i = 0;
    bool   fine = true;
    for (const struct yaml_node *c = n->first; c; c = c->next, i++) {
        struct reading one = *r;
        one.node = c;
        if (c->kind != YAML_SCALAR || yaml_is_null(c))
            fine = refuse(&one, "Write one text per item.", "an item of this list must be text");
        else if (characters(c->text) > KNOB_TEXT_MAX)
            fine = refuse(&one, NULL, "the item is too long");
        else
            fine = checked(&one, c->text) && ((item[i] = arena_text(r->arena, c->text)) || out_of_memory(&one)) && fine;
    }
    *out = (struct conf_list){ item, n->count };
    return fine;
}

/* Read what is in the file, once we hold it open and have seen that nobody else may. */
static const char *secret_of(int fd, struct arena *a, struct conf_secret *out, char *text, size_t size)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return strerror(errno);
    if (!S_ISREG(st.st_mode))
        return "it is no regular file";
    if (st.st_mode & 077) {
        (void)snprintf(text, size, "others may read it (mode %04o)", (unsigned)st.st_mode & 07777);
        return text;
    }
    if (st.st_size > (off_t)KNOB_SECRET_MAX)
        return "it is too large for a secret";
    char  *value = arena_alloc(a, (size_t)st.st_size + 1);
    size_t used = 0;
    if (!value)
        return "out of memory";
    for (ssize_t n; used < (size_t)st.st_size; used += (size_t)n) {
        n = read(fd, value + used, (size_t)st.st_size - used);
        if (n < 0 && errno == EINTR)
            n = 0;
        else if (n < 0)
            return strerror(errno);
        else if (n == 0)
            break;
    }
    while (used && (value[used - 1] == '\n' || value[used - 1] == '\r'))
        value[--used] = '\0';
    if (used == 0)
        return "it is empty";
    out->value = value;
    out->size = used;
    return NULL;
}

/* Whoever took the key for the place of the secret itself must not find that in a log: only what lies in a folder that is there is a path for certain. */
static bool is_path(const char *said, const char *path)
{
    struct stat st;
    char        folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    if (!strchr(said, '/') || !slash || (size_t)(slash - path) >= sizeof folder)
        return false;
    (void)snprintf(folder, sizeof folder, "%.*s/", (int)(slash - path), path);
    return stat(folder, &st) == 0 && S_ISDIR(st.st_mode);
}

static bool read_secret(const struct reading *r, struct conf_secret *out)
{
    char        text[KNOB_TEXT_MAX], why[64];
    const char *path;
    if (*r->node->text == '~')
        return refuse(r, "Write the path out.", "`~` is not known here");
    if (characters(r->node->text) > KNOB_TEXT_MAX)
        return refuse(r, "Write the path of a file that holds the secret.", "the path is too long");
    if (!(path = absolute(r, r->node->text)))
        return out_of_memory(r);
    struct stat st;
    bool        other = stat(path, &st) == 0 && !S_ISREG(st.st_mode);     /* opening a device can do things */
    int         fd = other ? -1 : open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    bool        denied = !other && fd < 0 && errno == EACCES;
    const char *wrong = other ? "it is no regular file" : fd < 0 ? strerror(errno) : secret_of(fd, r->arena, out, why, sizeof why);
    if (fd >= 0)
        close(fd);
    out->path = path;
    if (!wrong)
        return true;
    char hint[256] = "";
    if (fd < 0 && !other && !is_path(r->node->text, path)) {
        (void)snprintf(hint, sizeof hint, "Write the path of a file that holds the secret; what stands there may be the secret itself, so it is not repeated.");
        path = "that is named here";
    }
    (void)snprintf(text, sizeof text, "cannot use the secret file %.3000s: %s", path, wrong);
    if (wrong == why)
        (void)snprintf(hint, sizeof hint, "Run chmod 600 on it.");
    else if (denied)
        (void)snprintf(hint, sizeof hint, "It must belong to the user that reads it, which is number %u here, and its folder let that user in.", (unsigned)geteuid());
    return refuse(r, hint, text);
}

/* ---- any kind ---- */

static const char *shape(const struct yaml_node *n)
{
    return n->kind == YAML_MAP ? "a map" : n->kind == YAML_LIST ? "a list" : "one value";
}

static bool shape_fits(const struct reading *r)
{
    char text[160], hint[256];
    if (yaml_is_null(r->node)) {
        if (r->k->initial && *r->k->initial)
            (void)snprintf(hint, sizeof hint, "Leave the line out for the default, %s.", r->k->initial);
        else
            (void)snprintf(hint, sizeof hint, "Write %s%s.", kinds[r->k->kind].example, r->k->initial ? ", or leave the line out" : "");
        return refuse(r, hint, "has no value");
    }
    enum yaml_kind wanted = r->k->kind == CONF_LIST ? YAML_LIST : YAML_SCALAR;
    if (r->node->kind == wanted) {
        bool number = r->k->kind == CONF_INT || r->k->kind == CONF_REAL || r->k->kind == CONF_BOOL;
        if (number && !r->node->plain)
            return refuse(r, "Leave the quotes out.", r->k->kind == CONF_BOOL ? "is text in quotes, and not true or false" : "is text in quotes, and not a number");
        return true;
    }
    (void)snprintf(text, sizeof text, "%s is wanted here, this is %s", kinds[r->k->kind].example, shape(r->node));
    (void)snprintf(hint, sizeof hint, "Write %s.", kinds[r->k->kind].example);
    return refuse(r, hint, text);
}

static bool read_value(const struct reading *r, void *field)
{
    switch (r->k->kind) {
    case CONF_INT:         return read_whole(r, &unit_none, field);
    case CONF_TIME:        return read_whole(r, &unit_time, field);
    case CONF_SIZE:        return read_whole(r, &unit_size, field);
    case CONF_REAL:        return read_real(r, unit_real_parse, field);
    case CONF_PERCENT:     return read_real(r, unit_percent_parse, field);
    case CONF_BOOL:        return read_bool(r, field);
    case CONF_TEXT:        return read_text(r, field);
    case CONF_CHOICE:      return read_choice(r, field);
    case CONF_PATH:        return read_path(r, field);
    case CONF_ADDRESS:     return read_address(r, field);
    case CONF_LIST:        return read_list(r, field);
    case CONF_SECRET_FILE: return read_secret(r, field);
    case CONF_KIND_COUNT:  break;
    }
    assert(0 && "every kind is read");
    return false;
}

/* "" in a field that can be unset. */
static void set_unset(const struct conf_knob *k, void *field)
{
    static const char *const none[] = { NULL };
    if (k->kind == CONF_ADDRESS)
        *(struct conf_address *)field = (struct conf_address){ .host = "" };
    else if (k->kind == CONF_LIST)
        *(struct conf_list *)field = (struct conf_list){ .item = none };
    else if (k->kind == CONF_SECRET_FILE)
        *(struct conf_secret *)field = (struct conf_secret){ "", "", 0 };
    else
        *(const char **)field = "";
}

static bool can_be_unset(const struct conf_knob *k)
{
    return k->kind == CONF_TEXT || k->kind == CONF_PATH || k->kind == CONF_ADDRESS || k->kind == CONF_LIST || k->kind == CONF_SECRET_FILE;
}

bool knob_read(const struct conf_knob *k, const char *path, const struct yaml_node *node, void *instance, struct arena *a,
               struct conf_complaints *all)
{
    struct reading r = { k, path, node, a, all };
    void          *field = (char *)instance + k->at;
    if (!shape_fits(&r))
        return false;
    /* What may be left out may also be written as "". */
    if (can_be_unset(k) && k->initial && !*k->initial && (node->kind == YAML_LIST ? node->count == 0 : !*node->text)) {
        set_unset(k, field);
        return true;
    }
    if (node->kind == YAML_SCALAR && !*node->text && k->kind != CONF_TEXT)
        return refuse(&r, NULL, "has no value");
    return read_value(&r, field);
}

/* The words of a default, as the list they would be in the file. */
static bool default_list(struct yaml_node *list, const char *words, struct arena *a)
{
    char *copy = arena_text(a, words), *save = NULL;
    if (!copy)
        return false;
    struct yaml_node **end = &list->first;
    for (char *w = strtok_r(copy, " ", &save); w; w = strtok_r(NULL, " ", &save)) {
        struct yaml_node *n = arena_alloc(a, sizeof *n);
        if (!n)
            return false;
        *n = (struct yaml_node){ .kind = YAML_SCALAR, .text = w, .at = list->at };
        *end = n;
        end = &n->next;
        list->count++;
    }
    return true;
}

bool knob_default(const struct conf_knob *k, const char *path, void *instance, struct arena *a, struct conf_complaints *all)
{
    bool  can = can_be_unset(k);
    void *field = (char *)instance + k->at;
    if (can && (!k->initial || !*k->initial)) {
        set_unset(k, field);
        return true;
    }
    if (!k->initial)
        return true;                             /* the user must give one; the fields are zero until then */
    struct yaml_node node = { .kind = k->kind == CONF_LIST ? YAML_LIST : YAML_SCALAR, .plain = true, .text = k->initial,
                              .at = { "(default)", 0, 0 } };
    if (k->kind == CONF_LIST && !default_list(&node, k->initial, a))
        return false;
    struct reading r = { k, path, &node, a, all };
    return read_value(&r, field);
}
