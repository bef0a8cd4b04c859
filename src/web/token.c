/* web/token.c - the table of tokens: reading, finding, adding. */
#include "web/token.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"
#include "web/web.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

static const struct { const char *name; unsigned role; } role_names[] = {
    { "viewer", ROLE_VIEWER }, { "operator", ROLE_OPERATOR }, { "approver", ROLE_APPROVER }, { "admin", ROLE_ADMIN },
};
enum { ROLES = sizeof role_names / sizeof role_names[0] };

enum err token_roles_parse(const char *text, unsigned *roles, struct fault *fault)
{
    *roles = 0;
    for (const char *s = text;; s++) {
        size_t n = strcspn(s, ","), i;
        for (i = 0; i < ROLES; i++)
            if (strlen(role_names[i].name) == n && strncmp(s, role_names[i].name, n) == 0)
                break;
        if (i == ROLES) {
            (void)fail(fault, ERR_INPUT, "'%.*s' is not a role", (int)(n < 40 ? n : 40), s);
            fail_hint(fault, "roles are viewer, operator, approver and admin, parted by commas without blanks");
            return ERR_INPUT;
        }
        *roles |= role_names[i].role;
        s += n;
        if (*s == '\0')
            return OK;
    }
}

void token_roles_format(unsigned roles, char *out, size_t size)
{
    if (size > 0)
        out[0] = '\0';
    for (size_t i = 0, used = 0; i < ROLES; i++)
        if (roles & role_names[i].role && used < size) {
            int n = snprintf(out + used, size - used, "%s%s", used ? "," : "", role_names[i].name);
            used += n > 0 ? (size_t)n : 0;
        }
}

static bool name_is_fine(const char *name, size_t n)
{
    if (n == 0 || n >= TOKEN_NAME_SIZE)
        return false;
    for (size_t i = 0; i < n; i++)
        if (!isalnum((unsigned char)name[i]) && !strchr("_.@-", name[i]))
            return false;
    return true;
}

/* ---- one line ---- */

struct word { const char *s; size_t n; };

/* "sha256:" and the digest, or the token itself. */
static enum err read_digest(const char *s, size_t n, struct token_entry *e)
{
    static const char prefix[] = "sha256:";
    size_t            skip = strlen(prefix);
    if (n < skip || strncmp(s, prefix, skip) != 0) {
        if (n < TOKEN_LEAST || n > TOKEN_PRESENTED_MAX)
            return ERR_INPUT;
        digest_hex(s, n, e->digest);
        e->in_clear = true;
        return OK;
    }
    if (n != skip + DIGEST_SIZE - 1)
        return ERR_INPUT;
    for (size_t i = 0; i < DIGEST_SIZE - 1; i++) {
        if (!isxdigit((unsigned char)s[skip + i]))
            return ERR_INPUT;
        e->digest[i] = (char)tolower((unsigned char)s[skip + i]);
    }
    return OK;
}

static enum err parse_line(const char *name, int line, const char *start, const struct word *word, int words, struct token_entry *e, struct fault *fault)
{
    char text[160];
    *e = (struct token_entry){ 0 };
    if (words < 3 || words > 4) {
        (void)fail(fault, ERR_INPUT, "%s:%d: a token has three or four fields, here are %d", name, line, words);
        fail_hint(fault, "role name sha256:digest [expiry]; `homeostat token new` writes such a line");
        return ERR_INPUT;
    }
#define COLUMN(i) ((int)(word[i].s - start) + 1)
    (void)snprintf(text, sizeof text, "%.*s", (int)(word[0].n < sizeof text - 1 ? word[0].n : sizeof text - 1), word[0].s);
    if (token_roles_parse(text, &e->roles, fault) != OK)
        return fail_in(fault, "%s:%d:%d", name, line, COLUMN(0));

    if (!name_is_fine(word[1].s, word[1].n))
        return fail(fault, ERR_INPUT, "%s:%d:%d: a name has 1 to %d letters, digits or any of _ . @ -", name, line, COLUMN(1), TOKEN_NAME_SIZE - 1);
    memcpy(e->name, word[1].s, word[1].n);

