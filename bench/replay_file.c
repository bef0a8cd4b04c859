/* bench/replay_file.c - from cells to columns of numbers and choices, leaving out what cannot be used. */
#include "replay_file.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { FIELDS_MAX = MATH_SPACE_MAX + 2, BLOCK = 1 << 20 };
enum cell { MISSING, NUMBER, WORD };

static const struct { const char *name; bool less; } results[] = {
    { "tps", false }, { "qps", false }, { "throughput", false }, { "lat", true }, { "latency", true }, { "time", true }, { "runtime", true },
};

/* The cells of a file, in its own text. */
struct sheet {
    char  *text;
    char  *name[FIELDS_MAX];
    char **cell;                 /* [rows][fields] */
    int    fields, rows, room;
    int    ragged, beyond;       /* rows that are not here: of another length, one too many */
};

/* What is known of a column of the sheet before its values are taken. */
struct column {
    int   from;                              /* its number in the sheet */
    bool  words;                             /* at least one cell is no number */
    int   choices;
    char *choice[MATH_CHOICES_MAX];
};

PRINTF(2, 3) static void say(struct replay_file *f, const char *format, ...)
{
    size_t  at = strlen(f->said);
    va_list args;
    va_start(args, format);
    (void)vsnprintf(f->said + at, sizeof f->said - at, format, args);
    va_end(args);
}

/* ---- cells ---- */

static enum cell look(const char *text, double *v)
{
    char *end;
    *v = strtod(text, &end);
    while (isspace((unsigned char)*end))
        end++;
    if (end == text + strspn(text, " \t"))      /* nothing of it is a number */
        return *end == '\0' || strcasecmp(end, "null") == 0 ? MISSING : WORD;
    return *end ? WORD : isfinite(*v) ? NUMBER : MISSING;
}

/* The cells of a line, in place; how many there are, which may be more than `most`. A cell in quotes may have commas. */
static int split(char *line, char **cell, int most)
{
    int n = 0;
    for (char *at = line; at; n++) {
        char *to = at, *from = at;
        bool  quoted = *from == '"';
        if (n < most)
            cell[n] = at;
        from += quoted;
        while (*from && (quoted || *from != ',')) {
            if (quoted && *from == '"' && *++from != '"') {
                quoted = false;
                continue;
            }
            *to++ = *from++;
        }
        at = *from ? from + 1 : NULL;
        *to = '\0';
    }
    return n;
}

static enum err read_text(const char *path, char **text, struct fault *fault)
{
    size_t length = 0, room = 0, got = 1;
    FILE  *in = fopen(path, "r");
    if (!in)
        return fail(fault, ERR_IO, "cannot read %s: %s", path, strerror(errno));
    while (got > 0 && length < REPLAY_BYTES_MAX) {
        if (room - length < BLOCK + 1) {
            room = 2 * room + BLOCK + 1;
            char *more = realloc(*text, room);
            if (!more) {
                (void)fclose(in);
                return fail(fault, ERR_LIMIT, "no memory for %s", path);
            }
            *text = more;
        }
        got = fread(*text + length, 1, BLOCK, in);
        length += got;
    }
    bool broken = ferror(in) != 0;
    (void)fclose(in);
    if (broken)
        return fail(fault, ERR_IO, "cannot read %s to its end", path);
    if (got > 0)
        return fail(fault, ERR_LIMIT, "%s is larger than %d bytes", path, REPLAY_BYTES_MAX);
    (*text)[length] = '\0';
    return OK;
}

/* The next line of *rest, without its end; NULL: there is none. */
static char *next_line(char **rest)
{
    char *line = *rest;
    if (!line || !*line)
        return NULL;
    char *end = strchr(line, '\n');
    *rest = end ? end + 1 : NULL;
    line[strcspn(line, "\r\n")] = '\0';
    return line;
}

static enum err add_row(struct sheet *s, char **cell, struct fault *fault)
{
    size_t fields = (size_t)s->fields;
    if (s->rows == s->room) {
        int    room = s->room ? 2 * s->room : 256;
        char **more = realloc(s->cell, (size_t)room * fields * sizeof *more);
        if (!more)
            return fail(fault, ERR_LIMIT, "no memory for %d rows", room);
        s->cell = more;
        s->room = room;
    }
    memcpy(s->cell + (size_t)s->rows++ * fields, cell, fields * sizeof *cell);
    return OK;
}

