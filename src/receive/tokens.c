/* receive/tokens.c - see tokens.h. Digests are compared, all of them, with every byte. */
#include "receive/tokens.h"

#include "base/id.h"
#include "base/text.h"
#include "journal/record.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct receive_tokens {
    size_t count;
    struct token { char digest[DIGEST_SIZE], tenant[RECORD_TENANT_MAX + 1]; bool has_tenant; } item[RECEIVE_TOKENS_MAX];
};

static const char sha[] = "sha256:";

static enum err line_read(char *line, unsigned number, struct token *out, struct fault *fault)
{
    char *save = NULL, *name = strtok_r(line, " \t\r", &save), *token = strtok_r(NULL, " \t\r", &save), *tenant = strtok_r(NULL, " \t\r", &save);
    if (!name || !token || (tenant && strtok_r(NULL, " \t\r", &save))) {
        (void)fail(fault, ERR_INPUT, "line %u of the tokens does not have two or three words", number);
        fail_hint(fault, "Write `name token`, and perhaps a tenant behind them.");
        return ERR_INPUT;
    }
    size_t n = strlen(token);
    if (strncmp(token, sha, sizeof sha - 1) == 0) {
        token += sizeof sha - 1;
        if (strlen(token) != DIGEST_SIZE - 1 || strspn(token, "0123456789abcdef") != DIGEST_SIZE - 1)
            return fail(fault, ERR_INPUT, "line %u of the tokens: after sha256: 64 lower-case hex digits are wanted", number);
        memcpy(out->digest, token, DIGEST_SIZE);
    } else if (n < RECEIVE_TOKEN_LEAST || n > RECEIVE_TOKEN_MOST) {
        (void)fail(fault, ERR_INPUT, "line %u of the tokens: a token has %d to %d characters", number, RECEIVE_TOKEN_LEAST, RECEIVE_TOKEN_MOST);
        fail_hint(fault, "Make one with `openssl rand -hex 32`.");
        return ERR_INPUT;
    } else
        digest_hex(token, n, out->digest);
    out->has_tenant = tenant != NULL;
    if (tenant && (!text_copy(out->tenant, sizeof out->tenant, tenant)
                   || strspn(tenant, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") != strlen(tenant)))
        return fail(fault, ERR_INPUT, "line %u of the tokens: a tenant has at most %d letters, digits, `-`, `_` and `.`", number, RECORD_TENANT_MAX);
    return OK;
}

enum err receive_tokens_new(const char *text, size_t size, struct receive_tokens **out, struct fault *fault)
{
    *out = NULL;
    struct receive_tokens *t = calloc(1, sizeof *t);
    char                  *copy = strndup(text, size), *save = copy;
    enum err               e = t && copy ? OK : fail(fault, ERR_LIMIT, "out of memory for tokens");
    for (unsigned number = 1; e == OK && save; number++) {
        char *line = strsep(&save, "\n");
        line += strspn(line, " \t\r");
        if (!*line || *line == '#')
            continue;
        e = t->count < RECEIVE_TOKENS_MAX ? line_read(line, number, &t->item[t->count++], fault)
                                          : fail(fault, ERR_LIMIT, "there are more than %d tokens", RECEIVE_TOKENS_MAX);
    }
    if (e == OK && t->count == 0) {
        e = fail(fault, ERR_INPUT, "the file of tokens has none, so nobody could send");
        fail_hint(fault, "Write a line `name token` per sender.");
    }
    if (copy)
        explicit_bzero(copy, strnlen(text, size));
    free(copy);
    if (e == OK)
        *out = t;
    else
        receive_tokens_free(t);
    return e;
}

void receive_tokens_free(struct receive_tokens *t)
{
    if (t)
        explicit_bzero(t, sizeof *t);
    free(t);
}

bool receive_tokens_know(const struct receive_tokens *t, struct slice authorization, struct slice *tenant)
{
    static const char bearer[] = "Bearer ";
    char              digest[DIGEST_SIZE];
    const struct token *found = NULL;
    *tenant = (struct slice){ 0 };
    if (authorization.n < sizeof bearer || strncasecmp(authorization.s, bearer, sizeof bearer - 1) != 0)
        return false;
    struct slice token = { authorization.s + sizeof bearer - 1, authorization.n - (sizeof bearer - 1) };
    while (token.n && *token.s == ' ')
        token.s++, token.n--;
    if (token.n == 0 || token.n > RECEIVE_TOKEN_MOST)
        return false;
    digest_hex(token.s, token.n, digest);
    for (size_t i = 0; i < t->count; i++)
        if (id_same_secret(digest, t->item[i].digest))
            found = &t->item[i];
    if (found && found->has_tenant)
        *tenant = slice_of(found->tenant);
    return found != NULL;
}
