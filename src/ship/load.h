/*
 * ship/load.h - what a sink has in hand: some records, copied and decoded, of which it gets the events that are for it.
 *
 * The worker fills a load, sends its events piece by piece, commits its last record, and empties it.  Events lie in one array in the
 * order of the journal; an entry without an event is a record that could not be read and goes among the dead letters as it came.
 *
 * Not for sharing between threads.
 */
#ifndef SHIP_LOAD_H
#define SHIP_LOAD_H

#include "base/arena.h"
#include "base/err.h"
#include "event/event.h"
#include "ship/route.h"
#include "ship/worker.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    LOAD_MEMORY_MAX = 256 * 1024 * 1024,      /* EVENT_DECODED_MAX, copies of the events, and what rules write; a record that needs more is one that cannot be read */
    LOAD_EVENTS_MAX = 8 * 1024 * 1024,
    LOAD_SEEN_MAX   = 1024 * 1024             /* letters of before a crash that are remembered */
};

/* Places in the journal, in order: an event, or with index LOAD_WHOLE a record. */
enum { LOAD_WHOLE = UINT32_MAX };
struct place { uint64_t record; uint32_t index; };
static inline int place_order(struct place a, struct place b)
{
    return a.record != b.record ? (a.record > b.record) - (a.record < b.record) : (a.index > b.index) - (a.index < b.index);
}

/* An event that became a letter at that time; one of the same number that came later is another one, of a journal that began anew. */
struct seen { struct place at; int64_t when_us; };

/* What is for this sink. */
struct sieve {
    unsigned            types;                /* bits 1 << EVENT_LOG ... */
    bool              (*holds)(const struct event *e);   /* NULL: everything of these types */
    const struct route *route;
    ship_rule          *rule;
    void               *rule_ctx;
    bool                readable;             /* records that cannot be read are left to others */
    struct place        resume;               /* what is before this place was dealt with */
    struct seen        *seen;                 /* dealt with as well: sorted; owned by whoever made the sieve */
    size_t              seen_n;
};

struct entry { const struct record *record; uint32_t bytes; uint64_t of; };      /* of: the dead letter it came from, or 0 */

struct load {
    struct arena         arena;
    struct held         *held;                /* the records, newest first */
    const struct event **event;               /* NULL: the record could not be read */
    struct entry        *entry;
    size_t               count, room;
    size_t               bytes;               /* of all records in it, with those nobody wanted */
    uint64_t             last;                /* id of the last record added, or of the last letter; 0: none */
};

void load_init(struct load *l);
void load_done(struct load *l);
void load_reset(struct load *l);

struct load_counts { uint64_t unfit /* among the skipped: what the kind cannot hold */, skipped, dropped, unparsed, rejected, undecodable; };

/*
 * Copies and decodes.  at NULL: a record of the journal.  Else it is a dead letter, `of`, whose content stood at that place (index LOAD_WHOLE: it is a
 * whole record).  ERR_LIMIT: it does not fit beside what is there already, and nothing happened: come again when the load is empty.
 */
MUST_CHECK enum err load_add(struct load *l, const struct record *r, const struct sieve *s, const struct place *at, uint64_t of, struct load_counts *counts, struct fault *fault);

#endif
