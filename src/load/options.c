/* load/options.c - one row per option; see base/options.h. No text may be empty: a variable that a script did not set must not mean another database. */
#include "load/options.h"

#include "base/clock.h"
#include "base/options.h"
#include "load/schedule.h"
#include "load/schema.h"
#include "load/tpch_rows.h"

#include <stdlib.h>
#include <string.h>

#define AT(member) offsetof(struct load_options, member)
#define S 1e6

static const struct option rows[] = {
    { "bench",         NULL, OPTION_CHOICE,     AT(bench),           0, 0,     "tpcc|tpch|mixed", "tpcc", "transactions, queries, or both at once in one database" },
    { "dsn",           NULL, OPTION_TEXT,       AT(dsn),             1, 0,     "DSN",  "",   "the database: \"host=... dbname=...\", a URI or a name; what it leaves out comes from PGHOST, PGSERVICE, ..." },
    { "warehouses",    NULL, OPTION_WHOLE,      AT(warehouses),      1, 100000, "N",   NULL, "how many warehouses (about 100 MB each); run: use only the first N" },
    { "threads",       NULL, OPTION_WHOLE,      AT(threads),         1, 256,   "N",    NULL, "connections that load side by side (default: two for each processor, at most 32 and one for each warehouse)" },
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
    { "draw",          NULL, OPTION_CHOICE,     AT(draw),            0, 0,     "nurand|uniform", "nurand", "which customers and items TPC-C's clients ask for: some far more often, as the specification says, or all alike" },
    { "timeout",       NULL, OPTION_TIME,       AT(timeout_us),      0.1 * S, 3600 * S, "TIME", "60", "a round trip to the server that takes longer is an error and costs the connection; a test of TPC-H ends when the server was away for ten times as long" },
    { "lifetime",      NULL, OPTION_TIME,       AT(lifetime_us),     0, 31e6 * S,  "TIME", "0",  "replace connections this old between transactions, as pools do (new connections see new planner settings); 0 keeps them" },
    { "grace",         NULL, OPTION_TIME,       AT(grace_us),        0, 3600 * S,  "TIME", "10", "how long transactions that are under way at the end may take" },
    { "report-every",  NULL, OPTION_TIME,       AT(report_every_us), 0.1 * S, 3600 * S, "TIME", "1", "time between two lines" },
    { "listen",        NULL, OPTION_TEXT,       AT(listen),          1, 0,     "ADDRESS:PORT", "", "answer GET /latency and GET /metrics there (loopback only; port 0 takes a free one and prints it)" },
    { "json",          NULL, OPTION_FLAG,       AT(json),            0, 0,     NULL,   NULL, "one JSON object a line" },
    { "scale",         NULL, OPTION_REAL,       AT(scale),           LOAD_SCALE_LEAST, LOAD_SCALE_MOST, "F", NULL, "TPC-H: the scale factor, such as 0.01 or 10; 1 is about 1.6 GB" },
    { "schema",        NULL, OPTION_TEXT,       AT(schema),          1, 0,     "NAME", "tpch", "TPC-H: the schema its tables lie in" },
    { "indexes",       NULL, OPTION_CHOICE,     AT(indexes),         0, 0,     "usual|keys", "usual", "TPC-H: keys only the primary keys; usual also the seven indexes that most people add" },
    { "test",          NULL, OPTION_CHOICE,     AT(test),            0, 0,     "power|throughput|loop", "power", "TPC-H: the 22 queries once in one stream, once in each of several at a time, or over and over for --duration" },
    { "streams",       NULL, OPTION_WHOLE,      AT(streams),         1, LOAD_STREAMS_MAX, "N", NULL, "TPC-H: connections that ask queries (default: 1, or 2 for the throughput test)" },
    { "rounds",        NULL, OPTION_WHOLE,      AT(rounds),          1, 1000,  "N",    "1",  "TPC-H: how often each stream of a test asks the 22 queries, with other parameters each time" },
    { "query-timeout", NULL, OPTION_TIME,       AT(query_timeout_us), 0, 86400 * S, "TIME", "0", "TPC-H: the server gives a query up after this time, which is an error; 0 waits for ever" },
    { "tpcc-share",    NULL, OPTION_REAL,       AT(tpcc_share),      0.1, 100,   "PERCENT", "100", "so much of --clients (or --rate) is at work at a time" },
    { "tpch-share",    NULL, OPTION_REAL,       AT(tpch_share),      0.1, 100,   "PERCENT", "100", "so much of --streams is at work at a time; half of one stream pauses after each query as long as it took" },
    { "expect",        NULL, OPTION_TEXT,       AT(expect),          1, 0,     "DIGEST", "", "TPC-H: the digest that another test of the same seed printed; exit status 1 when the answers are others" },
    { "schedule",      NULL, OPTION_TEXT,       AT(schedule),        1, 0,     "FILE", "",   "a YAML file that says how the load changes over time; check --schedule FILE needs no database" },
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
    into->argc = argc;
    into->argv = argv;
    return options_parse(&table, &use, argc, argv, into, NULL, help, fault);
}

bool load_options_given(const struct load_options *o, const char *name)
{
    size_t n = strlen(name);
    for (int i = 0; i < o->argc; i++)
        if (strncmp(o->argv[i], "--", 2) == 0 && strncmp(o->argv[i] + 2, name, n) == 0 && (o->argv[i][n + 2] == '\0' || o->argv[i][n + 2] == '='))
            return true;
    return false;
}

