/*
 * ship/folder.h - in which folder of an object store, or of a disk, an event lies: the setting `path` of the sinks `object` and `files`.
 *
 *     {dataset}/yyyy=%Y/mm=%m/dd=%d/hh=%H        ->        logs/yyyy=2026/mm=01/dd=31/hh=23
 *
 * {dataset} is logs, metrics or traces; %Y %m %d %H %M are the time of reception, in UTC.  The finest unit is the minute, so all that was received
 * within one lies in one folder.
 */
#ifndef SHIP_FOLDER_H
#define SHIP_FOLDER_H

#include "base/err.h"
#include "event/event.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SHIP_FOLDER_PATH "{dataset}/yyyy=%Y/mm=%m/dd=%d/hh=%H"     /* unless something else is set */

enum { SHIP_FOLDER_PATH_MAX = 120, SHIP_FOLDER_MAX = 256 };        /* of the setting, of what becomes of it */

/* ERR_INPUT says what cannot stand in the setting. Every check but whether it needs {dataset}. */
MUST_CHECK enum err ship_folder_check(const char *path, struct fault *fault);
bool                ship_folder_has_dataset(const char *path);

/* The folder of whatever was received then, without a slash at its end. False: it does not fit. */
bool                ship_folder_write(const char *path, enum event_type type, int64_t received_us, char *out, size_t size);

/* The same for one event after the other: written anew only when type or minute is another one. NULL: it does not fit. */
struct ship_folder { bool known; enum event_type type; int64_t minute; char text[SHIP_FOLDER_MAX]; };
const char         *ship_folder_of(struct ship_folder *f, const char *path, enum event_type type, int64_t received_us);

#endif
