/* receive/syslog_map.h - a message of syslog as a log. Pure. */
#ifndef RECEIVE_SYSLOG_MAP_H
#define RECEIVE_SYSLOG_MAP_H

#include "base/arena.h"
#include "base/text.h"
#include "event/event.h"
#include "wire/syslog.h"

enum { SYSLOG_ORIGIN_ATTRS = 2, SYSLOG_OWN_ATTRS = 4 };

/* Points into the message that was read, into scratch and keys: valid until the next one. */
struct syslog_log {
    struct log_event      log;
    struct attrs          attrs, origin;
    struct attr           item[SYSLOG_OWN_ATTRS + SYSLOG_PAIRS_MAX], origin_item[SYSLOG_ORIGIN_ATTRS];
    struct syslog_message message;
    struct text           scratch;
    struct arena          keys;
};

void syslog_log_init(struct syslog_log *l);
void syslog_log_done(struct syslog_log *l);
/*
 * host.name is the one in the message, else the peer's address; service.name the app.  Structured data is syslog.<id>.<name>.
 * False: there is nothing in it, not even a PRI.
 */
bool syslog_map(struct slice in, const struct syslog_around *around, struct slice peer, struct syslog_log *l);

#endif
