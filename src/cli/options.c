/* cli/options.c - one row per option; see options.h. */
#include "cli/options.h"

#include "conf/complain.h"
#include "conf/knob.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum kind { TEXT, WHOLE, TIME, FLAG, CHOICE, MANY };   /* MANY: may be given several times */

struct option {
    const char *name, *letter;
    enum kind   kind;
    size_t      at;
    int64_t     least, most;         /* TIME: microseconds */
    const char *unit;                /* or, for a CHOICE, what can be chosen */
    const char *preset;              /* parsed like an argument; NULL: nothing */
    const char *help;
};

#define AT(member) offsetof(struct cli_options, member)
#define S INT64_C(1000000)

static const struct option options[] = {
    { "config",     "-c", TEXT,   AT(config),     0, 0,          "FILE",  "",      "the configuration (HOMEOSTAT_CONFIG, else /etc/homeostat/homeostat.yaml)" },
    { "url",        NULL, TEXT,   AT(url),        0, 0,          "URL",   "",      "where Homeostat answers (HOMEOSTAT_URL, else as the configuration says)" },
    { "token-file", NULL, TEXT,   AT(token_file), 0, 0,          "FILE",  "",      "a file with the token, readable by its owner alone (HOMEOSTAT_TOKEN_FILE, else that of the store)" },
    { "ca-file",    NULL, TEXT,   AT(ca_file),    0, 0,          "FILE",  "",      "certificates to trust (HOMEOSTAT_CA_FILE, else the configured one, else the system's)" },
    { "key",        NULL, TEXT,   AT(key),        0, 0,          "TEXT",  "",      "the Idempotency-Key, for a script that repeats itself (default: a new one)" },
    { "if-version", NULL, WHOLE,  AT(if_version), 1, INT64_MAX,  "N",     NULL,    "only if the case is still at this version" },
    { "timeout",    NULL, TIME,   AT(timeout_us), S, 3600 * S,   "TIME",  "90s",   "how long to wait for one answer" },
    { "retry",      NULL, TIME,   AT(retry_us),   0, 3600 * S,   "TIME",  "30s",   "go on asking, with the same key, for so long when Homeostat is busy or the connection is lost" },
    { "output",     "-o", CHOICE, AT(output),     0, 0,          "text|json", "text", "how to answer" },
    { "json",       NULL, FLAG,   AT(json),       0, 0,          NULL,    NULL,    "the same as -o json" },
    { "mermaid",    NULL, FLAG,   AT(mermaid),    0, 0,          NULL,    NULL,    "as a diagram (mermaid)" },
    { "form",       NULL, CHOICE, AT(form),       0, 0,          "markdown|man|json", "markdown", "how to write it" },
    { "state",      NULL, CHOICE, AT(state),      0, 0,          "NEW|ANALYZING|PLANNING|WAIT_GATE|EXECUTING|VERIFYING|PARKED|CLOSED", "", "only cases in this state" },
    { "target",     "-t", TEXT,   AT(target),     0, 0,          "NAME",  "",      "the target, as it is called in the configuration" },
    { "tenant",     NULL, TEXT,   AT(tenant),     0, 0,          "NAME",  "",      "the tenant" },
    { "since",      NULL, TEXT,   AT(since),      0, 0,          "WHEN",  "",      "a moment (2026-01-31T12:00:00Z) or how long ago (15min, 2h)" },
    { "to",         NULL, TEXT,   AT(to),         0, 0,          "WHEN",  "",      "until this moment; now when absent" },
    { "limit",      "-n", WHOLE,  AT(limit),      1, 500,        "N",     "50",    "at most so many" },
    { "all",        "-a", FLAG,   AT(all),        0, 0,          NULL,    NULL,    "all of them, page by page" },
    { "title",      NULL, TEXT,   AT(title),      0, 0,          "TEXT",  "",      "what it is about" },
    { "why",        "-m", TEXT,   AT(why),        0, 0,          "TEXT",  "",      "the reason; it stays in the timeline" },
    { "as",         NULL, TEXT,   AT(as),         0, 0,          "NAME",  "",      "on whose behalf; kept beside the name of the token" },
    { "driver",     NULL, CHOICE, AT(driver),     0, 0,          "person|engine", "person", "who takes the next step: your commands, or Homeostat by itself" },
    { "no-wait",    NULL, FLAG,   AT(no_wait),    0, 0,          NULL,    NULL,    "do not wait for the work to end" },
    { "wait",       NULL, TIME,   AT(wait_us),    0, 86400 * S,  "TIME",  "1h",    "how long to wait for the work to end" },
    { "template",   NULL, TEXT,   AT(template),   0, 0,          "NAME",  "",      "fill in this template" },
    { "param",      "-p", MANY,   AT(param),      0, 0,          "NAME=TEXT|NAME:=JSON", NULL, "a parameter of the template; := for what is no text: 30, true, [1]" },
    { "plan",       NULL, TEXT,   AT(plan),       0, 0,          "FILE",  "",      "a plan as JSON; - is standard input" },
    { "for",        NULL, TIME,   AT(for_us),     S, 366 * 86400 * S, "TIME", NULL, "ends by itself after this time" },
    { "clear",      NULL, FLAG,   AT(clear),      0, 0,          NULL,    NULL,    "let Homeostat act again" },
    { "follow",     "-f", FLAG,   AT(follow),     0, 0,          NULL,    NULL,    "go on as things happen" },
    { "topics",     NULL, TEXT,   AT(topics),     0, 0,          "LIST",  "",      "only topics that begin so: evt.case.,live." },
    { "case",       NULL, TEXT,   AT(case_id),    0, 0,          "CASE",  "",      "only events of this case" },
    { "after",      NULL, WHOLE,  AT(after),      -1, INT64_MAX, "ID",    "-1",    "everything after this event; 0: from the beginning" },
    { "metrics",    NULL, TEXT,   AT(metrics),    0, 0,          "LIST",  "",      "which metrics, comma separated" },
    { "metric",     NULL, TEXT,   AT(metric),     0, 0,          "NAME",  "tps",   "which metric" },
    { "dsn",        NULL, TEXT,   AT(dsn),        0, 0,          "DSN",   "",      "the database: \"host=... dbname=... user=...\" or a URI, without a password" },
    { "passfile",   NULL, TEXT,   AT(passfile),   0, 0,          "FILE",  "",      "where the password is (host:port:database:user:password, mode 0600)" },
    { "name",       NULL, TEXT,   AT(name),       0, 0,          "NAME",  "",      "what to call it" },
    { "out",        NULL, TEXT,   AT(out),        0, 0,          "FILE",  "homeostat.yaml", "where to write; - is standard output" },
    { "force",      NULL, FLAG,   AT(force),      0, 0,          NULL,    NULL,    "write over a file that is there" },
    { "role",       NULL, TEXT,   AT(role),       0, 0,          "ROLES", "",      "viewer, operator, approver, admin; several with commas" },
    { "file",       NULL, TEXT,   AT(file),       0, 0,          "FILE",  "",      "the file of tokens (default: the configured one)" },
    { "expires",    NULL, TEXT,   AT(expires),    0, 0,          "WHEN",  "",      "a moment (2026-12-31T00:00:00Z) or after how long (90d)" },
    { "policy",     NULL, TEXT,   AT(policy),     0, 0,          "FILE",  "",      "the policy (default: the configured one, else the one that is built in)" },
};
enum { OPTIONS = sizeof options / sizeof options[0] };

