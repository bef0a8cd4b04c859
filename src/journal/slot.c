/* journal/slot.c - see slot.h. */
#include "journal/slot.h"

#include "base/crc32c.h"
#include "base/text.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

enum { MAGIC = 0x31434a48, MAGIC_MORE = 0x32434a48, VERSION = 1, USED = 128, NAME_AT = 64, MORE_AT = USED, MORE_USED = 64 };

static void put32(char *p, uint32_t v) { v = htole32(v); memcpy(p, &v, sizeof v); }
static void put64(char *p, uint64_t v) { v = htole64(v); memcpy(p, &v, sizeof v); }

static uint32_t get32(const char *p) { uint32_t v; memcpy(&v, p, sizeof v); return le32toh(v); }
static uint64_t get64(const char *p) { uint64_t v; memcpy(&v, p, sizeof v); return le64toh(v); }

static void read_more(struct slot *s, const char *slot)
{
    char copy[MORE_USED];
    memset(s->more, 0, sizeof s->more);
    memcpy(copy, slot + MORE_AT, sizeof copy);
    put32(copy + 8, 0);
    if (get32(copy) != MAGIC_MORE || crc32c(0, copy, sizeof copy) != get32(slot + MORE_AT + 8) || get64(copy + 16) != s->turn)
        return;
    for (int i = 0; i < SLOT_MORE; i++)
        s->more[i] = get64(copy + 24 + 8 * i);
}

static bool read_slots(struct slot *s, const struct journal_files *f)
{
    bool found = false;
    for (int i = 0; i < 2; i++) {
        char in[SLOT_BYTES] = { 0 }, copy[USED];
        if (journal_files_read_all(f, s->fd, in, sizeof in, i * SLOT_BYTES) < USED || get32(in) != MAGIC || get32(in + 4) != VERSION || in[USED - 1])
            continue;
        memcpy(copy, in, USED);
        put32(copy + 8, 0);
        uint64_t turn = get64(in + 16);
        if (crc32c(0, copy, USED) != get32(in + 8) || (turn & 1) != (unsigned)i || (found && turn < s->turn))
            continue;
        found = true;
        s->turn = turn;
        s->a = get64(in + 24);
        s->b = get64(in + 32);
        memcpy(s->name, in + NAME_AT, SLOT_NAME);
        read_more(s, in);
    }
    return found;
}

enum err journal_slot_open(struct slot *s, const struct journal_files *f, const char *folder, const char *file, const char *name, bool *found, struct fault *fault)
{
    char path[PATH_MAX];
    *s = (struct slot){ .fd = -1 };
    (void)text_copy(s->name, sizeof s->name, name);
    if (snprintf(path, sizeof path, "%s/%s", folder, file) >= (int)sizeof path)
        return fail(fault, ERR_INPUT, "the path %.200s/... is too long", folder);
    s->fd = f->open(f->ctx, path, O_RDWR | O_CREAT, 0600);
    if (s->fd < 0)
        return fail(fault, ERR_IO, "cannot open %.300s: %s", path, strerror(errno));
    *found = read_slots(s, f);
    if (!*found && f->fsync_folder(f->ctx, folder) != 0) {
        enum err e = fail(fault, ERR_IO, "cannot fsync folder %.300s: %s", folder, strerror(errno));
        journal_slot_close(s, f);
        return e;
    }
    return OK;
}

void journal_slot_close(struct slot *s, const struct journal_files *f)
{
    if (s->fd >= 0)
        (void)f->close(f->ctx, s->fd);
    s->fd = -1;
}

enum err journal_slot_write(struct slot *s, const struct journal_files *f, uint64_t a, uint64_t b, struct fault *fault)
{
    char     out[SLOT_BYTES] = { 0 };
    uint64_t turn = s->turn + 1;
    put32(out, MAGIC);
    put32(out + 4, VERSION);
    put64(out + 16, turn);
    put64(out + 24, a);
    put64(out + 32, b);
    memcpy(out + NAME_AT, s->name, SLOT_NAME);
    out[USED - 1] = '\0';
    put32(out + 8, crc32c(0, out, USED));
    put32(out + MORE_AT, MAGIC_MORE);
    put64(out + MORE_AT + 16, turn);
    for (int i = 0; i < SLOT_MORE; i++)
        put64(out + MORE_AT + 24 + 8 * i, s->more[i]);
    put32(out + MORE_AT + 8, crc32c(0, out + MORE_AT, MORE_USED));
    if (!journal_files_write_all(f, s->fd, out, SLOT_BYTES, (int64_t)(turn & 1) * SLOT_BYTES) || f->fdatasync(f->ctx, s->fd) != 0)
        return fail(fault, ERR_IO, "cannot write down how far %s is: %s", s->name, strerror(errno));
    s->turn = turn;
    s->a = a;
    s->b = b;
    return OK;
}

bool journal_slot_look(struct slot *s, const struct journal_files *f, const char *path)
{
    *s = (struct slot){ .fd = f->open(f->ctx, path, O_RDONLY, 0) };
    bool found = s->fd >= 0 && read_slots(s, f);
    journal_slot_close(s, f);
    return found;
}
