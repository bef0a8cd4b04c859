/* tests/fuzz/fuzz_knowledge.c - any bytes as a file of knowledge: refused with a reason for each bad line, or records that print back as they were. */
#include "plan/knowledge.h"

#include <stdlib.h>
#include <string.h>

static void must(bool truth)
{
    if (!truth)
        abort();
}

static void bad_line(void *ctx, int line, const char *why)
{
    int *last = ctx;
    must(line > *last && *why != '\0');
    *last = line;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fault     fault = { 0 };
    struct knowledge k;
    json_t          *records = NULL, *json;
    size_t           i;
    int              last = 1;
    if (knowledge_file_parse((const char *)data, size, bad_line, &last, &records, &fault) != OK) {
        must(*fault.text != '\0' && records == NULL);
        return 0;
    }
    json_array_foreach(records, i, json) {
        char id[KNOWLEDGE_ID_SIZE];
        must(knowledge_parse(json, &k, &fault) == OK);
        memcpy(id, k.id, sizeof id);
        json_t *again = knowledge_json(&k);
        must(json_object_size(again) == json_object_size(json) ? strcmp(k.id, id) == 0 : true);
        json_decref(again);
    }
    json_decref(records);
    return 0;
}
