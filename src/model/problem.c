/* model/problem.c */
#include "model/problem.h"

#include "model/told.h"

static const struct { int status; const char *suffix, *title; } table[PROBLEM_COUNT] = {
#define X(id, status, suffix, title) [PROBLEM_##id] = { status, suffix, title },
    PROBLEM_MAP(X)
#undef X
};

int         problem_status(enum problem p) { return table[p].status; }
const char *problem_suffix(enum problem p) { return table[p].suffix; }

enum problem problem_of(enum err code)
{
    switch (code) {
    case ERR_INPUT:    return PROBLEM_INVALID;
    case ERR_MISSING:  return PROBLEM_NOT_FOUND;
    case ERR_CONFLICT: return PROBLEM_CONFLICT;
    case ERR_STATE:    return PROBLEM_ILLEGAL;
    case ERR_DENIED:   return PROBLEM_FORBIDDEN;
    case ERR_LIMIT:    return PROBLEM_TOO_LARGE;
    case ERR_BUSY:
    case ERR_TIMEOUT:  return PROBLEM_BUSY;
    case ERR_DAMAGED:
    case ERR_IO:       return PROBLEM_STORE;
    default:           return PROBLEM_INTERNAL;
    }
}

json_t *problem_json(enum problem p, const char *detail, const char *hint)
{
    json_t *j = json_pack("{s:o, s:s, s:i}", "type", json_sprintf("urn:homeostat:problem:%s", table[p].suffix),
                          "title", table[p].title, "status", table[p].status);
    if (j && detail && *detail)
        json_object_set_new(j, "detail", told_text(detail));
    if (j && hint && *hint)
        json_object_set_new(j, "hint", told_text(hint));
    return j;
}
