/*
 * receive/journald.h - systemd's journal, entry by entry, its cursor kept once what it stands behind is durable in ours.
 *
 * Threads: one owns it; journald_count and journald_missing may be called from any.
 */
#ifndef RECEIVE_JOURNALD_H
#define RECEIVE_JOURNALD_H

#include "receive/batch.h"
#include "receive/inputs_conf.h"

struct journald;

/* folder: where its cursor lies. Does not read yet. A journal that is not there is no error: it is told, and looked for again now and then. */
MUST_CHECK enum err journald_new(const struct conf *conf, struct journal *j, const char *folder, int wake, struct journald **out, struct fault *fault);
int     journald_fd(const struct journald *d);      /* to be polled for POLLIN; -1: none. May be another one after each turn */
/* As follow_turn, follow_end, follow_settled, follow_free. */
int64_t journald_turn(struct journald *d, int64_t now_us);
void    journald_end(struct journald *d, int64_t now_us);
bool    journald_settled(struct journald *d);
void    journald_free(struct journald *d);

void    journald_count(struct journald *d, struct batch_counts *counts, uint64_t *cut);
bool    journald_missing(struct journald *d);       /* there is no journal on this machine */

#endif
