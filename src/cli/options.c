/* cli/options.c - one row per option; see options.h and base/options.h. */
#include "cli/options.h"

#include "base/utf8.h"
#include "conf/complain.h"
#include "conf/knob.h"

#include <string.h>

#define AT(member) offsetof(struct cli_options, member)
#define S 1e6
#define MOST ((double)INT64_MAX)

static const struct option rows[] = {
    { "config",     "-c", OPTION_TEXT,   AT(config),     1, 0,          "FILE",  "",      "the configuration (HOMEOSTAT_CONFIG, else /etc/homeostat/homeostat.yaml)" },
    { "url",        NULL, OPTION_TEXT,   AT(url),        1, 0,          "URL",   "",      "where Homeostat answers (HOMEOSTAT_URL, else as the configuration says)" },
    { "token-file", NULL, OPTION_TEXT,   AT(token_file), 1, 0,          "FILE",  "",      "a file with the token, readable by its owner alone (HOMEOSTAT_TOKEN_FILE, else that of the store)" },
    { "ca-file",    NULL, OPTION_TEXT,   AT(ca_file),    1, 0,          "FILE",  "",      "certificates to trust (HOMEOSTAT_CA_FILE, else the configured one, else the system's)" },
    { "key",        NULL, OPTION_TEXT,   AT(key),        1, 0,          "TEXT",  "",      "the Idempotency-Key, for a script that repeats itself (default: a new one)" },
    { "if-version", NULL, OPTION_WHOLE,  AT(if_version), 1, MOST,  "N",     NULL,    "only if the case is still at this version" },
    { "timeout",    NULL, OPTION_TIME,   AT(timeout_us), S, 3600 * S,   "TIME",  "90s",   "how long to wait for one answer" },
    { "retry",      NULL, OPTION_TIME,   AT(retry_us),   0, 3600 * S,   "TIME",  "30s",   "go on asking, with the same key, for so long when Homeostat is busy or the connection is lost" },
    { "output",     "-o", OPTION_CHOICE, AT(output),     0, 0,          "text|json", "text", "how to answer" },
    { "json",       NULL, OPTION_FLAG,   AT(json),       0, 0,          NULL,    NULL,    "the same as -o json" },
    { "mermaid",    NULL, OPTION_FLAG,   AT(mermaid),    0, 0,          NULL,    NULL,    "as a diagram (mermaid)" },
    { "form",       NULL, OPTION_CHOICE, AT(form),       0, 0,          "markdown|man|json", "markdown", "how to write it" },
    { "state",      NULL, OPTION_CHOICE, AT(state),      0, 0,          "NEW|ANALYZING|PLANNING|WAIT_GATE|EXECUTING|VERIFYING|PARKED|CLOSED", "", "only cases in this state" },
    { "target",     "-t", OPTION_TEXT,   AT(target),     1, 0,          "NAME",  "",      "the target, as it is called in the configuration" },
    { "tenant",     NULL, OPTION_TEXT,   AT(tenant),     1, 0,          "NAME",  "",      "the tenant; in questions about what came in, installation is the installation's own" },
    { "since",      NULL, OPTION_TEXT,   AT(since),      1, 0,          "WHEN",  "",      "a moment (2026-01-31T12:00:00Z) or how long ago (15min, 2h)" },
    { "to",         NULL, OPTION_TEXT,   AT(to),         1, 0,          "WHEN",  "",      "until this moment; now when absent" },
    { "limit",      "-n", OPTION_WHOLE,  AT(limit),      1, 500,        "N",     "50",    "at most so many" },
    { "all",        "-a", OPTION_FLAG,   AT(all),        0, 0,          NULL,    NULL,    "all of them, page by page" },
    { "title",      NULL, OPTION_TEXT,   AT(title),      1, 0,          "TEXT",  "",      "what it is about" },
    { "why",        "-m", OPTION_TEXT,   AT(why),        1, 0,          "TEXT",  "",      "the reason; it stays in the timeline" },
    { "as",         NULL, OPTION_TEXT,   AT(as),         1, 0,          "NAME",  "",      "on whose behalf; kept beside the name of the token" },
    { "driver",     NULL, OPTION_CHOICE, AT(driver),     0, 0,          "person|engine", "person", "who takes the next step: your commands, or Homeostat by itself" },
    { "no-wait",    NULL, OPTION_FLAG,   AT(no_wait),    0, 0,          NULL,    NULL,    "do not wait for the work to end" },
    { "wait",       NULL, OPTION_TIME,   AT(wait_us),    0, 86400 * S,  "TIME",  "1h",    "how long to wait for the work to end" },
    { "template",   NULL, OPTION_TEXT,   AT(template),   1, 0,          "NAME",  "",      "fill in this template" },
    { "param",      "-p", OPTION_MANY,   AT(params),     0, 0,          "NAME=TEXT|NAME:=JSON", NULL, "a parameter of the template; := for what is no text: 30, true, [1]" },
    { "plan",       NULL, OPTION_TEXT,   AT(plan),       1, 0,          "FILE",  "",      "a plan as JSON; - is standard input" },
    { "for",        NULL, OPTION_TIME,   AT(for_us),     S, 366 * 86400 * S, "TIME", NULL, "ends by itself after this time" },
    { "clear",      NULL, OPTION_FLAG,   AT(clear),      0, 0,          NULL,    NULL,    "let Homeostat act again" },
    { "follow",     "-f", OPTION_FLAG,   AT(follow),     0, 0,          NULL,    NULL,    "go on as things happen" },
    { "topics",     NULL, OPTION_TEXT,   AT(topics),     1, 0,          "LIST",  "",      "only topics that begin so: evt.case.,live." },
    { "case",       NULL, OPTION_TEXT,   AT(case_id),    1, 0,          "CASE",  "",      "only events of this case" },
    { "after",      NULL, OPTION_WHOLE,  AT(after),      -1, MOST, "ID",    "-1",    "everything after this event; 0: from the beginning" },
    { "metrics",    NULL, OPTION_TEXT,   AT(metrics),    1, 0,          "LIST",  "",      "which metrics, comma separated" },
    { "metric",     NULL, OPTION_TEXT,   AT(metric),     1, 0,          "NAME",  "tps",   "which metric" },
    { "dsn",        NULL, OPTION_TEXT,   AT(dsn),        1, 0,          "DSN",   "",      "the database: \"host=... dbname=... user=...\" or a URI, without a password" },
    { "passfile",   NULL, OPTION_TEXT,   AT(passfile),   1, 0,          "FILE",  "",      "where the password is (host:port:database:user:password, mode 0600)" },
    { "name",       NULL, OPTION_TEXT,   AT(name),       1, 0,          "NAME",  "",      "what to call it" },
    { "out",        NULL, OPTION_TEXT,   AT(out),        1, 0,          "FILE",  "",      "where to write; - is standard output (init: homeostat.yaml; explain: standard output)" },
    { "format",     NULL, OPTION_CHOICE, AT(format),     0, 0,          "text|markdown|html", "text", "how to tell it" },
    { "force",      NULL, OPTION_FLAG,   AT(force),      0, 0,          NULL,    NULL,    "write over a file that is there" },
    { "role",       NULL, OPTION_TEXT,   AT(role),       1, 0,          "ROLES", "",      "viewer, operator, approver, admin; several with commas" },
    { "file",       NULL, OPTION_TEXT,   AT(file),       1, 0,          "FILE",  "",      "the file of tokens (default: the configured one)" },
    { "expires",    NULL, OPTION_TEXT,   AT(expires),    1, 0,          "WHEN",  "",      "a moment (2026-12-31T00:00:00Z) or after how long (90d)" },
    { "folder",     NULL, OPTION_TEXT,   AT(folder),     1, 0,          "FOLDER", "",     "where it lies (default: where the configuration says)" },
    { "body",       NULL, OPTION_CHOICE, AT(body),       0, 0,          "size|raw", "size", "of each record: how large its body is, or the body alone, as it came" },
    { "from",       NULL, OPTION_WHOLE,  AT(from),       1, MOST,  "ID",    "1",     "begin with this record, or the first behind it" },
    { "at",         NULL, OPTION_TEXT,   AT(at),         1, 0,          "WHEN",  "",      "the last minute at or before a moment (2026-01-31T12:00:00Z) or so long ago (15min, 2h); the newest when absent" },
    { "kind",       NULL, OPTION_CHOICE, AT(kind),       0, 0,          "deploy|anomaly|slo_violation|incident", "", "what kind of event" },
    { "severity",   NULL, OPTION_CHOICE, AT(severity),   0, 0,          "TRACE|DEBUG|INFO|WARN|ERROR|FATAL", "", "how bad it is (default: INFO for a deploy, WARN or ERROR for the others)" },
    { "when",       NULL, OPTION_TEXT,   AT(moment),     1, 0,          "WHEN",  "",      "when it happened (2026-01-31T12:00:00Z); now when absent" },
    { "id",         NULL, OPTION_TEXT,   AT(id),         1, 0,          "TEXT",  "",      "its id, e.g. of the run of a pipeline: telling it again changes nothing" },
    { "label",      "-l", OPTION_MANY,   AT(labels),     0, 0,          "NAME=TEXT", NULL, "something to keep beside it: version=1.42" },
    { "every",      NULL, OPTION_TIME,   AT(every_us),   60 * S, 366 * 86400 * S, "TIME", NULL, "one minute of each so long a time; all of them when absent" },
    { "policy",     NULL, OPTION_TEXT,   AT(policy),     1, 0,          "FILE",  "",      "the policy (default: the configured one, else the one that is built in)" },
};

