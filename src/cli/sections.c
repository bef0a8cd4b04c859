/* cli/sections.c - the sections of the configuration, in the order in which the manual explains them. */
#include "cli/sections.h"

#include "conf/daemon.h"
#include "ingest/conf.h"
#include "receive/conf.h"
#include "receive/inputs_conf.h"
#include "relabel/conf.h"
#include "scrape/conf.h"
#include "sensor/conf.h"
#include "ship/conf.h"

const struct conf_section *const program_sections[] = {
    &daemon_log_section, &daemon_store_section, &daemon_web_section, &daemon_policy_section, &daemon_runbooks_section, &daemon_tune_section,
    &daemon_budget_section, &daemon_knowledge_section, &daemon_tenants_section, &daemon_targets_section,
    &receive_section, &receive_listeners_section, &inputs_section, &syslog_section, &files_section, &journald_section,
    &scrape_section, &scraper_section, &relabel_section, &sinks_section,
    &sensors_section, &sensor_groups_section, &probes_section,
    &ingest_section, &ingest_journal_section, &ingest_digest_section,
};
const size_t program_sections_count = sizeof program_sections / sizeof program_sections[0];
