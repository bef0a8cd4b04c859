/*
 * scrape/series.h - the series of one target, remembered from one scrape to the next. For files in this room.
 *
 * Two tables over one list: by how a series stands in the answer, so that labels are worked out once, and by its labels as they are kept, so that what
 * is there twice is seen. What has not been seen for some turns is thrown away.
 */
#ifndef SCRAPE_SERIES_H
#define SCRAPE_SERIES_H

#include "scrape/turn.h"

#include <stdint.h>

#define SERIES_DROPPED UINT32_MAX                /* rules drop it: there is no series */

struct one {
    uint64_t hash;                               /* of its labels */
    size_t   at; uint32_t n;                     /* they, in texts: length name length value ... */
    uint32_t seen, written;                      /* the turns in which it last was */
    bool     alive, timed;                       /* in the last answer that counted; with a time of its own */
};
struct stand { uint64_t hash; uint32_t one /* number + 1, SERIES_DROPPED, 0: free */, seen; };

struct series_set {
    struct one   *one;   size_t ones, ones_room;
    struct stand *stand; size_t stands, stands_room;         /* room is a power of two, or 0 */
    uint32_t     *by_labels; size_t by_labels_room;
    char         *texts; size_t texts_n, texts_room;
    uint32_t      turn;
    size_t        alive;
};

/* NULL: it is not there. */
struct stand *series_stand(struct series_set *set, uint64_t hash);
/* false: no memory. one: SERIES_DROPPED, or what series_one() answered + 1. */
bool          series_stand_add(struct series_set *set, uint64_t hash, uint32_t one);
/* The number of the series with these labels, sorted; a new one when there is none. false: no memory, or more than max. */
bool          series_one(struct series_set *set, const struct label *label, size_t n, size_t max, uint32_t *number);
size_t        series_labels(const struct series_set *set, const struct one *o, struct remote_label *to, size_t max);
/* Throw away what is not there any more, when that is much. */
void          series_tidy(struct series_set *set);
void          series_clear(struct series_set *set);

#endif
