/* tests/unit/web_fixture.h - a running web on a free port with tokens of every role, for the tests of web/. */
#ifndef WEB_FIXTURE_H
#define WEB_FIXTURE_H

#include "unit.h"

#include "model/principal.h"
#include "web/web.h"
#include "web_client.h"
#include "web_double.h"

#include <stdbool.h>

struct fixture {
    char                folder[64], tokens_file[96];
    struct web_options  options;
    struct web_sources  sources;
    struct web         *web;
    int                 port;
    char                viewer[WEB_TOKEN_SIZE], operator[WEB_TOKEN_SIZE], approver[WEB_TOKEN_SIZE], admin[WEB_TOKEN_SIZE];
};

extern struct fixture fx;

void fixture_open(void);       /* a folder and tokens; fx.options may be changed before fixture_start() */
void fixture_start(void);
void fixture_stop(void);
void fixture_close(void);

int  fixture_setup(void **state);       /* open and start */
int  fixture_teardown(void **state);

/* client_ask() with the answer checked for its status. Free it with answer_done(). */
struct answer ask(const char *token, const char *method, const char *path, const char *headers, const char *body, int want_status);
/* The same, with only the status being of interest. */
void expect(const char *token, const char *method, const char *path, const char *headers, const char *body, int want_status);
/* The answer has this header with this value; NULL: it does not have it. */
void assert_header(const struct answer *a, const char *name, const char *value);
/* The body is JSON that holds this text at the pointer-like path "data.id" ("" at the end of arrays is not supported). */
void assert_member(const struct answer *a, const char *path, const char *value);

#define JSON_BODY "Content-Type: application/json\r\n"

#endif
