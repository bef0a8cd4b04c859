/* ingest/part_sensors.c - a thread that reads the sensors, and once a minute writes the history. */
#include "ingest/inside.h"

#include "base/log.h"
#include "history/history.h"
#include "sensor/conf.h"
#include "sensor/sensors.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct sensing {
    struct ingest  *in;
    struct sensors *sensors;
    struct history *history;           /* NULL: off, or it could not be opened, which was told */
    pthread_t       thread;
    pthread_mutex_t lock;              /* of the sensors and what is counted */
    pthread_cond_t  ending_now;
    bool            ending, runs;
    uint64_t        failures, minutes;
    struct fault    last;
};