    if (read_digest(word[2].s, word[2].n, e) != OK) {   /* what stands there may be a token: never quoted */
        (void)fail(fault, ERR_INPUT, "%s:%d:%d: the third field must be sha256: and 64 hex digits, or a token of %d characters or more", name, line,
                   COLUMN(2), TOKEN_LEAST);
        fail_hint(fault, "`homeostat token new` makes a token and writes its digest");
        return ERR_INPUT;
    }
    if (words == 4 && !(word[3].n == 5 && strncmp(word[3].s, "never", 5) == 0)) {
        (void)snprintf(text, sizeof text, "%.*s", (int)(word[3].n < sizeof text - 1 ? word[3].n : sizeof text - 1), word[3].s);
        e->expires_us = clock_parse(text);
        if (e->expires_us <= 0) {
            (void)fail(fault, ERR_INPUT, "%s:%d:%d: '%.40s' is not a time", name, line, COLUMN(3), text);
            fail_hint(fault, "write it as 2026-12-31T00:00:00Z, or leave it out");
            return ERR_INPUT;
        }
    }
#undef COLUMN
    return OK;
}

enum err tokens_parse(const char *name, const char *text, struct token_entry **entry, size_t *count, struct fault *fault)
{
    size_t room = 0;
    *entry = NULL;
    *count = 0;
    int line = 1;
    for (const char *s = text; *s; line++) {
        size_t      length = strcspn(s, "\n");
        struct word word[5];
        int         words = 0;
        for (size_t i = 0; i < length && words < 5;) {
            i += strspn(s + i, " \t\r");
            if (i >= length || s[i] == '#')
                break;
            size_t n = strcspn(s + i, " \t\r\n");
            word[words++] = (struct word){ s + i, n };
            i += n;
        }
        if (words > 0) {
            if (*count == room) {
                room = room ? 2 * room : 16;
                struct token_entry *more = *count < TOKENS_MAX ? realloc(*entry, room * sizeof **entry) : NULL;
                if (!more) {
                    (void)fail(fault, ERR_LIMIT, "%s:%d: more than %d tokens", name, line, TOKENS_MAX);
                    goto refused;
                }
                *entry = more;
            }
            if (parse_line(name, line, s, word, words, &(*entry)[*count], fault) != OK)
                goto refused;
            for (size_t i = 0; i < *count; i++)
                if (strcmp((*entry)[i].digest, (*entry)[*count].digest) == 0) {
                    (void)fail(fault, ERR_INPUT, "%s:%d: this is the token of %s, too", name, line, (*entry)[i].name);
                    goto refused;
                }
            ++*count;
        }
        s += length + (s[length] == '\n');
    }
    return OK;
refused:
    free(*entry);
    *entry = NULL;
    *count = 0;
    return fault ? fault->code : ERR_INPUT;
}

/* ---- the file ---- */

static enum err check_mode(const struct tokens *t, const struct stat *st, struct fault *fault)
{
    mode_t forbidden = t->local ? S_IRWXG | S_IRWXO : S_IWGRP | S_IWOTH;
    if (st->st_mode & forbidden) {
        (void)fail(fault, ERR_DENIED, "%s has mode %04o, so others may %s it", t->path, (unsigned)(st->st_mode & 07777), t->local ? "read" : "write");
        fail_hint(fault, "chmod 600 %.180s", t->path);
        return ERR_DENIED;
    }
    return OK;
}

/* Read the file into fresh entries; *st says which version of it that was. */
static enum err read_entries(const struct tokens *t, struct token_entry **entry, size_t *count, struct stat *st, struct fault *fault)
{
    char *text = NULL;
    if (stat(t->path, st) != 0)
        return fail(fault, errno == ENOENT ? ERR_MISSING : ERR_IO, "cannot read the tokens in %s: %s", t->path, strerror(errno));
    enum err code = check_mode(t, st, fault);
    if (code == OK)
        code = file_read(t->path, TOKEN_FILE_MAX, &text, NULL, fault);
    if (code != OK)
        return code;
    if (t->local) {
        size_t n = strcspn(text, "\r\n");
        text[n] = '\0';
        *entry = calloc(1, sizeof **entry);
        if (n < 20 || !*entry) {
            free(*entry);
            *entry = NULL;
            code = fail(fault, ERR_INPUT, "%s does not hold a token", t->path);
            fail_hint(fault, "remove the file; a new token is made at the next start");
        } else {
            (void)text_copy((*entry)->name, sizeof (*entry)->name, "local");
            (*entry)->roles = ROLE_ADMIN;
            digest_hex(text, n, (*entry)->digest);
            *count = 1;
        }
    } else {
        code = tokens_parse(t->path, text, entry, count, fault);
    }
    explicit_bzero(text, strlen(text));
    free(text);
    return code;
}

static void new_token(char token[TOKEN_SIZE])
{
    memcpy(token, "hst_", 4);
    id_random_hex(token + 4, 32);
}

