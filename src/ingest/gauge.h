/*
 * ingest/gauge.h - Prometheus text, a family at a time: its help and type are written once, in front of its first sample.
 *
 *     gauge_counter(g, "events_dropped_total", "Events thrown away because somebody chose to.", 0, "reason", "rule", NULL);
 */
#ifndef INGEST_GAUGE_H
#define INGEST_GAUGE_H

#include "base/text.h"

struct gauge { struct text *out; char family[96]; };

/* Labels: name, value, ..., NULL. Samples of one family have to come one after the other. */
__attribute__((sentinel)) void gauge_set(struct gauge *g, const char *name, const char *help, double value, ...);
__attribute__((sentinel)) void gauge_counter(struct gauge *g, const char *name, const char *help, double value, ...);

#endif
