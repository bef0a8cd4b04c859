/*
 * journal/record.h - what one entry of the journal is: the bytes somebody sent, as they came, and what is known of their coming.
 *
 * The body is kept undecoded (only a transport's compression is taken off), so that a better decoder can read it again.
 * Whoever puts a record in has checked that its body can be read; readers must still bear one that cannot.
 */
#ifndef JOURNAL_RECORD_H
#define JOURNAL_RECORD_H

#include "base/slice.h"

#include <stdint.h>

/* The numbers are on disk: never change one. */
#define RECORD_KIND_MAP(X)                                                                                      \
    X(OTLP_LOGS,    1, "otlp-logs",    "ExportLogsServiceRequest")                                              \
    X(OTLP_METRICS, 2, "otlp-metrics", "ExportMetricsServiceRequest")                                           \
    X(OTLP_TRACES,  3, "otlp-traces",  "ExportTraceServiceRequest")                                             \
    X(REMOTE_WRITE, 4, "remote-write", "Prometheus remote write, 1.0 or 2.0, without snappy")                   \
    X(EXPOSITION,   5, "exposition",   "what a scraped target answered; labels: those of the target")           \
    X(ROWS,         6, "rows",         "JSON rows of POST /write/metrics or /write/logs; source: the table")    \
    X(LINES,        7, "lines",        "lines of files, syslog, journald, written as an ExportLogsServiceRequest")                   \
    X(ARROW,        8, "arrow",        "an Arrow IPC stream of Flight DoPut; source: the table")                \
    X(SAMPLES,      9, "samples",      "what our own sensors read, written as remote write 1.0")                        \
    X(SCHEMA,      10, "schema",       "a table that was registered, as JSON")

enum record_kind {
    RECORD_NONE = 0,
#define X(name, number, word, what) RECORD_##name = number,
    RECORD_KIND_MAP(X)
#undef X
    RECORD_KIND_COUNT
};

/* How the body is written. On disk as well. */
enum record_form { FORM_PROTOBUF = 1, FORM_PROTOBUF_2 = 2 /* remote write 2.0 */, FORM_JSON = 3, FORM_TEXT = 4 /* 0.0.4 */, FORM_OPENMETRICS = 5, FORM_ARROW = 6, FORM_OWN = 7, FORM_JSON_LINES = 8 };

enum {
    RECORD_TENANT_MAX = 63,
    RECORD_SOURCE_MAX = 255,
    RECORD_LABELS_MAX = 16 * 1024,
    RECORD_BODY_MAX   = 64 * 1024 * 1024
};

struct record {
    uint64_t         id;            /* 1, 2, 3, ... in the order of durability; never used twice. Given by the journal */
    int64_t          received_us;   /* wall; 0 when appending: the journal's clock */
    enum record_kind kind;
    enum record_form form;
    uint32_t         events;        /* how many logs, points or spans are in it, as counted when it came */
    struct slice     tenant;        /* "" is the installation's own */
    struct slice     source;        /* who sent it, never a peer's port: "otlp", "scrape:node", "file:/var/log/syslog", a table */
    struct slice     labels;        /* key NUL value NUL ...: what the receiver adds to each event (a target's labels); may be empty */
    struct slice     body;
};

/* "otlp-logs"; "unknown" for what this version does not know. Never NULL. */
const char *record_kind_name(enum record_kind kind);

#endif
