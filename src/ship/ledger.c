/* ship/ledger.c - see ledger.h. A line for the last event, and one for each unfinished file. */
#include "ship/ledger.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LEDGER_BYTES_MAX = 64 * 1024 };

static bool read_line(const char *line, struct ledger *l)
{
    struct part p = { .fd = -1 };
    int         type, n = 0;
    int64_t     hour;
    if (sscanf(line, "last %" SCNu64 " %" SCNu32 " %" SCNd64 "%n", &l->last.record, &l->last.index, &l->last_us, &n) == 3)
        return l->known = line[n] == '\0';
    bool known = sscanf(line, "part %d %255s %" SCNu64 " %" SCNu32 " %" SCNu64 " %" SCNu32 " %" SCNd64 " %d%n", &type, p.folder, &p.first.record, &p.first.index, &p.last.record, &p.last.index,
                        &p.size, &p.format, &n) == 8;
    bool old = !known && sscanf(line, "open %d %" SCNd64 " %" SCNu64 " %" SCNu32 " %" SCNu64 " %" SCNu32 " %" SCNd64 " %d%n", &type, &hour, &p.first.record, &p.first.index, &p.last.record,
                                &p.last.index, &p.size, &p.format, &n) == 8;
    if ((!known && !old) || line[n] || type < EVENT_LOG || type > EVENT_SPAN || p.size < 0 || l->parts == LEDGER_PARTS_MAX)
        return false;
    p.type = (enum event_type)type;
    if (old && !ship_folder_write(SHIP_FOLDER_PATH, p.type, hour * 3600 * US_PER_S, p.folder, sizeof p.folder))      /* from before there was a setting: always by hours */
        return false;
    l->part[l->parts++] = p;
    return true;
}

enum err ledger_read(const char *path, struct ledger *l, struct fault *fault)
{
    char    *text = NULL, *rest;
    enum err e = file_read(path, LEDGER_BYTES_MAX, &text, NULL, fault);
    *l = (struct ledger){ 0 };
    if (e == ERR_MISSING)
        return OK;
    if (e != OK)
        return e;
    for (char *line = strtok_r(text, "\n", &rest); line && e == OK; line = strtok_r(NULL, "\n", &rest))
        if (!read_line(line, l))
            e = fail(fault, ERR_INPUT, "%.300s: cannot read the line %.60s", path, line);
    free(text);
    return e;
}

enum err ledger_write(const char *path, const struct ledger *l, struct fault *fault)
{
    struct text t CLEANUP(text_done);
    text_init(&t, LEDGER_BYTES_MAX);
    text_printf(&t, "last %" PRIu64 " %" PRIu32 " %" PRId64 "\n", l->last.record, l->last.index, l->last_us);
    for (size_t i = 0; i < l->parts; i++) {
        const struct part *p = &l->part[i];
        text_printf(&t, "part %d %s %" PRIu64 " %" PRIu32 " %" PRIu64 " %" PRIu32 " %" PRId64 " %d\n", (int)p->type, p->folder, p->first.record, p->first.index, p->last.record,
                    p->last.index, p->size, p->format);
    }
    return file_write(path, t.s, t.used, 0640, fault);
}

void ledger_folder(const char *folder, const struct part *p, char *out) { (void)snprintf(out, LEDGER_PATH_MAX, "%.3600s/%s", folder, p->folder); }
