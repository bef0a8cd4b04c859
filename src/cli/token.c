/* cli/token.c - homeostat token new: a token is told once, and only its digest is kept. */
#include "base/clock.h"
#include "cli/commands.h"
#include "cli/sections.h"
#include "cli/where.h"
#include "conf/daemon.h"
#include "web/token.h"
#include "web/web.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* 9999-12-31T23:59:59Z. What is later has a year of five digits, and a file of tokens with that could not be read again. */
#define LAST_US (INT64_C(253402300799) * US_PER_S)

/* A moment, or after how long. */
static enum err read_expiry(const char *said, int64_t *us, struct fault *fault)
{
    int64_t span_us, now_us = clock_wall_us(&clock_real);
    *us = 0;
    if (!*said)
        return OK;
    if ((*us = clock_parse(said)) < 0 && knob_time_parse(said, &span_us, fault) == OK && span_us > 0 && span_us <= LAST_US - now_us)
        *us = now_us + span_us;
    if (*us > now_us && *us <= LAST_US)
        return OK;
    enum err e = fail(fault, ERR_INPUT, "--expires: \"%.40s\" is no time to come", said);
    fail_hint(fault, "a moment as 2026-12-31T00:00:00Z, or after how long: 90d, 12h");
    return e;
}

static enum err find_file(struct cli *c, char *path, size_t size, struct fault *fault)
{
    struct conf *conf = NULL;
    if (*c->o.file)
        return text_copy(path, size, c->o.file) ? OK : fail(fault, ERR_INPUT, "the path is too long");
    enum err e = conf_load(where_config(&c->o), program_sections, program_sections_count, &conf, NULL, fault);
    if (e == OK) {
        (void)text_copy(path, size, daemon_conf_of(conf).web->tokens.path);
        conf_free(conf);
        if (!*path)
            e = fail(fault, ERR_MISSING, "%.200s names no file of tokens", where_config(&c->o));
    }
    if (e != OK)
        fail_hint(fault, "--file FILE makes one; name it as web.tokens in the configuration");
    return e;
}

int cmd_token_new(struct cli *c)
{
    struct fault fault = { 0 };
    char         path[1024] = "", token[WEB_TOKEN_SIZE];
    unsigned     roles = 0;
    int64_t      expires_us = 0;
    if (!*c->o.name || !*c->o.role) {
        (void)fail(&fault, ERR_INPUT, "token new wants --name and --role");
        (void)cli_complain(c, &fault);
        return CLI_USAGE;
    }
    if (token_roles_parse(c->o.role, &roles, &fault) != OK || read_expiry(c->o.expires, &expires_us, &fault) != OK) {
        (void)cli_complain(c, &fault);
        return CLI_USAGE;
    }
    if (find_file(c, path, sizeof path, &fault) != OK || web_token_new(path, c->o.name, roles, expires_us, token, &fault) != OK)
        return cli_complain(c, &fault);
    json_t *o = json_pack("{s:s, s:s, s:s, s:s}", "token", token, "name", c->o.name, "role", c->o.role, "file", path);
    if (!cli_put_json(c, o)) {
        fprintf(c->out, "%s\n", token);
        fprintf(c->err, "This is told only once; %s keeps its digest. A running homeostat whose web.tokens names that file takes it up by itself.\n", path);
        struct stat st;
        if (geteuid() == 0 && stat(path, &st) == 0 && st.st_uid == 0)
            fprintf(c->err, "The file belongs to root: a homeostat that runs as a user of its own can read it once it is that user's (chown homeostat %s).\n", path);
    }
    json_decref(o);
    explicit_bzero(token, sizeof token);
    return CLI_DONE;
}
