/*
 * ship/json.h - an event as one JSON object, for files, queues and whoever takes JSON. Times are RFC 3339 with nanoseconds, ids of traces hex, other
 * bytes base64, numbers that JSON does not know the texts "NaN", "Infinity", "-Infinity".
 *
 *     {"type":"log","id":"17-3","time":"2026-01-31T23:59:59.000000001Z","tenant":"","source":"otlp","resource":{...},"scope":{...},
 *      "attributes":{...},"severity":9,"severity_text":"INFO","body":"hello","trace_id":"..","span_id":".."}
 *
 * What is empty is left out, except type, id and time.
 */
#ifndef SHIP_JSON_H
#define SHIP_JSON_H

#include "base/text.h"
#include "event/event.h"

/* Added to out, without a newline. */
void ship_json_event(struct text *out, const struct event *e);
void ship_json_value(struct text *out, const struct value *v);
/* {"key":value,...} */
void ship_json_attrs(struct text *out, const struct attrs *a);
/* "2026-01-31T23:59:59.000000001Z", without quotes. */
void ship_json_time(struct text *out, int64_t ns);
void ship_json_hex(struct text *out, struct slice bytes);
void ship_json_base64(struct text *out, struct slice bytes);

#endif
