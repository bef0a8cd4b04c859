/* web/page.c - the dashboard's files. They change with the program only, so browsers keep them and ask whether they are still good. */
#include "web/assets.h"
#include "web/inside.h"

#include <string.h>

static const char no_page[] =
    "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Homeostat</title></head>\n<body>\n"
    "<h1>Homeostat is running</h1>\n"
    "<p>This program was built without its dashboard, because the tools that build it (esbuild and tsc) were not there.</p>\n"
    "<p>Everything the dashboard shows is in the API: <a href=\"openapi.json\">openapi.json</a> describes it.\n"
    "On the command line, <code>homeostat --help</code> is a good start.</p>\n</body></html>\n";

static const struct ui_asset *find(const char *path)
{
    for (size_t i = 0; i < ui_assets_count; i++)
        if (strcmp(ui_assets[i].path, path) == 0)
            return &ui_assets[i];
    return NULL;
}

static enum MHD_Result answer_asset(struct exchange *x, const struct ui_asset *a)
{
    const char *has = exchange_request_header(x, "If-None-Match");
    exchange_header(x, "Cache-Control", "no-cache");
    exchange_header(x, "ETag", "%s", a->etag);
    if (has && (strcmp(has, "*") == 0 || strstr(has, a->etag)))
        return answer_nothing(x, 304);
    return answer_static(x, 200, a->type, a->data, a->size);
}

enum MHD_Result page_index(struct exchange *x)
{
    const struct ui_asset *a = find("index.html");
    return a ? answer_asset(x, a) : answer_static(x, 200, "text/html; charset=utf-8", no_page, sizeof no_page - 1);
}

enum MHD_Result page_asset(struct exchange *x)
{
    const struct ui_asset *a = find(x->id);
    if (a)
        return answer_asset(x, a);
    struct fault fault;
    (void)fail(&fault, ERR_MISSING, ui_assets_count ? "the dashboard has no such file" : "this program was built without its dashboard");
    return answer_problem(x, PROBLEM_NOT_FOUND, &fault, NULL);
}
