/* cli: a case as an event of the telemetry. */
#include "unit.h"

#include "cli/case_events.h"
#include "ingest/happened.h"

#include "base/clock.h"

#include <string.h>

#define NOW (INT64_C(1800000000) * US_PER_S)

static void told(const char *opened_by, const char *target, const char *kind, const char *severity, const char *urn)
{
    struct fault    f = { 0 };
    struct happened h;
    char            when[32];
    json_t *about = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "id", "018f2e0c-5b1a-7abc-8def-0123456789ab", "title", "Is there a better configuration?", "target", target, "tenant", "default",
                              "opened_by", opened_by, "created_at", clock_format(NOW - US_PER_S, when, sizeof when));
    json_t *event = case_event_of(about, "db-1");
    assert_ok(happened_read(event, NOW, 0, &h, &f), &f);
    assert_string_equal(h.id, "018f2e0c-5b1a-7abc-8def-0123456789ab");       /* the event has the id of the case */
    assert_string_equal(h.kind, kind);
    assert_string_equal(h.severity, severity);
    assert_string_equal(h.place.urn, urn);
    assert_string_equal(h.tenant, "");
    assert_int_equal(h.at_us, NOW - US_PER_S);
    assert_string_equal(json_string_value(json_object_get(h.labels, "host")), "urn:host:db-1");
    json_decref(event);
    json_decref(about);
}

static void a_case_is_an_event_of_its_target_by_who_opened_it(void **state)
{
    (void)state;
    told("engine", "main", "anomaly", "INFO", "urn:db:postgres:main/server");
    told("token:alice", "main", "incident", "WARN", "urn:db:postgres:main/server");
    told("token:alice", "", "incident", "WARN", "urn:host:db-1");
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(a_case_is_an_event_of_its_target_by_who_opened_it) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
