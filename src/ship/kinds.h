/* ship/kinds.h - the kinds of sinks by name, each in a file of its own; the table is in sinks.c. */
#ifndef SHIP_KINDS_H
#define SHIP_KINDS_H

#include "ship/sink.h"

extern const struct sink_kind sink_files, sink_otlp, sink_remote_write, sink_loki, sink_postgres, sink_clickhouse, sink_nats, sink_object, sink_kafka;

#endif
