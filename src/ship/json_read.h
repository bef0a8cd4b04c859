/*
 * ship/json_read.h - a line that ship_json_event() wrote, as the event again.
 *
 *     arena_reset(&a);
 *     e = ship_json_read(line, &a, &event, fault);      // valid until the line or the arena goes
 *
 * Everything that the digest goes by comes back.  What does not: what a line never had (descriptions, addresses of schemata, what was dropped of resources,
 * scopes, notes and links), and what nothing asks for here: attributes of scopes, notes of spans, attributes of links, exemplars.  Attributes of bytes come back as the text in base64 that
 * stands for them, those that are no finite number as that word, and texts that were no UTF-8 with U+FFFD in them.
 */
#ifndef SHIP_JSON_READ_H
#define SHIP_JSON_READ_H

#include "base/arena.h"
#include "event/event.h"

/* ERR_INPUT: not such a line. ERR_LIMIT: the arena is full. */
MUST_CHECK enum err ship_json_read(struct slice line, struct arena *a, struct event *e, struct fault *fault);

#endif
