/* conf/daemon.c - the tables of daemon.h. The text in the last column is what the operator reads in the documentation. */
#include "conf/daemon.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* ---- log ---- */

static const struct conf_knob log_knobs[] = {
    { "level",  KNOB_CHOICE(struct daemon_log, level),  "info", "debug|info|warn|error",      CONF_LIVE,
      "The least important lines that are written. debug explains each decision of the engine." },
    { "format", KNOB_CHOICE(struct daemon_log, format), "auto", "auto|logfmt|json|journald",  CONF_LIVE,
      "auto is journald under systemd and logfmt elsewhere." },
};
const struct conf_section daemon_log_section = { .path = "log", .knobs = log_knobs, .count = COUNT(log_knobs), .size = sizeof(struct daemon_log),
    .why = "What is written about the work." };

/* ---- store ---- */

static const struct conf_knob store_knobs[] = {
    { "folder",      KNOB_PATH(struct daemon_store, folder),      "/var/lib/homeostat", NULL, CONF_RESTART,
      "Where cases.db, telemetry.db and the undo scripts (in undo/) lie. On a disk of its own a full database disk cannot stop the engine." },
};
const struct conf_section daemon_store_section = { .path = "store", .knobs = store_knobs, .count = COUNT(store_knobs), .size = sizeof(struct daemon_store),
    .why = "Where cases, their history and telemetry are kept." };

/* ---- web ---- */

static const struct conf_knob web_knobs[] = {
    { "listen",          KNOB_ADDRESS(struct daemon_web, listen),          "127.0.0.1:7433", NULL,   CONF_RESTART,
      "Address of the API and the dashboard. Anything but loopback needs TLS and tokens. Port 0 takes any free one." },
    { "tls.certificate", KNOB_PATH(struct daemon_web, tls_certificate),    "",               "file", CONF_RESTART,
      "PEM file with the certificate and its chain." },
    { "tls.key",         KNOB_SECRET_FILE(struct daemon_web, tls_key),     "",               NULL,   CONF_RESTART,
      "PEM file with the private key, mode 0600 or 0400." },
    { "tokens",          KNOB_SECRET_FILE(struct daemon_web, tokens),      "",               NULL,   CONF_LIVE,
      "File with a line `roles name token` for each user, roles being viewer, operator, approver or admin. Unset: there is one token, for this machine, in the file token in store.folder." },
    { "metrics_open",    KNOB_BOOL(struct daemon_web, metrics_open),       "false",          NULL,   CONF_RESTART,
      "Whether GET /metrics needs no token; for a Prometheus that has none." },
};

static void web_check(const void *instance, struct conf_checker *c)
{
    const struct daemon_web *w = instance;
    bool                     tls = *w->tls_certificate && *w->tls_key.path;
    if (!*w->tls_certificate != !*w->tls_key.path)
        conf_refuse(c, *w->tls_certificate ? "tls.certificate" : "tls.key", "Set both, or neither.", "certificate and key belong together");
    if (!w->listen.loopback && !tls)
        conf_refuse(c, "listen", "Set web.tls.certificate and web.tls.key, or listen on 127.0.0.1.", "%s can be reached from outside, so it needs TLS", w->listen.host);
    if (!w->listen.loopback && !*w->tokens.path)
        conf_refuse(c, "listen", "Set web.tokens, or listen on 127.0.0.1.", "%s can be reached from outside, so it needs tokens", w->listen.host);
    if (*w->tokens.path) {
        struct fault        why = { 0 };
        struct daemon_token token[DAEMON_TOKENS_MAX];
        size_t              n;
        if (daemon_tokens_parse(w->tokens.value, token, DAEMON_TOKENS_MAX, &n, &why) != OK)
            conf_refuse(c, "tokens", why.hint, "%s", why.text);
    }
}

const struct conf_section daemon_web_section = { .path = "web", .knobs = web_knobs, .count = COUNT(web_knobs), .size = sizeof(struct daemon_web),
    .check = web_check, .why = "The API and the dashboard. There is no switch that lets them be open to others without TLS and tokens." };

/* ---- policy, runbooks ---- */

static const struct conf_knob policy_knobs[] = {
    { "file", KNOB_PATH(struct daemon_policy, file), "", "file", CONF_LIVE,
      "What may be changed, how far and when. Unset: the cautious policy that is built in." },
};
const struct conf_section daemon_policy_section = { .path = "policy", .knobs = policy_knobs, .count = COUNT(policy_knobs), .size = sizeof(struct daemon_policy),
    .why = "The rules that the gate goes by; `homeostat policy print` shows every one with its value." };

