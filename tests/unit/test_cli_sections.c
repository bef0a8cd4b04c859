/* The sections that the whole program knows: their tables are in order, none of the daemon's is missing, and the samples load. */
#include "unit.h"

#include "cli/sections.h"
#include "conf/daemon.h"
#include "ingest/conf.h"

#include <string.h>

static struct fault fault;

static void every_table_of_settings_is_in_order(void **state)
{
    (void)state;
    assert_ok(conf_tables_check(program_sections, program_sections_count, &fault), &fault);
}

static void no_section_of_the_daemon_is_missing(void **state)
{
    (void)state;
    for (size_t i = 0; i < daemon_sections_count; i++) {
        bool found = false;
        for (size_t k = 0; k < program_sections_count; k++)
            found |= program_sections[k] == daemon_sections[i];
        if (!found)
            fail_msg("the section %s is not known to the program", daemon_sections[i]->path);
    }
}

static void the_samples_load_and_ingest_is_off_unless_it_is_asked_for(void **state)
{
    static const struct { const char *file; bool on; } samples[] = { { DEPLOY "/homeostat.yaml", false }, { DEPLOY "/ingest.yaml", true } };
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct conf *c = NULL;
        assert_ok(conf_load(samples[i].file, program_sections, program_sections_count, &c, NULL, &fault), &fault);
        assert_int_equal(((const struct ingest_conf *)conf_of(c, &ingest_section))->enabled, samples[i].on);
        conf_free(c);
    }
}

static void a_journal_too_small_for_its_segments_is_refused(void **state)
{
    static const char text[] = "ingest:\n  journal: { segment: 64MiB, size_max: 128MiB }\n";
    struct conf      *c = NULL;
    (void)state;
    assert_int_equal(conf_load_text("t.yaml", text, sizeof text - 1, program_sections, program_sections_count, &c, NULL, &fault), ERR_INPUT);
    assert_non_null(strstr(fault.text, "size_max"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_table_of_settings_is_in_order), cmocka_unit_test(no_section_of_the_daemon_is_missing),
        cmocka_unit_test(the_samples_load_and_ingest_is_off_unless_it_is_asked_for), cmocka_unit_test(a_journal_too_small_for_its_segments_is_refused),
    };
    return cmocka_run_group_tests_name("sections", tests, NULL, NULL);
}
