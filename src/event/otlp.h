/*
 * event/otlp.h - what the readers of the three signals share. Only within this room.
 *
 * Functions that answer bool leave the reason for false in r->end: ERR_INPUT malformed (otlp_check() has said where), ERR_LIMIT the arena is full,
 * OK the taker has had enough.
 */
#ifndef EVENT_OTLP_H
#define EVENT_OTLP_H

#include "event/inside.h"
#include "wire/otlp.h"
#include "wire/protobuf.h"

/* One log record, metric or span, as it lies in the body. */
typedef bool otlp_item(struct reading *r, const struct resource *resource, const struct scope *scope, struct slice message, struct fault *fault);

/* Checks the whole body first (so that read and check agree), then gives every item of it to item(). */
enum err otlp_read(struct reading *r, enum otlp_signal signal, otlp_item *item, struct fault *fault);
enum err otlp_check_body(enum otlp_signal signal, enum record_form form, struct slice body, struct event_report *report, struct fault *fault);

/* The count KeyValues that are field `number` of a message. */
bool otlp_read_attrs(struct reading *r, struct slice message, uint32_t number, size_t count, struct attrs *out, struct fault *fault);
bool otlp_read_value(struct reading *r, struct slice any, int depth, struct value *out, struct fault *fault);

bool otlp_full(struct reading *r, struct fault *fault);
bool otlp_broken(struct reading *r);

/* Nanoseconds that do not fit are unknown: 0. */
static inline int64_t otlp_time(uint64_t ns) { return ns > (uint64_t)INT64_MAX ? 0 : (int64_t)ns; }
/* Never 0: when the record came, if the sender does not say. */
static inline int64_t otlp_when(const struct reading *r, int64_t ns) { return ns ? ns : r->record->received_us > 0 ? r->record->received_us * 1000 : 1; }
/* Empty unless it is of the right length and not all zero. */
static inline struct slice otlp_id(struct slice id, size_t bytes) { return otlp_id_valid(id, bytes) ? id : (struct slice){ NULL, 0 }; }

#endif