static const struct conf_knob runbooks_knobs[] = {
    { "folder", KNOB_PATH(struct daemon_runbooks, folder), "", "folder", CONF_LIVE,
      "Folder of *.yaml plan templates. Unset: those that are built in." },
};
const struct conf_section daemon_runbooks_section = { .path = "runbooks", .knobs = runbooks_knobs, .count = COUNT(runbooks_knobs),
    .size = sizeof(struct daemon_runbooks), .why = "Plans that people have written for known problems." };

/* ---- targets ---- */

static enum err no_password(struct fault *fault, const char *where)
{
    (void)fail(fault, ERR_INPUT, "a password must not stand in the configuration (%s)", where);
    fail_hint(fault, "Put it into a file of mode 0600 in the format of pgpass and name that as passfile, or use service=NAME.");
    return ERR_INPUT;
}

static bool is_secret_word(const char *s, size_t n)
{
    return (n == 8 && strncasecmp(s, "password", n) == 0) || (n == 11 && strncasecmp(s, "sslpassword", n) == 0);
}

/* host:5432,[::1]:5433: what follows a colon is a number. */
static bool ports_are_numbers(const char *s, size_t n)
{
    const char *end = s + n;
    for (bool six = false; s < end; s++) {
        six = *s == '[' || (six && *s != ']');
        if (*s == ':' && !six && s + 1 + strspn(s + 1, "0123456789") < end && s[1 + strspn(s + 1, "0123456789")] != ',')
            return false;
    }
    return true;
}

/* postgresql://user:password@host/db?password=... */
static enum err uri_check(const char *s, struct fault *fault)
{
    s = strstr(s, "://") + 3;
    size_t      authority = strcspn(s, "/?");
    const char *at = memchr(s, '@', authority);
    if (at && memchr(s, ':', (size_t)(at - s)))
        return no_password(fault, "after the user of the URI");
    const char *hosts = at ? at + 1 : s;
    if (!ports_are_numbers(hosts, authority - (size_t)(hosts - s)))      /* user:pass/word@host ends where the slash is */
        return no_password(fault, "where the port of the URI should be");
    for (const char *q = strchr(s, '?'); q; q = strchr(q, '&')) {
        q++;
        if (is_secret_word(q, strcspn(q, "=&")) || strchr(q, '%') == q + strcspn(q, "=&%"))
            return q[strcspn(q, "=&%")] == '%' ? fail(fault, ERR_INPUT, "the names of a URI's parameters must not be encoded with %%")
                                               : no_password(fault, "in the parameters of the URI");
    }
    return OK;
}

/* libpq's keyword = value, values in single quotes with backslashes where needed. Its own parser has the last word when connecting. */
static enum err conninfo_check(const char *s, struct fault *fault)
{
    while (*(s += strspn(s, " \t\r\n"))) {
        const char *word = s;
        size_t      n = strcspn(s, "= \t\r\n");
        s += n;
        s += strspn(s, " \t\r\n");
        if (*s != '=' || n == 0) {
            (void)fail(fault, ERR_INPUT, "the text is no conninfo: a keyword without `=`");
            fail_hint(fault, "Write host=... port=... dbname=... user=..., or a URI postgresql://user@host/dbname.");
            return ERR_INPUT;
        }
        s++;
        s += strspn(s, " \t\r\n");
        if (is_secret_word(word, n))
            return no_password(fault, "password= in the conninfo");
        bool quoted = *s == '\'';
        for (s += quoted; *s && (quoted ? *s != '\'' : !isspace((unsigned char)*s)); s++)
            s += *s == '\\' && s[1];
        if (quoted && *s++ != '\'')
            return fail(fault, ERR_INPUT, "the text is no conninfo: a quote is not closed");
    }
    return OK;
}

static enum err dsn_check(const char *s, struct fault *fault)
{
    bool uri = strncmp(s, "postgresql://", 13) == 0 || strncmp(s, "postgres://", 11) == 0;
    return uri ? uri_check(s, fault) : conninfo_check(s, fault);
}

static enum err url_check(const char *s, struct fault *fault)
{
    size_t scheme = strncmp(s, "http://", 7) == 0 ? 7 : strncmp(s, "https://", 8) == 0 ? 8 : 0;
    if (!scheme || !s[scheme] || s[scheme] == '/' || strpbrk(s, " \t\r\n")) {
        (void)fail(fault, ERR_INPUT, "this is no URL");
        fail_hint(fault, "Write http://host:port/path.");
        return ERR_INPUT;
    }
    if (memchr(s + scheme, '@', strcspn(s + scheme, "/?#")))
        return fail(fault, ERR_INPUT, "a user or password must not stand in a URL");
    return OK;
}

