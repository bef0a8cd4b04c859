/*
 * sensor/series.h - the table of series: names and labels encoded once, values patched in place.
 *
 * A sensor tells its series in the same order at each turn, so the next one told is nearly always the next one in its own list: a compare of a
 * few bytes. Otherwise it is looked for in the list, and made when it is new. What is not told in a turn has ended: a stale mark is sent for it once.
 *
 *     static const struct series_kind free_kind = { "node_memory_*_bytes", "", SERIES_GAUGE, "Memory information field *." };
 *     series_begin(t, owner);
 *     series_put(t, &free_kind, word, NULL, value);              // word takes the place of the star
 *     series_end(t, owner);
 */
#ifndef SENSOR_SERIES_H
#define SENSOR_SERIES_H

#include "base/err.h"
#include "base/slice.h"
#include "base/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SERIES_LABELS_MAX = 12, SERIES_OWNERS_MAX = 64, SERIES_LABEL_BYTES_MAX = 1024 };

enum series_type { SERIES_GAUGE, SERIES_COUNTER, SERIES_UNTYPED };

struct series_kind {
    const char      *name;          /* one * at most */
    const char      *labels;        /* their names in bytewise order, parted by blanks */
    enum series_type type;
    const char      *help;
};

struct series {
    const struct series_kind *kind;
    double                    value;
    uint32_t                  seen;          /* the turn of its owner in which it was told last */
    uint16_t                  word_size, labels;
    uint32_t                  key_size;      /* word NUL value NUL value NUL ... */
    char                     *key;           /* one allocation with image */
    uint8_t                  *image;         /* a TimeSeries of remote write, whole; its value and time are patched */
    uint32_t                  image_size;
    bool                      ended;         /* the stale mark is still to be sent */
};

struct series_list { struct series *item; size_t count, room, cursor; uint32_t turn; bool fresh, crowded /* in this turn one was refused */; };

struct series_table {
    struct series_list list[SERIES_OWNERS_MAX];
    size_t             count, bound, each;      /* of all; of one owner, so that one that has very many does not take the room of the others */
    uint64_t           refused;
    struct series_list *now;        /* between begin and end */
};

/* The last owner, SERIES_OWNERS_MAX - 1, is bounded by `each` alone: what is said of what was refused must not be refused. */
void series_init(struct series_table *t, size_t bound, size_t each);
void series_done(struct series_table *t);

void series_begin(struct series_table *t, size_t owner);
/* labels: as many values as the kind has names. A value longer than SERIES_LABEL_BYTES_MAX is cut; beyond the bound it is refused and counted. */
void series_put(struct series_table *t, const struct series_kind *kind, struct slice word, const struct slice *labels, double value);
void series_end(struct series_table *t, size_t owner);

/* The series told since the last encoding, as a WriteRequest of remote write 1.0 behind what is in `out`; returns how many samples. */
size_t series_encode(struct series_table *t, int64_t wall_ms, struct text *out);

/* Another table takes this one's place: series that it does not have have ended, and the next encoding says so of them and of nothing else. now may be NULL. */
void series_leave(struct series_table *t, const struct series_table *now);

/* "node_memory_MemFree_bytes" into out. */
struct slice series_name(const struct series *s, char *out, size_t size);

/* All that stand, as exposition text: families together, in the order of their names. */
void series_text(const struct series_table *t, struct text *out);

#endif
