/*
 * wire/flight.h - the protobuf messages of Arrow Flight's DoPut, and how they become an Arrow IPC stream.
 *
 * DoPut sends FlightData: an Arrow message's metadata in data_header, its body in data_body.  flight_stream_add() frames the two as
 * a stream has them, so that what lies in the journal is what wire/arrow.h reads.
 */
#ifndef WIRE_FLIGHT_H
#define WIRE_FLIGHT_H

#include "base/err.h"
#include "base/slice.h"
#include "base/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { FLIGHT_PATH_MAX = 8 };

enum flight_kind { FLIGHT_NONE, FLIGHT_PATH, FLIGHT_CMD };

struct flight_descriptor { enum flight_kind kind; struct slice cmd, path[FLIGHT_PATH_MAX]; size_t path_n; };
struct flight_data { bool has_descriptor; struct flight_descriptor descriptor; struct slice header, app_metadata, body; };

/* ERR_INPUT: malformed; ERR_LIMIT: a path of more than FLIGHT_PATH_MAX steps. Slices point into the message. */
MUST_CHECK enum err flight_data_read(struct slice message, struct flight_data *d, struct fault *fault);
/* Append to a stream. A message without header (only app_metadata) adds nothing. ERR_LIMIT: the text is full. */
MUST_CHECK enum err flight_stream_add(struct text *stream, const struct flight_data *d, struct fault *fault);
/* PutResult with these app_metadata (may be empty: the message is then empty). ERR_LIMIT: to is too small. */
MUST_CHECK enum err flight_put_result(struct slice app_metadata, char *to, size_t room, size_t *used, struct fault *fault);

#endif
