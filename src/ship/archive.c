/* ship/archive.c - see archive.h. */
#include "ship/archive.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/text.h"
#include "ship/folder.h"
#include "ship/json_read.h"
#include "ship/ledger.h"
#include "ship/load.h"
#include "ship/s3.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libdeflate.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

enum { LINE_MAX_BYTES = 64 * 1024 * 1024, EVENT_BYTES = 256 * 1024 * 1024, CHUNK = 256 * 1024, FOLDERS_MAX = 64 * 1024, GROWING_MAX = 64, LOOKS_MAX = 3 };
#define MINUTE_US (60 * US_PER_S)

/* One object or file: from what its name says. */
struct found {
    char        *name;                            /* the key, or the path */
    int64_t      received_us;                     /* of the first event; 0: the name does not tell */
    size_t       folder;                          /* which one of those that were looked at */
    struct place first, last;
    bool         growing, packed;
    int          fd;                              /* of one that is growing: it is open before anything is read, for it may get another name; else -1 */
};

struct archive {
    struct sink_conf  conf;
    struct arena      settings, event;
    struct s3        *s3;                         /* NULL: files */
    struct found     *found;
    size_t            count, room, folders;
    int64_t           to_us;
    char              folder[SHIP_FOLDER_MAX];    /* the one that is looked at */
    struct text       body, line;                 /* as it lies there; a line whose end is still to come */
    char             *plain;                      /* unpacked */
    size_t            plain_size;
    uint64_t          lines;                      /* of the object that is read */
    struct fault      trouble;                    /* met in a callback */
    atomic_bool       cancelled;
};

/* ---- open and close ---- */

enum err archive_fits(const struct sink_conf *c, struct fault *fault)
{
    bool object = strcmp(c->kind, "object") == 0;
    if (!object && strcmp(c->kind, "files") != 0)
        return fail(fault, ERR_INPUT, "sink %s is of kind %s: only what lies in kinds object and files can be read back", c->name, c->kind);
    if (c->format == FORMAT_OTLP)
        return fail(fault, ERR_INPUT, "sink %s has format otlp: only lines of JSON can be read back, for they say which event they are", c->name);
    if (c->match.count || c->relabel.count || (c->types.count && c->types.count < 3))
        return fail(fault, ERR_INPUT, "sink %s has match, relabel or some of the types only: what it puts away is not everything, or not as it came", c->name);
    return OK;
}

void archive_close(struct archive *a)
{
    if (!a)
        return;
    s3_close(a->s3);
    sink_conf_wipe(&a->conf);
    arena_done(&a->settings);
    arena_done(&a->event);
    text_done(&a->body);
    text_done(&a->line);
    free(a->plain);
    free(a->found);
    free(a);
}

enum err archive_open(const struct sink_conf *conf, struct archive **out, struct fault *fault)
{
    struct archive *a = calloc(1, sizeof *a);
    *out = NULL;
    if (!a)
        return fail(fault, ERR_LIMIT, "no memory for an archive");
    arena_init(&a->settings, 1024 * 1024);
    arena_init(&a->event, EVENT_BYTES);
    text_init(&a->body, ARCHIVE_OBJECT_MAX);
    text_init(&a->line, LINE_MAX_BYTES);
    enum err e = sink_conf_copy(&a->conf, conf, &a->settings, fault);
    if (e == OK && strcmp(conf->kind, "object") == 0)
        e = s3_open(&a->conf, &a->s3, fault);
    if (e == OK)
        *out = a;
    else
        archive_close(a);
    return e;
}

void archive_cancel(struct archive *a)
{
    atomic_store(&a->cancelled, true);
    if (a->s3)
        s3_cancel(a->s3);
}

/* ---- names ---- */

static bool ends(const char *s, const char *with)
{
    size_t n = strlen(s), m = strlen(with);
    return n >= m && strcmp(s + n - m, with) == 0;
}

/* Behind "sink.", with the name it has now or had before. NULL: it is none of ours. */
static const char *behind_sink(const struct archive *a, const char *base)
{
    for (size_t i = 0; i <= a->conf.formerly.count; i++) {
        const char *sink = i ? a->conf.formerly.item[i - 1] : a->conf.name;
        size_t      n = strlen(sink);
        if (strncmp(base, sink, n) == 0 && base[n] == '.')
            return base + n + 1;
    }
    return NULL;
}

