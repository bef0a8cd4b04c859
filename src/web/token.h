/*
 * web/token.h - who may come in: bearer tokens, kept as digests.
 *
 * The file has a line per token: roles, name, SHA-256 of the token, and when it expires, if it does:
 *
 *     # role            name      sha256 of the token                   expires
 *     operator,approver alice     sha256:2c26b46b68ffc68ff99b453c1...   2026-12-31T00:00:00Z
 *     viewer            grafana   sha256:fcde2b2edba56bf408601fb72...
 *
 * A token may also stand there itself (32 characters or more); the log then says that its digest would do.
 * A name may have several lines, so that a token can be replaced while the old one still works.  The file is
 * read again when it has changed; a file that cannot be read changes nothing and is complained about.  Without
 * a file there is one token for this machine, made at the first start and kept, readable by its owner alone, in
 * the store's folder: it is an administrator's.
 */
#ifndef WEB_TOKEN_H
#define WEB_TOKEN_H

#include "base/err.h"
#include "base/id.h"
#include "model/principal.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

enum { TOKENS_MAX = 1000, TOKEN_FILE_MAX = 256 * 1024, TOKEN_SIZE = 4 + 64 + 1, TOKEN_NAME_SIZE = 49, TOKEN_LEAST = 32, TOKEN_PRESENTED_MAX = 512 };

struct token_entry {
    char     name[TOKEN_NAME_SIZE];
    unsigned roles;
    char     digest[DIGEST_SIZE];
    int64_t  expires_us;              /* wall; 0: never */
    bool     in_clear;                /* the file holds the token itself */
};

struct tokens {
    pthread_rwlock_t    lock;         /* of entry and count */
    pthread_mutex_t     file;         /* of path, local and seen: one reads the file at a time */
    char                path[512];
    bool                local;        /* path holds the token itself, not a table of digests */
    struct token_entry *entry;
    size_t              count;
    struct stat         seen;         /* the file as it was read last */
};

/* file: a table of tokens.  NULL or "": the token of this machine in <folder>/token, made when it is not there. */
MUST_CHECK enum err tokens_open(struct tokens *t, const char *file, const char *folder, struct fault *fault);
void                tokens_done(struct tokens *t);

/* Read the file again if it has changed. On failure what was known stays in force. */
MUST_CHECK enum err tokens_refresh(struct tokens *t, bool *changed, struct fault *fault);

/* From now on another file; the same arguments as tokens_open(). On failure everything stays as it was. */
MUST_CHECK enum err tokens_move(struct tokens *t, const char *file, const char *folder, struct fault *fault);

enum token_answer { TOKEN_GOOD, TOKEN_UNKNOWN, TOKEN_EXPIRED };
/* Whose token is it? Takes the same time whichever entry it is, or none. digest (may be NULL) receives the token's digest. */
enum token_answer tokens_find(struct tokens *t, const char *presented, int64_t wall_us, struct principal *who, char digest[DIGEST_SIZE]);
/* Is this digest still good? For those who came in some time ago. */
bool tokens_still(struct tokens *t, const char *digest, int64_t wall_us);

/* How many stand in the file themselves. */
size_t tokens_in_clear(struct tokens *t);

/* One table's text, to entries. The fault names line and column. The caller frees *entry. */
MUST_CHECK enum err tokens_parse(const char *name, const char *text, struct token_entry **entry, size_t *count, struct fault *fault);

/* "operator,approver" to a set of roles. */
MUST_CHECK enum err token_roles_parse(const char *text, unsigned *roles, struct fault *fault);
void                token_roles_format(unsigned roles, char *out, size_t size);

#endif
