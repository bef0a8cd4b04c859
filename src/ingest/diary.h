/* ingest/diary.h - minutes into the history, also into one that could not be opened at first: each minute tries again. One thread. */
#ifndef INGEST_DIARY_H
#define INGEST_DIARY_H

#include "history/history.h"

#include <stdint.h>

struct diary {
    char            folder[1100];
    struct history *history;            /* NULL: it could not be opened, which was told */
    uint64_t        written, unwritten;
};

void diary_open(struct diary *k, const char *store_folder);
/* It is written, or counted as missing. */
void diary_take(struct diary *k, const struct history_minute *m);
void diary_close(struct diary *k);

#endif