bool load_options_want(const struct load_options *o, enum load_bench b)
{
    return strcmp(o->bench, "mixed") == 0 || strcmp(o->bench, b == LOAD_BENCH_TPCC ? "tpcc" : "tpch") == 0;
}

enum load_test load_options_test(const struct load_options *o)
{
    if (*o->schedule || strcmp(o->bench, "tpch") != 0 || strcmp(o->test, "loop") == 0)
        return LOAD_TEST_LOOP;
    return strcmp(o->test, "power") == 0 ? LOAD_TEST_POWER : LOAD_TEST_THROUGHPUT;
}

/* Options that mean something only with some benchmarks or in some kinds of run. Each kind is a bit; a row's options need one of its bits. */
enum { BY_SCHEDULE = 1, TPCC = 2, TPCH_TEST = 4, TPCH_LOOP = 8, MIXED = 16 };
static const struct { const char *option; unsigned fits; const char *why; } fitting[] = {
    { "bench",      TPCC | TPCH_TEST | TPCH_LOOP | MIXED, "the schedule says what runs" },
    { "clients",    TPCC | MIXED,                         "clients run TPC-C; with a schedule they stand in its file as tpcc.clients, for TPC-H there is --streams" },
    { "rate",       TPCC | MIXED,                         "a rate is for TPC-C; with a schedule it stands in its file as tpcc.rate" },
    { "streams",    TPCH_TEST | TPCH_LOOP | MIXED,        "streams ask TPC-H's queries (--bench tpch or mixed); with a schedule they stand in its file as tpch.streams" },
    { "duration",   TPCC | TPCH_LOOP | MIXED,             "a test ends when its queries are answered, and a schedule says how long its phases take" },
    { "warmup",     TPCC | TPCH_LOOP | MIXED | BY_SCHEDULE, "a test measures from its first query on; run it twice, or take --test loop" },
    { "report-every", TPCC | TPCH_LOOP | MIXED | BY_SCHEDULE, "a test prints a line for each query" },
    { "test",       TPCH_TEST | TPCH_LOOP,                "tests are TPC-H's alone (--bench tpch); a mixed load and a schedule ask queries over and over" },
    { "rounds",     TPCH_TEST,                            "rounds are counted by the power and the throughput test" },
    { "expect",     TPCH_TEST,                            "only the power and the throughput test ask the same queries each time" },
    { "tpcc-share", TPCC | MIXED,                         "with a schedule its phases say the shares" },
    { "tpch-share", TPCH_LOOP | MIXED,                    "a test runs at full speed; with a schedule its phases say the shares" },
    { "query-timeout", TPCH_TEST | TPCH_LOOP | MIXED | BY_SCHEDULE, "TPC-C's transactions have --timeout" },
    { "schema",     TPCH_TEST | TPCH_LOOP | MIXED | BY_SCHEDULE, "TPC-C's tables lie where the search path says" },
    { "warehouses", TPCC | MIXED | BY_SCHEDULE,           "TPC-H has a scale factor, not warehouses" },
    { "think-time", TPCC | MIXED | BY_SCHEDULE,           "only TPC-C's clients think" },
    { "queue",      TPCC | MIXED | BY_SCHEDULE,           "only TPC-C has an open loop" },
    { "scale",      TPCH_TEST | TPCH_LOOP | MIXED,        "TPC-C has warehouses, not a scale factor" },
    { "indexes",    TPCH_TEST | TPCH_LOOP | MIXED,        "TPC-C has the indexes it needs" },
    { "foreign-keys", TPCC | MIXED,                       "TPC-H's are always declared" },
    { "isolation",  TPCC | MIXED | BY_SCHEDULE,           "each of TPC-H's queries is a transaction by itself" },
    { "draw",       TPCC | MIXED | BY_SCHEDULE,           "TPC-H draws its parameters as its specification says" },
};

static unsigned kind_of_run(const struct load_options *o)
{
    if (*o->schedule)
        return BY_SCHEDULE;
    if (strcmp(o->bench, "mixed") == 0)
        return MIXED;
    return load_options_want(o, LOAD_BENCH_TPCC) ? TPCC : load_options_test(o) == LOAD_TEST_LOOP ? TPCH_LOOP : TPCH_TEST;
}

/* Said before a test that may take hours. */
static enum err check_digest(const char *digest, struct fault *fault)
{
    if (strlen(digest) == 16 && strspn(digest, "0123456789abcdefABCDEF") == 16)
        return OK;
    enum err code = fail(fault, ERR_INPUT, "--expect \"%.40s\" is no digest", digest);
    fail_hint(fault, "16 of 0-9 and a-f, as a test of the same seed printed them when all its queries were answered");
    return code;
}

enum err load_options_agree(const struct load_options *o, struct fault *fault)
{
    unsigned kind = kind_of_run(o);
    for (size_t i = 0; i < sizeof fitting / sizeof fitting[0]; i++)
        if (!(fitting[i].fits & kind) && load_options_given(o, fitting[i].option))
            return fail(fault, ERR_INPUT, "--%s does not go with the rest: %s", fitting[i].option, fitting[i].why);
    if (o->rate > 0 && o->think > 0)
        return fail(fault, ERR_INPUT, "--think-time is for the closed loop; in the open loop --rate says when transactions arrive");
    if (o->streams > 1 && load_options_test(o) == LOAD_TEST_POWER)
        return fail(fault, ERR_INPUT, "the power test is one stream; --test throughput runs %lld at a time", (long long)o->streams);
    enum err code = load_options_given(o, "expect") ? check_digest(o->expect, fault) : OK;
    return code == OK ? load_schema_name_check(o->schema, fault) : code;
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
