/* cli/print.c - see print.h. */
#include "cli/print.h"

#include "base/clock.h"
#include "base/text.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { COLUMNS_MAX = 12, CELL_SIZE = 400 };

/* ---- text ---- */

/* UTF-8 goes through as it is; C0, DEL and C1 (0xc2 0x80..0x9f) do not. */
static size_t safe_char(const char *s, char out[5], bool lines)
{
    const unsigned char *u = (const unsigned char *)s;
    out[1] = '\0';
    if (u[0] == '\n' || u[0] == '\t') {
        out[0] = lines ? s[0] : ' ';
        return 1;
    }
    if (u[0] < 0x20 || u[0] == 0x7f) {
        out[0] = '?';
        return 1;
    }
    if (u[0] == 0xc2 && u[1] >= 0x80 && u[1] <= 0x9f) {
        out[0] = '?';
        return 2;
    }
    size_t n = u[0] < 0x80 ? 1 : u[0] >= 0xf0 ? 4 : u[0] >= 0xe0 ? 3 : u[0] >= 0xc0 ? 2 : 1;
    for (size_t i = 0; i < n; i++) {
        if (i > 0 && (u[i] & 0xc0) != 0x80)
            n = i;
        else
            out[i] = s[i];
    }
    out[n] = '\0';
    return n;
}

void print_safe(FILE *out, const char *text, bool lines)
{
    char one[5];
    while (*text) {
        text += safe_char(text, one, lines);
        fputs(one, out);
    }
}

void print_json(FILE *out, const json_t *json, size_t flags)
{
    char *text = json ? json_dumps(json, flags | JSON_ENCODE_ANY) : NULL;
    for (const char *s = text ? text : "null"; *s; s++) {
        const unsigned char *u = (const unsigned char *)s;
        bool                 c1 = u[0] == 0xc2 && u[1] >= 0x80 && u[1] <= 0x9f;
        if (c1 || u[0] == 0x7f)
            fprintf(out, "\\u%04X", (unsigned)(c1 ? *(const unsigned char *)++s : 0x7f));
        else
            fputc(*s, out);
    }
    fputc('\n', out);
    free(text);
}

/* False: there was more. */
static bool copy_safe(char *out, size_t size, const char *text)
{
    char   one[5];
    size_t used = 0;
    while (*text) {
        const char *next = text + safe_char(text, one, false);
        size_t      n = strlen(one);
        if (used + n + 1 > size)
            break;
        memcpy(out + used, one, n);
        used += n;
        text = next;
    }
    out[used] = '\0';
    return !*text;
}

/* What does not fit ends with ~ instead of its last character, so that nobody takes the part for the whole. */
static void copy_marked(char *out, size_t size, const char *text)
{
    if (copy_safe(out, size, text))
        return;
    size_t n = strlen(out);
    while (n > 0 && ((unsigned char)out[--n] & 0xc0) == 0x80)
        ;
    (void)text_copy(out + n, size - n, "~");
}

/* Characters, not bytes. Wide ones are counted as one: good enough to line up columns. */
static size_t width_of(const char *s)
{
    size_t n = 0;
    for (; *s; s++)
        n += ((unsigned char)*s & 0xc0) != 0x80;
    return n;
}

static void cut_to(char *s, size_t most)
{
    size_t n = 0;
    if (most < 2 || width_of(s) <= most)
        return;
    while (*s && (n += ((unsigned char)*s & 0xc0) != 0x80) < most)
        s++;
    (void)strcpy(s, "~");
}

/* ---- values ---- */

json_t *print_member(const json_t *object, const char *path)
{
    char part[64];
    while (object && *path) {
        size_t n = strcspn(path, ".");
        (void)snprintf(part, sizeof part, "%.*s", (int)n, path);
        object = json_object_get(object, part);
        path += n + (path[n] == '.');
    }
    return (json_t *)(uintptr_t)object;
}

const char *print_text(const json_t *object, const char *path)
{
    const char *s = json_string_value(print_member(object, path));
    return s ? s : "";
}