/* ---- reading one value ---- */

static bool is_choice(const char *choices, const char *value)
{
    size_t n = strlen(value);
    for (const char *p = choices; n > 0 && p; p = strchr(p, '|') ? strchr(p, '|') + 1 : NULL)
        if (strncmp(p, value, n) == 0 && (p[n] == '|' || p[n] == '\0'))
            return true;
    return false;
}

static enum err set_whole(const struct option *o, const char *value, int64_t *to, struct fault *fault)
{
    char *end = NULL;
    errno = 0;
    long long n = strtoll(value, &end, 10);
    if (end == value || *end)
        return fail(fault, ERR_INPUT, "--%s wants a whole number, not \"%.40s\"", o->name, value);
    if (errno == ERANGE || n < o->least || n > o->most)
        return o->most == INT64_MAX ? fail(fault, ERR_INPUT, "--%s %.40s is out of range: %lld or more", o->name, value, (long long)o->least)
                                    : fail(fault, ERR_INPUT, "--%s %.40s is out of range: %lld to %lld", o->name, value, (long long)o->least, (long long)o->most);
    *to = n;
    return OK;
}

static enum err set_time(const struct option *o, const char *value, int64_t *to, struct fault *fault)
{
    enum err code = knob_time_parse(value, to, fault);
    if (code != OK) {
        (void)fail_in(fault, "--%s", o->name);
        return code;
    }
    if (*to < o->least || *to > o->most) {
        char lo[32], hi[32];
        return fail(fault, ERR_INPUT, "--%s %.40s is out of range: %s to %s", o->name, value, knob_time_format(o->least, lo, sizeof lo),
                    knob_time_format(o->most, hi, sizeof hi));
    }
    return OK;
}

