/* casefile/rules.h - the tables themselves, for the files of this room and for the tests that check them. */
#ifndef CASEFILE_RULES_H
#define CASEFILE_RULES_H

#include "casefile/step.h"

extern const struct case_rule case_rules[];
extern const size_t           case_rules_count;
extern const struct run_rule  run_rules[];
extern const size_t           run_rules_count;

#endif
