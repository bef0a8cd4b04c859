/*
 * base/err.h - how a function says no.
 *
 * The code is for the program, the text and the hint are for the person who
 * reads them.  A function that can fail returns enum err and takes a struct
 * fault last; it fills the fault only when it fails.  Whoever cannot help
 * passes the fault on untouched.
 *
 *     if (read < 0)
 *         return fail(fault, ERR_IO, "cannot read %s: %s", path, strerror(errno));
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#define ERR_MAP(X)                                                       \
    X(INPUT,    "input is malformed or out of range")                    \
    X(MISSING,  "the thing asked for does not exist")                    \
    X(CONFLICT, "somebody else changed it first")                        \
    X(STATE,    "it cannot be done in the state things are in")          \
    X(DENIED,   "policy or permission says no")                          \
    X(BUSY,     "not now, trying again later can work")                  \
    X(TIMEOUT,  "it took longer than it was allowed to")                 \
    X(IO,       "a file, socket or database let us down")                \
    X(LIMIT,    "a bound that was set on purpose was reached")           \
    X(UNKNOWN,  "the outcome cannot be told")                            \
    X(DAMAGED,  "what was stored cannot be read, and will not be better when it is tried again")

enum err {
    OK = 0,
#define X(name, text) ERR_##name,
    ERR_MAP(X)
#undef X
    ERR_COUNT
};

struct fault {
    enum err code;
    char     text[400];   /* what failed, and where */
    char     hint[240];   /* what to do about it; may be empty */
};

#define MUST_CHECK   __attribute__((warn_unused_result))
#define PRINTF(f, a) __attribute__((format(printf, f, a)))
#define CLEANUP(f)   __attribute__((cleanup(f)))
#define UNUSED       __attribute__((unused))

/* "INPUT", "MISSING", ... ; "ok" for OK. Never NULL. */
const char *err_name(enum err code);
/* The sentence that belongs to the code. Never NULL. */
const char *err_text(enum err code);

/* Record a failure and return its code, so that a check and its exit are one line. fault may be NULL. */
PRINTF(3, 4) enum err fail(struct fault *fault, enum err code, const char *format, ...);

/* Add what the reader can do about it. */
PRINTF(2, 3) void fail_hint(struct fault *fault, const char *format, ...);

/* Put "where: " in front of the text of a fault that came from below; returns the fault's code. */
PRINTF(2, 3) enum err fail_in(struct fault *fault, const char *format, ...);

#endif
