/* cli/where.c - see where.h. */
#include "cli/sections.h"
#include "cli/where.h"

#include "base/file.h"
#include "base/text.h"
#include "conf/daemon.h"
#include "ingest/conf.h"
#include "link/http.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TOKEN_FILE_MAX = 4096 };
static const char store_folder_default[] = "/var/lib/homeostat";

static const char *or_environment(const char *option, const char *name)
{
    const char *said = *option ? option : getenv(name);
    return said ? said : "";
}

const char *where_config(const struct cli_options *o)
{
    const char *said = or_environment(o->config, "HOMEOSTAT_CONFIG");
    return *said ? said : DAEMON_CONF_PATH;
}

bool where_is_configured(const struct cli_options *o)
{
    return *or_environment(o->config, "HOMEOSTAT_CONFIG") || access(DAEMON_CONF_PATH, F_OK) == 0 || errno != ENOENT;
}

enum err where_read_token(const char *path, char token[WHERE_TOKEN_SIZE], struct fault *fault)
{
    struct stat st;
    char       *data = NULL;
    token[0] = '\0';
    if (stat(path, &st) == 0 && (st.st_mode & 077) != 0) {
        enum err e = fail(fault, ERR_DENIED, "others may read the token in %.300s (mode %03o)", path, (unsigned)st.st_mode & 0777);
        fail_hint(fault, "chmod 600 %.200s", path);
        return e;
    }
    enum err e = file_read(path, TOKEN_FILE_MAX, &data, NULL, fault);
    if (e != OK)
        return e;
    size_t n = strcspn(data, "\r\n");
    bool   fine = n > 0 && n < WHERE_TOKEN_SIZE && data[n + strspn(data + n, "\r\n")] == '\0';
    for (size_t i = 0; i < n && fine; i++)
        fine = data[i] > ' ' && data[i] < 0x7f;
    if (fine) {
        memcpy(token, data, n);
        token[n] = '\0';
    } else {
        e = fail(fault, ERR_INPUT, "%.300s does not hold one token on one line", path);
        fail_hint(fault, "a token looks like hst_ and 64 hex digits; the file of tokens that the server reads holds digests, not tokens");
    }
    explicit_bzero(data, strlen(data));
    free(data);
    return e;
}

/* What the configuration tells of address, token and certificate. */
struct told { char url[WHERE_SIZE], token_file[WHERE_SIZE], ca_file[WHERE_SIZE]; bool has_tokens_table; };

static enum err read_conf(const char *path, struct told *t, struct fault *fault)
{
    struct conf *conf = NULL;
    enum err     e = conf_load(path, program_sections, program_sections_count, &conf, NULL, fault);
    if (e != OK)
        return e;
    struct daemon_conf       d = daemon_conf_of(conf);
    const struct daemon_web *w = d.web;
    const char              *host = w->listen.host;
    bool                     tls = *w->tls_certificate != '\0';
    if (strcmp(host, "0.0.0.0") == 0 || strcmp(host, "") == 0)
        host = "127.0.0.1";
    else if (strcmp(host, "::") == 0)
        host = "::1";
    bool six = strchr(host, ':') != NULL;
    if (w->listen.port > 0)
        (void)snprintf(t->url, sizeof t->url, "%s://%s%s%s:%d", tls ? "https" : "http", six ? "[" : "", host, six ? "]" : "", w->listen.port);
    (void)text_copy(t->ca_file, sizeof t->ca_file, w->tls_certificate);
    t->has_tokens_table = *w->tokens.path != '\0';
    (void)snprintf(t->token_file, sizeof t->token_file, "%s/token", d.store->folder);
    conf_free(conf);
    return OK;
}

/* A running Homeostat goes on with what it had when the file was edited: whoever has to stop it must hear how, now. */
static void hint_otherwise(struct fault *fault, const char *otherwise)
{
    char own[sizeof fault->hint];
    (void)text_copy(own, sizeof own, fault->hint);
    fail_hint(fault, "%.120s%s%s", own, *own ? " " : "", otherwise);
}