static const struct option_table table = { "homeostat", rows, sizeof rows / sizeof rows[0], knob_time_parse, knob_time_format, conf_nearest };

static struct option_use use_of(const struct cli_command *command) { return (struct option_use){ command->name, command->options }; }

void cli_options_init(struct cli_options *o)
{
    *o = (struct cli_options){ 0 };
    options_init(&table, o);
}

static enum err check_words(const struct cli_command *command, const struct cli_options *o, struct fault *fault)
{
    if (o->words >= command->least && o->words <= command->most)
        return OK;
    enum err code = o->words < command->least ? fail(fault, ERR_INPUT, "%s wants %s", command->name, command->words)
                  : command->most == 0        ? fail(fault, ERR_INPUT, "%s takes no \"%.40s\"", command->name, o->word[0])
                                              : fail(fault, ERR_INPUT, "%s wants only %s", command->name, command->words);
    fail_hint(fault, "homeostat %s --help", command->name);
    return code;
}

/* What is said to Homeostat is said in JSON, where other bytes would leave out a reason or a name without a word. Names of files are any bytes. */
static bool is_sayable(const struct option *o, const struct cli_options *in)
{
    const void *at = (const char *)in + o->at;
    if (o->kind == OPTION_TEXT)
        return strcmp(o->unit, "FILE") == 0 || strcmp(o->unit, "FOLDER") == 0 || utf8_whole(*(const char *const *)at);
    const struct option_list *list = at;
    for (int i = 0; o->kind == OPTION_MANY && i < list->n; i++)
        if (!utf8_whole(list->item[i]))
            return false;
    return true;
}

