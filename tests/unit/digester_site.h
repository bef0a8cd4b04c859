/*
 * tests/unit/digester_site.h - a journal with mock minutes in a folder of its own, a digest over it, and two digest.db to compare.
 *
 * The wall clock is `wall`; it follows what is put into the journal.
 */
#ifndef DIGESTER_SITE_H
#define DIGESTER_SITE_H

#include "unit.h"

#include "ingest/digester.h"
#include "ingest/mock.h"

#define MINUTE (60 * US_PER_S)
#define BEGIN  (INT64_C(1700000100) * US_PER_S)         /* a whole five minutes */

extern char               site_folder[64], site_journal[96], site_store[2][96];
extern _Atomic int64_t    wall, wall_step;               /* step: what each look at the clock adds */
extern void    (*_Atomic wall_look)(void);               /* called at each; NULL: nothing */
extern const struct clock the_clock;

static const struct mock_size small UNUSED = { 400, 48, 200 };       /* a minute */

int             site_make(void **state);
int             site_remove(void **state);
/* So many minutes from BEGIN on, of the tenant "shop". */
struct journal *a_journal(int minutes, struct mock_size size);
/* One that is there already, or is empty. */
struct journal *the_journal(void);
/* Minutes from a time on, in the order in which they would have come. */
void            minutes_into(struct journal *j, int64_t from_us, int minutes, struct mock_size size);

struct digester_options options(int which, struct journal *j, int64_t save_us);
/* Until it is idle; returns how many. None of them fails. */
int      turns(struct digester *d, int most);
/* A whole life of a digest. */
void     whole(int which, struct journal *j, int64_t save_us);
enum err ask(struct digester *d, const char *job, const char *tenant, int64_t from_us, int64_t to_us, struct fault *fault);

/* Every row that speaks of what came in, as text; the caller frees it. */
char    *tables(int which);
int64_t  number(int which, const char *sql);
void     run_sql(int which, const char *sql);

#endif
