/*
 * receive/flight.h - Arrow Flight's DoPut: each record batch of a stream becomes a record that can be read by itself.
 *
 * The schema and the dictionaries that came before are put in front of every batch.  A batch is an exchange of its own (part->of is
 * its stream), and is answered with a PutResult that carries its app_metadata when it is durable.
 */
#ifndef RECEIVE_FLIGHT_H
#define RECEIVE_FLIGHT_H

#include "receive/intake.h"
#include "receive/session.h"

/* What is to be appended; NULL: nothing, or refused: x->answer says why. */
struct exchange *flight_message(struct intake *in, struct session_host *h, struct exchange *x, struct slice message, bool packed);
/* part->answer is filled. Frees part; x may be gone afterwards. */
void flight_settle(struct session_host *h, struct exchange *part);
/* The client has sent all. */
void flight_ended(struct session_host *h, struct exchange *x);
void flight_forget(struct session_host *h, struct exchange *x);

/* Of an Arrow message's metadata: 1 schema, 2 dictionary, 3 record batch; 0: malformed. */
unsigned flight_header_kind(struct slice header);

#endif
