/* scrape/conf.c - the tables of scrape/conf.h. The last column is what the operator reads in the documentation. */
#include "scrape/conf.h"

#include "base/clock.h"
#include "relabel/conf.h"
#include "scrape/targets.h"

#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static enum err check_address(const char *value, struct fault *fault)
{
    return *value && !strpbrk(value, "/?#@ \t\r\n") ? OK : fail(fault, ERR_INPUT, "a target is host:port, without scheme, path or user");
}

static enum err check_pair(const char *value, struct fault *fault)
{
    struct slice k, v;
    return target_pair(value, &k, &v) ? OK : fail(fault, ERR_INPUT, "this is written as name=value");
}

static enum err check_label(const char *value, struct fault *fault)
{
    struct slice k, v;
    if (!target_pair(value, &k, &v))
        return fail(fault, ERR_INPUT, "a label is written as name=value");
    for (size_t i = 0; i < k.n; i++)
        if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789", k.s[i]) || (i == 0 && k.s[0] >= '0' && k.s[0] <= '9'))
            return fail(fault, ERR_INPUT, "the name of a label is made of letters, digits and _, and does not begin with a digit");
    return OK;
}

static enum err check_glob(const char *value, struct fault *fault)
{
    return *value == '/' ? OK : fail(fault, ERR_INPUT, "a whole path is needed here, beginning with /");
}

static enum err check_path(const char *value, struct fault *fault)
{
    return *value == '/' && !strpbrk(value, "?# \t\r\n") ? OK : fail(fault, ERR_INPUT, "a path begins with / and has no blanks and no query, which is what params is for");
}

