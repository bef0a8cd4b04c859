/*
 * receive/intake.h - from the whole body of a request to a record for the journal, or to the answer that says why not.
 *
 * Pure but for the memory it keeps: packing is taken off within the bound, the rest is checked, events are counted.
 */
#ifndef RECEIVE_INTAKE_H
#define RECEIVE_INTAKE_H

#include "base/arena.h"
#include "receive/server.h"
#include "receive/session.h"
#include "receive/unpack.h"

struct intake {
    receive_check  *check;
    struct unpacker unpacker;
    struct arena    arena;        /* for one check */
};

void intake_init(struct intake *in, receive_check *check);
void intake_done(struct intake *in);

/* True: x->record is to be appended (its body lies in x->body), and x->answer is what to say once it is durable. False: say x->answer now. */
bool intake_read(struct intake *in, struct session_host *h, struct exchange *x);

#endif
