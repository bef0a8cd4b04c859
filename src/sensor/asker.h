/*
 * sensor/asker.h - asks filesystems how much room they have, on a thread of its own, because one that hangs holds whoever asks it for ever.
 *
 * Who gives no answer within ASK_PATIENCE_S is given up together with the thread that asked, and not asked again before that thread has come
 * back; the others are asked by another thread. At most ASKERS_HUNG_MAX hang at a time: beyond that nobody is asked.
 */
#ifndef SENSOR_ASKER_H
#define SENSOR_ASKER_H

#include <stddef.h>
#include <sys/types.h>
#include <sys/vfs.h>

enum { ASK_PATIENCE_S = 5, ASKERS_HUNG_MAX = 8, ASK_PATH = 1280 };

struct ask {
    char          path[ASK_PATH];       /* in; the rest is out */
    int           error;                /* an errno; ETIMEDOUT: it hangs; 0: what follows is true */
    dev_t         device;
    struct statfs room;
};

struct asker;

struct asker *asker_new(void);          /* NULL: out of memory. Threads begin with the first question */
void          asker_free(struct asker *a);      /* waits for nobody who hangs */
void          asker_ask(struct asker *a, struct ask *list, size_t count);

#endif