/* SINK.first-index.last-index.received.jsonl.gz of objects, SINK.first-index.last-index.jsonl or SINK.first-index.part of files. False: it is nothing of ours. */
static bool name_read(const struct archive *a, const char *base, struct found *f)
{
    const char *rest = behind_sink(a, base);
    int         n = 0, more = 0;
    if (!rest || sscanf(rest, "%" SCNu64 "-%" SCNu32 "%n", &f->first.record, &f->first.index, &n) != 2)
        return false;
    rest += n;
    f->last = f->first;
    f->growing = !a->s3 && strcmp(rest, ".part") == 0;
    if (f->growing)
        return true;
    n = 0;
    if (sscanf(rest, ".%" SCNu64 "-%" SCNu32 "%n", &f->last.record, &f->last.index, &n) != 2)
        return false;
    if (a->s3 && sscanf(rest + n, ".%" SCNd64 "%n", &f->received_us, &more) != 1)
        return false;
    f->packed = ends(rest, ".gz");
    return ends(rest, ".jsonl") || ends(rest, ".jsonl.gz") || ends(rest, ".otlp") || ends(rest, ".otlp.gz");
}

static bool add_found(struct archive *a, const char *name)
{
    const char  *slash = strrchr(name, '/');
    struct found f = { .folder = a->folders, .fd = -1 };
    if (!name_read(a, slash ? slash + 1 : name, &f) || (f.received_us && f.received_us > a->to_us))
        return true;
    if (a->count == ARCHIVE_NAMES_MAX)
        return fail(&a->trouble, ERR_LIMIT, "there are more than %d objects of one type in %.200s and the folders before it", ARCHIVE_NAMES_MAX, a->folder) == OK;
    if (a->count == a->room) {
        size_t        more = a->room ? 2 * a->room : 256;
        struct found *list = realloc(a->found, more * sizeof *list);
        if (!list)
            return fail(&a->trouble, ERR_LIMIT, "no memory for the names of %zu objects", more) == OK;
        a->found = list;
        a->room = more;
    }
    if (!(f.name = strdup(name)))
        return fail(&a->trouble, ERR_LIMIT, "no memory for the names of %zu objects", a->count) == OK;
    a->found[a->count++] = f;
    return true;
}

static void forget_found(struct archive *a)
{
    while (a->count) {
        struct found *f = &a->found[--a->count];
        if (f->fd >= 0)
            (void)close(f->fd);
        free(f->name);
    }
    a->folders = 0;
}

/* ---- what lies in a folder ---- */

static bool take_key(void *ctx, const char *key) { return add_found(ctx, key); }

static enum err look_store(struct archive *a, struct fault *fault)
{
    char   prefix[S3_KEY_MAX];
    size_t n = strlen(a->conf.prefix);
    (void)snprintf(prefix, sizeof prefix, "%s%s%s/", a->conf.prefix, n && a->conf.prefix[n - 1] != '/' ? "/" : "", a->folder);
    return s3_list(a->s3, prefix, take_key, a, fault);
}

static enum err look_disk(struct archive *a, struct fault *fault)
{
    char path[LEDGER_PATH_MAX];
    (void)snprintf(path, sizeof path, "%.3600s/%s", a->conf.folder, a->folder);
    DIR *d = opendir(path);
    if (!d)
        return errno == ENOENT ? OK : fail(fault, ERR_IO, "cannot read the folder %.300s: %s", path, strerror(errno));
    struct dirent *entry;
    bool           fine = true;
    for (errno = 0; fine && (entry = readdir(d)); errno = 0) {
        char name[LEDGER_PATH_MAX + 300];
        (void)snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
        fine = add_found(a, name);
    }
    int bad = fine ? errno : 0;
    (void)closedir(d);
    return bad ? fail(fault, ERR_IO, "cannot read the folder %.300s: %s", path, strerror(bad)) : OK;
}

static enum err look(struct archive *a, struct fault *fault)
{
    enum err e = atomic_load(&a->cancelled) ? fail(fault, ERR_IO, "cut short: it is stopping") : a->s3 ? look_store(a, fault) : look_disk(a, fault);
    a->folders++;
    if (e == OK && a->trouble.code != OK) {
        if (fault)
            *fault = a->trouble;
        e = a->trouble.code;
    }
    return e;
}

/* As they were written: by the time of reception, where the name tells it, and by number. */
static int order(const void *x, const void *y)
{
    const struct found *a = x, *b = y;
    if (a->received_us != b->received_us)
        return a->received_us < b->received_us ? -1 : 1;
    if (a->folder != b->folder)
        return a->folder < b->folder ? -1 : 1;
    int first = place_order(a->first, b->first);
    return first ? first : place_order(a->last, b->last);
}