static enum err set(const struct option *o, const char *value, struct cli_options *into, struct fault *fault)
{
    void *at = (char *)into + o->at;
    switch (o->kind) {
    case FLAG: *(bool *)at = true; return OK;
    case TEXT: *(const char **)at = value; return OK;
    case WHOLE: return set_whole(o, value, at, fault);
    case TIME: return set_time(o, value, at, fault);
    case CHOICE:
        if (*value && !is_choice(o->unit, value))
            return fail(fault, ERR_INPUT, "--%s %.40s: choose one of %s", o->name, value, o->unit);
        *(const char **)at = value;
        return OK;
    case MANY:
        if (into->params >= CLI_PARAMS_MAX)
            return fail(fault, ERR_INPUT, "--%s: at most %d times", o->name, CLI_PARAMS_MAX);
        into->param[into->params++] = value;
        return OK;
    }
    return OK;
}

void cli_options_init(struct cli_options *o)
{
    *o = (struct cli_options){ 0 };
    for (size_t i = 0; i < OPTIONS; i++)
        if (options[i].preset)
            (void)set(&options[i], options[i].preset, o, NULL);
}

/* ---- which option is meant ---- */

static bool takes(const struct cli_command *command, const struct option *o)
{
    char name[40];
    (void)snprintf(name, sizeof name, " %s ", o->name);
    return strstr(command->options, name) != NULL;
}

static const struct option *find(const struct cli_command *command, const char *word, size_t n)
{
    for (size_t i = 0; i < OPTIONS; i++) {
        const struct option *o = &options[i];
        bool long_form = n > 2 && strncmp(word, "--", 2) == 0 && strlen(o->name) == n - 2 && strncmp(word + 2, o->name, n - 2) == 0;
        bool short_form = o->letter && strlen(o->letter) == n && strncmp(word, o->letter, n) == 0;
        if ((long_form || short_form) && takes(command, o))
            return o;
    }
    return NULL;
}

