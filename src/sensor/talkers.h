/*
 * sensor/talkers.h - the remote addresses that had most of the traffic of late.
 *
 * Found by a hash, so a look at many connections costs no more for each; before a look only those with most are kept, so that new ones find room.
 */
#ifndef SENSOR_TALKERS_H
#define SENSOR_TALKERS_H

#include "sensor/diag.h"
#include "sensor/inside.h"

enum { TALKERS_MAX = 2048, TALKERS_KEPT = 256, TALKERS_INDEX = 4 * TALKERS_MAX };

struct talker { struct diag_address remote; uint64_t bytes, retransmits; double recent; };
struct talkers { struct talker item[TALKERS_MAX]; size_t count; uint16_t index[TALKERS_INDEX] /* place + 1 */; uint64_t refused; };

void talkers_begin(struct talkers *t);
/* What one more connection has done since the last look; this machine with itself is left out. */
void talkers_see(struct talkers *t, const struct diag_address *remote, uint64_t bytes, uint64_t retransmits);
void talkers_tell(struct turn *u, struct talkers *t, size_t most);

#endif
