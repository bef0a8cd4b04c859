/* act/pg_value.c - what guc.c does with names, numbers and units, as far as comparing and writing need it. */
#include "act/pg_value.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- names ---- */

bool pg_name_valid(const char *name)
{
    bool start = true;
    for (const char *p = name; *p; p++) {
        unsigned char c = (unsigned char)*p;
        if (start ? !(isalpha(c) || c == '_') : !(isalnum(c) || c == '_' || c == '$' || c == '.'))
            return false;
        start = c == '.';
    }
    return !start && strlen(name) < 64;
}

bool pg_name_is_list(const char *name)
{
    static const char *const names[] = {
        "local_preload_libraries", "search_path", "session_preload_libraries", "shared_preload_libraries", "temp_tablespaces", "unix_socket_directories",
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcasecmp(names[i], name) == 0)
            return true;
    return false;
}

/* ---- numbers ---- */

struct unit { const char *name; double size; };
static const struct unit memory_units[] = { { "B", 1 }, { "kB", 1024 }, { "MB", 1048576 }, { "GB", 1073741824 }, { "TB", 1099511627776 } };
static const struct unit time_units[] = { { "us", 1 }, { "ms", 1e3 }, { "s", 1e6 }, { "min", 60e6 }, { "h", 3600e6 }, { "d", 86400e6 } };
enum { MEMORY_UNITS = 5, TIME_UNITS = 6 };

static int unit_index(const struct unit *units, int n, const char *name)
{
    for (int i = 0; i < n; i++)
        if (strcmp(units[i].name, name) == 0)
            return i;
    return -1;
}

/* Whole numbers may be octal or hexadecimal, as in C; file modes are written so. */
static bool scan_number(const char *s, double *value, const char **rest)
{
    char *end_whole, *end_real;
    long long whole = strtoll(s, &end_whole, 0);
    double    real = strtod(s, &end_real);
    if (end_real == s || !isfinite(real))
        return false;
    bool is_whole = *end_whole != '.' && *end_whole != 'e' && *end_whole != 'E' && end_whole != s;
    *value = is_whole ? (double)whole : real;
    *rest = is_whole ? end_whole : end_real;
    return true;
}

/* The factor from the value's unit to the base unit ("8kB"), and from the next smaller unit: fractions are rounded to that one. */
static bool unit_factor(const char *base, const char *unit, double *factor, double *smaller)
{
    const char        *base_name = base + strspn(base, "0123456789");
    double             base_count = base_name > base ? (double)strtol(base, NULL, 10) : 1;
    const struct unit *units = memory_units;
    int                n = MEMORY_UNITS, b = unit_index(units, n, base_name);
    if (b < 0) {
        units = time_units;
        n = TIME_UNITS;
        b = unit_index(units, n, base_name);
    }
    int u = b < 0 ? -1 : unit_index(units, n, unit);
    if (u < 0)
        return false;
    double base_size = units[b].size * base_count;
    *factor = units[u].size / base_size;
    *smaller = u > 0 && units[u - 1].size > base_size ? units[u - 1].size / base_size : 0;
    return true;
}

double pg_value_number(const char *vartype, const char *unit, const char *value)
{
    double      v;
    const char *rest;
    if (!value || !scan_number(value, &v, &rest))
        return (double)NAN;
    while (isspace((unsigned char)*rest))
        rest++;
    if (*rest) {
        char   name[8];
        size_t n = strcspn(rest, " \t\r\n");
        double factor, smaller;
        if (n >= sizeof name || rest[n + strspn(rest + n, " \t\r\n")] || !unit)
            return (double)NAN;
        memcpy(name, rest, n);
        name[n] = '\0';
        if (!unit_factor(unit, name, &factor, &smaller))
            return (double)NAN;
        v *= factor;
        if (smaller > 0)
            v = rint(v / smaller) * smaller;
    }
    return strcmp(vartype, "integer") == 0 ? rint(v) : v;
}

/* ---- sameness ---- */

static int bool_of(const char *s)
{
    static const struct { const char *word; size_t least; int value; } words[] = {
        { "true", 1, 1 }, { "false", 1, 0 }, { "yes", 1, 1 }, { "no", 1, 0 }, { "on", 2, 1 }, { "off", 2, 0 }, { "1", 1, 1 }, { "0", 1, 0 },
    };
    size_t n = strlen(s);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (n >= words[i].least && n <= strlen(words[i].word) && strncasecmp(words[i].word, s, n) == 0)
            return words[i].value;
    return -1;
}

/* Words that the server shows under another name. */
static const char *enum_word(const char *name, const char *s)
{
    static const char *const on[] = { "on", "true", "yes", "1" }, *const off[] = { "off", "false", "no", "0" };
    for (int i = 0; i < 4; i++) {
        if (strcasecmp(on[i], s) == 0)
            return strcasecmp(name, "wal_compression") == 0 ? "pglz" : "on";
        if (strcasecmp(off[i], s) == 0)
            return "off";
    }
    if (strcasecmp(name, "wal_level") == 0 && (strcasecmp(s, "archive") == 0 || strcasecmp(s, "hot_standby") == 0))
        return "replica";
    return s;
}

