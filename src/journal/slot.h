/*
 * journal/slot.h - a few numbers that survive a crash: a file with two slots that are written in turn.
 *
 * The newer good slot counts; a torn one leaves the other.  Slot: u32 magic "HJC1", u32 version, u32 crc of these 128 bytes, u32 zero,
 * u64 turn, u64 a, u64 b, 24 bytes zero, name (64 bytes, NUL).  Behind it what an older version did not write and does not look at, so
 * that each reads the other's: u32 magic "HJC2", u32 zero, u32 crc of these 64 bytes, u32 zero, u64 turn, five u64 `more`.
 */
#ifndef JOURNAL_SLOT_H
#define JOURNAL_SLOT_H

#include "base/err.h"
#include "journal/files.h"

enum { SLOT_BYTES = 512, SLOT_NAME = 64, SLOT_MORE = 5 };

struct slot { int fd; uint64_t turn, a, b, more[SLOT_MORE]; char name[SLOT_NAME]; };    /* more: zeros where it was not written */

/* Opens or makes the file; name is written into a new one. *found: it held a good slot. The folder is synced when it was made. */
MUST_CHECK enum err journal_slot_open(struct slot *s, const struct journal_files *f, const char *folder, const char *file, const char *name, bool *found, struct fault *fault);
void                journal_slot_close(struct slot *s, const struct journal_files *f);
/* Durable when OK; what was there before counts when not. `more` is written as it stands in s. */
MUST_CHECK enum err journal_slot_write(struct slot *s, const struct journal_files *f, uint64_t a, uint64_t b, struct fault *fault);
/* Read only; false: no good slot. */
bool                journal_slot_look(struct slot *s, const struct journal_files *f, const char *path);

#endif
