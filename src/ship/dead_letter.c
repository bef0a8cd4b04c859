/* ship/dead_letter.c - a letter as it lies in the journal, and the notes about replay beside it. */
#include "ship/dead_inside.h"

#include "base/file.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- reading ---- */

static struct slice pair_next(struct slice *rest)
{
    const char  *nul = rest->n ? memchr(rest->s, '\0', rest->n) : NULL;
    struct slice s = { rest->s, nul ? (size_t)(nul - rest->s) : rest->n };
    size_t       used = nul ? s.n + 1 : s.n;
    rest->s += used;
    rest->n -= used;
    return s;
}

static uint64_t number(struct slice s)
{
    char text[24];
    (void)snprintf(text, sizeof text, "%.*s", (int)(s.n < 23 ? s.n : 23), s.n ? s.s : "");
    return strtoull(text, NULL, 10);
}

static void copy_text(char *out, size_t size, struct slice s) { (void)snprintf(out, size, "%.*s", (int)(s.n < size ? s.n : size), s.n ? s.s : ""); }

/* Labels are key NUL value NUL: first ours, "letter.*", then those of a whole record. Returns where the others begin. */
static struct slice read_labels(struct slice rest, struct dead_letter *l)
{
    while (rest.n) {
        struct slice before = rest, key = pair_next(&rest), value = pair_next(&rest);
        if (key.n < 7 || memcmp(key.s, "letter.", 7) != 0)
            return before;
        key = (struct slice){ key.s + 7, key.n - 7 };
        if (slice_is(key, "sink"))
            copy_text(l->sink, sizeof l->sink, value);
        else if (slice_is(key, "why"))
            copy_text(l->why, sizeof l->why, value);
        else if (slice_is(key, "record"))
            l->record = number(value);
        else if (slice_is(key, "index"))
            l->index = (uint32_t)number(value);
        else if (slice_is(key, "of"))
            l->of = number(value);
        else if (slice_is(key, "count"))
            l->count = number(value);
        else if (slice_is(key, "received"))
            l->content.received_us = (int64_t)number(value);
        else if (slice_is(key, "form"))
            l->whole = slice_is(value, "whole"), l->known = !slice_is(value, "count");
    }
    return rest;
}

static struct slice put(char **at, struct slice s)
{
    struct slice copy = { *at, s.n };
    if (s.n)
        memcpy(*at, s.s, s.n);
    *at += s.n;
    return copy;
}

enum err dead_letter_read(const struct record *r, struct dead_letter *l, struct fault *fault)
{
    char  *memory = l->memory;
    size_t room = l->room, need = r->tenant.n + r->source.n + r->labels.n + r->body.n + 1;
    if (need > room) {
        char *more = realloc(memory, need);
        if (!more)
            return fail(fault, ERR_BUSY, "no memory for a dead letter of %zu bytes", need);
        memory = more;
        room = need;
    }
    *l = (struct dead_letter){ .id = r->id, .when_us = r->received_us, .known = true, .count = 1, .memory = memory, .room = room };
    l->content = *r;
    l->content.received_us = r->received_us;
    char        *at = memory;
    struct slice others = read_labels(r->labels, l);
    l->content.id = l->record;
    l->content.tenant = put(&at, r->tenant);
    l->content.source = put(&at, r->source);
    l->content.labels = put(&at, others);
    l->content.body = put(&at, r->body);
    return OK;
}

void dead_letter_done(struct dead_letter *l)
{
    free(l->memory);
    l->memory = NULL;
    l->room = 0;
}

enum err dead_folder_of(const char *journal_folder, char *out, size_t size, struct fault *fault)
{
    int n = snprintf(out, size, "%s/dead", journal_folder);
    return n > 0 && (size_t)n < size ? OK : fail(fault, ERR_INPUT, "%.300s: the path is too long", journal_folder);
}

/* ---- notes ---- */

