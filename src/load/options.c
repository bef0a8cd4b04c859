/* load/options.c - one row per option. */
#include "load/options.h"

#include "base/clock.h"

#include <errno.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum kind { TEXT, WHOLE, REAL, TIME, FLAG, CHOICE, MAYBE_REAL };   /* MAYBE_REAL: --x means 1, --x=0.5 says how much */

struct option {
    const char *name, *letter;
    enum kind   kind;
    size_t      at;
    double      least, most;
    const char *unit;              /* or, for a CHOICE, what can be chosen */
    const char *preset;            /* parsed like an argument; NULL: zero */
    const char *help;
};

#define AT(member) offsetof(struct load_options, member)

static const struct option options[] = {
    { "dsn",           NULL, TEXT,       AT(dsn),             0, 0,     "DSN",  "",   "the database: \"host=... dbname=...\", a URI or a name; what it leaves out comes from PGHOST, PGSERVICE, ..." },
    { "warehouses",    NULL, WHOLE,      AT(warehouses),      1, 100000, "N",   NULL, "how many warehouses (about 100 MB each); run: use only the first N" },
    { "threads",       NULL, WHOLE,      AT(threads),         1, 256,   "N",    NULL, "connections that load side by side (default: two for each processor, at most one for each warehouse)" },
    { "seed",          NULL, WHOLE,      AT(seed),            1, 9e15,  "N",    NULL, "the same seed draws the same data or transactions (default: a new one, which is printed)" },
    { "foreign-keys",  NULL, FLAG,       AT(foreign_keys),    0, 0,     NULL,   NULL, "declare the foreign keys as well" },
    { "force",         NULL, FLAG,       AT(force),           0, 0,     NULL,   NULL, "drop the tables of an earlier load first; tables of others are never dropped" },
    { "clients",       NULL, WHOLE,      AT(clients),         1, 1000,  "N",    "8",  "connections, each with a thread of its own" },
    { "duration",      NULL, TIME,       AT(duration_us),     0, 31e6,  "TIME", "60", "how long to measure, after the warm-up; 0 means until SIGINT or SIGTERM" },
    { "warmup",        NULL, TIME,       AT(warmup_us),       0, 86400, "TIME", "0",  "run this long before measuring; the summary leaves it out" },
    { "rate",          NULL, REAL,       AT(rate),            0.001, 1e6, "TPS", NULL, "open loop: transactions arrive at this rate, whatever the database does; latency counts from the arrival" },
    { "queue",         NULL, WHOLE,      AT(queue),           1, 1e7,   "N",    "10000", "open loop: how many arrivals may wait; more are dropped and counted" },
    { "think-time",    NULL, MAYBE_REAL, AT(think),           0, 100,   "FACTOR", NULL, "closed loop: keying and thinking times of the specification, or that many times them" },
    { "isolation",     NULL, CHOICE,     AT(isolation),       0, 0,     "read-committed|repeatable-read|serializable", "read-committed", "transaction isolation" },
    { "timeout",       NULL, TIME,       AT(timeout_us),      0.1, 3600, "TIME", "60", "a round trip to the server that takes longer is an error and costs the connection" },
    { "lifetime",      NULL, TIME,       AT(lifetime_us),     0, 31e6,  "TIME", "0",  "replace connections this old between transactions, as pools do (new connections see new planner settings); 0 keeps them" },
    { "grace",         NULL, TIME,       AT(grace_us),        0, 3600,  "TIME", "10", "how long transactions that are under way at the end may take" },
    { "report-every",  NULL, TIME,       AT(report_every_us), 0.1, 3600, "TIME", "1", "time between two lines" },
    { "listen",        NULL, TEXT,       AT(listen),          0, 0,     "ADDRESS:PORT", "", "answer GET /latency and GET /metrics there (loopback only; port 0 takes a free one and prints it)" },
    { "json",          NULL, FLAG,       AT(json),            0, 0,     NULL,   NULL, "one JSON object a line" },
    { "output",        "-o", CHOICE,     AT(output),          0, 0,     "text|json", "text", "how the result is printed" },
};
#define OPTIONS (sizeof options / sizeof options[0])

enum err load_duration_parse(const char *text, int64_t *us, struct fault *fault)
{
    static const struct { const char *unit; double us; } units[] = { { "", 1e6 }, { "s", 1e6 }, { "ms", 1e3 }, { "us", 1 }, { "m", 60e6 }, { "min", 60e6 }, { "h", 3600e6 } };
    char  *end;
    double n = strtod(text, &end);
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
        if (end != text && strcmp(end, units[i].unit) == 0 && n >= 0 && n * units[i].us < 1e17) {
            *us = (int64_t)(n * units[i].us + 0.5);
            return OK;
        }
    enum err code = fail(fault, ERR_INPUT, "\"%s\" is no time", text);
    fail_hint(fault, "write 90, 90s, 250ms, 1.5m or 1h");
    return code;
}

static bool is_choice(const char *choices, const char *value)
{
    size_t n = strlen(value);
    for (const char *p = choices; n > 0 && p; p = strchr(p, '|') ? strchr(p, '|') + 1 : NULL)
        if (strncmp(p, value, n) == 0 && (p[n] == '|' || p[n] == '\0'))
            return true;
    return false;
}

