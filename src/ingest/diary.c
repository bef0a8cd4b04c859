/* ingest/diary.c - see diary.h. */
#include "ingest/diary.h"

#include "base/log.h"

#include <stdio.h>

void diary_open(struct diary *k, const char *store_folder)
{
    struct fault why = { 0 };
    (void)snprintf(k->folder, sizeof k->folder, "%s/history", store_folder);
    if (history_open(k->folder, (struct history_bounds){ 0 }, &k->history, &why) != OK)
        log_fault(LOG_ERROR, "there is no history: homeostat top will show nothing until it can be opened, which is tried each minute", &why);
}

void diary_take(struct diary *k, const struct history_minute *m)
{
    struct fault fault = { 0 };
    bool         was_open = k->history != NULL;
    if (!was_open && history_open(k->folder, (struct history_bounds){ 0 }, &k->history, &fault) == OK)
        log_info("there is a history now");
    if (k->history && history_append(k->history, m, true, &fault) == OK)
        k->written++;
    else if (k->unwritten++ == 0 && was_open)
        log_fault(LOG_WARN, "a minute of the history was not written; the next one is tried again", &fault);
}

void diary_close(struct diary *k)
{
    history_close(k->history);
    k->history = NULL;
}
