/* Any JSON as the file of a case, its outcomes and minutes: explained or refused, and written down within bounds. */
#include "explain/explain.h"

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write_down(const struct explanation *e)
{
    void (*const writers[])(const struct explanation *e, struct text *out) = { explanation_markdown, explanation_html };
    for (int i = 0; i < 2; i++) {
        struct text out CLEANUP(text_done);
        text_init(&out, EXPLAIN_BYTES_MAX);
        writers[i](e, &out);
        assert(!out.cut);
    }
    json_t *json = explanation_json(e);
    assert(json);
    json_decref(json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_t             *all = json_loadb((const char *)data, size, 0, NULL);
    struct explanation *e = NULL;
    struct fault        fault;
    struct explain_source source = { json_object_get(all, "file"), json_object_get(all, "outcomes"), json_object_get(all, "minutes") };
    if (explain_case(&source, &e, &fault) == OK)
        write_down(e);
    explanation_free(e);
    json_decref(all);
    return 0;
}
