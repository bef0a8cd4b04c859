/*
 * store/lock.h - one engine per store.
 *
 * Two engines over one store would both recover what is under way, and both act on it.  The kernel gives the lock back
 * when the process ends, however it ends.  It lies in <folder>/engine.lock and names its holder.
 */
#ifndef STORE_LOCK_H
#define STORE_LOCK_H

#include "base/err.h"

/* ERR_BUSY when somebody else has it. Closing *fd gives it back. */
MUST_CHECK enum err store_lock_take(const char *folder, int *fd, struct fault *fault);

#endif
