/*
 * ship/archive.h - what a sink of kind `object` or `files` has put away, read back: lines of JSON as the events that they were.
 *
 *     archive_open(conf, &a, fault);                            // the settings of that sink; copied
 *     e = archive_read(a, from_us, to_us, take, ctx, fault);    // what was received within that time, and some of around it
 *
 * Logs first, then points, then spans; those of one type in the order in which they came in.  An event may come more than once (a batch that came again after
 * a crash, a replay): its record and index tell.  A sink's unfinished files are read, too, as far as they have whole lines.
 *
 * In memory there is one object at a time, packed and unpacked, and the names of those that are to be read.
 *
 * Threads: one at a time; only archive_cancel() may come from another.
 */
#ifndef SHIP_ARCHIVE_H
#define SHIP_ARCHIVE_H

#include "event/event.h"
#include "ship/conf.h"

enum { ARCHIVE_OBJECT_MAX = 512 * 1024 * 1024, ARCHIVE_NAMES_MAX = 200000 };     /* bytes of one, unpacked; of one type within one reading */

/* Whether what this sink puts away can be read back and is everything. ERR_INPUT says why it is not. */
MUST_CHECK enum err archive_fits(const struct sink_conf *conf, struct fault *fault);

struct archive;
MUST_CHECK enum err archive_open(const struct sink_conf *conf, struct archive **a, struct fault *fault);
void                archive_close(struct archive *a);      /* NULL is fine */
/* What is read ends soon with a failure, and so does every later reading. */
void                archive_cancel(struct archive *a);

/*
 * take() may end it by returning false; then the answer is OK.  Times are of reception; all of the folders in which that time can lie are read.
 * ERR_IO: the store or the disk cannot be read now.  ERR_INPUT: an object is damaged, or cannot be read back.  ERR_LIMIT: one is too large, or there are too many.
 */
MUST_CHECK enum err archive_read(struct archive *a, int64_t from_us, int64_t to_us, event_take *take, void *ctx, struct fault *fault);

#endif
