/* sensor/talkers.c - see talkers.h. */
#include "sensor/talkers.h"

#include <stdlib.h>

static int by_recent(const void *a, const void *b)
{
    const struct talker *x = a, *y = b;
    return x->recent != y->recent ? (y->recent > x->recent) - (y->recent < x->recent) : memcmp(&x->remote, &y->remote, sizeof x->remote);
}

/* The place of an address in the index, or the free one where it belongs. */
static uint16_t *place(struct talkers *t, const struct diag_address *remote)
{
    size_t i = slice_hash((struct slice){ (const char *)remote, sizeof *remote }) % TALKERS_INDEX;
    while (t->index[i] && memcmp(&t->item[t->index[i] - 1].remote, remote, sizeof *remote) != 0)
        i = (i + 1) % TALKERS_INDEX;
    return &t->index[i];
}

void talkers_begin(struct talkers *t)
{
    qsort(t->item, t->count, sizeof *t->item, by_recent);
    t->count = t->count < TALKERS_KEPT ? t->count : TALKERS_KEPT;
    memset(t->index, 0, sizeof t->index);
    for (size_t i = 0; i < t->count; i++) {
        t->item[i].recent               *= 0.7;         /* forgotten within a few looks */
        *place(t, &t->item[i].remote)    = (uint16_t)(i + 1);
    }
}

void talkers_see(struct talkers *t, const struct diag_address *remote, uint64_t bytes, uint64_t retransmits)
{
    if ((!bytes && !retransmits) || diag_address_is_loopback(remote))
        return;
    uint16_t *at = place(t, remote);
    if (!*at && t->count == TALKERS_MAX) {
        t->refused++;
        return;
    }
    if (!*at) {
        t->item[t->count] = (struct talker){ .remote = *remote };
        *at               = (uint16_t)++t->count;
    }
    struct talker *one = &t->item[*at - 1];
    one->bytes        += bytes;
    one->recent       += (double)bytes;
    one->retransmits  += retransmits;
}

static const struct series_kind talk_kind  = { "homeostat_tcp_talker_bytes_total", "remote", SERIES_COUNTER, "Bytes exchanged with the remote addresses that had most of late." };
static const struct series_kind again_kind = { "homeostat_tcp_talker_retransmits_total", "remote", SERIES_COUNTER, "Segments sent again to the remote addresses that had most of the traffic of late." };
static const struct series_kind lost_kind  = { "homeostat_tcp_talkers_refused_total", "", SERIES_COUNTER, "Connections with traffic whose remote address was not counted because there are too many." };

void talkers_tell(struct turn *u, struct talkers *t, size_t most)
{
    qsort(t->item, t->count, sizeof *t->item, by_recent);       /* the index is made anew before the next look */
    for (size_t i = 0; i < t->count && i < most; i++) {
        char         text[DIAG_ADDRESS_SIZE];
        struct slice remote = slice_of(diag_address_text(&t->item[i].remote, text));
        put_1(u, &talk_kind, remote, (double)t->item[i].bytes);
        put_1(u, &again_kind, remote, (double)t->item[i].retransmits);
    }
    put(u, &lost_kind, (double)t->refused);
}
