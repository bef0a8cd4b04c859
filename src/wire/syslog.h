/*
 * wire/syslog.h - one message of syslog, RFC 5424 or RFC 3164, and how messages are cut out of a stream (RFC 6587).
 *
 *     struct syslog_message m;
 *     syslog_read(text, &around, &m);                         // never fails: what cannot be told apart is the message
 *
 * Texts point into the input; values of structured data that were escaped, into the message's own scratch.
 */
#ifndef WIRE_SYSLOG_H
#define WIRE_SYSLOG_H

#include "base/err.h"
#include "base/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    SYSLOG_PAIRS_MAX   = 64,             /* of structured data; the rest is counted */
    SYSLOG_SCRATCH_MAX = 8 * 1024,       /* unescaped values; one that does not fit stays escaped */
    SYSLOG_OCTETS_MAX  = 9               /* digits of MSG-LEN */
};

enum syslog_form { SYSLOG_5424, SYSLOG_3164, SYSLOG_BARE /* neither: all of it is the message */ };

/* Where and when it came, for what 3164 does not say. */
struct syslog_around { int64_t now_us; int32_t utc_offset_s; };

struct syslog_pair { struct slice id, name, value; };     /* [id name="value"]; an element without pairs has an empty name */

struct syslog_message {
    enum syslog_form form;
    int              facility, severity;     /* 0..23, 0..7; -1: there was no PRI */
    int64_t          time_us;                /* wall, 1970; 0: none was given */
    struct slice     host, app, procid, msgid, text;      /* empty: not said ("-") */
    size_t           pairs_n, pairs_lost;
    bool             bom;                    /* the text is said to be UTF-8; the mark is not part of it */
    bool             odd;                    /* began as one form and broke off: what was not understood is in the text */
    size_t           scratch_n;
    struct syslog_pair pair[SYSLOG_PAIRS_MAX];       /* from here on only what is counted above holds anything */
    char             scratch[SYSLOG_SCRATCH_MAX];
};

/* Without the framing; one LF, CRLF or NUL at the end is not part of the message. */
void syslog_read(struct slice in, const struct syslog_around *around, struct syslog_message *m);

/* OpenTelemetry's severity number for 0..7: 21 (emergency: fatal) ... 5 (debug); 0 for -1. */
int         syslog_severity_number(int severity);
const char *syslog_severity_name(int severity);      /* "emerg" ... "debug"; "" for others */
const char *syslog_facility_name(int facility);      /* "kern" ... "local7"; "" for others */

enum syslog_framing { SYSLOG_UNDECIDED, SYSLOG_LINES, SYSLOG_OCTETS };

/*
 * One per connection, zeroed. The first message decides: digits, a space and '<' are counted octets, all else ends in LF (or NUL).  Among counted ones a
 * message may come that is not counted, as relays send it that pass on what they got: it begins with '<'.  Not the other way round: a line may begin with digits.
 */
struct syslog_frames {
    enum syslog_framing framing;
    size_t              max;                 /* of a message; 0: 64 KiB. What is longer is cut there, and the rest passed over */
    size_t              skip;                /* OCTETS: still to be passed over */
    bool                skipping;            /* of a line: until its end */
    uint64_t            cut;                 /* how many were cut */
};

/*
 * The next message of what lies in the buffer.  *used bytes are done with, also when there is no message (then the caller reads more and comes
 * again with what remains, which is never more than max + 16 bytes).  end: nothing more will come; what remains is a message.
 * true: *message points into `in` and may be empty.  false with *e == OK: more is needed.  ERR_INPUT: the framing is lost, close.
 */
bool syslog_frame_next(struct syslog_frames *f, struct slice in, bool end, struct slice *message, size_t *used, enum err *e, struct fault *fault);

#endif