/* Every folder in which what was received from then to then lies, each once. */
static enum err find(struct archive *a, enum event_type type, int64_t from_us, int64_t to_us, struct fault *fault)
{
    char   (*seen)[SHIP_FOLDER_MAX] = NULL;
    size_t   count = 0, room = 0;
    enum err e = OK;
    forget_found(a);
    a->to_us = to_us;
    for (int64_t at = from_us / MINUTE_US * MINUTE_US; e == OK && at <= to_us; at += MINUTE_US) {
        if (!ship_folder_write(a->conf.path, type, at, a->folder, sizeof a->folder)) {
            e = fail(fault, ERR_LIMIT, "the name of a folder of sink %s is too long", a->conf.name);
            break;
        }
        bool known = false;
        for (size_t i = count; i-- && !known; )
            known = strcmp(seen[i], a->folder) == 0;
        if (known)
            continue;
        if (count == room) {
            char (*more)[SHIP_FOLDER_MAX] = room < FOLDERS_MAX ? realloc(seen, (room ? 2 * room : 16) * sizeof *seen) : NULL;
            if (!more) {
                e = fail(fault, ERR_LIMIT, "no room for the names of %zu folders", room);
                break;
            }
            seen = more;
            room = room ? 2 * room : 16;
        }
        memcpy(seen[count++], a->folder, sizeof a->folder);
        e = look(a, fault);
    }
    free(seen);
    if (e == OK && a->count)
        qsort(a->found, a->count, sizeof *a->found, order);
    return e;
}

/* ---- what lies in an object ---- */

struct reading { struct archive *a; const struct found *of; event_take *take; void *ctx; bool enough; };

static enum err take_line(struct reading *r, struct slice line, struct fault *fault)
{
    struct event e;
    r->a->lines++;
    arena_reset(&r->a->event);
    enum err x = ship_json_read(line, &r->a->event, &e, fault);
    if (x != OK) {
        (void)fail_in(fault, "%.200s, line %" PRIu64, r->of->name, r->a->lines);
        return x;
    }
    r->enough = !r->take(r->ctx, &e);
    return OK;
}

/* Some bytes more of it: what ends in a newline is a line. */
static enum err take_bytes(struct reading *r, const char *s, size_t n, struct fault *fault)
{
    struct text *carry = &r->a->line;
    enum err     e = OK;
    while (n && e == OK && !r->enough) {
        const char *newline = memchr(s, '\n', n);
        size_t      length = newline ? (size_t)(newline - s) : n;
        if (carry->used || !newline)
            text_add_n(carry, s, length);
        if (carry->cut)
            return fail(fault, ERR_LIMIT, "%.200s, line %" PRIu64 ": it is longer than %d bytes", r->of->name, r->a->lines + 1, LINE_MAX_BYTES);
        if (!newline)
            return OK;
        e = take_line(r, carry->used ? (struct slice){ carry->s, carry->used } : (struct slice){ s, length }, fault);
        text_clear(carry);
        s += length + 1;
        n -= length + 1;
    }
    return e;
}

/* gzip says at its end how long it was. */
static enum err unpack_object(struct archive *a, const char *name, struct fault *fault)
{
    const unsigned char *end = (const unsigned char *)a->body.s + a->body.used;
    size_t               size = a->body.used < 18 ? 0 : (size_t)end[-4] | (size_t)end[-3] << 8 | (size_t)end[-2] << 16 | (size_t)end[-1] << 24, n = 0;
    if (size > ARCHIVE_OBJECT_MAX)
        return fail(fault, ERR_LIMIT, "%.200s has more than %d bytes when it is unpacked", name, ARCHIVE_OBJECT_MAX);
    struct libdeflate_decompressor *z = libdeflate_alloc_decompressor();
    free(a->plain);
    a->plain = z ? malloc(size + 1) : NULL;
    bool fine = a->plain && libdeflate_gzip_decompress(z, a->body.s, a->body.used, a->plain, size, &n) == LIBDEFLATE_SUCCESS && n == size;
    libdeflate_free_decompressor(z);
    if (!a->plain)
        return fail(fault, ERR_LIMIT, "no memory to unpack %.200s", name);
    a->plain_size = n;
    return fine ? OK : fail(fault, ERR_INPUT, "%.200s is damaged: it cannot be unpacked", name);
}

static enum err read_all(struct archive *a, const struct found *f, int fd, struct reading *r, struct fault *fault)
{
    char *chunk = malloc(CHUNK);
    if (!chunk)
        return fail(fault, ERR_LIMIT, "no memory to read %.200s", f->name);
    enum err e = OK;
    while (e == OK && !r->enough) {
        ssize_t n = read(fd, chunk, CHUNK);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            e = fail(fault, ERR_IO, "cannot read %.200s: %s", f->name, strerror(errno));
        if (n <= 0)
            break;
        if (!f->packed)
            e = take_bytes(r, chunk, (size_t)n, fault);
        else
            text_add_n(&a->body, chunk, (size_t)n);
        if (a->body.cut)
            e = fail(fault, ERR_LIMIT, "%.200s has more than %d bytes", f->name, ARCHIVE_OBJECT_MAX);
    }
    free(chunk);
    return e;
}

