/*
 * tests/fuzz/fuzz_conf.c - any bytes as a configuration: refused with a place, or loaded, printed and loaded again as the same.
 *
 * Settings that lead to files of the machine are left out of what is loaded
 * again, since a fuzzer should not depend on them.
 */
#include "base/text.h"
#include "conf/daemon.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static void must(bool truth)
{
    if (!truth)
        abort();
}

static void print_and_load_again(const struct conf *c)
{
    struct text    first, second;
    struct conf   *again = NULL;
    struct fault   fault = { 0 };
    text_init(&first, 8u * 1024u * 1024u);
    text_init(&second, 8u * 1024u * 1024u);
    conf_print(c, &first);
    must(!first.cut);
    if (conf_load_text("printed", first.s, first.used, daemon_sections, daemon_sections_count, &again, NULL, &fault) != OK) {
        fprintf(stderr, "%s\n%s\n", first.s, fault.text);
        abort();
    }
    conf_print(again, &second);
    conf_free(again);
    json_t *j = conf_print_json(c);
    must(j != NULL);
    json_decref(j);
    text_done(&first);
    text_done(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool checked;
    struct conf_complaints all;
    struct conf           *c = NULL;
    struct fault           fault = { 0 };
    if (!checked)
        must(conf_tables_check(daemon_sections, daemon_sections_count, &fault) == OK);
    checked = true;

    conf_complaints_init(&all);
    enum err e = conf_load_text("fuzz", (const char *)data, size, daemon_sections, daemon_sections_count, &c, &all, &fault);
    must((e == OK) == (c != NULL) && (e == OK) == (all.count == 0));
    must(e == OK || *fault.text);
    struct text said;
    text_init(&said, 1024u * 1024u);
    conf_complaints_text(&all, &said);
    text_done(&said);
    conf_complaints_done(&all);
    if (c)
        print_and_load_again(c);
    conf_free(c);

    struct arena      a;
    struct yaml_node *root;
    json_t           *j = NULL;
    arena_init(&a, YAML_ARENA_MIN);
    if (yaml_parse(&a, "fuzz", (const char *)data, size, &root, NULL, &fault) == OK && yaml_to_json(root, &j, &fault) == OK)
        json_decref(j);
    arena_done(&a);
    return 0;
}
