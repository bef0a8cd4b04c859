/*
 * tests/unit/journal_disk.h - a disk in memory behind journal/files.h that fails when it is told to, and that loses what was not synced.
 *
 * What is written is seen at once and durable only after a sync.  At a crash each 512 bytes that were not synced survive or not, by
 * chance; of the names that were made, moved and removed since the folder was synced, the first few survive.  A sync that fails
 * forgets what it should have written, as Linux does.
 */
#ifndef JOURNAL_DISK_H
#define JOURNAL_DISK_H

#include "base/rand.h"
#include "journal/files.h"

enum disk_call { DISK_OPEN = 1, DISK_READ = 2, DISK_WRITE = 4, DISK_SYNC = 8, DISK_FOLDER = 16, DISK_ALLOCATE = 32, DISK_RENAME = 64, DISK_UNLINK = 128, DISK_OTHER = 256 };

struct disk;
struct disk *disk_new(uint64_t seed);
void         disk_free(struct disk *d);
struct journal_files disk_files(struct disk *d);

long disk_calls(struct disk *d);
void disk_kill_at(struct disk *d, long call);                 /* from this call on (counted from now, 1 is the next) every one fails; a write may have half happened */
bool disk_dead(struct disk *d);
void disk_fail(struct disk *d, int calls, int error, long from, long times);    /* calls of these kinds fail, from the next `from`th on, so many times */
void disk_short_writes(struct disk *d, bool on);
void disk_set_room(struct disk *d, int64_t bytes);            /* what allocating may still take, and what statvfs tells */
void disk_crash(struct disk *d, bool power);                  /* alive again; power: what was not synced is lost by chance; else the process alone was killed */

/* The content as it is, to damage it: NULL when there is none. */
char  *disk_bytes(struct disk *d, const char *path, int64_t *size);
bool   disk_remove(struct disk *d, const char *path);
/* The nth path that ends so, in the order they were made; NULL. */
const char *disk_path(struct disk *d, const char *ending, int n);

#endif
