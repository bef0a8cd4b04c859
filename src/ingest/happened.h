/*
 * ingest/happened.h - something that happened, as somebody tells of it in JSON, and what is kept of it. Pure.
 *
 *     {"kind": "deploy", "service": "cart", "title": "cart 1.42", "severity": "INFO", "at": "2026-01-31T12:00:00Z", "event_id": "run-4711", "labels": {"version": "1.42"}}
 *
 * The id makes it the same event however often it is told. One that is a UUID stays; any other becomes one (a digest of it), and so does the whole of what was
 * said when there is none: who tells without an id and without `at` tells of another event each time.
 */
#ifndef INGEST_HAPPENED_H
#define INGEST_HAPPENED_H

#include "base/err.h"
#include "base/id.h"
#include "digest/place.h"
#include "journal/record.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

enum { HAPPENED_TITLE_MAX = 200, HAPPENED_SUMMARY_MAX = 4000, HAPPENED_LABELS_MAX = 32 };

struct happened {
    char              id[ID_SIZE], said[DIGEST_SIZE];
    char              tenant[RECORD_TENANT_MAX + 1];
    const char       *kind, *severity;           /* constant */
    const char       *title, *summary;           /* of the request */
    const char       *service;                   /* as it was named; NULL: place is sure */
    struct place_name place;
    int64_t           at_us;
    const json_t     *labels;                    /* of the request; NULL */
    const char       *external_id;               /* the id as it was told, when it is no UUID; NULL */
};

/* Fills *h, which points into the request. ERR_INPUT says which member is wrong. oldest_us: what lies before is not kept. */
MUST_CHECK enum err happened_read(const json_t *request, int64_t now_us, int64_t oldest_us, struct happened *h, struct fault *fault);
/* The id under which an event is kept that was told under this one. */
void happened_id(const char *told, char id[ID_SIZE]);

#endif
