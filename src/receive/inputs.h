/*
 * receive/inputs.h - the sources that are not requests: syslog, files that are followed, systemd's journal.
 *
 *     if (inputs_start(conf, journal, store_folder, &clock_real, &inputs, fault) != OK) ...
 *     inputs_reload(inputs, new_conf, fault);
 *     inputs_stop(inputs);                         // before the journal is closed
 *
 *     syslog:   { udp: { address: "127.0.0.1:514", transport: udp } }
 *     files:    { shop: { paths: ["/srv/shop/app.log*"], exclude: ["*.gz"], service: shop } }
 *     journald: { enabled: yes }
 *
 * Lines become RECORD_LINES.  A file's offset and journald's cursor move durably (in store_folder/inputs) only behind lines that are durable in
 * the journal: after a crash lines may come again, with the same log.file.path and log.file.offset (or log.record.uid), but none is missing.
 * Who sends syslog gets no answer, so what a full journal means is: files, journald and connections are not read from; of datagrams, the
 * kernel keeps what it can, and what it throws away is counted as lost.
 *
 * Threads: one for files and journald, one for syslog; neither exists without its section.  Every function may be called from any
 * thread; start, reload and stop by one at a time.  journal and clock must outlive the inputs; the conf need not.
 */
#ifndef RECEIVE_INPUTS_H
#define RECEIVE_INPUTS_H

#include "base/clock.h"
#include "base/err.h"
#include "conf/conf.h"
#include "journal/journal.h"
#include "receive/inputs_conf.h"

#include <jansson.h>
#include <stdint.h>

struct inputs;

/* ERR_IO: an address cannot be listened on, the folder cannot be made. ERR_INPUT: certificate or key. */
MUST_CHECK enum err inputs_start(const struct conf *conf, struct journal *journal, const char *store_folder, const struct clock *clock, struct inputs **out, struct fault *fault);
/* Addresses that stay keep their sockets and connections; files go on where they were. On any error everything is as before. */
MUST_CHECK enum err inputs_reload(struct inputs *in, const struct conf *conf, struct fault *fault);
/* Waits until what was read is durable and its offsets are saved, at most some seconds. NULL is fine. */
void inputs_stop(struct inputs *in);
/* The port a syslog listener really has; 0: there is none of that name. */
int  inputs_port(struct inputs *in, const char *name);

/* ---- how they stand ---- */

#define INPUTS_MAP(X) X(SYSLOG, "syslog") X(FILES, "files") X(JOURNALD, "journald")

enum input_kind {
#define X(name, word) INPUT_##name,
    INPUTS_MAP(X)
#undef X
    INPUT_COUNT
};
const char *inputs_name(enum input_kind kind);

struct inputs_stats {
    struct input_stats {
        bool     on;                      /* its section is there, and what it needs was found */
        uint64_t lines, bytes;            /* taken in; bytes of texts */
        uint64_t records;                 /* durable in the journal */
        uint64_t lost;                    /* syslog: datagrams that the kernel threw away, messages that could not be kept at a stop */
        uint64_t cut;                     /* texts longer than the limit: syslog cuts them off, files go on in another line */
        uint64_t refused;                 /* connections whose TLS or framing was wrong */
        uint64_t empty;                   /* syslog: blank lines and datagrams without anything, passed over */
        int64_t  waiting_bytes;           /* taken in, not durable yet */
        int64_t  open;                    /* files, connections */
        bool     held;                    /* nothing is read now, because the journal has no room */
        char     last_error[256];         /* "": none */
    } of[INPUT_COUNT];
};
void inputs_stats(struct inputs *in, struct inputs_stats *out);
/* The same for people, with each listener and how far each file is; the caller frees it. */
json_t *inputs_status(struct inputs *in);

#endif
