/*
 * ship/ledger.h - what the sink `files` has written for good: which files are unfinished, how long they are, and the last event in them.
 *
 * Data is synced first and the ledger afterwards, so a file that is longer than the ledger says has an end that comes again: it is cut off.
 * And what the ledger has, and the journal gives out once more after a crash, is left out.  So each event is in the files exactly once.
 * Beside it lies its lock: a folder has one writer of each name.
 */
#ifndef SHIP_LEDGER_H
#define SHIP_LEDGER_H

#include "base/err.h"
#include "event/event.h"
#include "ship/folder.h"
#include "ship/load.h"

#include <stdbool.h>
#include <stdint.h>

enum { LEDGER_PARTS_MAX = 16, LEDGER_PATH_MAX = 4096 };

struct part {
    enum event_type type;
    char            folder[SHIP_FOLDER_MAX];  /* below that of the settings, whose path may have changed since */
    struct place    first, last;
    int64_t         size;
    int             format;                   /* enum sink_format; the settings may have changed since */
    /* Not in the ledger: */
    int             fd;
    int64_t         opened_us;                /* mono, when somebody first looked at the time; 0: nobody did */
    int64_t         grown;                    /* with the batch that is being written */
    struct place    grown_last;
    size_t          grown_events;
};

struct ledger {
    struct place last;                        /* {0, 0}: none, or all is to be written once more */
    bool         known;                       /* there was one */
    int64_t      last_us;                     /* when the latest of what was written with it was received; what has its number and came later is of another journal */
    struct part  part[LEDGER_PARTS_MAX];
    size_t       parts;
};

/* A file that is not there is an empty ledger. ERR_INPUT: it is damaged. */
MUST_CHECK enum err ledger_read(const char *path, struct ledger *l, struct fault *fault);
MUST_CHECK enum err ledger_write(const char *path, const struct ledger *l, struct fault *fault);

/* "logs/yyyy=2026/mm=01/dd=31/hh=23", or what the settings made of it then, below folder; out has LEDGER_PATH_MAX bytes. */
void ledger_folder(const char *folder, const struct part *p, char *out);

#endif
