/* web/body.c */
#include "web/body.h"

#include "base/text.h"
#include "model/plan.h"
#include "web/web.h"

#include <stdlib.h>
#include <string.h>

static enum err refuse(struct body_fault *where, enum problem p, const char *pointer)
{
    *where = (struct body_fault){ .problem = p };
    (void)text_copy(where->pointer, sizeof where->pointer, pointer);
    return ERR_INPUT;
}

static const size_t strict = JSON_REJECT_DUPLICATES;

/* {"event":"x","actor":"y}"  ->  {"event":"x","actor":"y"} ; NULL when that is not what is wrong. */
static json_t *read_mended(const char *data, size_t size)
{
    while (size > 0 && strchr(" \t\r\n", data[size - 1]))
        size--;
    if (size < 4 || data[0] != '{' || data[size - 1] != '"' || data[size - 2] != '}')
        return NULL;
    char *copy = malloc(size);
    if (!copy)
        return NULL;
    memcpy(copy, data, size);
    copy[size - 2] = '"';
    copy[size - 1] = '}';
    json_t *json = json_loadb(copy, size, strict, NULL);
    free(copy);
    return json;
}

enum err body_read(const char *data, size_t size, enum header_body type, struct body *out, struct body_fault *where, struct fault *fault)
{
    *out = (struct body){ 0 };
    *where = (struct body_fault){ 0 };
    if (size == 0)
        return OK;
    if (type == BODY_OTHER) {
        (void)fail(fault, ERR_INPUT, "the body must be JSON");
        fail_hint(fault, "send Content-Type: application/json");
        return refuse(where, PROBLEM_MEDIA_TYPE, "");
    }
    if (size > WEB_BODY_MAX) {
        (void)fail(fault, ERR_LIMIT, "the body has more than %d bytes", WEB_BODY_MAX);
        (void)refuse(where, PROBLEM_TOO_LARGE, "");
        return ERR_LIMIT;
    }
    json_error_t error;
    json_t      *json = json_loadb(data, size, strict | JSON_DECODE_ANY, &error);
    if (!json && json_error_code(&error) == json_error_premature_end_of_input && (json = read_mended(data, size)) != NULL)
        out->mended = true;
    if (json_is_object(json)) {
        out->json = json;
        return OK;
    }
    bool parsed = json != NULL;
    json_decref(json);
    if (type == BODY_MAYBE_JSON && (parsed || !memchr(data, '{', size < 16 ? size : 16))) {
        /* Nobody said that it was JSON, and it does not look like it. */
        (void)fail(fault, ERR_INPUT, "the body is not a JSON object");
        fail_hint(fault, "send a JSON object with Content-Type: application/json");
        return refuse(where, PROBLEM_MEDIA_TYPE, "");
    }
    if (parsed) {
        (void)fail(fault, ERR_INPUT, "the body must be a JSON object");
        return refuse(where, PROBLEM_INVALID, "");
    }
    (void)fail(fault, ERR_INPUT, "line %d, column %d: %s", error.line, error.column, error.text);
    (void)refuse(where, PROBLEM_MALFORMED, "");
    where->line = error.line;
    where->column = error.column;
    return ERR_INPUT;
}

enum err body_expected_version(const json_t *json, int64_t if_match, int64_t *version, struct body_fault *where, struct fault *fault)
{
    const json_t *expected = json_object_get(json, "expected_version");
    *version = if_match;
    *where = (struct body_fault){ 0 };
    if (!expected || json_is_null(expected))
        return OK;
    if (!json_is_integer(expected) || json_integer_value(expected) < 1) {
        (void)fail(fault, ERR_INPUT, "expected_version must be a positive integer");
        return refuse(where, PROBLEM_INVALID, "/expected_version");
    }
    int64_t v = json_integer_value(expected);
    if (if_match != IF_MATCH_NONE && if_match != IF_MATCH_ANY && if_match != v) {
        (void)fail(fault, ERR_INPUT, "If-Match and expected_version name different versions");
        return refuse(where, PROBLEM_INVALID, "/expected_version");
    }
    *version = v;
    return OK;
}

enum err body_fingerprint(const char *method, const char *path, const char *principal, const json_t *json, char out[DIGEST_SIZE], struct fault *fault)
{
    char *canonical = json ? plan_canonical(json) : NULL;
    if (json && !canonical)
        return fail(fault, ERR_LIMIT, "no memory for the body");
    struct text all CLEANUP(text_done);
    text_init(&all, 8 * WEB_BODY_MAX);   /* escapes can make the canonical form longer than what was sent, at most sixfold */
    text_printf(&all, "%s\n%s\n%s\n", method, path, principal);
    text_add(&all, canonical ? canonical : "");
    free(canonical);
    if (all.cut)
        return fail(fault, ERR_LIMIT, "the body is too large");
    digest_hex(all.s, all.used, out);
    return OK;
}