static const struct conf_knob target_knobs[] = {
    { "tenant",             KNOB_TEXT(struct daemon_target, tenant),             "default",  "1..63",                      CONF_LIVE,
      "Whose database it is. Tenants may be told apart in what they share, see `tenants`." },
    { "kind",               KNOB_CHOICE(struct daemon_target, kind),             "postgres", "postgres",                   CONF_RESTART,
      "What it is." },
    { "dsn",                KNOB_TEXT(struct daemon_target, dsn),                NULL,       "1..2048",                    CONF_RESTART,
      "How libpq reaches it, as keywords or a URI, without a password: `host=/run/postgresql dbname=shop user=homeostat`.", dsn_check },
    { "passfile",           KNOB_SECRET_FILE(struct daemon_target, passfile),    "",         NULL,                         CONF_RESTART,
      "File in the format of pgpass, mode 0600, that holds the password." },
    { "mode",               KNOB_CHOICE(struct daemon_target, mode),             "suggest",  "watch|suggest|approve|auto", CONF_LIVE,
      "How far to go: look on; print what could be done; do what a person approves; do by itself what the policy allows." },
    { "owner",              KNOB_CHOICE(struct daemon_target, owner),            "none",     "none|patroni|cloud",         CONF_RESTART,
      "Who else manages the server's configuration. What is owned is changed through its owner or not at all. `none` is checked, not believed." },
    { "restart",            KNOB_CHOICE(struct daemon_target, restart),          "never",    "never|window|allowed",       CONF_LIVE,
      "Whether the server may be restarted to change what needs it: never, inside the policy's windows, or at any time. The policy's restart.when has to allow it, too." },
    { "restart_command",    KNOB_LIST(struct daemon_target, restart_command),    "",         "0..64",                      CONF_LIVE,
      "Program and arguments that restart the server and wait until it is up, e.g. [systemctl, restart, postgresql@15-main]. No shell is involved. It runs as Homeostat's own user; let it go through the service manager, since a server that pg_ctl starts from here has the limits of Homeostat's service." },
    { "start_command",      KNOB_LIST(struct daemon_target, start_command),      "",         "0..64",                      CONF_LIVE,
      "Program and arguments that start a server which is down. Unset: restart_command does that too." },
    { "restart_timeout",    KNOB_TIME(struct daemon_target, restart_timeout_us), "120s",     "1s..1h",                     CONF_LIVE,
      "How long one run of these commands may take." },
    { "trial_start",        KNOB_BOOL(struct daemon_target, trial_start),        "true",     NULL,                         CONF_LIVE,
      "Try settings that need a restart in a throwaway instance first, where that is possible." },
    { "data_directory",     KNOB_PATH(struct daemon_target, data_directory),     "",         NULL,                         CONF_RESTART,
      "Data directory of a server on this machine. Unset: as the server says." },
    { "bin_directory",      KNOB_PATH(struct daemon_target, bin_directory),      "",         NULL,                         CONF_RESTART,
      "Where postgres and initdb of this server are. Unset: they are looked for." },
    { "cgroup",             KNOB_PATH(struct daemon_target, cgroup),             "",         NULL,                         CONF_RESTART,
      "Folder of the control group whose limits bind the server. Unset: the group that its postmaster is in." },
    { "load_endpoint",      KNOB_TEXT(struct daemon_target, load_endpoint),      "",         "1..2048",                    CONF_RESTART,
      "URL at which the load driver or the application reports true latencies. Unset: they are estimated and labelled so.", url_check },
    { "load_saturates",     KNOB_BOOL(struct daemon_target, load_saturates),     "false",    NULL,                         CONF_LIVE,
      "Say true when the load always asks for more (a closed loop without think time): then throughput itself is a proof. Otherwise it is only what was offered." },
    { "sample_interval",    KNOB_TIME(struct daemon_target, sample_interval_us), "1s",       "200ms..1min",                CONF_RESTART,
      "How often the server is asked for its metrics." },
    { "connect_timeout",    KNOB_TIME(struct daemon_target, connect_timeout_us), "5s",       "100ms..1min",                CONF_RESTART,
      "How long connecting may take." },
    { "statement_timeout",  KNOB_TIME(struct daemon_target, statement_timeout_us), "5s",     "100ms..10min",               CONF_RESTART,
      "How long one of our statements may take." },
};

