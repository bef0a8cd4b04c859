/* relabel/regex.c - PCRE2 behind four functions. */
#include "relabel/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* Twice the same: over characters, as Go has it, and over bytes, for a text that is no UTF-8. */
struct regex {
    pcre2_code          *code, *bytes;
    pcre2_match_data    *match;
    pcre2_match_context *bounds;
    pcre2_jit_stack     *stack;
    uint64_t             given_up;
};

/* What PCRE2 has by itself is too little for groups that repeat over a few kilobytes. The heap takes the stack's place where there is no machine code. */
enum { STACK_LEAST = 32 * 1024, STACK_MOST = 1024 * 1024, HEAP_KIB_MAX = 8 * 1024 };

#define ANCHORED (PCRE2_ANCHORED | PCRE2_ENDANCHORED)

static pcre2_code *compile(const char *pattern, uint32_t more, int *code, PCRE2_SIZE *at)
{
    pcre2_code *c = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED, ANCHORED | PCRE2_DOTALL | PCRE2_DOLLAR_ENDONLY | PCRE2_NEVER_BACKSLASH_C | more, code, at, NULL);
    if (c)
        (void)pcre2_jit_compile(c, PCRE2_JIT_COMPLETE);        /* without it matching is slower, not different */
    return c;
}

enum err regex_new(const char *pattern, struct regex **out, struct fault *fault)
{
    int           code;
    PCRE2_SIZE    at;
    struct regex *r = calloc(1, sizeof *r);
    if (!r)
        return fail(fault, ERR_LIMIT, "no memory for an expression");
    r->code = compile(pattern, PCRE2_UTF, &code, &at);
    if (!r->code) {
        PCRE2_UCHAR why[160];
        (void)pcre2_get_error_message(code, why, sizeof why);
        free(r);
        return fail(fault, ERR_INPUT, "the expression is wrong at character %zu: %s", at + 1, (const char *)why);
    }
    r->bytes = compile(pattern, 0, &code, &at);                 /* NULL: it asks for characters that no byte is */
    r->match = pcre2_match_data_create_from_pattern(r->code, NULL);
    r->bounds = pcre2_match_context_create(NULL);
    r->stack = pcre2_jit_stack_create(STACK_LEAST, STACK_MOST, NULL);
    if (!r->match || !r->bounds || !r->stack) {
        regex_free(r);
        return fail(fault, ERR_LIMIT, "no memory for an expression");
    }
    pcre2_jit_stack_assign(r->bounds, NULL, r->stack);
    (void)pcre2_set_heap_limit(r->bounds, HEAP_KIB_MAX);
    *out = r;
    return OK;
}

void regex_free(struct regex *r)
{
    if (!r)
        return;
    pcre2_match_context_free(r->bounds);
    pcre2_match_data_free(r->match);
    pcre2_jit_stack_free(r->stack);
    pcre2_code_free(r->code);
    pcre2_code_free(r->bytes);
    free(r);
}

static bool is_utf_error(int found) { return found <= PCRE2_ERROR_UTF8_ERR1 && found >= PCRE2_ERROR_UTF8_ERR21; }

bool regex_matches(struct regex *r, struct slice text)
{
    PCRE2_SPTR s = (PCRE2_SPTR)(text.n ? text.s : "");
    uint64_t   steps = REGEX_STEPS_LEAST + REGEX_STEPS_BYTE * (uint64_t)text.n;
    (void)pcre2_set_match_limit(r->bounds, steps < REGEX_STEPS_MOST ? (uint32_t)steps : REGEX_STEPS_MOST);
    int        found = pcre2_match(r->code, s, text.n, 0, 0, r->match, r->bounds);
    if (is_utf_error(found))
        found = r->bytes ? pcre2_match(r->bytes, s, text.n, 0, 0, r->match, r->bounds) : PCRE2_ERROR_NOMATCH;
    if (found < 0 && found != PCRE2_ERROR_NOMATCH)
        r->given_up++;
    return found > 0;
}

uint64_t regex_given_up(const struct regex *r) { return r->given_up; }

/* A group by number or name, of the last match; nothing when there is none. */
static struct slice group_of(struct regex *r, struct slice text, const char *name, size_t n)
{
    char copy[64];
    if (n == 0 || n >= sizeof copy)
        return SLICE("");
    memcpy(copy, name, n);
    copy[n] = '\0';
    /* A number is digits alone, without a nought in front: 1x is a name, and no group has it. */
    bool is_number = strspn(copy, "0123456789") == n && n < 6 && (n == 1 || copy[0] != '0');
    int  number = is_number ? atoi(copy) : pcre2_substring_number_from_name(r->code, (PCRE2_SPTR)copy);
    const PCRE2_SIZE *at = pcre2_get_ovector_pointer(r->match);
    if (number < 0 || (uint32_t)number >= pcre2_get_ovector_count(r->match) || at[2 * number] == PCRE2_UNSET)
        return SLICE("");
    return (struct slice){ text.s + at[2 * number], at[2 * number + 1] - at[2 * number] };
}

/* The next piece of a replacement: literal bytes, or what a group matched. Returns how much of the replacement it took. */
static size_t piece(struct regex *r, struct slice text, const char *s, struct slice *out)
{
    if (*s != '$') {
        *out = (struct slice){ s, strcspn(s, "$") };
        return out->n;
    }
    if (s[1] == '$') {
        *out = (struct slice){ s, 1 };
        return 2;
    }
    bool        braces = s[1] == '{';
    const char *name = s + 1 + braces;
    size_t      n = 0;
    while (isalnum((unsigned char)name[n]) || name[n] == '_')
        n++;
    if (n == 0 || (braces && name[n] != '}')) {          /* not a reference after all */
        *out = (struct slice){ s, 1 };
        return 1;
    }
    *out = group_of(r, text, name, n);
    return (size_t)(name - s) + n + braces;
}

bool regex_expand(struct regex *r, struct slice text, const char *replacement, struct arena *a, struct slice *out)
{
    struct slice part;
    size_t       n = 0;
    for (const char *s = replacement; *s; n += part.n)
        s += piece(r, text, s, &part);
    char *to = arena_alloc(a, n + 1);
    if (!to)
        return false;
    *out = (struct slice){ to, n };
    for (const char *s = replacement; *s; to += part.n) {
        s += piece(r, text, s, &part);
        if (part.n)
            memcpy(to, part.s, part.n);
    }
    return true;
}
