/* journal/cursor.c - the names of consumers as files, and what they have committed, as it is found at a start. */
#include "journal/inside.h"

#include "base/log.h"
#include "base/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char ending[] = ".cursor";

/* Letters, digits, - and _ stand for themselves; anything else is %xx: no name can leave the folder. */
enum err journal_cursor_file(const char *name, char *out, size_t size, struct fault *fault)
{
    size_t n = strlen(name), used = 0;
    if (n == 0 || n > JOURNAL_NAME_MAX)
        return fail(fault, ERR_INPUT, "the name of a consumer has 1 to %d bytes, not %zu", JOURNAL_NAME_MAX, n);
    for (size_t i = 0; i < n && used < size; i++) {
        unsigned char c = (unsigned char)name[i];
        bool          plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
        used += (size_t)snprintf(out + used, size - used, plain ? "%c" : "%%%02x", c);
    }
    if (used + sizeof ending > size)
        return fail(fault, ERR_INPUT, "the name of the consumer %s is too long for a file", name);
    memcpy(out + used, ending, sizeof ending);
    return OK;
}

bool journal_cursor_name(const char *file, char out[JOURNAL_NAME_MAX + 1])
{
    size_t n = strlen(file), used = 0, tail = sizeof ending - 1;
    if (n <= tail || strcmp(file + n - tail, ending) != 0)
        return false;
    for (size_t i = 0; i < n - tail; i++) {
        unsigned code = (unsigned char)file[i];
        if (code == '%') {
            if (i + 2 >= n - tail || sscanf(file + i + 1, "%2x", &code) != 1 || code == 0)
                return false;
            i += 2;
        }
        if (used == JOURNAL_NAME_MAX)
            return false;
        out[used++] = (char)code;
    }
    out[used] = '\0';
    return true;
}

struct cursor *journal_cursor_find(struct journal *j, const char *name)
{
    for (int i = 0; i < JOURNAL_CONSUMERS_MAX; i++)
        if (j->cursors[i].used && strcmp(j->cursors[i].name, name) == 0)
            return &j->cursors[i];
    return NULL;
}

struct loading { struct journal *j; int error; };

static void load_one(void *to, const char *file)
{
    struct loading *l = to;
    struct journal *j = l->j;
    struct cursor  *c = NULL;
    struct slot     slot;
    char            name[JOURNAL_NAME_MAX + 1], path[4096];
    if (!journal_cursor_name(file, name))
        return;
    for (int i = 0; i < JOURNAL_CONSUMERS_MAX && !c; i++)
        c = j->cursors[i].used ? NULL : &j->cursors[i];
    if (!c || journal_path(j, file, path, sizeof path, NULL) != OK) {
        log_warn("more cursors than consumers may be; this one holds nothing", F("folder", j->folder), F("cursor", file));
        return;
    }
    errno = 0;
    bool good = journal_slot_look(&slot, &j->f, path) && slot.a < RECORD_ID_END / 2;
    l->error = !good && journal_files_short(errno) ? errno : l->error;
    if (l->error)
        return;
    if (!good && !j->looking)
        log_warn("a cursor cannot be read; its consumer begins with the oldest record", F("folder", j->folder), F("consumer", name));
    *c = (struct cursor){ .used = true, .slot = { .fd = -1 }, .committed = good ? slot.a : 0 };
    (void)text_copy(c->name, sizeof c->name, name);
    uint64_t durable = good && slot.b < RECORD_ID_END / 2 ? slot.b : 0, floor = durable > c->committed ? durable : c->committed;
    j->durable = durable > j->durable ? durable : j->durable;
    j->next_id = floor >= j->next_id ? floor + 1 : j->next_id;
}

enum err journal_cursors_load(struct journal *j, struct fault *fault)
{
    memset(j->cursors, 0, sizeof j->cursors);
    j->durable = 0;
    struct loading l = { .j = j };
    if (j->f.list(j->f.ctx, j->folder, load_one, &l) != 0)
        return fail(fault, ERR_IO, "cannot list folder %.300s: %s", j->folder, strerror(errno));
    return l.error ? journal_short(j, "a cursor", l.error, fault) : OK;
}