static enum err read_file(struct archive *a, const struct found *f, struct reading *r, struct fault *fault)
{
    int fd = f->fd >= 0 ? f->fd : open(f->name, O_RDONLY | O_CLOEXEC);
    text_clear(&a->body);
    if (fd < 0)
        return fail(fault, ERR_IO, "cannot open %.200s: %s", f->name, strerror(errno));
    enum err e = read_all(a, f, fd, r, fault);
    if (fd != f->fd)
        (void)close(fd);
    return e;
}

static enum err read_object(struct archive *a, const struct found *f, struct reading *r, struct fault *fault)
{
    if (ends(f->name, ".otlp") || ends(f->name, ".otlp.gz"))
        return fail(fault, ERR_INPUT, "%.200s holds OTLP, which cannot be read back: the sink had another format then", f->name);
    if (atomic_load(&a->cancelled))
        return fail(fault, ERR_IO, "cut short: it is stopping");
    a->lines = 0;
    text_clear(&a->line);
    enum err e = a->s3 ? s3_get(a->s3, f->name, &a->body, fault) : read_file(a, f, r, fault);
    if (e == OK && f->packed && (e = unpack_object(a, f->name, fault)) == OK)
        e = take_bytes(r, a->plain, a->plain_size, fault);
    else if (e == OK && a->s3)
        e = take_bytes(r, a->body.s, a->body.used, fault);
    if (e == OK && a->line.used && !f->growing && !r->enough)
        e = fail(fault, ERR_INPUT, "%.200s is damaged: it ends within line %" PRIu64, f->name, a->lines + 1);
    return e;
}

/* ---- all of it ---- */

static uint64_t names_of(const struct archive *a)
{
    uint64_t h = a->count;
    for (size_t i = 0; i < a->count; i++)
        h = XXH3_64bits_withSeed(a->found[i].name, strlen(a->found[i].name), h);
    return h;
}

/* False: one of them has its last name by now. */
static bool open_growing(struct archive *a, enum err *e, struct fault *fault)
{
    size_t growing = 0;
    for (size_t i = 0; i < a->count; i++) {
        struct found *f = &a->found[i];
        if (!f->growing)
            continue;
        if (growing++ == GROWING_MAX)
            *e = fail(fault, ERR_LIMIT, "there are more than %d unfinished files of sink %s", GROWING_MAX, a->conf.name);
        else if ((f->fd = open(f->name, O_RDONLY | O_CLOEXEC)) < 0 && errno == ENOENT)
            return false;
        else if (f->fd < 0)
            *e = fail(fault, ERR_IO, "cannot open %.200s: %s", f->name, strerror(errno));
        if (*e != OK)
            break;
    }
    return true;
}

/* On a disk a file that gets another name while its folder is looked at may be seen under both, or none: so two looks must see the same, and what has no last name is open by then. */
static enum err find_well(struct archive *a, enum event_type type, int64_t from_us, int64_t to_us, struct fault *fault)
{
    enum err e = find(a, type, from_us, to_us, fault);
    for (int looks = 0; e == OK && !a->s3; looks++) {
        uint64_t before = names_of(a);
        if (looks == LOOKS_MAX)
            return fail(fault, ERR_IO, "files of sink %s get their last names while they are looked for", a->conf.name);
        e = find(a, type, from_us, to_us, fault);
        if (e == OK && names_of(a) == before && open_growing(a, &e, fault))
            break;
    }
    return e;
}

static enum err read_type(struct archive *a, enum event_type type, int64_t from_us, int64_t to_us, struct reading *r, struct fault *fault)
{
    enum err e = find_well(a, type, from_us, to_us, fault);
    for (size_t i = 0; e == OK && i < a->count && !r->enough; i++) {
        r->of = &a->found[i];
        e = read_object(a, r->of, r, fault);
    }
    return e;
}

enum err archive_read(struct archive *a, int64_t from_us, int64_t to_us, event_take *take, void *ctx, struct fault *fault)
{
    struct reading r = { .a = a, .take = take, .ctx = ctx };
    enum err       e = OK;
    a->trouble = (struct fault){ 0 };
    for (enum event_type t = EVENT_LOG; e == OK && t <= EVENT_SPAN && !r.enough; t++)
        e = read_type(a, t, from_us, to_us, &r, fault);
    forget_found(a);
    free(a->plain);
    a->plain = NULL;
    text_done(&a->body);                          /* it may have become large */
    text_init(&a->body, ARCHIVE_OBJECT_MAX);
    text_done(&a->line);
    text_init(&a->line, LINE_MAX_BYTES);
    arena_reset(&a->event);
    return e;
}
