/* tests/unit/ship_fixture.h - a journal in a folder of its own, records with numbered lines, and a sink that does as it is told. */
#ifndef SHIP_FIXTURE_H
#define SHIP_FIXTURE_H

#include "unit.h"

#include "base/clock.h"
#include "journal/journal.h"
#include "ship/dead.h"
#include "ship/pump.h"
#include "ship/worker.h"

#include <pthread.h>

enum { GOT_MAX = 100000, UNFIT = 777777 /* the number of an event that the kind cannot hold */ };

/* What arrived, as the numbers of the lines. All sinks of a test share it; guarded by its lock. */
struct told {
    pthread_mutex_t lock;
    int             got[GOT_MAX];
    size_t          n;
    int             sends, opens, closes;
    int             later;               /* so many sends are answered SENT_LATER first; < 0: all */
    int64_t         retry_after_us;
    bool            late;                /* SENT_LATER is because it took too long */
    const char     *says;                /* instead of its own words */
    int             most;                /* more events than this are TOO_LARGE; 0: any number */
    bool            none;                /* nothing is small enough */
    int             poison[64];          /* numbers that are refused */
    size_t          poisons;
    int             partial;             /* so many events of each batch are refused by count */
    bool            open_fails;
    int             largest;             /* batch that was taken */
};

struct world {
    char                 folder[64];
    struct clock_manual  manual;
    struct clock         clock;
    struct journal      *journal;
    struct dead         *dead;
    struct sink_conf     conf;           /* sensible; tests change it */
    struct told          told;
};

extern struct fault fault;
extern const struct sink_kind kind_told;

/* real: the machine's clock instead of one that is moved by hand. */
void world_begin(struct world *w, bool real);
void world_end(struct world *w);
void world_reopen(struct world *w);      /* both journals closed and opened again */

/* One record of lines from..to; their bodies are the numbers. Answers its id. */
uint64_t append_lines(struct world *w, int from, int to);
uint64_t append_raw(struct world *w, enum record_kind kind, enum record_form form, struct slice body, uint32_t events);
/* A point of a gauge, by OTLP. */
uint64_t append_point(struct world *w, const char *name, double value);

struct pump *pump_begin(struct world *w, const struct place *resume);
/* Step and move the clock until all was dealt with; at most so many steps. Answers how many it were. */
int  drive(struct world *w, struct pump *p, int steps);
void assert_numbers(struct world *w, int from, int to);      /* exactly these, in order */
bool poisoned(const struct told *t, int number);
size_t letters_of(struct world *w, const char *sink, int *numbers, size_t max);
int  number_of(const struct event *e);
struct journal_progress progress_of(struct world *w, const char *cursor);

#endif
