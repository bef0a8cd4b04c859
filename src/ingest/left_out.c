/* ingest/left_out.c */
#include "ingest/left_out.h"

#include "base/log.h"
#include "ingest/digester.h"

#include <assert.h>
#include <string.h>

#define AT(field) offsetof(struct digester_stats, field)
static const char memory[] = "the machine has no memory left for the digest";

const struct left_out left_out[] = {
    { "metrics", "late",              NULL, AT(metrics.late) },
    { "metrics", "early",             NULL, AT(metrics.early) },
    { "metrics", "out_of_order",      NULL, AT(metrics.out_of_order) },
    { "metrics", "unusable",          NULL, AT(metrics.unusable) },
    { "metrics", "labels_cut",        "a series has more than 32 labels, or 1 KiB of them: send fewer", AT(metrics.labels_cut) },
    { "metrics", "series_max",        "raise ingest.digest.series_max, or send fewer series", AT(metrics.capped_all) },
    { "metrics", "tenant_series_max", "raise ingest.digest.tenant_series_max, or let the tenant send fewer series", AT(metrics.capped_tenant) },
    { "metrics", "source_series_max", "raise ingest.digest.source_series_max, or let the source send fewer series", AT(metrics.capped_source) },
    { "metrics", "metric_series_max", "raise ingest.digest.metric_series_max, or give the metric fewer labels", AT(metrics.capped_metric) },
    { "metrics", "capped_counters",   NULL, AT(metrics.capped_counters) },
    { "metrics", "no_memory",         memory, AT(metrics.no_memory) },
    { "logs",    "late",              NULL, AT(logs.late) },
    { "logs",    "early",             NULL, AT(logs.early) },
    { "logs",    "no_text",           NULL, AT(logs.unfit) },
    { "logs",    "rows",              "five minutes hold no more pairs of service and pattern: fewer services, or lines of fewer kinds", AT(logs.capped) },
    { "logs",    "unmerged",          "more patterns became one between two windows than are noted: their older rows stay apart", AT(logs.unmerged) },
    { "logs",    "patterns_max",      "raise ingest.digest.patterns_max and patterns_memory, or name keys whose values differ in ingest.digest.ignore_fields", AT(logs.evicted) },
    { "logs",    "no_memory",         memory, AT(logs.no_memory) },
    { "traces",  "late",              NULL, AT(calls.late) },
    { "traces",  "early",             NULL, AT(calls.early) },
    { "traces",  "nameless",          NULL, AT(calls.nameless) },
    { "traces",  "pairs",             "five minutes hold no more pairs of services: are names of services made up of numbers?", AT(calls.capped) },
    { "traces",  "waiting",           "too many halves of calls wait for the other: are all services traced, and their spans sent within minutes?", AT(calls.hurried) },
    { "traces",  "no_memory",         memory, AT(calls.no_memory) },
    { "all",     "places",            "there are too many tenants or services: are their names made up of numbers?", AT(places_refused) },
    { "all",     "pointers_late",     NULL, AT(pointers_late) },
    { "all",     "pointers_early",    NULL, AT(pointers_early) },
    { "all",     "pointers",          "too many traces between two windows, or services in five minutes: they cannot be looked up in the journal", AT(lost) },
};
const size_t left_out_count = sizeof left_out / sizeof left_out[0];
static_assert(sizeof left_out / sizeof left_out[0] <= LEFT_OUT_ROWS_MAX, "a bit for each row");

uint64_t left_out_of(const struct left_out *row, const struct digester_stats *s)
{
    uint64_t n;
    memcpy(&n, (const char *)s + row->at, sizeof n);
    return n;
}

uint32_t left_out_look(struct left_out_watch *w, const struct digester_stats *s, int64_t now_us)
{
    uint32_t tell = 0;
    for (size_t i = 0; i < left_out_count; i++) {
        uint64_t n = left_out_of(&left_out[i], s);
        if (w->began && n > w->seen[i]) {
            w->grew_us[i] = now_us;
            if (left_out[i].cap && (!w->told_us[i] || now_us - w->told_us[i] >= LEFT_OUT_AGAIN_US)) {
                w->told_us[i] = now_us;
                tell |= UINT32_C(1) << i;
            }
        }
        w->seen[i] = n;                   /* after a failure it is what digest.db knows, which may be less */
    }
    w->began = true;
    return tell;
}

void left_out_tell(uint32_t rows, const struct digester_stats *s)
{
    for (size_t i = 0; i < left_out_count; i++)
        if (rows >> i & 1)
            log_warn("the digest has reached a bound, and leaves out or puts together", F("dataset", left_out[i].dataset), F("bound", left_out[i].reason),
                     F("so_far", (int64_t)left_out_of(&left_out[i], s)), F("hint", left_out[i].cap));
}
