/*
 * ingest/mock_run.h - mock minutes all the way: as OTLP requests into a journal, from there through the digest into digest.db.
 *
 * For whoever wants to see what the digest makes of something whose contents are known, and how long it takes here. Nothing listens, and no
 * daemon is asked: both lie in a folder of their own.
 */
#ifndef INGEST_MOCK_RUN_H
#define INGEST_MOCK_RUN_H

#include "ingest/mock.h"

#include "base/err.h"

#include <stdint.h>

enum { MOCK_MINUTES_MAX = 1440 };

struct mock_run {
    uint64_t         seed;
    struct mock_size size;           /* of each minute */
    int              minutes;        /* 1 .. MOCK_MINUTES_MAX */
    int64_t          begin_us;       /* of the first; cut to a whole five minutes */
};

struct mock_told { uint64_t events, records, windows, rows, lost; int64_t journal_us, digest_us; };    /* lost: events without a row or pointer; and how long each half took */

/* folder: made, with `journal` and digest.db in it. ERR_CONFLICT: there is something already, and it is left alone. */
MUST_CHECK enum err mock_run(const struct mock_run *m, const char *folder, struct mock_told *told, struct fault *fault);

#endif
