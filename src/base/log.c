/* base/log.c - renders one line at a time, whole, under one lock. */
#include "base/log.h"

#include "base/clock.h"
#include "base/utf8.h"

#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

/* syslog.h, which comes with the journal's header, names its priorities like our levels, with other numbers. */
#undef LOG_DEBUG
#undef LOG_INFO

#define LINE_MAX_BYTES 8192   /* a longer line is cut and says so */
#define LINE_END       32     /* kept free for what closes a line that is cut */
#define FIELD_ROOM     48     /* a number, or the quotes around a text */

static const char *const level_names[] = { "debug", "info", "warn", "error" };

static struct {
    pthread_mutex_t lock;
    enum log_format format;
    enum log_level  least;
    FILE           *out;
} sink = { PTHREAD_MUTEX_INITIALIZER, LOG_LOGFMT, LOG_INFO, NULL };

struct line { char text[LINE_MAX_BYTES]; size_t used; bool cut; };

/* Whoever writes more than a field asks first whether there is room. */
static bool has_room(struct line *l, size_t n)
{
    l->cut = l->cut || l->used + n > sizeof l->text - LINE_END;
    return !l->cut;
}

PRINTF(2, 3) static void put(struct line *l, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(l->text + l->used, sizeof l->text - l->used, format, args);
    va_end(args);
    if (n > 0)
        l->used = l->used + (size_t)n < sizeof l->text ? l->used + (size_t)n : sizeof l->text - 1;
}

/* C0, DEL and C1: what a terminal would obey. */
static bool is_control(const char *s, size_t n)
{
    const unsigned char *u = (const unsigned char *)s;
    return u[0] < 0x20 || u[0] == 0x7f || (n == 2 && u[0] == 0xc2 && u[1] < 0xa0);
}

/* Quote what logfmt or JSON would misread; control characters never pass unescaped, and what is no text does not pass at all. */
static void put_quoted(struct line *l, const char *s)
{
    put(l, "\"");
    for (size_t left = strlen(s), n; left && has_room(l, 7); s += n, left -= n) {
        n = utf8_length(s, left);
        if (n == 0) {
            put(l, "\\ufffd");
            n = 1;
        } else if (*s == '"' || *s == '\\') {
            put(l, "\\%c", *s);
        } else if (*s == '\n') {
            put(l, "\\n");
        } else if (is_control(s, n)) {
            put(l, "\\u%04x", (unsigned)(unsigned char)s[n - 1]);      /* of C1, the second byte is the number */
        } else {
            put(l, "%.*s", (int)n, s);
        }
    }
    put(l, "\"");
}

static bool is_plain(const char *s)
{
    if (!*s)
        return false;
    for (size_t left = strlen(s), n; left; s += n, left -= n)
        if ((n = utf8_length(s, left)) == 0 || isspace((unsigned char)*s) || *s == '"' || *s == '=' || *s == '\\' || is_control(s, n))
            return false;
    return true;
}

static void put_value(struct line *l, const struct log_field *f, bool json)
{
    switch (f->kind) {
    case FIELD_INT:  put(l, "%" PRId64, f->as.i); break;
    case FIELD_BOOL: put(l, "%s", f->as.b ? "true" : "false"); break;
    case FIELD_REAL:
        if (json && !isfinite(f->as.r))
            put(l, "null");
        else
            put(l, "%.6g", f->as.r);
        break;
    case FIELD_TEXT:
        if (!f->as.s)
            put(l, json ? "null" : "-");
        else if (!json && is_plain(f->as.s) && l->used + strlen(f->as.s) <= sizeof l->text - LINE_END)
            put(l, "%s", f->as.s);
        else
            put_quoted(l, f->as.s);
        break;
    }
}

static void put_fields(struct line *l, const struct log_field *fields, bool json)
{
    for (const struct log_field *f = fields; f->key && has_room(l, strlen(f->key) + FIELD_ROOM); f++) {
        put(l, json ? ",\"%s\":" : " %s=", f->key);
        put_value(l, f, json);
    }
    if (l->cut)
        put(l, json ? ",\"cut\":true" : " cut=true");
}

static void render(struct line *l, enum log_format format, enum log_level level, const char *msg, const struct log_field *fields)
{
    char when[32];
    clock_format(clock_wall_us(&clock_real), when, sizeof when);
    bool json = format == LOG_JSON;
    if (json)
        put(l, "{\"time\":\"%s\",\"level\":\"%s\",\"msg\":", when, level_names[level]);
    else
        put(l, "time=%s level=%s msg=", when, level_names[level]);
    put_quoted(l, msg);
    put_fields(l, fields, json);
    put(l, json ? "}" : "");
}

static void send_journald(enum log_level level, const char *msg, const struct log_field *fields)
{
    static const int priority[] = { 7, 6, 4, 3 };
    struct line      l = { .used = 0 };
    put(&l, "%s", msg);
    put_fields(&l, fields, false);
    (void)sd_journal_send("MESSAGE=%s", l.text, "PRIORITY=%d", priority[level], "SYSLOG_IDENTIFIER=homeostat", NULL);
}

/* systemd tells a service the device and inode of the journal's stream; only then is the journal really there. */
static bool stderr_is_journal(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    struct stat st;
    uintmax_t   dev, ino;
    return stream && sscanf(stream, "%ju:%ju", &dev, &ino) == 2 && fstat(STDERR_FILENO, &st) == 0 &&
           (uintmax_t)st.st_dev == dev && (uintmax_t)st.st_ino == ino;
}

void log_setup(enum log_format format, enum log_level least, FILE *out)
{
    pthread_mutex_lock(&sink.lock);
    sink.format = format == LOG_AUTO ? (stderr_is_journal() ? LOG_JOURNALD : LOG_LOGFMT) : format;
    sink.least = least;
    sink.out = out;
    pthread_mutex_unlock(&sink.lock);
}

void log_write(enum log_level level, const char *msg, const struct log_field *fields)
{
    pthread_mutex_lock(&sink.lock);
    if (level >= sink.least) {
        if (sink.format == LOG_JOURNALD) {
            send_journald(level, msg, fields);
        } else {
            struct line l = { .used = 0 };
            render(&l, sink.format, level, msg, fields);
            FILE *out = sink.out ? sink.out : stderr;
            fprintf(out, "%s\n", l.text);
            fflush(out);
        }
    }
    pthread_mutex_unlock(&sink.lock);
}

void log_fault(enum log_level level, const char *msg, const struct fault *fault)
{
    if (fault->hint[0])
        log_at_(level, msg, F("code", err_name(fault->code)), F("error", (const char *)fault->text), F("hint", (const char *)fault->hint), LOG_END_);
    else
        log_at_(level, msg, F("code", err_name(fault->code)), F("error", (const char *)fault->text), LOG_END_);
}

enum err log_level_parse(const char *text, enum log_level *level, struct fault *fault)
{
    for (size_t i = 0; i < sizeof level_names / sizeof level_names[0]; i++)
        if (strcmp(text, level_names[i]) == 0) {
            *level = (enum log_level)i;
            return OK;
        }
    return fail(fault, ERR_INPUT, "\"%s\" is no log level: debug, info, warn or error", text);
}

enum err log_format_parse(const char *text, enum log_format *format, struct fault *fault)
{
    static const char *const names[] = { "auto", "logfmt", "json", "journald" };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(text, names[i]) == 0) {
            *format = (enum log_format)i;
            return OK;
        }
    return fail(fault, ERR_INPUT, "\"%s\" is no log format: auto, logfmt, json or journald", text);
}
