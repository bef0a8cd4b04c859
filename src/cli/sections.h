/*
 * cli/sections.h - every section of the configuration that this program knows: those of the daemon, and those of ingest.
 */
#ifndef CLI_SECTIONS_H
#define CLI_SECTIONS_H

#include "conf/conf.h"

extern const struct conf_section *const program_sections[];
extern const size_t                     program_sections_count;

#endif
