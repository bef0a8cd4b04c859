/*
 * model/problem.h - errors as RFC 9457 problem documents.
 */
#ifndef MODEL_PROBLEM_H
#define MODEL_PROBLEM_H

#include "base/err.h"

#include <jansson.h>

/* X(enum, status, type suffix, title) - the type URIs "urn:homeostat:problem:<suffix>" are a contract. */
#define PROBLEM_MAP(X)                                                                                     \
    X(MALFORMED,        400, "malformed",             "The request cannot be read")                        \
    X(KEY_REQUIRED,     400, "idempotency-key-required", "This request needs an Idempotency-Key")          \
    X(UNAUTHENTICATED,  401, "unauthenticated",       "Who are you?")                                      \
    X(FORBIDDEN,        403, "forbidden",             "Your role does not allow this")                     \
    X(NOT_FOUND,        404, "not-found",             "There is no such thing")                            \
    X(METHOD,           405, "method-not-allowed",    "This method is not for this resource")              \
    X(NOT_ACCEPTABLE,   406, "not-acceptable",        "None of the accepted formats can be produced")      \
    X(ILLEGAL,          409, "illegal-transition",    "The case does not move that way from here")         \
    X(CONFLICT,         409, "conflict",              "Somebody else changed it first")                    \
    X(IN_FLIGHT,        409, "in-flight",             "The first request with this key is still running")  \
    X(STALE,            412, "stale-version",         "The case has moved on since you looked")            \
    X(TOO_LARGE,        413, "too-large",             "The body is larger than allowed")                   \
    X(MEDIA_TYPE,       415, "unsupported-media-type", "The body must be JSON")                            \
    X(INVALID,          422, "invalid",               "The request is well formed but wrong")              \
    X(GUARD,            422, "guard-failed",          "A guard refused the transition")                    \
    X(KEY_REUSED,       422, "idempotency-key-reused", "This Idempotency-Key belongs to another request")  \
    X(IF_MATCH_NEEDED,  428, "precondition-required", "This request needs If-Match")                       \
    X(TOO_MANY,         429, "too-many-requests",     "Too many requests")                                 \
    X(INTERNAL,         500, "internal",              "Something broke inside")                            \
    X(BUSY,             503, "busy",                  "Not now, try again")                                \
    X(STORE,            503, "store-unavailable",     "The store cannot be written; nothing was changed")

enum problem {
#define X(id, status, suffix, title) PROBLEM_##id,
    PROBLEM_MAP(X)
#undef X
    PROBLEM_COUNT
};

int         problem_status(enum problem p);
const char *problem_suffix(enum problem p);
/* Which problem a failed function is, when nothing more is known. */
enum problem problem_of(enum err code);
/* {"type","title","status","detail","hint"?}; the caller may add members. detail and hint may be NULL. */
json_t *problem_json(enum problem p, const char *detail, const char *hint);

#endif
