/*
 * web/throttle.h - wrong tokens are answered, but not for ever.
 *
 * Each address may fail a few times at once and then one time each two seconds.  Beyond that a wrong token gets 429
 * in place of 401.  A right token is let in all the same: a token has 256 bits, nobody guesses one, and a broken
 * client on a shared address must not lock out the person who wants to press stop.
 */
#ifndef WEB_THROTTLE_H
#define WEB_THROTTLE_H

#include <pthread.h>
#include <stdint.h>
#include <sys/socket.h>

enum { THROTTLE_BUCKETS = 1024, THROTTLE_BURST = 10, THROTTLE_REFILL_MS = 2000 };

struct throttle {
    pthread_mutex_t lock;
    /* Addresses that hash to the same bucket share it: the table cannot grow. */
    struct { int64_t spent_ms, seen_ms; } bucket[THROTTLE_BUCKETS];
};

void throttle_init(struct throttle *t);
void throttle_done(struct throttle *t);
/* One failure of this address. 0: answer it; else seconds to wait. IPv6 counts by /64. */
int  throttle_failed(struct throttle *t, const struct sockaddr *address, int64_t mono_us);

#endif
