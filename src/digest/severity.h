/*
 * digest/severity.h - how bad a plain line says it is, when nothing beside it does.
 *
 * Looked for, in this order: a priority of syslog at the begin (<3>), the letter of klog (E0101 10:11:12) or logcat (E/Tag(12):), a level before
 * which there are only times and numbers, a level that is named (level=error, "level":"warn", severity: INFO), and a level as a word of its own in
 * the first part of the line: in brackets, before a colon, in capitals, or a field of separated values after a time or
 * before an SQLSTATE.  A word that merely occurs ("0 errors", "no error") says nothing.
 */
#ifndef DIGEST_SEVERITY_H
#define DIGEST_SEVERITY_H

#include "base/slice.h"

enum { SEVERITY_LOOK_MAX = 256 };            /* bytes from the begin; a named level may come later, up to four times as far */

/* OpenTelemetry's number: 1 trace, 5 debug, 9 info, 10 notice, 13 warn, 17 error, 18 critical, 19 alert, 21 fatal and panic,
   22 emergency; 0: the line does not say. */
int severity_of_line(struct slice line);

/* Of the name of a level alone, in whatever case ("WARNING", "err", "E", "FATAL3", "[error]"); 0: it is none. */
int severity_of_name(struct slice name);

#endif