/* Next item of "a, b,c"; items are compared without blanks and quotes around them. */
static const char *list_item(const char *s, const char **item, size_t *n)
{
    s += strspn(s, " \t,");
    const char *end = s + strcspn(s, ",");
    *item = s;
    while (end > s && isspace((unsigned char)end[-1]))
        end--;
    *n = (size_t)(end - s);
    if (*n >= 2 && **item == '"' && (*item)[*n - 1] == '"') {
        (*item)++;
        *n -= 2;
    }
    return s + strcspn(s, ",");
}

static bool same_list(const char *a, const char *b)
{
    while (*a || *b) {
        const char *ia, *ib;
        size_t      na, nb;
        a = list_item(a, &ia, &na);
        b = list_item(b, &ib, &nb);
        if (na != nb || strncmp(ia, ib, na) != 0)
            return false;
    }
    return true;
}

static bool same_string(const char *name, const char *a, const char *b)
{
    static const char *const any_case[] = { "datestyle", "timezone", "log_timezone", "client_encoding" };
    if (strcmp(a, b) == 0)
        return true;
    if (pg_name_is_list(name))
        return same_list(a, b);
    for (size_t i = 0; i < sizeof any_case / sizeof *any_case; i++)
        if (strcasecmp(name, any_case[i]) == 0)
            return strcasecmp(a, b) == 0;
    return false;
}

bool pg_value_same(const char *name, const char *vartype, const char *unit, const char *a, const char *b)
{
    if (!a || !b)
        return a == b;
    if (strcmp(vartype, "bool") == 0)
        return bool_of(a) >= 0 && bool_of(a) == bool_of(b);
    if (strcmp(vartype, "enum") == 0)
        return strcasecmp(enum_word(name, a), enum_word(name, b)) == 0;
    bool whole = strcmp(vartype, "integer") == 0;
    if (!whole && strcmp(vartype, "real") != 0)
        return same_string(name, a, b);
    double x = pg_value_number(vartype, unit, a), y = pg_value_number(vartype, unit, b);
    /* pg_settings shows reals with six digits. */
    return whole ? x == y : fabs(x - y) <= 1e-5 * fmax(fabs(x), fabs(y));
}

bool pg_value_computed(const char *name, const char *value)
{
    static const struct { const char *name, *value; } rows[] = {
        { "wal_buffers", "-1" }, { "commit_timestamp_buffers", "0" }, { "subtransaction_buffers", "0" }, { "transaction_buffers", "0" },
        { "autovacuum_worker_slots", "-1" }, { "io_max_concurrency", "-1" }, { "max_stack_depth", "" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strcasecmp(rows[i].name, name) == 0 && (!value || strcmp(rows[i].value, value) == 0))
            return true;
    return false;
}

/* ---- saying it ---- */

static void sql_literal(struct text *out, const char *s, size_t n)
{
    bool escaped = memchr(s, '\\', n) != NULL;   /* E'' means the same whatever standard_conforming_strings says */
    text_add(out, escaped ? "E'" : "'");
    for (size_t i = 0; i < n; i++) {
        if (s[i] == '\'' || s[i] == '\\')
            text_add_n(out, &s[i], 1);
        text_add_n(out, &s[i], 1);
    }
    text_add(out, "'");
}

static void sql_name(struct text *out, const char *name)
{
    for (const char *part = name; *part;) {
        size_t n = strcspn(part, "."), plain = strspn(part, "abcdefghijklmnopqrstuvwxyz_0123456789");
        text_printf(out, n == plain ? "%.*s%s" : "\"%.*s\"%s", (int)n, part, part[n] ? "." : "");
        part += n + (part[n] ? 1 : 0);
    }
}

void pg_alter_text(struct text *out, const char *name, const char *value)
{
    /* ALTER SYSTEM would write '""', a list with one nameless element, and the server would not start with that. */
    if (value && !*value && pg_name_is_list(name))
        value = NULL;
    text_add(out, value ? "ALTER SYSTEM SET " : "ALTER SYSTEM RESET ");
    sql_name(out, name);
    if (!value)
        return;
    text_add(out, " = ");
    if (!pg_name_is_list(name)) {
        sql_literal(out, value, strlen(value));
        return;
    }
    bool first = true;
    for (const char *p = value; *p; first = false) {
        const char *item;
        size_t      n;
        p = list_item(p, &item, &n);
        if (n > 0) {
            text_add(out, first ? "" : ", ");
            sql_literal(out, item, n);
        }
    }
}

void shell_quote(struct text *out, const char *word)
{
    if (*word && strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:=,+@%") == strlen(word)) {
        text_add(out, word);
        return;
    }
    text_add(out, "'");
    for (const char *p = word; *p; p++)
        if (*p == '\'')
            text_add(out, "'\\''");
        else
            text_add_n(out, p, 1);
    text_add(out, "'");
}
