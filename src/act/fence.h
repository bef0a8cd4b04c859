/*
 * act/fence.h - at most one hand on a target, also after a crash.
 *
 * Two locks.  The file lock (state_folder/<target>.lock) is held by us and by the keepers of programs that we started, so
 * it outlives us as long as one of those runs.  The advisory lock is held by the acting session in the server, so a
 * statement that a dead predecessor left running in there is waited for as well.  Recovery takes both before it looks.
 */
#ifndef ACT_FENCE_H
#define ACT_FENCE_H

#include "act/adapter.h"
#include "link/pg.h"

/* "homeosta" in ASCII: the key of pg_advisory_lock, the same for every Homeostat in the world. */
#define FENCE_KEY "7525353784788350049"

struct fence { int fd; };   /* -1: not held */

static inline void fence_init(struct fence *f) { f->fd = -1; }

/* ERR_BUSY when somebody else still holds it at until_us (mono); the fault says who, as far as the lock file tells. */
MUST_CHECK enum err fence_take(struct fence *f, const struct act_context *c, int64_t until_us, struct fault *fault);
void                fence_release(struct fence *f);

/* The server's half, for as long as the session lives. */
MUST_CHECK enum err fence_take_session(struct pg_link *link, int64_t until_us, struct fault *fault);

#endif