/* Where the file is and what stands in it; the token of this machine is made when it is not there. Locks are the caller's. */
static enum err locate_and_read(struct tokens *t, const char *file, const char *folder, struct fault *fault)
{
    t->local = !file || !*file;
    int n = t->local ? snprintf(t->path, sizeof t->path, "%s/token", folder) : snprintf(t->path, sizeof t->path, "%s", file);
    if (n < 0 || (size_t)n >= sizeof t->path)
        return fail(fault, ERR_LIMIT, "the path of the tokens file is too long");
    enum err code = read_entries(t, &t->entry, &t->count, &t->seen, fault);
    if (code == ERR_MISSING && t->local) {
        char line[TOKEN_SIZE + 1];
        new_token(line);
        memcpy(line + TOKEN_SIZE - 1, "\n", 2);
        code = file_write(t->path, line, TOKEN_SIZE, 0600, fault);
        explicit_bzero(line, sizeof line);
        if (code == OK)
            code = read_entries(t, &t->entry, &t->count, &t->seen, fault);
    } else if (code == ERR_MISSING) {
        fail_hint(fault, "make one: homeostat token new --name you --role admin");
    }
    return code;
}

enum err tokens_open(struct tokens *t, const char *file, const char *folder, struct fault *fault)
{
    *t = (struct tokens){ 0 };
    (void)pthread_rwlock_init(&t->lock, NULL);
    (void)pthread_mutex_init(&t->file, NULL);
    enum err code = locate_and_read(t, file, folder, fault);
    if (code != OK)
        tokens_done(t);
    return code;
}

void tokens_done(struct tokens *t)
{
    free(t->entry);
    t->entry = NULL;
    t->count = 0;
    (void)pthread_mutex_destroy(&t->file);
    (void)pthread_rwlock_destroy(&t->lock);
}

static void put_in_force(struct tokens *t, struct token_entry *entry, size_t count)
{
    (void)pthread_rwlock_wrlock(&t->lock);
    struct token_entry *old = t->entry;
    t->entry = entry;
    t->count = count;
    (void)pthread_rwlock_unlock(&t->lock);
    free(old);
}

enum err tokens_move(struct tokens *t, const char *file, const char *folder, struct fault *fault)
{
    struct tokens there = { 0 };
    (void)pthread_mutex_lock(&t->file);
    enum err code = locate_and_read(&there, file, folder, fault);
    if (code == OK) {
        memcpy(t->path, there.path, sizeof t->path);
        t->local = there.local;
        t->seen = there.seen;
        put_in_force(t, there.entry, there.count);
    }
    (void)pthread_mutex_unlock(&t->file);
    return code;
}

