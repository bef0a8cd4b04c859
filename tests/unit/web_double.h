/*
 * tests/unit/web_double.h - an engine and a store for the tests of web/: they remember what they were asked and answer
 * what they are told to.  Link it in place of the real ones.
 */
#ifndef WEB_DOUBLE_H
#define WEB_DOUBLE_H

#include "engine/engine.h"
#include "store/read.h"

/* What the engine does with a request. */
enum double_mode {
    DOUBLE_ANSWER,      /* replies with double_reply from a thread of its own */
    DOUBLE_AT_ONCE,     /* replies before engine_submit() returns */
    DOUBLE_HOLD,        /* keeps it until double_release() */
    DOUBLE_BUSY         /* does not take it */
};

void double_reset(void);                      /* DOUBLE_ANSWER with 200 {"data":{}}; nothing stored */
void double_set(enum double_mode mode, const struct engine_reply *reply);
void double_release(void);                    /* answer everything that is held, with the reply that is set */
int  double_requests(void);                   /* how many were taken */

/* The last request that was taken, as it was: body is a copy that lives until the next reset. */
struct engine_request double_last(void);

/* Publish on the bus, on the engine's thread; a message with an id is stored first when `store` says so. */
void double_publish(int64_t id, const char *topic, const char *key, const char *payload, bool store);
void double_store_event(int64_t id, const char *topic, const char *key, const char *payload);

void double_store_fails(enum err code);       /* OK: it works again */
void double_set_ready(bool ready);
int  double_readers_open(void);

#endif
