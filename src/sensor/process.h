/*
 * sensor/process.h - the table of processes, and their groups under process-exporter's names.
 *
 * What a group has counted is a sum of differences, so it never goes back when a process ends. What a process used before the first reading does
 * not count; what it used between its last reading and its end is not seen. One that cannot be read for a while (no file descriptor left) stays.
 */
#ifndef SENSOR_PROCESS_H
#define SENSOR_PROCESS_H

#include "sensor/group.h"
#include "sensor/inside.h"
#include "sensor/sensors.h"

enum {
    PROCESSES_MAX      = 65536,     /* beyond it they are counted, and not looked at */
    PROCESS_FILES_MAX  = 256,       /* files of processes that are kept open */
    PROCESS_FULL_EVERY = 8          /* readings after which also an idle process is read whole */
};

struct processes;

MUST_CHECK enum err processes_new(const struct sensors_conf *conf, const struct sensors_group_conf *groups, size_t count, struct processes **out, struct fault *fault);
void        processes_free(struct processes *p);
enum sensed processes_read(struct processes *p, struct turn *u);
size_t      processes_count(const struct processes *p);
void        processes_each(const struct processes *p, void (*see)(void *ctx, const struct sensors_process *one), void *ctx);

#endif
