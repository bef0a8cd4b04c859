/* tests/fuzz/fuzz_policy.c - any bytes as a policy or a runbook: refused with a reason, or read; a policy prints back to its own version. */
#include "gate/policy.h"
#include "plan/template.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void must(bool truth)
{
    if (!truth)
        abort();
}

static void as_policy(const char *data, size_t size)
{
    static struct policy p, again;
    struct fault         fault = { 0 };
    struct text          t;
    if (policy_parse("fuzz", data, size, &p, NULL, &fault) != OK) {
        must(*fault.text != '\0');
        return;
    }
    text_init(&t, 1024u * 1024u);
    policy_print(&p, &t);
    if (policy_parse("printed", t.s, t.used, &again, NULL, &fault) != OK) {
        (void)fprintf(stderr, "%s\n%s\n", t.s, fault.text);
        abort();
    }
    must(strcmp(p.version, again.version) == 0);
    must(p.bounds.step_ratio > 0 && p.bounds.step_ratio <= 0.5 && p.bounds.memory_fraction <= 1 && p.set.risk_auto_max <= p.set.risk_max);
    text_done(&t);
}

static void as_runbook(const char *data, size_t size)
{
    struct template_set *set;
    struct fault         fault = { 0 };
    json_t              *plan = NULL;
    if (templates_parse("fuzz", data, size, &set, &fault) != OK) {
        must(*fault.text != '\0');
        return;
    }
    if (template_make(set, template_name(set, 0), NULL, &plan, &fault) == OK)
        json_decref(plan);
    templates_free(set);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    as_policy((const char *)data, size);
    as_runbook((const char *)data, size);
    return 0;
}
