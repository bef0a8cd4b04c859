/*
 * sensor/probe_name.h - looks a name up within a time, though the system's own way to do it cannot be cut short: it has a thread that may be given up.
 */
#ifndef SENSOR_PROBE_NAME_H
#define SENSOR_PROBE_NAME_H

#include "sensor/probe.h"

enum { PROBE_ADDRESSES_MAX = 8, PROBE_ADDRESS_SIZE = 64 };

/* class NONE: there are addresses. DNS: no answer in time, or the name server failed. */
struct probe_name { enum probe_class class; double seconds; size_t count; char address[PROBE_ADDRESSES_MAX][PROBE_ADDRESS_SIZE]; };

struct probe_name probe_name_find(const char *name, const struct probe_question *q, struct probe_pending **pending);

double probe_now_s(void);

#endif
