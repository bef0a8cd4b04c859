/*
 * receive/syslog_in.h - the thread that listens for syslog: datagrams and connections, into batches.
 *
 * Without room in the journal nothing is read: connections make their senders wait, of datagrams the kernel keeps what fits into its buffer.
 */
#ifndef RECEIVE_SYSLOG_IN_H
#define RECEIVE_SYSLOG_IN_H

#include "receive/inputs.h"

enum { SYSLOG_CONNS_MAX = 1024 };

struct syslog_in;

/* *out stays NULL when there is no listener. */
MUST_CHECK enum err syslog_in_start(const struct conf *conf, struct journal *j, const struct clock *clock, struct syslog_in **out, struct fault *fault);
/* Listeners whose address and transport stay keep their sockets and connections. On any error everything is as before. */
MUST_CHECK enum err syslog_in_reload(struct syslog_in *s, const struct conf *conf, struct fault *fault);
void    syslog_in_stop(struct syslog_in *s);      /* NULL is fine */
int     syslog_in_port(struct syslog_in *s, const char *name);
void    syslog_in_stats(struct syslog_in *s, struct input_stats *out);
json_t *syslog_in_status(struct syslog_in *s);

#endif
