/* ship/dead_inside.h - what the journal of dead letters and the view from outside share: how a letter is read, and the notes about replay. */
#ifndef SHIP_DEAD_INSIDE_H
#define SHIP_DEAD_INSIDE_H

#include "ship/dead.h"

#define DEAD_KEPT "kept"                  /* the consumer behind whose cursor letters are needed */
enum { DEAD_PATH_MAX = 4096 };

MUST_CHECK enum err dead_letter_read(const struct record *r, struct dead_letter *l, struct fault *fault);
MUST_CHECK enum err dead_folder_of(const char *journal_folder, char *out, size_t size, struct fault *fault);

/* <folder>/replay/<sink>.done and .wanted: a number each, the one written by the daemon, the other by whoever asks. */
MUST_CHECK enum err dead_notes_read(const char *folder, const char *sink, struct dead_replay *r, struct fault *fault);
MUST_CHECK enum err dead_notes_want(const char *folder, const char *sink, uint64_t until, struct fault *fault);
MUST_CHECK enum err dead_notes_done(const char *folder, const char *sink, uint64_t id, struct fault *fault);
/* <folder>/forget: up to which letter somebody outside wants to forget; 0: nobody does. */
MUST_CHECK enum err dead_notes_forget_read(const char *folder, uint64_t *id, struct fault *fault);
MUST_CHECK enum err dead_notes_forget_want(const char *folder, uint64_t id, struct fault *fault);

#endif