static enum err no_such_option(const struct cli_command *command, const char *word, size_t n, struct fault *fault)
{
    const char *known[OPTIONS];
    size_t      count = 0;
    char        said[40] = "";
    for (size_t i = 0; i < OPTIONS; i++)
        if (takes(command, &options[i]))
            known[count++] = options[i].name;
    (void)snprintf(said, sizeof said, "%.*s", (int)(n < sizeof said ? n : sizeof said - 1), word);
    /* Not the word's value: it may be a secret that was put in the wrong place. */
    enum err    code = fail(fault, ERR_INPUT, "%s has no option %s", command->name, said);
    const char *bare = said + strspn(said, "-"), *near = conf_nearest(bare, known, count);
    if (strncmp(bare, "token", 5) == 0 || strncmp(bare, "pass", 4) == 0)
        fail_hint(fault, "secrets are read from files, never from arguments, which everybody on the machine can see");
    else if (near)
        fail_hint(fault, "did you mean --%s? homeostat %s --help lists them", near, command->name);
    else
        fail_hint(fault, "homeostat %s --help lists them", command->name);
    return code;
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

enum err cli_options_parse(const struct cli_command *command, int argc, char **argv, struct cli_options *into, bool *help, struct fault *fault)
{
    bool only_words = false;
    *help = false;
    for (int i = 0; i < argc; i++) {
        const char *word = argv[i];
        if (only_words || word[0] != '-' || word[1] == '\0') {
            if (into->words >= CLI_WORDS_MAX)
                return fail(fault, ERR_INPUT, "%s: too many words", command->name);
            into->word[into->words++] = word;
            continue;
        }
        if (strcmp(word, "--") == 0) {
            only_words = true;
            continue;
        }
        if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
            *help = true;
            return OK;
        }
        size_t               n = strcspn(word, "=");
        const char          *value = word[n] ? word + n + 1 : NULL;
        const struct option *o = find(command, word, n);
        if (!o)
            return no_such_option(command, word, n, fault);
        if (o->kind == FLAG && value)
            return fail(fault, ERR_INPUT, "--%s takes no value", o->name);
        if (o->kind != FLAG && !value) {
            if (i + 1 == argc)
                return fail(fault, ERR_INPUT, "--%s wants a value (%s)", o->name, o->unit);
            value = argv[++i];
        }
        enum err code = set(o, value, into, fault);
        if (code != OK)
            return code;
    }
    into->json |= strcmp(into->output, "json") == 0;
    return check_words(command, into, fault);
}

/* ---- help ---- */

void cli_options_help(const struct cli_command *command, FILE *out)
{
    fprintf(out, "usage: homeostat %s%s%s [options]\n\n%s\n\n", command->name, *command->words ? " " : "", command->words, command->text);
    for (size_t i = 0; i < OPTIONS; i++) {
        const struct option *o = &options[i];
        if (!takes(command, o))
            continue;
        char left[140];
        (void)snprintf(left, sizeof left, "%s%s--%s%s%s", o->letter ? o->letter : "", o->letter ? ", " : "    ", o->name, o->unit ? " " : "", o->unit ? o->unit : "");
        fprintf(out, "  %-28s  ", left);
        if (strlen(left) > 28)
            fprintf(out, "\n  %-28s  ", "");
        fputs(o->help, out);
        if (o->preset && *o->preset && strcmp(o->preset, "-1") != 0)
            fprintf(out, " (default: %s)", o->preset);
        fputc('\n', out);
    }
    fputs("  -h, --help\n\nTIME carries a unit: 90s, 5min, 2h, 7d.\n", out);
}

enum err cli_options_check(const struct cli_command *commands, size_t count, struct fault *fault)
{
    for (size_t i = 0; i < OPTIONS; i++) {
        bool taken = false;
        for (size_t c = 0; c < count && !taken; c++)
            taken = takes(&commands[c], &options[i]);
        if (!taken)
            return fail(fault, ERR_STATE, "no command takes --%s", options[i].name);
    }
    for (size_t c = 0; c < count; c++) {
        const char *p = commands[c].options;
        if (*p && (p[0] != ' ' || p[strlen(p) - 1] != ' '))
            return fail(fault, ERR_STATE, "%s: its options want a space at both ends", commands[c].name);
        while (*(p += strspn(p, " "))) {
            char   name[40];
            size_t n = strcspn(p, " ");
            bool   known = false;
            (void)snprintf(name, sizeof name, "%.*s", (int)n, p);
            for (size_t i = 0; i < OPTIONS; i++)
                known |= strcmp(options[i].name, name) == 0;
            if (!known)
                return fail(fault, ERR_STATE, "%s names --%s, which has no row", commands[c].name, name);
            p += n;
        }
    }
    return OK;
}