static void number_text(double v, char *out, size_t size)
{
    if (fabs(v) >= 1e15 || (v != 0 && fabs(v) < 1e-4))
        (void)snprintf(out, size, "%.4g", v);
    else if (v == floor(v))
        (void)snprintf(out, size, "%.0f", v);
    else
        (void)snprintf(out, size, fabs(v) >= 100 ? "%.1f" : fabs(v) >= 1 ? "%.2f" : "%.4f", v);
}

char *print_value(const json_t *value, enum print_kind kind, char *out, size_t size)
{
    const char *s = json_string_value(value);
    if (!value || json_is_null(value) || (s && !*s)) {
        (void)snprintf(out, size, "-");
    } else if (kind == PRINT_RULE && json_integer_value(value) == 0) {
        (void)snprintf(out, size, "-");
    } else if (kind == PRINT_TIME && json_is_integer(value)) {
        char when[32];
        (void)snprintf(out, size, "%.10s %.8s", clock_format(json_integer_value(value), when, sizeof when), when + 11);
    } else if (kind == PRINT_GAIN && json_is_number(value)) {
        (void)snprintf(out, size, "%+.1f %%", 100 * (exp(json_number_value(value)) - 1));
    } else if (kind == PRINT_SHARE && json_is_number(value)) {
        double v = json_number_value(value);
        (void)snprintf(out, size, v > 0 && v < 0.0005 ? "< 0.1 %%" : v == 0 ? "0 %%" : "%.1f %%", 100 * v);
    } else if (s && kind == PRINT_TIME && strlen(s) >= 19 && s[10] == 'T') {
        (void)snprintf(out, size, "%.10s %.8s", s, s + 11);      /* 2026-01-31 12:00:00, as UTC as it came */
    } else if (s && kind == PRINT_SHORT) {
        (void)copy_safe(out, size < 13 ? size : 13, s);
    } else if (s) {
        copy_marked(out, size, s);
    } else if (json_is_number(value)) {
        number_text(json_number_value(value), out, size);
    } else if (json_is_boolean(value)) {
        (void)snprintf(out, size, "%s", json_is_true(value) ? "yes" : "no");
    } else {
        char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
        copy_marked(out, size, text ? text : "");
        free(text);
    }
    return out;
}

/* ---- tables ---- */

static size_t count_of(const struct print_column *columns)
{
    size_t n = 0;
    while (n < COLUMNS_MAX && columns[n].title)
        n++;
    return n;
}

static void cell(const json_t *row, const struct print_column *column, char out[CELL_SIZE])
{
    (void)print_value(print_member(row, column->path), column->kind, out, CELL_SIZE);
    if (column->most > 0)
        cut_to(out, (size_t)column->most);
}

static void pad(FILE *out, const char *text, size_t width, bool last)
{
    fputs(text, out);
    for (size_t n = width_of(text); !last && n < width + 2; n++)
        fputc(' ', out);
    if (last)
        fputc('\n', out);
}

void print_table(FILE *out, const json_t *rows, const struct print_column *columns, const char *empty)
{
    size_t  n = count_of(columns), width[COLUMNS_MAX], i;
    json_t *row;
    char    text[CELL_SIZE];
    if (json_array_size(rows) == 0) {
        fprintf(out, "%s\n", empty);
        return;
    }
    for (size_t k = 0; k < n; k++) {
        width[k] = width_of(columns[k].title);
        json_array_foreach(rows, i, row) {
            cell(row, &columns[k], text);
            if (width_of(text) > width[k])
                width[k] = width_of(text);
        }
    }
    for (size_t k = 0; k < n; k++)
        pad(out, columns[k].title, width[k], k + 1 == n);
    json_array_foreach(rows, i, row)
        for (size_t k = 0; k < n; k++) {
            cell(row, &columns[k], text);
            pad(out, text, width[k], k + 1 == n);
        }
}

void print_record(FILE *out, const json_t *object, const struct print_column *columns)
{
    size_t n = count_of(columns), width = 0;
    char   text[CELL_SIZE];
    for (size_t k = 0; k < n; k++)
        if (width_of(columns[k].title) > width)
            width = width_of(columns[k].title);
    for (size_t k = 0; k < n; k++) {
        cell(object, &columns[k], text);
        if (strcmp(text, "-") == 0)
            continue;
        pad(out, columns[k].title, width, false);
        fprintf(out, "%s\n", text);
    }
}
