/*
 * base/log.h - one constant phrase, then typed fields.
 *
 *     log_info("case moved", F("case", id), F("rule", 401), F("risk", 0.2));
 *     -> time=2026-01-01T00:00:00.000Z level=info msg="case moved" case=42 rule=401 risk=0.2
 *
 * Libraries do not log; whoever decides logs once.  Secrets never get here:
 * a value passed to F() must be fit to be read by anyone who can read logs.
 * Safe to call from every thread.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

enum log_format {
    LOG_AUTO,      /* journald when standard error is connected to it, else logfmt */
    LOG_LOGFMT,
    LOG_JSON,
    LOG_JOURNALD
};

struct log_field {
    const char *key;
    enum { FIELD_INT, FIELD_REAL, FIELD_TEXT, FIELD_BOOL } kind;
    union { int64_t i; double r; const char *s; bool b; } as;
};

static inline struct log_field log_int(const char *k, int64_t v)      { return (struct log_field){ k, FIELD_INT,  { .i = v } }; }
static inline struct log_field log_real(const char *k, double v)      { return (struct log_field){ k, FIELD_REAL, { .r = v } }; }
static inline struct log_field log_text(const char *k, const char *v) { return (struct log_field){ k, FIELD_TEXT, { .s = v } }; }
static inline struct log_field log_bool(const char *k, bool v)        { return (struct log_field){ k, FIELD_BOOL, { .b = v } }; }

#define F(key, value)                                                       \
    _Generic((value), double: log_real, float: log_real, bool: log_bool,    \
             char *: log_text, const char *: log_text, default: log_int)(key, value)

#define LOG_END_ ((struct log_field){ 0 })
#define log_at_(level, msg, ...) log_write(level, msg, (const struct log_field[]){ __VA_ARGS__ })
#define log_debug(...) log_at_(LOG_DEBUG, __VA_ARGS__, LOG_END_)
#define log_info(...)  log_at_(LOG_INFO,  __VA_ARGS__, LOG_END_)
#define log_warn(...)  log_at_(LOG_WARN,  __VA_ARGS__, LOG_END_)
#define log_error(...) log_at_(LOG_ERROR, __VA_ARGS__, LOG_END_)

void log_write(enum log_level level, const char *msg, const struct log_field *fields);

/* Log a failure as it is: its text, code and hint. */
void log_fault(enum log_level level, const char *msg, const struct fault *fault);

/* Where lines go and which are kept. Takes effect at once; out NULL means standard error. */
void log_setup(enum log_format format, enum log_level least, FILE *out);

MUST_CHECK enum err log_level_parse(const char *text, enum log_level *level, struct fault *fault);
MUST_CHECK enum err log_format_parse(const char *text, enum log_format *format, struct fault *fault);

#endif
