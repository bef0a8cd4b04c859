/* tests/unit/receive_inputs.h - inputs beside a real journal in a folder of their own, and what they wrote into it. */
#ifndef RECEIVE_INPUTS_FIXTURE_H
#define RECEIVE_INPUTS_FIXTURE_H

#include "unit.h"

#include "event/event.h"
#include "receive/inputs.h"

struct seen_line { char *text, *path, *service, *host, *tenant, *source; int64_t offset; int severity; char *more; /* "key=value " of the other attributes */ };

struct house {
    char              folder[64], logs[96];
    struct journal   *journal;
    struct journal_consumer *holder;
    struct inputs    *inputs;
    struct fault      fault;
    size_t            n, room;
    struct seen_line *seen;      /* everything so far, in order */
    uint64_t          next;
};
extern struct house h;

int  house_open(void **state);
int  house_close(void **state);
void house_start(const char *settings);
enum err house_reload(const char *settings);
/* As kill -9 would: what is not durable in our own files is forgotten. The journal stays. */
void house_crash_offsets(const char *kept);      /* puts back a copy of the offsets that house_keep_offsets made */
void house_keep_offsets(char *path, size_t size);
void house_stop(void);
/* Waits until n lines are in the journal; fails after a while. */
void house_until(size_t n);
void house_later(int64_t us);            /* so much time passes for the inputs */
void house_followed(int64_t files);      /* waits until so many are followed */
/* A full journal in the place of the house's, and room in it again. */
void house_full(void);
void house_drain(void);
/* How often the text came so far. */
size_t house_count(const char *text);
void house_write(const char *name, const char *text);      /* appends */
void house_path(const char *name, char *out, size_t size);
#endif