static void target_check(const void *instance, struct conf_checker *c)
{
    const struct daemon_target *t = instance;
    bool                        commands = t->restart_command.count > 0;
    if (t->restart != DAEMON_RESTART_NEVER && !commands)
        conf_refuse(c, "restart", "Add restart_command, e.g. [systemctl, restart, postgresql@15-main], or write `restart: never`.",
                    "restarts are allowed, and nobody knows how to do one");
    if (commands && !*t->restart_command.item[0])
        conf_refuse(c, "restart_command", NULL, "the first item is the program, and it is empty");
    if (t->start_command.count && !*t->start_command.item[0])
        conf_refuse(c, "start_command", NULL, "the first item is the program, and it is empty");
    if (t->owner != DAEMON_OWNER_NONE && t->mode >= DAEMON_APPROVE)
        conf_refuse(c, "mode", "Write `mode: suggest`, and make the changes through the owner.", "a server that is managed elsewhere is not changed from here");
}

const struct conf_section daemon_targets_section = { .path = "targets", .knobs = target_knobs, .count = COUNT(target_knobs), .size = sizeof(struct daemon_target),
    .check = target_check, .shape = CONF_MAP, .instances_max = DAEMON_TARGETS_MAX, .flags = CONF_RESTART, .name_at = offsetof(struct daemon_target, name),
    .why = "The databases, each under a name that appears in cases, addresses and file names." };

/* ---- knowledge, tenants ---- */

static const struct conf_knob knowledge_knobs[] = {
    { "share", KNOB_BOOL(struct daemon_knowledge, share), "true", NULL, CONF_LIVE,
      "Whether what trials taught may be exported, and used for the databases of other tenants. It holds features of the load, parameters and outcomes; no data, queries or names." },
    { "use",   KNOB_BOOL(struct daemon_knowledge, use),   "true", NULL, CONF_LIVE,
      "Whether what trials on other databases taught is used: a new database then begins with what has proven itself on those most like it." },
};
const struct conf_section daemon_knowledge_section = { .path = "knowledge", .knobs = knowledge_knobs, .count = COUNT(knowledge_knobs),
    .size = sizeof(struct daemon_knowledge), .why = "What databases learn from each other; for all tenants." };

static const struct conf_knob tenant_knobs[] = {
    { "knowledge.share", KNOB_BOOL(struct daemon_tenant, knowledge.share), "true", NULL, CONF_LIVE,
      "false: nothing of this tenant is exported or used for others. What was exported before cannot be called back." },
    { "knowledge.use",   KNOB_BOOL(struct daemon_tenant, knowledge.use),   "true", NULL, CONF_LIVE,
      "false: its databases are tuned from their own history alone." },
};
const struct conf_section daemon_tenants_section = { .path = "tenants", .knobs = tenant_knobs, .count = COUNT(tenant_knobs), .size = sizeof(struct daemon_tenant),
    .shape = CONF_MAP, .instances_max = DAEMON_TENANTS_MAX, .flags = CONF_LIVE, .name_at = offsetof(struct daemon_tenant, name),
    .why = "Tenants for which something else holds than for all; others need not be named." };

struct daemon_knowledge daemon_knowledge_of(const struct daemon_conf *d, const char *tenant)
{
    struct daemon_knowledge k = *d->knowledge;
    for (size_t i = 0; i < d->tenants; i++)
        if (strcmp(d->tenant[i].name, tenant) == 0) {
            k.share = k.share && d->tenant[i].knowledge.share;
            k.use = k.use && d->tenant[i].knowledge.use;
        }
    return k;
}

/* ---- tune ---- */

