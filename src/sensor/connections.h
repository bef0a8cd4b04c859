/* sensor/connections.h - the sensor that looks at each connection; a row of tcp.c's table. Its state is a pointer: what it points to is made when there is something to look at. */
#ifndef SENSOR_CONNECTIONS_H
#define SENSOR_CONNECTIONS_H

#include "sensor/inside.h"

enum { CONNECTIONS_MAX = 32768 };

struct look;
enum sensed connections_read(struct turn *u, void *state);
void        connections_done(void *state);

#endif
