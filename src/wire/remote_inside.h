/* wire/remote_inside.h - between remote.c and remote_histogram.c. */
#ifndef WIRE_REMOTE_INSIDE_H
#define WIRE_REMOTE_INSIDE_H

#include "wire/remote.h"

/* Can the protobuf of a histogram be read, whatever it says? */
bool histogram_fine(struct slice s);
/* The next field of this number; what lay before it is done with. false: no more. */
bool remote_field(struct slice *rest, unsigned number, struct slice *bytes);

#endif