static enum err out_of_range(const struct option *o, const char *value, struct fault *fault)
{
    return fail(fault, ERR_INPUT, "--%s %s is out of range: %.10g to %.10g%s", o->name, value, o->least, o->most, o->kind == TIME ? " seconds" : "");
}

static enum err set(const struct option *o, const char *value, struct load_options *into, struct fault *fault)
{
    void *at = (char *)into + o->at;
    char *end = NULL;
    errno = 0;
    switch (o->kind) {
    case FLAG: *(bool *)at = true; return OK;
    case TEXT: *(const char **)at = value; return OK;
    case CHOICE:
        if (!is_choice(o->unit, value))
            return fail(fault, ERR_INPUT, "--%s %s: choose one of %s", o->name, value, o->unit);
        *(const char **)at = value;
        return OK;
    case WHOLE: {
        long long n = strtoll(value, &end, 10);
        if (end == value || *end)
            return fail(fault, ERR_INPUT, "--%s wants a whole number, not \"%s\"", o->name, value);
        if (errno == ERANGE || (double)n < o->least || (double)n > o->most)
            return out_of_range(o, value, fault);
        *(int64_t *)at = n;
        return OK;
    }
    case REAL:
    case MAYBE_REAL: {
        double n = strtod(value, &end);
        if (end == value || *end || !isfinite(n))
            return fail(fault, ERR_INPUT, "--%s wants a number, not \"%s\"", o->name, value);
        if (n < o->least || n > o->most)
            return out_of_range(o, value, fault);
        *(double *)at = n;
        return OK;
    }
    case TIME: {
        int64_t  us = 0;
        enum err code = load_duration_parse(value, &us, fault);
        if (code != OK) {
            (void)fail_in(fault, "--%s", o->name);
            return code;
        }
        if ((double)us < o->least * 1e6 || (double)us > o->most * 1e6)
            return out_of_range(o, value, fault);
        *(int64_t *)at = us;
        return OK;
    }
    }
    return OK;
}

void load_options_init(struct load_options *o)
{
    *o = (struct load_options){ 0 };
    for (size_t i = 0; i < OPTIONS; i++)
        if (options[i].preset)
            (void)set(&options[i], options[i].preset, o, NULL);
}

static bool takes(const struct load_command *command, const struct option *o)
{
    char name[40];
    (void)snprintf(name, sizeof name, " %s ", o->name);
    return strstr(command->options, name) != NULL;
}

static const struct option *find(const struct load_command *command, const char *word, size_t n)
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

enum err load_options_parse(const struct load_command *command, int argc, char **argv, struct load_options *into, bool *help, struct fault *fault)
{
    *help = false;
    for (int i = 0; i < argc; i++) {
        const char *word = argv[i];
        if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
            *help = true;
            return OK;
        }
        size_t               n = strcspn(word, "=");
        const char          *value = word[n] ? word + n + 1 : NULL;
        const struct option *o = find(command, word, n);
        if (!o) {
            /* Not the word itself when it has a value: it may hold a secret that was put in the wrong place. */
            enum err code = fail(fault, ERR_INPUT, "%s has no option %.*s", command->name, (int)(n < 40 ? n : 40), word);
            fail_hint(fault, "homeostat-load %s --help lists them", command->name);
            return code;
        }
        if (o->kind == FLAG && value)
            return fail(fault, ERR_INPUT, "--%s takes no value", o->name);
        if (o->kind == MAYBE_REAL && !value)
            value = "1";
        if (o->kind != FLAG && !value) {
            if (i + 1 == argc)
                return fail(fault, ERR_INPUT, "--%s wants a value (%s)", o->name, o->unit);
            value = argv[++i];
        }
        enum err code = set(o, value, into, fault);
        if (code != OK)
            return code;
    }
    return OK;
}

void load_options_help(const struct load_command *command, FILE *out)
{
    fprintf(out, "usage: homeostat-load %s [options]\n\n%s\n\n", command->name, command->summary);
    for (size_t i = 0; i < OPTIONS; i++) {
        const struct option *o = &options[i];
        if (!takes(command, o))
            continue;
        char left[120];
        (void)snprintf(left, sizeof left, "%s%s--%s%s%s%s", o->letter ? o->letter : "", o->letter ? ", " : "", o->name,
                       o->kind == FLAG ? "" : o->kind == MAYBE_REAL ? "[=" : " ", o->unit ? o->unit : "", o->kind == MAYBE_REAL ? "]" : "");
        fprintf(out, "  %-28s  ", left);
        if (strlen(left) > 28)
            fprintf(out, "\n  %-28s  ", "");
        fputs(o->help, out);
        if (o->preset && *o->preset)
            fprintf(out, " (default: %s)", o->preset);
        fputc('\n', out);
    }
    fprintf(out, "\nTIME is a number of seconds, or with a unit: 250ms, 90s, 1.5m, 1h.\n"
                 "Passwords come from ~/.pgpass, PGPASSFILE, a service file or PGPASSWORD, never from an argument.\n");
}

int load_options_complain(enum err code, const struct fault *fault)
{
    fprintf(stderr, "homeostat-load: %s\n", fault->text);
    if (fault->hint[0])
        fprintf(stderr, "  %s\n", fault->hint);
    return code == ERR_INPUT || code == ERR_DENIED ? 2 : 1;
}