static enum err read_sheet(const char *path, struct sheet *s, struct fault *fault)
{
    char    *line, *rest, *cell[FIELDS_MAX];
    enum err e = read_text(path, &s->text, fault);
    if (e != OK)
        return e;
    rest = s->text;
    line = next_line(&rest);
    s->fields = line ? split(line, s->name, FIELDS_MAX) : 0;
    if (s->fields < 3)
        return fail(fault, ERR_INPUT, "%s begins with %d names; an index, parameters and a result are wanted", path, s->fields);
    if (s->fields > FIELDS_MAX)
        return fail(fault, ERR_INPUT, "%s has %d parameters; %d can be searched", path, s->fields - 2, (int)MATH_SPACE_MAX);
    while (e == OK && (line = next_line(&rest)) != NULL) {
        if (!*line)
            continue;
        if (split(line, cell, FIELDS_MAX) != s->fields)
            s->ragged++;
        else if (s->rows == REPLAY_ROWS_MAX)
            s->beyond++;
        else
            e = add_row(s, cell, fault);
    }
    return e;
}

static char *cell_at(const struct sheet *s, int row, int field) { return s->cell[(size_t)row * (size_t)s->fields + (size_t)field]; }

/* ---- columns ---- */

/* Which choice a word is; a new one is added. -1: there are too many already. */
static int choice_of(struct column *c, char *word)
{
    for (int k = 0; k < c->choices; k++)
        if (strcmp(c->choice[k], word) == 0)
            return k;
    if (c->choices == MATH_CHOICES_MAX)
        return -1;
    c->choice[c->choices] = word;
    return c->choices++;
}

/* What is in a column; false: it cannot be used, and that was said. */
static bool study(const struct sheet *s, struct column *c, struct replay_file *f)
{
    int    missing = 0;
    bool   few = true;
    double v;
    for (int i = 0; i < s->rows; i++) {
        enum cell kind = look(cell_at(s, i, c->from), &v);
        missing += kind == MISSING;
        c->words = c->words || kind == WORD;
    }
    if (2 * missing > s->rows) {
        say(f, "; %.40s left out: %d rows lack it", s->name[c->from], missing);
        return false;
    }
    for (int i = 0; i < s->rows && c->words && few; i++)
        few = look(cell_at(s, i, c->from), &v) == MISSING || choice_of(c, cell_at(s, i, c->from)) >= 0;
    if (!few)
        say(f, "; %.40s left out: more than %d different words", s->name[c->from], MATH_CHOICES_MAX);
    c->choices = 0;              /* those of the rows that are taken are numbered anew */
    return few;
}

/* The numbers of a row; false: a value is missing. */
static bool numbers_of(const struct sheet *s, int row, const struct column *column, int columns, double *x)
{
    bool all = true;
    for (int j = 0; j < columns; j++)
        all = look(cell_at(s, row, column[j].from), &x[j]) != MISSING && all;
    return all;
}

/* And its words, which thereby are choices. */
static void words_of(const struct sheet *s, int row, struct column *column, int columns, double *x)
{
    for (int j = 0; j < columns; j++)
        if (column[j].words)
            x[j] = choice_of(&column[j], cell_at(s, row, column[j].from));
}

static void take_rows(const struct sheet *s, struct column *column, bool less, struct replay_file *f)
{
    int  lacking = 0, unmeasured = 0;
    bool has_default = false;
    for (int i = 0; i < s->rows; i++) {
        double *x = f->x + (size_t)f->rows * (size_t)f->columns, y, number;
        bool    complete = numbers_of(s, i, column, f->columns, x), measured = look(cell_at(s, i, s->fields - 1), &y) == NUMBER && y > 0;
        bool    is_default = complete && !has_default && look(cell_at(s, i, 0), &number) == NUMBER && number == 0;
        lacking += !complete;
        unmeasured += complete && !measured;
        if (is_default || (complete && measured))
            words_of(s, i, column, f->columns, x);
        if (is_default)
            memcpy(f->first, x, (size_t)f->columns * sizeof *x);
        has_default = has_default || is_default;
        if (complete && measured)
            f->y[f->rows++] = less ? -log(y) : log(y);
    }
    if (!has_default && f->rows > 0) {
        memcpy(f->first, f->x, (size_t)f->columns * sizeof *f->first);
        say(f, "; no row 0, the first one is taken for the default");
    }
    if (s->ragged || s->beyond || lacking || unmeasured)
        say(f, "; rows left out: %d of another length, %d that lack a value, %d without a result, %d beyond %d", s->ragged, lacking, unmeasured, s->beyond, (int)REPLAY_ROWS_MAX);
}