static enum err check_tenant(const char *value, struct fault *fault)
{
    return strspn(value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") == strlen(value)
               ? OK
               : fail(fault, ERR_INPUT, "a tenant's name is made of letters, digits, `-`, `_` and `.`");
}

static const struct conf_knob scrape_knobs[] = {
    { "targets",          KNOB_LIST(struct scrape_job, targets),          "",         "0..256",         CONF_LIVE, "Who is asked: host:port.", check_address },
    { "files",            KNOB_LIST(struct scrape_job, files),            "",         "0..16",          CONF_LIVE,
      "Files that name more of them, whole paths with * and ?, in Prometheus' form: a list of {targets, labels} as JSON or YAML. They are read again when they change.", check_glob },
    { "scheme",           KNOB_CHOICE(struct scrape_job, scheme),         "http",     "http|https",     CONF_LIVE, "How they are asked." },
    { "path",             KNOB_TEXT(struct scrape_job, path),             "/metrics", "1..1024",        CONF_LIVE, "What they are asked for.", check_path },
    { "params",           KNOB_LIST(struct scrape_job, params),           "",         "0..32",          CONF_LIVE, "Parameters of the address, each as name=value.", check_pair },
    { "interval",         KNOB_TIME(struct scrape_job, interval_us),      "15s",      "100ms..1d",      CONF_LIVE, "How often each is asked." },
    { "timeout",          KNOB_TIME(struct scrape_job, timeout_us),       "off",      "10ms..1h or off", CONF_LIVE,
      "When it counts as not answering; shorter than the interval. off: 10s, or nine tenths of the interval when that is less." },
    { "honor_labels",     KNOB_BOOL(struct scrape_job, honor_labels),     "no",       NULL,             CONF_LIVE,
      "Where a series has a label that the target has too: yes keeps the series' own, no keeps the target's and calls the other exported_<label>." },
    { "honor_timestamps", KNOB_BOOL(struct scrape_job, honor_timestamps), "yes",      NULL,             CONF_LIVE, "Keep the times that the target writes beside its samples." },
    { "labels",           KNOB_LIST(struct scrape_job, labels),           "",         "0..32",          CONF_LIVE, "Labels that every target of this job gets, each as name=value.", check_label },
    { "relabel",          KNOB_LIST(struct scrape_job, relabel),          "",         "0..16",          CONF_LIVE,
      "Sets of the section relabel that go over the labels of targets: __address__, __scheme__, __metrics_path__, __param_<name>, __meta_filepath and the others." },
    { "metric_relabel",   KNOB_LIST(struct scrape_job, metric_relabel),   "",         "0..16",          CONF_LIVE, "Sets of the section relabel that go over every series; __name__ is its name." },
    { "token",            KNOB_SECRET_FILE(struct scrape_job, token),     "",         NULL,             CONF_LIVE, "File with a token that is sent as `Authorization: Bearer`." },
    { "user",             KNOB_TEXT(struct scrape_job, user),             "",         "0..255",         CONF_LIVE, "User for basic authentication." },
    { "password",         KNOB_SECRET_FILE(struct scrape_job, password),  "",         NULL,             CONF_LIVE, "File with the password of that user." },
    { "insecure",         KNOB_BOOL(struct scrape_job, insecure),         "no",       NULL,             CONF_LIVE,
      "Let token or password go over plain http to other machines. For a network that is guarded by other means." },
    { "tls.ca",           KNOB_PATH(struct scrape_job, tls_ca),           "",         "file",           CONF_LIVE, "PEM file of who may have signed the target's certificate. Unset: whom this machine trusts." },
    { "tls.certificate",  KNOB_PATH(struct scrape_job, tls_certificate),  "",         "file",           CONF_LIVE, "PEM file with our own certificate, for targets that ask for one." },
    { "tls.key",          KNOB_SECRET_FILE(struct scrape_job, tls_key),   "",         NULL,             CONF_LIVE, "PEM file with its key." },
    { "tls.insecure_skip_verify", KNOB_BOOL(struct scrape_job, tls_skip), "no",       NULL,             CONF_LIVE, "Do not look at the target's certificate: anyone in between can read and change what comes." },
    { "tenant",           KNOB_TEXT(struct scrape_job, tenant),           "",         "0..63",          CONF_LIVE, "Whose everything is that comes from here. Unset: the installation's own.", check_tenant },
    { "body_max",         KNOB_SIZE(struct scrape_job, body_max),         "16MiB",    "1KiB..64MiB",    CONF_LIVE, "The largest answer, unpacked. Beyond any of these limits the whole scrape fails, which `up` shows." },
    { "samples_max",      KNOB_INT(struct scrape_job, samples_max),       "100000",   "1..2000000",     CONF_LIVE, "The most samples in one answer that rules leave; for rules to drop there may be sixteen times as many." },
    { "labels_max",       KNOB_INT(struct scrape_job, labels_max),        "64",       "1..200",         CONF_LIVE, "The most labels of a series, as the target writes it." },
    { "label_name_max",   KNOB_SIZE(struct scrape_job, name_max),         "512B",     "8B..64KiB",      CONF_LIVE, "The longest name of a label or metric." },
    { "label_value_max",  KNOB_SIZE(struct scrape_job, value_max),        "4KiB",     "8B..1MiB",       CONF_LIVE, "The longest value of a label." },
};

int64_t scrape_timeout_us(int64_t interval_us, int64_t timeout_us)
{
    int64_t most = interval_us / 10 * 9;
    return timeout_us ? timeout_us : most < 10 * US_PER_S ? most : 10 * US_PER_S;
}

static void job_check(const void *instance, struct conf_checker *c)
{
    const struct scrape_job *j = instance;
    if (j->timeout_us && j->timeout_us >= j->interval_us)
        conf_refuse(c, "timeout", "Make it shorter than the interval.", "a scrape that may take as long as its interval");
    if (j->targets.count == 0 && j->files.count == 0)
        conf_refuse(c, "targets", "Set targets or files.", "a job without anybody to ask");
    relabel_check_sets(&j->relabel, RELABEL_OVER_LABELS, "relabel", c);
    relabel_check_sets(&j->metric_relabel, RELABEL_OVER_LABELS, "metric_relabel", c);
    if (!*j->tls_certificate != !*j->tls_key.path)
        conf_refuse(c, *j->tls_certificate ? "tls.certificate" : "tls.key", "Set both, or neither.", "certificate and key belong together");
    if (!*j->user != !*j->password.path)
        conf_refuse(c, *j->user ? "user" : "password", "Set both, or neither.", "user and password belong together");
    if (*j->token.path && *j->user)
        conf_refuse(c, "token", "Take one of them away.", "token and user at the same time");
}

const struct conf_section scrape_section = { .path = "scrape", .knobs = scrape_knobs, .count = COUNT(scrape_knobs), .size = sizeof(struct scrape_job), .check = job_check,
    .shape = CONF_MAP, .instances_max = SCRAPE_JOBS_MAX, .flags = CONF_LIVE, .name_at = offsetof(struct scrape_job, name),
    .why = "Targets that are asked for their metrics, as Prometheus does: text 0.0.4 and OpenMetrics. A job for each kind of them." };

static const struct conf_knob scraper_knobs[] = {
    { "concurrency",    KNOB_INT(struct scraper_conf, concurrency), "16",     "1..512",      CONF_RESTART, "Targets that are asked at the same time; each may need memory for its largest answer." },
    { "targets_max",    KNOB_INT(struct scraper_conf, targets_max), "2000",   "1..20000",    CONF_LIVE,    "The most targets of all jobs together. Those beyond are not asked, and counted." },
    { "series_max",     KNOB_INT(struct scraper_conf, series_max),  "1000000", "1000..50000000", CONF_LIVE, "The most series of all targets together that are remembered, some 200 bytes each. A scrape that brings more fails." },
    { "files_interval", KNOB_TIME(struct scraper_conf, files_us),   "5s",     "100ms..1h",   CONF_LIVE,    "How often files with targets are looked at." },
};

const struct conf_section scraper_section = { .path = "scraper", .knobs = scraper_knobs, .count = COUNT(scraper_knobs), .size = sizeof(struct scraper_conf),
    .why = "Limits of asking targets that hold for all jobs together." };
