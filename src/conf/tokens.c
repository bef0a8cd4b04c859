/*
 * conf/tokens.c - who may use the web: lines of "roles name token [expires]", of which only digests are kept.
 *
 * The web reads the same file again while it runs (web/token.c); what it takes then is taken here, at the next start, too.
 */
#include "base/clock.h"
#include "conf/daemon.h"

#include <ctype.h>
#include <string.h>

#define LINE_MAX_BYTES 4096u
#define TOKEN_MAX      512u

static const struct { const char *name; enum daemon_role role; } roles[] = {
    { "viewer", DAEMON_VIEWER }, { "operator", DAEMON_OPERATOR }, { "approver", DAEMON_APPROVER }, { "admin", DAEMON_ADMIN },
};

static enum err roles_parse(char *words, unsigned line, unsigned *out, struct fault *fault)
{
    size_t n = strlen(words);
    *out = 0;
    if (*words == ',' || (n && words[n - 1] == ',') || strstr(words, ",,"))
        return fail(fault, ERR_INPUT, "line %u of the tokens has no role beside a comma", line);
    for (char *save = NULL, *w = strtok_r(words, ",", &save); w; w = strtok_r(NULL, ",", &save)) {
        size_t i = 0;
        while (i < sizeof roles / sizeof roles[0] && strcmp(roles[i].name, w) != 0)
            i++;
        if (i == sizeof roles / sizeof roles[0]) {
            (void)fail(fault, ERR_INPUT, "line %u of the tokens begins with no role", line);
            fail_hint(fault, "Write `roles name token`; roles are viewer, operator, approver and admin, parted by commas.");
            return ERR_INPUT;
        }
        *out |= (unsigned)roles[i].role;
    }
    return *out ? OK : fail(fault, ERR_INPUT, "line %u of the tokens has no role", line);
}

static enum err digest_of(const char *token, unsigned line, char out[DIGEST_SIZE], struct fault *fault)
{
    static const char prefix[] = "sha256:";
    size_t            n = strlen(token);
    if (strncmp(token, prefix, sizeof prefix - 1) == 0) {
        token += sizeof prefix - 1;
        if (strlen(token) != DIGEST_SIZE - 1 || strspn(token, "0123456789abcdefABCDEF") != DIGEST_SIZE - 1)
            return fail(fault, ERR_INPUT, "line %u of the tokens: after sha256: 64 hex digits are wanted", line);
        for (size_t i = 0; i < DIGEST_SIZE; i++)
            out[i] = (char)tolower((unsigned char)token[i]);
        return OK;
    }
    if (n < DAEMON_TOKEN_LEAST) {
        (void)fail(fault, ERR_INPUT, "line %u of the tokens: the token is shorter than %u characters", line, DAEMON_TOKEN_LEAST);
        fail_hint(fault, "Make one with `openssl rand -hex 32`.");
        return ERR_INPUT;
    }
    if (n > TOKEN_MAX)
        return fail(fault, ERR_INPUT, "line %u of the tokens: the token is longer than %u characters", line, TOKEN_MAX);
    digest_hex(token, n, out);
    return OK;
}

/* A word that begins with # ends the line. */
static void cut_comment(char *text)
{
    for (char *s = text; (s = strchr(s, '#')); s++)
        if (s == text || strchr(" \t\r", s[-1])) {
            *s = '\0';
            return;
        }
}

static enum err line_parse(char *text, unsigned line, struct daemon_token *out, struct fault *fault)
{
    char *save = NULL, *words = strtok_r(text, " \t\r", &save), *name = strtok_r(NULL, " \t\r", &save), *token = strtok_r(NULL, " \t\r", &save);
    char *expires = strtok_r(NULL, " \t\r", &save);
    if (!token || (expires && strtok_r(NULL, " \t\r", &save))) {
        (void)fail(fault, ERR_INPUT, "line %u of the tokens does not have three or four words", line);
        fail_hint(fault, "Write `roles name token`, e.g. `operator,approver alice ` and 32 characters or more, and perhaps when it expires.");
        return ERR_INPUT;
    }
    out->expires_us = expires && strcmp(expires, "never") != 0 ? clock_parse(expires) : 0;
    if (out->expires_us < 0 || (out->expires_us == 0 && expires && strcmp(expires, "never") != 0))
        return fail(fault, ERR_INPUT, "line %u of the tokens: the fourth word is a time such as 2027-01-31T00:00:00Z, or never", line);
    if (!text_copy(out->name, sizeof out->name, name) || name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._@-")] != '\0')
        return fail(fault, ERR_INPUT, "line %u of the tokens: a name has at most %zu letters, digits and ._@-", line, sizeof out->name - 1);
    enum err e = roles_parse(words, line, &out->roles, fault);
    return e == OK ? digest_of(token, line, out->digest, fault) : e;
}

enum err daemon_tokens_parse(const char *contents, struct daemon_token *out, size_t max, size_t *count, struct fault *fault)
{
    char     text[LINE_MAX_BYTES];
    unsigned line = 0;
    enum err e = OK;
    *count = 0;
    for (const char *s = contents; *s && e == OK;) {
        size_t n = strcspn(s, "\n");
        line++;
        const char *next = s + n + (s[n] == '\n');
        if (n >= sizeof text)
            return fail(fault, ERR_INPUT, "line %u of the tokens is too long", line);
        memcpy(text, s, n);
        text[n] = '\0';
        s = next;
        cut_comment(text);
        if (text[strspn(text, " \t\r")] == '\0')
            continue;
        if (*count == max)
            return fail(fault, ERR_LIMIT, "more than %zu tokens", max);
        e = line_parse(text, line, &out[*count], fault);
        for (size_t i = 0; e == OK && i < *count; i++)
            if (strcmp(out[i].digest, out[*count].digest) == 0)
                e = fail(fault, ERR_INPUT, "line %u of the tokens has the token of %s", line, out[i].name);
        *count += e == OK;
    }
    explicit_bzero(text, sizeof text);
    if (e == OK && *count == 0)
        e = fail(fault, ERR_INPUT, "there is no token in the file");
    return e;
}
