/* load/options.c - one row per option; see base/options.h. */
#include "load/options.h"

#include "base/clock.h"
#include "base/options.h"

#include <stdlib.h>
#include <string.h>

#define AT(member) offsetof(struct load_options, member)
#define S 1e6

static const struct option rows[] = {
    { "dsn",           NULL, OPTION_TEXT,       AT(dsn),             0, 0,     "DSN",  "",   "the database: \"host=... dbname=...\", a URI or a name; what it leaves out comes from PGHOST, PGSERVICE, ..." },
    { "warehouses",    NULL, OPTION_WHOLE,      AT(warehouses),      1, 100000, "N",   NULL, "how many warehouses (about 100 MB each); run: use only the first N" },
    { "threads",       NULL, OPTION_WHOLE,      AT(threads),         1, 256,   "N",    NULL, "connections that load side by side (default: two for each processor, at most one for each warehouse)" },
    { "seed",          NULL, OPTION_WHOLE,      AT(seed),            1, 9e15,  "N",    NULL, "the same seed draws the same data or transactions (default: a new one, which is printed)" },
    { "foreign-keys",  NULL, OPTION_FLAG,       AT(foreign_keys),    0, 0,     NULL,   NULL, "declare the foreign keys as well" },
    { "force",         NULL, OPTION_FLAG,       AT(force),           0, 0,     NULL,   NULL, "drop the tables of an earlier load first; tables of others are never dropped" },
    { "clients",       NULL, OPTION_WHOLE,      AT(clients),         1, 1000,  "N",    "8",  "connections, each with a thread of its own" },
    { "duration",      NULL, OPTION_TIME,       AT(duration_us),     0, 31e6 * S,  "TIME", "60", "how long to measure, after the warm-up; 0 means until SIGINT or SIGTERM" },
    { "warmup",        NULL, OPTION_TIME,       AT(warmup_us),       0, 86400 * S, "TIME", "0",  "run this long before measuring; the summary leaves it out" },
    { "rate",          NULL, OPTION_REAL,       AT(rate),            0.001, 1e6, "TPS", NULL, "open loop: transactions arrive at this rate, whatever the database does; latency counts from the arrival" },
    { "queue",         NULL, OPTION_WHOLE,      AT(queue),           1, 1e7,   "N",    "10000", "open loop: how many arrivals may wait; more are dropped and counted" },
    { "think-time",    NULL, OPTION_MAYBE_REAL, AT(think),           0, 100,   "FACTOR", NULL, "closed loop: keying and thinking times of the specification, or that many times them" },
    { "isolation",     NULL, OPTION_CHOICE,     AT(isolation),       0, 0,     "read-committed|repeatable-read|serializable", "read-committed", "transaction isolation" },
    { "timeout",       NULL, OPTION_TIME,       AT(timeout_us),      0.1 * S, 3600 * S, "TIME", "60", "a round trip to the server that takes longer is an error and costs the connection" },
    { "lifetime",      NULL, OPTION_TIME,       AT(lifetime_us),     0, 31e6 * S,  "TIME", "0",  "replace connections this old between transactions, as pools do (new connections see new planner settings); 0 keeps them" },
    { "grace",         NULL, OPTION_TIME,       AT(grace_us),        0, 3600 * S,  "TIME", "10", "how long transactions that are under way at the end may take" },
    { "report-every",  NULL, OPTION_TIME,       AT(report_every_us), 0.1 * S, 3600 * S, "TIME", "1", "time between two lines" },
    { "listen",        NULL, OPTION_TEXT,       AT(listen),          0, 0,     "ADDRESS:PORT", "", "answer GET /latency and GET /metrics there (loopback only; port 0 takes a free one and prints it)" },
    { "json",          NULL, OPTION_FLAG,       AT(json),            0, 0,     NULL,   NULL, "one JSON object a line" },
    { "output",        "-o", OPTION_CHOICE,     AT(output),          0, 0,     "text|json", "text", "how the result is printed" },
};

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

static char *duration_text(int64_t us, char *out, size_t size)
{
    (void)snprintf(out, size, "%.10g seconds", (double)us / 1e6);
    return out;
}

static const struct option_table table = { "homeostat-load", rows, sizeof rows / sizeof rows[0], load_duration_parse, duration_text, NULL };

void load_options_init(struct load_options *o)
{
    *o = (struct load_options){ 0 };
    options_init(&table, o);
}

enum err load_options_parse(const struct load_command *command, int argc, char **argv, struct load_options *into, bool *help, struct fault *fault)
{
    const struct option_use use = { command->name, command->options };
    return options_parse(&table, &use, argc, argv, into, NULL, help, fault);
}

void load_options_help(const struct load_command *command, FILE *out)
{
    const struct option_use use = { command->name, command->options };
    fprintf(out, "usage: homeostat-load %s [options]\n\n%s\n\n", command->name, command->summary);
    options_help(&table, &use, out);
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
