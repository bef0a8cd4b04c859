/*
 * scrape/conf.h - the settings of the asking side: `scrape`, a job per name, and `scraper`, limits for all of them together.
 *
 *     scrape:
 *       node: { targets: ["10.0.0.1:9100"], interval: 15s, labels: ["site=north"] }
 *       apps: { files: ["/etc/homeostat/targets.json"], relabel: [apps], metric_relabel: [quiet] }
 *
 * Names and meanings are Prometheus' (scrape_config) where it has them; relabel and metric_relabel name sets of the section `relabel`.
 */
#ifndef SCRAPE_CONF_H
#define SCRAPE_CONF_H

#include "conf/conf.h"

#include <stdbool.h>
#include <stdint.h>

enum { SCRAPE_JOBS_MAX = 128, SCRAPE_CONCURRENCY_MAX = 512, SCRAPE_TARGETS_MAX = 20000 };

enum scrape_scheme { SCRAPE_HTTP, SCRAPE_HTTPS };

struct scrape_job {
    const char        *name;
    struct conf_list   targets;              /* host:port */
    int                scheme;               /* enum scrape_scheme */
    const char        *path;
    struct conf_list   params;               /* "k=v" */
    int64_t            interval_us, timeout_us;    /* timeout 0: see scrape_job_timeout_us() */
    bool               honor_labels, honor_timestamps;
    struct conf_secret token, password, tls_key;
    const char        *user, *tls_ca, *tls_certificate, *tenant;
    bool               insecure, tls_skip;   /* credentials in clear to other machines; no look at the certificate */
    struct conf_list   labels;               /* "k=v" */
    struct conf_list   files;                /* globs */
    struct conf_list   relabel, metric_relabel;
    int64_t            body_max, samples_max, labels_max, name_max, value_max;
};

struct scraper_conf {
    int64_t concurrency, targets_max, series_max;
    int64_t files_us;                        /* how often files of targets are looked at */
};

extern const struct conf_section scrape_section;     /* a map of struct scrape_job */
extern const struct conf_section scraper_section;    /* struct scraper_conf, once */

/* What is set, else the smaller of 10 s and nine tenths of the interval. */
int64_t scrape_timeout_us(int64_t interval_us, int64_t timeout_us);

#endif