static enum err note_path(const char *folder, const char *sink, const char *what, char *out, struct fault *fault)
{
    for (const char *p = sink; *p; p++)
        if (!isalnum((unsigned char)*p) && *p != '-' && *p != '_')
            return fail(fault, ERR_INPUT, "%.80s is not the name of a sink", sink);
    int n = snprintf(out, DEAD_PATH_MAX, "%s/replay/%s.%s", folder, sink, what);
    return *sink && n > 0 && n < DEAD_PATH_MAX ? OK : fail(fault, ERR_INPUT, "%.80s is not the name of a sink, or the path is too long", sink);
}

static enum err number_read(const char *path, uint64_t *value, struct fault *fault)
{
    char    *text = NULL, *end;
    enum err e = file_read(path, 64, &text, NULL, fault);
    *value = 0;
    if (e == ERR_MISSING)
        return OK;
    if (e != OK)
        return e;
    errno = 0;
    *value = strtoull(text, &end, 10);
    if (errno || end == text || (*end && *end != '\n'))
        e = fail(fault, ERR_INPUT, "%.300s does not hold the number of a letter", path);
    free(text);
    return e;
}

static enum err note_read(const char *folder, const char *sink, const char *what, uint64_t *value, struct fault *fault)
{
    char     path[DEAD_PATH_MAX];
    enum err e = note_path(folder, sink, what, path, fault);
    *value = 0;
    return e == OK ? number_read(path, value, fault) : e;
}

/* Root asks, and somebody else runs: what was written is that one's to whom the folder belongs, or nobody would ever read it. */
static enum err give(const char *folder, const char *path, struct fault *fault)
{
    struct stat of, is;
    if (lstat(folder, &of) == 0 && lstat(path, &is) == 0 && (is.st_uid == of.st_uid || lchown(path, of.st_uid, of.st_gid) == 0))
        return OK;
    int e = errno;
    (void)fail(fault, ERR_DENIED, "%.300s was written, but cannot be given to whom %.200s belongs, so nobody will read it: %s", path, folder, strerror(e));
    fail_hint(fault, "ask as root, or as the user of the daemon");
    return ERR_DENIED;
}

static enum err note_write(const char *folder, const char *sink, const char *what, uint64_t value, struct fault *fault)
{
    char     path[DEAD_PATH_MAX], text[32], inside[DEAD_PATH_MAX];
    enum err e = note_path(folder, sink, what, path, fault);
    if (e != OK)
        return e;
    (void)snprintf(inside, sizeof inside, "%.*s", (int)(strrchr(path, '/') - path), path);
    (void)snprintf(text, sizeof text, "%" PRIu64 "\n", value);
    e = file_make_dirs(inside, 0700, fault);
    if (e == OK)
        e = give(folder, inside, fault);
    if (e == OK)
        e = file_write(path, text, strlen(text), 0600, fault);
    return e == OK ? give(folder, path, fault) : e;
}

enum err dead_notes_read(const char *folder, const char *sink, struct dead_replay *r, struct fault *fault)
{
    enum err e = note_read(folder, sink, "done", &r->done, fault);
    return e == OK ? note_read(folder, sink, "wanted", &r->until, fault) : e;
}

enum err dead_notes_want(const char *folder, const char *sink, uint64_t until, struct fault *fault) { return note_write(folder, sink, "wanted", until, fault); }
enum err dead_notes_done(const char *folder, const char *sink, uint64_t id, struct fault *fault)    { return note_write(folder, sink, "done", id, fault); }

static void forget_path(const char *folder, char *out) { (void)snprintf(out, DEAD_PATH_MAX, "%.*s/forget", DEAD_PATH_MAX - 10, folder); }

enum err dead_notes_forget_read(const char *folder, uint64_t *id, struct fault *fault)
{
    char path[DEAD_PATH_MAX];
    forget_path(folder, path);
    return number_read(path, id, fault);
}

enum err dead_notes_forget_want(const char *folder, uint64_t id, struct fault *fault)
{
    char path[DEAD_PATH_MAX], text[32];
    forget_path(folder, path);
    (void)snprintf(text, sizeof text, "%" PRIu64 "\n", id);
    enum err e = file_write(path, text, strlen(text), 0600, fault);
    return e == OK ? give(folder, path, fault) : e;
}
