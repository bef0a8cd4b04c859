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
    X(DNS,     "dns",         "the name server failed, or gave no answer in time")          \
    X(DNS_NO_NAME, "dns_no_name", "there is no such name")                                  \
    X(REFUSED, "refused",     "nobody listens there")                                       \
    X(UNREACHABLE, "unreachable", "there is no way to it")                                  \
    X(BLOCKED, "blocked",     "a firewall says that it is prohibited, here or on the way")  \
    X(TIMEOUT, "timeout",     "no connection within the time: dropped silently, or gone")   \
    X(NO_ANSWER, "no_answer", "connected, but no answer within the time")                   \
    X(RESET,   "reset",       "the connection was closed on us")                            \
    X(TLS,     "tls",         "no trusted encrypted connection")                            \
    X(STATUS,  "status",      "the page's status is not 2xx or 3xx")                        \
    X(TOO_LARGE, "too_large", "the page is larger than 64 MiB")                             \
    X(OTHER,   "other",       "something else")

enum probe_kind { PROBE_TCP, PROBE_DNS, PROBE_HTTP };
enum probe_class {
#define X(name, word, what) PROBE_CLASS_##name,
    PROBE_CLASS_MAP(X)
#undef X
    PROBE_CLASSES
};
const char *probe_class_name(enum probe_class c);

enum { PROBE_THREADS_MAX = 4, PROBE_HISTORY = 60, PROBE_HISTORY_LEAST = 10 };
#define PROBE_BODY_MAX (INT64_C(64) * 1024 * 1024)
#define PROBE_HEAD_MAX (INT64_C(64) * 1024)          /* headers and trailers, which libcurl keeps */

/* Phases are NAN when they were not reached or there is none. */
struct probe_result { enum probe_class class; double total_s, dns_s, connect_s, tls_s, first_byte_s; long status; };

struct probe_pending;       /* a look-up that was given up, and has not ended: it owns its memory until it does */

/* As getaddrinfo() answers; what it finds is freed with freeaddrinfo(). */
struct addrinfo;
typedef int probe_resolver(const char *name, struct addrinfo **found);

struct probe_question {
    enum probe_kind    kind;
    const char        *target;
    int64_t            timeout_us;      /* of all of it, the look-up too */
    const atomic_bool *cancel;          /* ends it early; may be NULL */
    probe_resolver    *resolve;         /* NULL: the system's */
};

/* Ask once. *pending begins as NULL; free it with probe_pending_free(). */
struct probe_result probe_once(const struct probe_question *q, struct probe_pending **pending);
void                probe_pending_free(struct probe_pending *p);

/* Does an ICMP message (origin as in <linux/errqueue.h>) say that somebody prohibits it? */
bool probe_icmp_prohibits(int origin, int type, int code);

/* ---- the last PROBE_HISTORY questions ---- */

struct probe_history { uint64_t fine, lost; unsigned count; double before_s, jitter_s; bool timed, again; };

void   probe_history_see(struct probe_history *h, enum probe_kind kind, const struct probe_result *r);
double probe_history_available(const struct probe_history *h);      /* shares; NAN before PROBE_HISTORY_LEAST */
double probe_history_lost(const struct probe_history *h);
double probe_history_jitter(const struct probe_history *h);         /* NAN before two answers */

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
