/* receive/flight_absent.c - until the wire room reads Flight's messages: every stream is refused as unknown. */
#include "receive/flight.h"

struct exchange *flight_message(struct intake *in, struct session_host *h, struct exchange *x, struct slice message, bool packed)
{
    answer_refused(&x->answer, REFUSED_UNKNOWN, "Arrow Flight is not there yet");
    return NULL;
}
void flight_settle(struct session_host *h, struct exchange *part) { request_exchange_free(h, part); }
void flight_ended(struct session_host *h, struct exchange *x) { session_flight_end(h, x); }
void flight_forget(struct exchange *x) { x->extra = NULL; }