static bool same_file(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && a->st_dev == b->st_dev && a->st_size == b->st_size && a->st_mode == b->st_mode &&
           a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

enum err tokens_refresh(struct tokens *t, bool *changed, struct fault *fault)
{
    struct stat now;
    enum err    code = OK;
    *changed = false;
    (void)pthread_mutex_lock(&t->file);
    if (stat(t->path, &now) != 0)
        now = (struct stat){ 0 };
    if (!same_file(&now, &t->seen)) {
        struct token_entry *entry = NULL;
        size_t              count = 0;
        t->seen = now;   /* each version of the file is complained about once */
        code = read_entries(t, &entry, &count, &now, fault);
        if (code == OK) {
            t->seen = now;
            put_in_force(t, entry, count);
            *changed = true;
        }
    }
    (void)pthread_mutex_unlock(&t->file);
    return code;
}

size_t tokens_in_clear(struct tokens *t)
{
    size_t n = 0;
    (void)pthread_rwlock_rdlock(&t->lock);
    for (size_t i = 0; i < t->count; i++)
        n += t->entry[i].in_clear;
    (void)pthread_rwlock_unlock(&t->lock);
    return n;
}

static enum token_answer find_digest(struct tokens *t, const char *digest, int64_t wall_us, struct principal *who)
{
    enum token_answer answer = TOKEN_UNKNOWN;
    (void)pthread_rwlock_rdlock(&t->lock);
    for (size_t i = 0; i < t->count; i++) {   /* to the end, whatever is found */
        const struct token_entry *e = &t->entry[i];
        if (!id_same_secret(e->digest, digest))
            continue;
        if (e->expires_us != 0 && e->expires_us <= wall_us) {
            answer = answer == TOKEN_GOOD ? TOKEN_GOOD : TOKEN_EXPIRED;
            continue;
        }
        answer = TOKEN_GOOD;
        if (who) {
            (void)snprintf(who->name, sizeof who->name, "token:%s", e->name);
            who->roles = e->roles;
        }
    }
    (void)pthread_rwlock_unlock(&t->lock);
    return answer;
}

enum token_answer tokens_find(struct tokens *t, const char *presented, int64_t wall_us, struct principal *who, char digest[DIGEST_SIZE])
{
    char   own[DIGEST_SIZE];
    size_t n = strlen(presented);
    while (n > 0 && (presented[n - 1] == ' ' || presented[n - 1] == '\t'))
        n--;
    if (n == 0 || n > TOKEN_PRESENTED_MAX)
        return TOKEN_UNKNOWN;
    digest_hex(presented, n, own);
    if (digest)
        memcpy(digest, own, DIGEST_SIZE);
    return find_digest(t, own, wall_us, who);
}

bool tokens_still(struct tokens *t, const char *digest, int64_t wall_us)
{
    return find_digest(t, digest, wall_us, NULL) == TOKEN_GOOD;
}

/* ---- homeostat token new ---- */

/* Two that add to the same file at once take turns; the folder is locked, since the file becomes another one. -1: it cannot be, and they may not be two. */
static int take_turn(const char *file)
{
    char folder[PATH_MAX];
    if (!text_copy(folder, sizeof folder, file))
        return -1;
    int fd = open(dirname(folder), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    while (fd >= 0 && flock(fd, LOCK_EX) != 0 && errno == EINTR)
        ;
    return fd;
}

static enum err token_add(const char *file, const char *name, unsigned roles, int64_t expires_us, char token[WEB_TOKEN_SIZE], struct fault *fault)
{
    _Static_assert((int)WEB_TOKEN_SIZE == (int)TOKEN_SIZE, "web.h tells how long a token is");
    static const char head[] = "# role  name  sha256 of the token  expires (nothing: never)\n";
    if (!name_is_fine(name, strlen(name)))
        return fail(fault, ERR_INPUT, "'%.60s' is no name for a token: 1 to %d letters, digits or any of _ . @ -", name, TOKEN_NAME_SIZE - 1);
    if (roles == 0)
        return fail(fault, ERR_INPUT, "a token needs a role: viewer, operator, approver or admin");

    char         *old = NULL;
    struct stat   before;
    bool          was_there = stat(file, &before) == 0;
    struct fault  missing = { 0 };
    enum err      code = file_read(file, TOKEN_FILE_MAX, &old, NULL, &missing);
    if (code != OK && code != ERR_MISSING) {
        *fault = missing;
        return code;
    }
    struct token_entry *entry = NULL;
    size_t              count = 0;
    code = tokens_parse(file, old ? old : "", &entry, &count, fault);   /* a file that is broken already is not written to */
    free(entry);
    if (code == OK && count >= TOKENS_MAX)
        code = fail(fault, ERR_LIMIT, "%s holds %d tokens already", file, TOKENS_MAX);
    if (code == OK) {
        char digest[DIGEST_SIZE], when[32] = "", role_text[64];
        new_token(token);
        digest_hex(token, strlen(token), digest);
        if (expires_us > 0)
            (void)clock_format(expires_us, when, sizeof when);
        token_roles_format(roles, role_text, sizeof role_text);
        struct text all CLEANUP(text_done);
        text_init(&all, TOKEN_FILE_MAX);
        text_add(&all, old ? old : head);
        if (all.used > 0 && all.s[all.used - 1] != '\n')
            text_add(&all, "\n");
        text_printf(&all, "%s  %s  sha256:%s%s%s\n", role_text, name, digest, *when ? "  " : "", when);
        /* Who reads it by its group must still be able to; whoever may write it may let anybody in. */
        mode_t mode = was_there ? (before.st_mode & 0777) & ~(mode_t)(S_IWGRP | S_IWOTH) : 0600;
        code = all.cut ? fail(fault, ERR_LIMIT, "%s would become larger than %d bytes", file, TOKEN_FILE_MAX)
                       : file_write(file, all.s, all.used, mode, fault);
        /* An administrator adds a token to a file of the daemon's user: it must stay that user's. */
        struct stat after;
        bool        stays = !was_there || code != OK || (stat(file, &after) == 0 && after.st_uid == before.st_uid && after.st_gid == before.st_gid);
        if (!stays && lchown(file, before.st_uid, before.st_gid) != 0) {
            code = fail(fault, ERR_DENIED, "%s was written, but cannot be given back to its owner and group: %s", file, strerror(errno));
            fail_hint(fault, "chown %u:%u %.160s", before.st_uid, before.st_gid, file);
        }
        if (code != OK)
            explicit_bzero(token, TOKEN_SIZE);
    }
    free(old);
    return code;
}

enum err web_token_new(const char *file, const char *name, unsigned roles, int64_t expires_us, char token[WEB_TOKEN_SIZE], struct fault *fault)
{
    int      turn = take_turn(file);
    enum err code = token_add(file, name, roles, expires_us, token, fault);
    if (turn >= 0)
        close(turn);
    return code;
}