static enum err check_texts(const struct cli_command *command, const struct cli_options *o, struct fault *fault)
{
    bool files = strstr(command->words, "FILE") || strstr(command->words, "FOLDER");
    for (int i = 0; i < o->words && !files; i++)
        if (!utf8_whole(o->word[i])) {
            enum err code = fail(fault, ERR_INPUT, "\"%.40s\" is not UTF-8", o->word[i]);
            fail_hint(fault, "write it in UTF-8");
            return code;
        }
    for (size_t i = 0; i < table.rows; i++)
        if (!is_sayable(&rows[i], o)) {
            enum err code = fail(fault, ERR_INPUT, "what --%s says is not UTF-8", rows[i].name);
            fail_hint(fault, "write it in UTF-8");
            return code;
        }
    return OK;
}

enum err cli_options_parse(const struct cli_command *command, int argc, char **argv, struct cli_options *into, bool *help, struct fault *fault)
{
    const struct option_use use = use_of(command);
    struct option_words     words = { into->word, CLI_WORDS_MAX, 0 };
    enum err                code = options_parse(&table, &use, argc, argv, into, &words, help, fault);
    if (code != OK || *help)
        return code;
    into->words = words.n;
    into->json |= strcmp(into->output, "json") == 0;
    code = check_words(command, into, fault);
    return code == OK ? check_texts(command, into, fault) : code;
}

void cli_options_help(const struct cli_command *command, FILE *out)
{
    const struct option_use use = use_of(command);
    fprintf(out, "usage: homeostat %s%s%s [options]\n\n%s\n\n", command->name, *command->words ? " " : "", command->words, command->text);
    options_help(&table, &use, out);
    fputs("  -h, --help\n\nTIME carries a unit: 90s, 5min, 2h, 7d.\n", out);
}

enum err cli_options_check(const struct cli_command *commands, size_t count, struct fault *fault)
{
    for (size_t i = 0; i < table.rows; i++) {
        bool taken = false;
        for (size_t c = 0; c < count && !taken; c++) {
            const struct option_use use = use_of(&commands[c]);
            taken = options_takes(&use, &rows[i]);
        }
        if (!taken)
            return fail(fault, ERR_STATE, "no command takes --%s", rows[i].name);
    }
    for (size_t c = 0; c < count; c++) {
        const struct option_use use = use_of(&commands[c]);
        enum err                code = options_check(&table, &use, fault);
        if (code != OK)
            return code;
    }
    return OK;
}