/* half: address or token were said. Who may not look at the configuration is served by the usual place for the other half, and told otherwise. */
static enum err ask_conf(const struct cli_options *o, bool half, struct told *t, struct fault *fault)
{
    const char *path = where_config(o);
    bool        named = *or_environment(o->config, "HOMEOSTAT_CONFIG") != '\0';
    if (!where_is_configured(o) || (half && !named && access(path, F_OK) != 0)) {
        (void)text_copy(t->url, sizeof t->url, "http://127.0.0.1:7433");
        (void)snprintf(t->token_file, sizeof t->token_file, "%s/token", store_folder_default);
        return OK;
    }
    enum err e = read_conf(path, t, fault);
    if (e != OK)
        hint_otherwise(fault, "Or say where Homeostat is without it, e.g. --url http://127.0.0.1:7433 --token-file /var/lib/homeostat/token");
    return e;
}

static enum err find_token(const char *token_file, const struct told *t, bool url_given, struct where *w)
{
    if (*token_file)
        return where_read_token(token_file, w->token, &w->no_token);
    /* Plain http is for this machine only (link/http.h), so the store's token stays on it. */
    if (url_given && strncmp(w->url, "http://", 7) != 0) {
        enum err e = fail(&w->no_token, ERR_DENIED, "no token for %.200s", w->url);
        fail_hint(&w->no_token, "--token-file FILE, or HOMEOSTAT_TOKEN_FILE");
        return e;
    }
    if (t->has_tokens_table) {
        enum err e = fail(&w->no_token, ERR_DENIED, "no token: web.tokens is set, so there is none for this machine");
        fail_hint(&w->no_token, "homeostat token new makes one; then --token-file FILE, or HOMEOSTAT_TOKEN_FILE");
        return e;
    }
    enum err e = where_read_token(t->token_file, w->token, &w->no_token);
    if (e != OK && !w->no_token.hint[0])
        fail_hint(&w->no_token, "homeostat run makes it in its store at its first start, readable by its own user; --config (or HOMEOSTAT_CONFIG) says where that is, or --token-file FILE");
    return e;
}

enum err where_find(const struct cli_options *o, struct where *w, struct fault *fault)
{
    const char *url = or_environment(o->url, "HOMEOSTAT_URL"), *token_file = or_environment(o->token_file, "HOMEOSTAT_TOKEN_FILE");
    const char *ca_file = or_environment(o->ca_file, "HOMEOSTAT_CA_FILE");
    struct told told = { 0 };
    enum err    e = OK;
    *w = (struct where){ 0 };
    if (!*url || !*token_file)
        e = ask_conf(o, *url || *token_file, &told, fault);
    if (e != OK)
        return e;
    if (!text_copy(w->url, sizeof w->url, *url ? url : told.url) || !text_copy(w->ca_file, sizeof w->ca_file, *ca_file ? ca_file : *url ? "" : told.ca_file))
        return fail(fault, ERR_INPUT, "the address is too long");
    for (size_t n = strlen(w->url); n > 0 && w->url[n - 1] == '/'; n--)
        w->url[n - 1] = '\0';
    if (!*w->url) {
        e = fail(fault, ERR_INPUT, "%.300s lets the system choose the port", where_config(o));
        fail_hint(fault, "say which it is: --url http://127.0.0.1:PORT (the log of homeostat run names it)");
        return e;
    }
    if ((e = http_url_check(w->url, fault)) != OK)
        return e;
    e = find_token(token_file, &told, *url != '\0', w);
    if (e != OK && *token_file) {           /* a file that was named must be good */
        *fault = w->no_token;
        return e;
    }
    return OK;
}

void where_done(struct where *w) { explicit_bzero(w->token, sizeof w->token); }

enum err where_folder(const struct cli_options *o, enum where_part part, char out[WHERE_FOLDER_SIZE], struct fault *fault)
{
    static const char *const below[] = { "/journal", "/history", "" };
    struct conf             *conf = NULL;
    const char              *path = where_config(o);
    (void)snprintf(out, WHERE_FOLDER_SIZE, "%s%s", *o->folder ? o->folder : store_folder_default, *o->folder ? "" : below[part]);
    if (*o->folder || !where_is_configured(o))
        return OK;
    enum err e = conf_load(path, program_sections, program_sections_count, &conf, NULL, fault);
    if (e != OK) {
        hint_otherwise(fault, "Or say where it is without it: --folder");
        return e;
    }
    const char *store = daemon_conf_of(conf).store->folder;
    if (part == WHERE_JOURNAL)
        (void)ingest_journal_folder(conf, store, out, WHERE_FOLDER_SIZE);
    else
        (void)snprintf(out, WHERE_FOLDER_SIZE, "%s%s", store, below[part]);
    conf_free(conf);
    return OK;
}
