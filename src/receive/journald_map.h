/* receive/journald_map.h - the fields of one entry of systemd's journal as a log. Pure. */
#ifndef RECEIVE_JOURNALD_MAP_H
#define RECEIVE_JOURNALD_MAP_H

#include "base/text.h"
#include "event/event.h"

enum { JOURNALD_ATTRS = 9, JOURNALD_ORIGIN_ATTRS = 2, JOURNALD_UID = 32, JOURNALD_TEXT_MAX = 256 * 1024 };

/* The fields we ask for, in this order; a missing one is empty. */
#define JOURNALD_FIELD_MAP(X)                       \
    X(MESSAGE,    "MESSAGE")                        \
    X(PRIORITY,   "PRIORITY")                       \
    X(UNIT,       "_SYSTEMD_UNIT")                  \
    X(IDENTIFIER, "SYSLOG_IDENTIFIER")              \
    X(COMM,       "_COMM")                          \
    X(PID,        "_PID")                           \
    X(SYSLOG_PID, "SYSLOG_PID")                     \
    X(HOST,       "_HOSTNAME")                      \
    X(FILE,       "CODE_FILE")                      \
    X(LINE,       "CODE_LINE")                      \
    X(FUNCTION,   "CODE_FUNC")                      \
    X(MESSAGE_ID, "MESSAGE_ID")                     \
    X(TRANSPORT,  "_TRANSPORT")                     \
    X(SOURCE_US,  "_SOURCE_REALTIME_TIMESTAMP")

enum journald_field {
#define X(name, field) JOURNALD_##name,
    JOURNALD_FIELD_MAP(X)
#undef X
    JOURNALD_FIELDS
};
const char *journald_field_name(enum journald_field f);

struct journald_entry { struct slice field[JOURNALD_FIELDS]; int64_t realtime_us; const char *cursor; };

/* Points into the entry and into itself, and into scratch where a text is no UTF-8; valid as long as those. */
struct journald_log {
    struct log_event log;
    size_t           attrs_n, origin_n;
    struct attr      attrs[JOURNALD_ATTRS], origin[JOURNALD_ORIGIN_ATTRS];
    char             uid[JOURNALD_UID + 1];
    bool             cut;
    struct text      scratch[JOURNALD_FIELDS];
};

void journald_log_init(struct journald_log *l);
void journald_log_done(struct journald_log *l);
/*
 * service.name is the unit without ".service", else the identifier, else the program; the severity is that of syslog.  log.record.uid is made from
 * the cursor: the same entry has the same one whenever it is read.  A text longer than JOURNALD_TEXT_MAX is cut there.
 */
void journald_map(const struct journald_entry *e, int64_t observed_us, struct journald_log *l);

#endif
