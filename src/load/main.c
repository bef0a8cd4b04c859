/* load/main.c - homeostat-load: TPC-C and TPC-H loads of our own, so that tuning can be shown and proven on any machine. */
#include "load/check.h"
#include "load/options.h"
#include "load/populate.h"
#include "load/run.h"

#include <string.h>

static const struct load_command commands[] = {
    { "load", "Make the tables of TPC-C, TPC-H or both and fill them, with COPY and several connections; keys, indexes and statistics come last.",
      " dsn bench warehouses scale schema indexes threads seed foreign-keys force ", load_populate },
    { "run", "Run TPC-C's five transactions, TPC-H's 22 queries, or both, and report throughput and latency: as fast as they go (closed loop), at a given rate "
             "(open loop), as a test of TPC-H, or as a schedule says.",
      " dsn bench schedule clients duration warmup rate queue think-time test streams rounds query-timeout tpcc-share tpch-share expect schema report-every json "
      "listen seed isolation draw warehouses timeout lifetime grace ", load_run },
    { "check", "Check TPC-C's consistency conditions 1 to 4, or what TPC-H's tables must hold. Exit status 1 when something is violated. With --schedule: check that "
               "file and print what it does.", " dsn bench schema schedule output json ", load_check },
};
#define COMMANDS (sizeof commands / sizeof commands[0])

static void usage(FILE *out)
{
    fputs("usage: homeostat-load COMMAND [options]\n\n", out);
    for (size_t i = 0; i < COMMANDS; i++)
        fprintf(out, "  %-6s %s\n", commands[i].name, commands[i].summary);
    fputs("\nhomeostat-load COMMAND --help tells a command's options.\n", out);
}

static int run_command(const struct load_command *command, int argc, char **argv)
{
    struct load_options o;
    struct fault        fault = { 0 };
    bool                help;
    load_options_init(&o);
    enum err code = load_options_parse(command, argc, argv, &o, &help, &fault);
    if (code != OK)
        return load_options_complain(code, &fault);
    if (help) {
        load_options_help(command, stdout);
        return 0;
    }
    int status = command->run(&o);
    if (fflush(stdout) == 0 && !ferror(stdout))
        return status;
    (void)fail(&fault, ERR_IO, "what was found could not be written to standard output");
    int unwritten = load_options_complain(ERR_IO, &fault);
    return status ? status : unwritten;
}

int main(int argc, char **argv)
{
    const char *word = argc > 1 ? argv[1] : "";
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "help") == 0) {
        usage(stdout);
        return 0;
    }
    for (size_t i = 0; i < COMMANDS; i++)
        if (strcmp(word, commands[i].name) == 0)
            return run_command(&commands[i], argc - 2, argv + 2);
    if (*word)
        fprintf(stderr, "homeostat-load: there is no command %s\n", word);
    usage(stderr);
    return 2;
}
