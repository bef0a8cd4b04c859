/* web/throttle.c - a leaky bucket per address. */
#include "web/throttle.h"

#include <netinet/in.h>
#include <string.h>

void throttle_init(struct throttle *t)
{
    memset(t, 0, sizeof *t);
    (void)pthread_mutex_init(&t->lock, NULL);
}

void throttle_done(struct throttle *t) { (void)pthread_mutex_destroy(&t->lock); }

static unsigned bucket_of(const struct sockaddr *address)
{
    unsigned char bytes[8] = { 0 };
    if (address && address->sa_family == AF_INET)
        memcpy(bytes, &((const struct sockaddr_in *)(const void *)address)->sin_addr, 4);
    else if (address && address->sa_family == AF_INET6)
        memcpy(bytes, &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr, 8);
    uint32_t h = 2166136261u;   /* FNV-1a */
    for (size_t i = 0; i < sizeof bytes; i++)
        h = (h ^ bytes[i]) * 16777619u;
    return (h ^ h >> 16) % THROTTLE_BUCKETS;
}

int throttle_failed(struct throttle *t, const struct sockaddr *address, int64_t mono_us)
{
    unsigned i = bucket_of(address);
    int64_t  now_ms = mono_us / 1000, wait_ms = 0;
    (void)pthread_mutex_lock(&t->lock);
    int64_t leaked = now_ms - t->bucket[i].seen_ms;
    t->bucket[i].spent_ms = leaked >= t->bucket[i].spent_ms ? 0 : t->bucket[i].spent_ms - leaked;
    t->bucket[i].seen_ms = now_ms;
    if (t->bucket[i].spent_ms + THROTTLE_REFILL_MS > THROTTLE_BURST * THROTTLE_REFILL_MS)
        wait_ms = t->bucket[i].spent_ms + THROTTLE_REFILL_MS - THROTTLE_BURST * THROTTLE_REFILL_MS;
    else
        t->bucket[i].spent_ms += THROTTLE_REFILL_MS;
    (void)pthread_mutex_unlock(&t->lock);
    return (int)((wait_ms + 999) / 1000);
}
