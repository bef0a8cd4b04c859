/*
 * sensor/probe.h - does it answer, how fast, and if not, why not: a connection, a name, a page.
 *
 * A few threads of their own ask; whoever hosts them calls probes_tick() now and then, and gets what has come in as a record. Nothing is sent but
 * the question itself: no credentials, no redirects followed, no proxies from the environment.
 */
#ifndef SENSOR_PROBE_H
#define SENSOR_PROBE_H

#include "sensor/sensors.h"

#include <stdatomic.h>

#define PROBE_CLASS_MAP(X)                                                                  \
    X(NONE,    "none",        "it answered")                                                \
    X(DNS,     "dns",         "the name could not be looked up")                            \
    X(REFUSED, "refused",     "nobody listens there")                                       \
    X(UNREACHABLE, "unreachable", "there is no way to it")                                  \
    X(TIMEOUT, "timeout",     "no answer within the time")                                  \
    X(RESET,   "reset",       "the connection was closed on us")                            \
    X(TLS,     "tls",         "no trusted encrypted connection")                            \
    X(STATUS,  "status",      "the page's status is not 2xx or 3xx")                        \
    X(OTHER,   "other",       "something else")

enum probe_kind { PROBE_TCP, PROBE_DNS, PROBE_HTTP };
enum probe_class {
#define X(name, word, what) PROBE_CLASS_##name,
    PROBE_CLASS_MAP(X)
#undef X
    PROBE_CLASSES
};
const char *probe_class_name(enum probe_class c);

enum { PROBE_THREADS_MAX = 4 };

/* Phases are NAN when they were not reached or there is none. */
struct probe_result { enum probe_class class; double total_s, dns_s, connect_s, tls_s, first_byte_s; long status; };

struct probe_pending;       /* a look-up that was given up, and has not ended: it owns its memory until it does */

/* Ask once, at most timeout_us long. cancel (may be NULL) ends it early. *pending begins as NULL; free it with probe_pending_free(). */
struct probe_result probe_once(enum probe_kind kind, const char *target, int64_t timeout_us, const atomic_bool *cancel, struct probe_pending **pending);
void                probe_pending_free(struct probe_pending *p);

/* Is it fit to be asked? */
MUST_CHECK enum err probe_target_check(enum probe_kind kind, const char *target, struct fault *fault);

/* ---- all of a configuration ---- */

struct probes;

/* The options' root and undivided have no meaning here. Threads begin at once. */
MUST_CHECK enum err probes_new(const struct probe_conf *conf, size_t count, const struct sensors_options *options, struct probes **out, struct fault *fault);
/* Ends what is under way. */
void probes_free(struct probes *p);

/* Hand on what was answered since the last call; nothing new is no record. */
MUST_CHECK enum err probes_tick(struct probes *p, struct fault *fault);
void probes_text(struct probes *p, struct text *out);
/* Others take the place of these (NULL: nobody does): emits that what those do not have has ended. The last call before probes_free(). */
MUST_CHECK enum err probes_leave(struct probes *p, struct probes *now, struct fault *fault);

#endif
