/* web/openapi.c - docs/openapi.yaml, which the program carries, as YAML and as JSON. Read once at the start. */
#include "web/inside.h"

#include "conf/yaml.h"
#include "web/openapi_file.h"

#include <stdlib.h>
#include <string.h>

enum err openapi_open(struct web *w, struct fault *fault)
{
    const struct embedded_file *file = &openapi_files[0];
    struct arena                arena;
    struct yaml_node           *root;
    arena_init(&arena, YAML_ARENA_MIN);
    json_t                     *document = NULL;
    enum err                    code = yaml_parse(&arena, file->name, (const char *)file->data, file->size, &root, NULL, fault);
    if (code == OK)
        code = yaml_to_json(root, &document, fault);
    arena_done(&arena);
    if (code == OK) {
        w->openapi_text = json_dumps(document, JSON_INDENT(2));
        if (!w->openapi_text)
            code = fail(fault, ERR_LIMIT, "no memory for the description of the interface");
    }
    json_decref(document);
    return code;
}

void openapi_done(struct web *w)
{
    free(w->openapi_text);
    w->openapi_text = NULL;
}

enum MHD_Result openapi_json(struct exchange *x)
{
    exchange_header(x, "Cache-Control", "no-cache");
    return answer_static(x, 200, "application/json", x->web->openapi_text, strlen(x->web->openapi_text));
}

enum MHD_Result openapi_yaml(struct exchange *x)
{
    exchange_header(x, "Cache-Control", "no-cache");
    return answer_static(x, 200, "application/yaml", openapi_files[0].data, openapi_files[0].size);
}