static const struct conf_knob tune_knobs[] = {
    { "window",               KNOB_TIME(struct daemon_tune, window_us),       "60s",    "1s..1h",      CONF_LIVE,
      "Length of one measurement. Short windows answer sooner and see less; load that swings by the minute needs longer ones." },
    { "windows_min",          KNOB_INT(struct daemon_tune, windows_min),      "6",      "2..256",      CONF_LIVE,
      "No verdict on fewer windows than this." },
    { "windows_max",          KNOB_INT(struct daemon_tune, windows_max),      "40",     "2..10000",    CONF_LIVE,
      "Undecided after this many windows means: put back." },
    { "wash_out",             KNOB_TIME(struct daemon_tune, wash_out_us),     "5s",     "0s..10min",   CONF_LIVE,
      "After a setting has been toggled, wait this long before measuring." },
    { "warm_up",              KNOB_TIME(struct daemon_tune, warm_up_us),      "60s",    "0s..2h",      CONF_LIVE,
      "After a restart, wait this long before measuring: caches are cold." },
    { "watch",                KNOB_TIME(struct daemon_tune, watch_us),        "300s",   "1s..1d",      CONF_LIVE,
      "After each step, watch this long before the next." },
    { "settle",               KNOB_TIME(struct daemon_tune, settle_us),       "300s",   "0s..1d",      CONF_LIVE,
      "Between the end of one case and the next on the same target." },
    { "reevaluate",           KNOB_TIME(struct daemon_tune, reevaluate_us),   "3600s",  "10s..30d",    CONF_LIVE,
      "How often to ask again whether something could be better once everything known has been tried." },
    { "cool_down",            KNOB_TIME(struct daemon_tune, cool_down_us),    "30min",  "0s..30d",     CONF_LIVE,
      "After a change was put back, propose nothing for the same target for this long. The policy's own cool-down holds as well." },
    { "alpha",                KNOB_REAL(struct daemon_tune, alpha),           "0.05",   "0.0001..0.5", CONF_LIVE,
      "Over the lifetime of a target, the share of what is called better that is not, at most, on average; where nothing can be better, the probability of ever calling something so." },
    { "checkpoint_in_window", KNOB_BOOL(struct daemon_tune, checkpoint_in_window), "true", NULL,       CONF_LIVE,
      "Have one checkpoint inside each window that a restart is compared with, as those after it have one, so that cost put off is not taken for gain." },
    { "seed",                 KNOB_INT(struct daemon_tune, seed),             "1",      "0..",         CONF_RESTART,
      "Where chance begins: the same seed and the same history give the same decisions." },
    { "planner",              KNOB_CHOICE(struct daemon_tune, planner),       "joint",  "joint|joint-ppo|ladder", CONF_RESTART,
      "joint chooses among rules, models and searches by what each has earned; joint-ppo has a learned policy among them, which did not earn its place in measurements; ladder asks in a fixed order." },
};

const char *daemon_planner_name(int planner)
{
    static const char *const names[] = { "joint", "joint-ppo", "ladder" };
    return names[planner];
}

static void tune_check(const void *instance, struct conf_checker *c)
{
    const struct daemon_tune *t = instance;
    if (t->windows_min > t->windows_max)
        conf_refuse(c, conf_is_set(c, "windows_max") ? "windows_max" : "windows_min", "The least may not be above the most.",
                    "windows_min is %lld and windows_max %lld", (long long)t->windows_min, (long long)t->windows_max);
}

const struct conf_section daemon_tune_section = { .path = "tune", .knobs = tune_knobs, .count = COUNT(tune_knobs), .size = sizeof(struct daemon_tune),
    .check = tune_check, .why = "How changes are tried and measured." };

/* ---- budget ---- */

static const struct conf_knob budget_knobs[] = {
    { "cases_open_max",     KNOB_INT(struct daemon_budget, cases_open_max),     "100", "1..10000", CONF_LIVE,
      "How many cases may be open at once; beyond it new ones are refused with a clear word." },
    { "plans_per_case_max", KNOB_INT(struct daemon_budget, plans_per_case_max), "3",   "1..100",   CONF_LIVE,
      "How many plans are tried in one case before a person is called." },
};
const struct conf_section daemon_budget_section = { .path = "budget", .knobs = budget_knobs, .count = COUNT(budget_knobs), .size = sizeof(struct daemon_budget),
    .why = "Bounds on the daemon itself. What a single target may bear (changes per hour, restarts per day) is said by the policy." };

/* ---- all of them ---- */

const struct conf_section *const daemon_sections[] = {
    &daemon_log_section, &daemon_store_section, &daemon_web_section, &daemon_policy_section, &daemon_runbooks_section, &daemon_tune_section,
    &daemon_budget_section, &daemon_knowledge_section, &daemon_tenants_section, &daemon_targets_section,
};
const size_t daemon_sections_count = COUNT(daemon_sections);

struct daemon_conf daemon_conf_of(const struct conf *c)
{
    struct daemon_conf d = {
        .log = conf_of(c, &daemon_log_section), .store = conf_of(c, &daemon_store_section), .web = conf_of(c, &daemon_web_section),
        .policy = conf_of(c, &daemon_policy_section), .runbooks = conf_of(c, &daemon_runbooks_section),
        .tune = conf_of(c, &daemon_tune_section), .budget = conf_of(c, &daemon_budget_section), .knowledge = conf_of(c, &daemon_knowledge_section),
    };
    d.target = conf_instances(c, &daemon_targets_section, &d.targets);
    d.tenant = conf_instances(c, &daemon_tenants_section, &d.tenants);
    return d;
}
