/*
 * ship/messages.h - a batch as messages for a queue: one JSON object per event, or one OTLP request per type.
 *
 * Messages that the queue has taken are remembered by their events, so that what comes again after SENT_LATER is only the rest; a new
 * process knows nothing of that, which is why each message carries an id that is the same whenever it comes.
 *
 *     e = messages_make(&m, batch, format, fault);
 *     for (i = 0; i < m.count; i++) ... send messages_body(&m, i); when it was taken: messages_taken(&m, batch, i);
 */
#ifndef SHIP_MESSAGES_H
#define SHIP_MESSAGES_H

#include "base/err.h"
#include "base/text.h"
#include "ship/sink.h"

enum { MESSAGE_ID_MAX = 128 };

struct message {
    enum event_type     type;
    const struct event *first, *last;     /* of JSON the same */
    size_t              events, from, n;  /* n bytes of the body from there */
    size_t              position;         /* in the batch, of JSON */
};

struct messages {
    struct text          body;
    struct message      *list;
    size_t               count, room;
    const struct event **picked;          /* as much room */
    bool                 json;
    uint64_t             load;            /* taken[] is of the events from .. from + taken_n of that load */
    size_t               from, taken_n, taken_room;
    unsigned char       *taken;
};

void messages_init(struct messages *m);
void messages_done(struct messages *m);
/* format: enum sink_format; anything but OTLP is JSON. ERR_LIMIT: too large; ERR_BUSY: no memory. */
MUST_CHECK enum err messages_make(struct messages *m, const struct batch *b, int format, struct fault *fault);
struct slice        messages_body(const struct messages *m, size_t i);
/*
 * The event's record and number, its resource, and when it was received, since two Homeostats number alike, and so does a journal that began anew: a queue
 * that leaves out what comes twice would take one for the other. Of a request the first and the last.
 */
void                messages_id(const struct messages *m, size_t i, char out[MESSAGE_ID_MAX]);
void                messages_taken(struct messages *m, const struct batch *b, size_t i);

#endif
