/*
 * scrape/fetch.h - many GETs at once on one thread, each with a time limit and a size that is kept to while receiving.
 *
 *     fetch_start(f, &ask, fault);                        // ERR_BUSY: all places are taken
 *     fetch_wait(f, timeout_us);                          // until something happens, or fetch_wake()
 *     while (fetch_next(f, &done)) { ...; fetch_release(f, &done); }
 *
 * No proxy of the environment, no .netrc.  Redirects are followed, a few, but never by who carries credentials: those go where the configuration says.
 * Connections are kept for the next time.  Threads: belongs to one; only fetch_wake() may come from another.
 */
#ifndef SCRAPE_FETCH_H
#define SCRAPE_FETCH_H

#include "base/err.h"
#include "base/slice.h"
#include "scrape/conf.h"

#include <stdint.h>

enum { FETCH_REDIRECTS_MAX = 5, FETCH_HEAD_MAX = 64 * 1024 /* bytes of headers and trailers, which libcurl keeps */ };

struct fetches;
struct fetch_ask { const char *url; const struct scrape_job *job; int64_t timeout_us; void *ctx; };

struct fetch_done {
    void        *ctx;
    bool         fine;              /* an answer of 200, whole, within the limits */
    long         status;            /* 0: none */
    struct slice type, body;        /* body unpacked; valid until released */
    int64_t      took_us;
    char         why[240];          /* not fine */
    size_t       place;
};

MUST_CHECK enum err fetches_new(size_t most, struct fetches **f, struct fault *fault);
void                fetches_free(struct fetches *f);
size_t              fetches_busy(const struct fetches *f);      /* under way or not yet released */
MUST_CHECK enum err fetch_start(struct fetches *f, const struct fetch_ask *ask, struct fault *fault);
void                fetch_wait(struct fetches *f, int64_t timeout_us);
bool                fetch_next(struct fetches *f, struct fetch_done *done);
void                fetch_release(struct fetches *f, const struct fetch_done *done);
/* Who asked with ctx is not interested any more. */
void                fetch_forget(struct fetches *f, const void *ctx);
void                fetch_wake(struct fetches *f);

#endif
