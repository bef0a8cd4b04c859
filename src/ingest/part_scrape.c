/* ingest/part_scrape.c - the asking side: targets of Prometheus' kind. */
#include "ingest/inside.h"

#include "scrape/conf.h"
#include "scrape/scrape.h"

static enum err scrape_begin(struct ingest *in, void **self, struct fault *fault)
{
    struct scrape *s = NULL;
    enum err       e = scrape_start(in->conf, in->journal, in->clock, &s, fault);
    *self = s;
    return e;
}

static enum err scrape_again(struct ingest *in, void **self, void **gone, struct fault *fault)
{
    return *self ? scrape_reload(*self, in->conf, fault) : scrape_begin(in, self, fault);
}

static void scrape_end(struct ingest *in, void *self) { scrape_stop(self); }

static json_t *scrape_tell(struct ingest *in, void *self) { return scrape_status(self); }

static void scrape_metrics(struct ingest *in, void *self, struct gauge *g)
{
    struct scrape_stats s;
    scrape_stats(self, &s);
    gauge_set(g, "homeostat_scrape_targets", "Targets that are asked.", (double)s.targets, NULL);
    gauge_set(g, "homeostat_scrape_targets_up", "Of these, those that answered the last time.", (double)s.up, NULL);
    gauge_set(g, "homeostat_scrape_series", "Series of all targets that are remembered.", (double)s.series, NULL);
    gauge_set(g, "homeostat_scrape_files_broken", "Files of targets that cannot be read; what they said before stays.", (double)s.files_broken, NULL);
#define NOT_ASKED(why, member) gauge_set(g, "homeostat_scrape_targets_left_out", "Targets that were found and are not asked.", (double)s.member, "reason", why, NULL)
    NOT_ASKED("rules", targets_dropped);
    NOT_ASKED("double", targets_doubles);
    NOT_ASKED("unfit", targets_refused);
    NOT_ASKED("maximum", targets_beyond);
#undef NOT_ASKED
    gauge_counter(g, "homeostat_scrape_scrapes_total", "Scrapes that were tried.", (double)s.scrapes, NULL);
    gauge_counter(g, "homeostat_scrape_failures_total", "Scrapes without an answer that could be used.", (double)s.failures, NULL);
    gauge_counter(g, "homeostat_scrape_lost_total", "Scrapes that were answered and could not be kept: the journal was full.", (double)s.lost, NULL);
    gauge_counter(g, "homeostat_scrape_reports_lost_total", "Records with `up` and with series that ended which could not be kept.", (double)s.reports_lost, NULL);
    gauge_counter(g, "homeostat_scrape_late_total", "Scrapes that were left out, because the one before was late.", (double)s.late, NULL);
    gauge_counter(g, "homeostat_scrape_samples_total", "Samples that were kept.", (double)s.samples, NULL);
    gauge_counter(g, "homeostat_scrape_bytes_total", "Bytes of answers, unpacked.", (double)s.bytes, NULL);
    gauge_counter(g, "homeostat_scrape_samples_dropped_total", "Samples that rules dropped.", (double)s.dropped, NULL);
    gauge_counter(g, "homeostat_scrape_samples_double_total", "Samples of a series that was in the same answer before.", (double)s.doubles, NULL);
    gauge_counter(g, "homeostat_scrape_rules_cut_total", "Series over which rules could not be applied to the end.", (double)s.cut, NULL);
    gauge_counter(g, "homeostat_scrape_series_added_total", "Series that were not in the answer before.", (double)s.added, NULL);
    gauge_counter(g, "homeostat_scrape_series_ended_total", "Series that were marked as ended.", (double)s.ended, NULL);
}

const struct ingest_part ingest_part_scrape = { "scrape", "Targets that are asked for their metrics.",
    scrape_begin, scrape_again, scrape_end, scrape_tell, scrape_metrics, NULL };
