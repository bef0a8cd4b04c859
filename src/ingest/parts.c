/* ingest/parts.c - what ingest is made of, in the order in which it starts. It stops the other way round. */
#include "ingest/inside.h"

extern const struct ingest_part ingest_part_journal, ingest_part_ship, ingest_part_digest, ingest_part_evidence, ingest_part_sensors, ingest_part_probes, ingest_part_scrape, ingest_part_inputs,
    ingest_part_receive;

const struct ingest_part *const ingest_parts[] = {
    &ingest_part_journal,
    &ingest_part_ship,
    &ingest_part_digest,
    &ingest_part_evidence,
    &ingest_part_sensors,
    &ingest_part_probes,
    &ingest_part_scrape,
    &ingest_part_inputs,
    &ingest_part_receive,
};
const size_t ingest_parts_count = sizeof ingest_parts / sizeof ingest_parts[0];
