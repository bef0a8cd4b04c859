/* digest/metrics_inside.h - what metrics.c and metrics_keep.c share and nobody else sees. */
#ifndef DIGEST_METRICS_INSIDE_H
#define DIGEST_METRICS_INSIDE_H

#include "digest/increase.h"
#include "digest/map.h"
#include "digest/metrics.h"
#include "digest/sketch.h"

enum { CELL_EXACT = 6 };
#define NONE UINT32_MAX

struct metric_row { uint64_t key; char *metric; const char *labels; uint64_t labels_hash; uint32_t place, users /* cells and series */, next; };
struct metric_series { uint64_t key, scope[3]; int64_t seen_us; struct series_state state; uint32_t row; };
struct metric_cell {
    uint32_t       row, exact;            /* exact: how many of value[], while there is no sketch */
    uint64_t       n;
    double         sum, min, max, value[CELL_EXACT];
    struct sketch *sketch;
    char          *packed;                /* instead of the sketch, once the minute was given out: most are never touched again */
    uint32_t       packed_n;
};
struct metric_window {
    int64_t             bucket_us;
    bool                dirty;
    uint32_t           *at;               /* row -> cell + 1 */
    struct metric_cell *cell;
    uint32_t            at_room, cells, cells_room;
};

struct metrics {
    struct metrics_options o;
    struct metrics_stats   stats;
    struct metric_row     *row;
    uint32_t               rows, rows_used, rows_room, rows_free, rows_max;
    struct metric_series  *series;
    uint32_t               series_used, series_room;
    struct map             by_series, by_row, scopes;
    struct metric_window  *window[METRICS_WINDOWS_MAX];      /* ascending */
    uint32_t               windows, last;
    int64_t                floor_us;                          /* no minute before it can be begun */
    int64_t                counted_ns;                        /* what began before it may be counted already, by a series that is not known any more */
    struct increase       *increase;
};

uint32_t            metrics_row_add(struct metrics *m, uint64_t key, uint32_t place, struct slice metric, const char *labels);   /* NONE: no memory */
void                metrics_row_drop(struct metrics *m, uint32_t at);    /* one user less */
struct metric_cell *metrics_cell(struct metrics *m, struct metric_window *w, uint32_t row);
void                metrics_window_free(struct metric_window *w);
/* Attributes as a JSON object of texts sorted by key (of lists and maps: their JSON); false: some were left out, because there were too many or they were too long. */
bool                metrics_labels(const struct attrs *a, char *out, size_t size);

#endif
