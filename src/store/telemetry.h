/*
 * store/telemetry.h - telemetry.db: metric_1m.  Written by the digest's thread, synchronous=NORMAL, apart from
 * the cases so that telemetry never stalls one.
 */
#ifndef STORE_TELEMETRY_H
#define STORE_TELEMETRY_H

#include "base/err.h"

#include <stdint.h>

struct telemetry;

struct metric_row { int64_t bucket_us; const char *urn, *metric; double avg, max, p95; int samples; };

MUST_CHECK enum err telemetry_open(const char *folder, struct telemetry **t, struct fault *fault);
void                telemetry_close(struct telemetry *t);
/* One that was found to be ERR_DAMAGED makes room: it is telemetry.db.damaged from now on, in the place of an earlier one. */
MUST_CHECK enum err telemetry_put_aside(const char *folder, struct fault *fault);
/* type: "db", "host", ...; name: what read_metric() asks for. Once per resource; again does nothing. */
MUST_CHECK enum err telemetry_resource(struct telemetry *t, const char *urn, const char *type, const char *name, int64_t now_us, struct fault *fault);
/* All or nothing; a minute written again is the rest of one in whose middle the program ended, and is added to it. */
MUST_CHECK enum err telemetry_write(struct telemetry *t, const struct metric_row *rows, int n, struct fault *fault);
/*
 * Once an hour what is older than keep_us is deleted: at the end of one in which the wall clock went as the steady one did, for a clock that is
 * far ahead for a moment must not cost the past.  Call it with every sample.
 */
MUST_CHECK enum err telemetry_keep(struct telemetry *t, int64_t keep_us, int64_t wall_us, int64_t mono_us, struct fault *fault);

#endif