static struct math_param param_of(const struct replay_file *f, const struct column *c, int j)
{
    double lo = f->first[j], hi = lo, least_positive = (double)INFINITY;
    bool   whole = lo == floor(lo);
    if (c->words)
        return (struct math_param){ .kind = MATH_PARAM_CATEGORY, .choices = c->choices };
    for (int i = 0; i < f->rows; i++) {
        double v = f->x[(size_t)i * (size_t)f->columns + (size_t)j];
        lo = fmin(lo, v);
        hi = fmax(hi, v);
        whole = whole && v == floor(v);
        least_positive = v > 0 ? fmin(least_positive, v) : least_positive;
    }
    least_positive = f->first[j] > 0 ? fmin(least_positive, f->first[j]) : least_positive;
    struct math_param p = { .kind = whole && hi < 1e15 ? MATH_PARAM_INTEGER : MATH_PARAM_REAL, .lo = lo, .hi = hi, .log = lo > 0 && hi / lo >= REPLAY_DECADES };
    if (lo == 0 && whole && hi >= REPLAY_DECADES) {
        p.lo = least_positive;
        p.log = true;
        p.specials = 1;          /* special[0] is 0 */
    }
    return p;
}

/* ---- the file ---- */

static enum err which_is_better(const char *path, const char *name, bool *less, struct fault *fault)
{
    for (size_t k = 0; k < sizeof results / sizeof results[0]; k++)
        if (strcasecmp(name, results[k].name) == 0) {
            *less = results[k].less;
            return OK;
        }
    return fail(fault, ERR_INPUT, "the last column of %s is %.60s; tps, qps or throughput (more is better), or lat, latency, time or runtime (less is better) is wanted", path, name);
}

static enum err fill(const char *path, const struct sheet *s, struct column *column, struct replay_file *f, struct fault *fault)
{
    bool     less = false;
    enum err e = which_is_better(path, s->name[s->fields - 1], &less, fault);
    if (e != OK)
        return e;
    for (int j = 1; j + 1 < s->fields; j++) {
        column[f->columns] = (struct column){ .from = j };
        f->columns += study(s, &column[f->columns], f);
    }
    if (f->columns == 0)
        return fail(fault, ERR_INPUT, "%s has no column that can be searched%s", path, f->said);
    size_t rows = (size_t)s->rows + 1;
    f->x = calloc(rows * (size_t)f->columns, sizeof *f->x);
    f->y = calloc(rows, sizeof *f->y);
    if (!f->x || !f->y)
        return fail(fault, ERR_LIMIT, "no memory for %d rows of %s", s->rows, path);
    take_rows(s, column, less, f);
    if (f->rows == 0)
        return fail(fault, ERR_INPUT, "%s has no row with all its values and a result above 0%s", path, f->said);
    f->space.params = f->columns;
    for (int j = 0; j < f->columns; j++)
        f->space.param[j] = param_of(f, &column[j], j);
    e = math_space_init(&f->space, fault);
    return e == OK ? OK : fail_in(fault, "%s", path);
}

enum err replay_file_read(const char *path, struct replay_file *f, struct fault *fault)
{
    struct sheet   s = { 0 };
    const char    *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
    struct column *column = calloc(MATH_SPACE_MAX, sizeof *column);
    *f = (struct replay_file){ 0 };
    (void)snprintf(f->name, sizeof f->name, "%.*s", (int)strcspn(base, "."), base);
    enum err e = column ? read_sheet(path, &s, fault) : fail(fault, ERR_LIMIT, "no memory for the columns of %s", path);
    if (e == OK)
        e = fill(path, &s, column, f, fault);
    free(column);
    free(s.text);
    free(s.cell);
    return e;
}

void replay_file_free(struct replay_file *f)
{
    free(f->x);
    free(f->y);
    f->x = f->y = NULL;
}
