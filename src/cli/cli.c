/* cli/cli.c - from the command line to a command, and what all commands share. */
#include "cli/cli.h"

#include "base/clock.h"
#include "cli/print.h"
#include "conf/complain.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#ifndef HOMEOSTAT_VERSION
#define HOMEOSTAT_VERSION "unknown"
#endif

/* ---- answering ---- */

int cli_exit_of(enum err code)
{
    switch (code) {
    case OK: return CLI_DONE;
    case ERR_CONFLICT: return CLI_CONFLICT;
    default: return CLI_FAILED;
    }
}

int cli_complain(struct cli *c, const struct fault *fault)
{
    if (c->o.json) {
        json_t *problem = json_pack("{s:{s:s,s:s,s:s}}", "error", "code", err_name(fault->code), "text", fault->text, "hint", fault->hint);
        (void)cli_put_json(c, problem);
        json_decref(problem);
    }
    fputs("homeostat: ", c->err);
    print_safe(c->err, fault->text, true);      /* words of a server may be in it */
    if (fault->hint[0]) {
        fputs("\n  ", c->err);
        print_safe(c->err, fault->hint, true);
    }
    fputc('\n', c->err);
    return cli_exit_of(fault->code);
}

bool cli_put_json(struct cli *c, const json_t *json)
{
    if (!c->o.json)
        return false;
    print_json(c->out, json, JSON_INDENT(2));
    return true;
}

/* ---- progress ---- */

static const int64_t quiet_us = 2 * US_PER_S, again_us = 10 * US_PER_S;

void cli_progress_begin(struct cli_progress *p, struct cli *c, const char *what)
{
    p->cli = c;
    p->what = what;
    p->began_us = clock_mono_us(&clock_real);
    p->said_us = 0;
    p->drawn = 0;
    p->alone = false;
    atomic_init(&p->ending, false);
}

/* How much of a line fits, so that drawing over it draws over all of it. */
static size_t width_of(FILE *terminal)
{
    struct winsize size;
    return ioctl(fileno(terminal), TIOCGWINSZ, &size) == 0 && size.ws_col > 1 ? size.ws_col - 1u : 79u;
}

void cli_progress_tick(struct cli_progress *p, const char *detail)
{
    int64_t now_us = clock_mono_us(&clock_real), every_us = p->cli->terminal ? US_PER_S / 4 : again_us;
    if (now_us - p->began_us < quiet_us || (p->said_us && now_us - p->said_us < every_us))
        return;
    p->said_us = now_us;
    char line[200];
    int  n = snprintf(line, sizeof line, "%.90s%s%.80s (%lld s)", p->what, detail && *detail ? ": " : "", detail ? detail : "",
                      (long long)((now_us - p->began_us) / US_PER_S));
    if (p->cli->terminal) {
        size_t width = width_of(p->cli->err), fits = (size_t)n < width ? (size_t)n : width;
        fprintf(p->cli->err, "\r%-*.*s", (int)(p->drawn < width ? p->drawn : width), (int)fits, line);
        p->drawn = fits;
    } else {
        fprintf(p->cli->err, "%s\n", line);
    }
    (void)fflush(p->cli->err);
}

static void *tick(void *arg)
{
    struct cli_progress *p = arg;
    while (!atomic_load(&p->ending)) {
        cli_progress_tick(p, NULL);
        (void)nanosleep(&(struct timespec){ .tv_nsec = 50 * 1000 * 1000 }, NULL);
    }
    return NULL;
}

void cli_progress_alone(struct cli_progress *p) { p->alone = pthread_create(&p->ticker, NULL, tick, p) == 0; }

void cli_progress_end(struct cli_progress *p)
{
    if (p->alone) {
        atomic_store(&p->ending, true);
        (void)pthread_join(p->ticker, NULL);
        p->alone = false;
    }
    if (p->drawn) {
        fprintf(p->cli->err, "\r%*s\r", (int)p->drawn, "");
        (void)fflush(p->cli->err);
    }
    p->drawn = 0;
}

/* ---- finding the command ---- */

static int words_of(const char *name) { return strchr(name, ' ') ? 2 : 1; }

/* The first word of a name: "case" of "case show". */
static bool first_word_is(const char *name, const char *word)
{
    size_t n = strcspn(name, " ");
    return strlen(word) == n && strncmp(name, word, n) == 0;
}

const struct cli_command *cli_find(const struct cli_command *commands, size_t count, int argc, char **argv, int *used)
{
    char two[80] = "";
    if (argc >= 2)
        (void)snprintf(two, sizeof two, "%.30s %.40s", argv[0], argv[1]);
    for (size_t i = 0; argc >= 2 && i < count; i++)
        if (strcmp(commands[i].name, two) == 0) {
            *used = 2;
            return &commands[i];
        }
    for (size_t i = 0; argc >= 1 && i < count; i++)
        if (words_of(commands[i].name) == 1 && strcmp(commands[i].name, argv[0]) == 0) {
            *used = 1;
            return &commands[i];
        }
    return NULL;
}

static void list(const struct cli_command *commands, size_t count, const char *group, FILE *out)
{
    for (size_t i = 0; i < count; i++) {
        if (group && !first_word_is(commands[i].name, group))
            continue;
        char left[60];
        (void)snprintf(left, sizeof left, "%s%s%s", commands[i].name, *commands[i].words ? " " : "", commands[i].words);
        size_t n = strcspn(commands[i].text, ".;");
        fprintf(out, "  %-30s %.*s\n", left, (int)n, commands[i].text);
    }
}

static void usage(const struct cli_command *commands, size_t count, const char *group, FILE *out)
{
    fprintf(out, "usage: homeostat %s [options]\n\n", group ? group : "COMMAND");
    list(commands, count, group, out);
    fputs("\nhomeostat COMMAND --help tells a command's options; man homeostat tells the rest.\n"
          "Exit status: 0 done, 1 failed, 2 wrong usage, 3 the gate says no or waits for a person, 4 somebody else was first.\n", out);
}

static bool is_group(const struct cli_command *commands, size_t count, const char *word)
{
    for (size_t i = 0; i < count; i++)
        if (words_of(commands[i].name) == 2 && first_word_is(commands[i].name, word))
            return true;
    return false;
}

static bool is_help(const char *word) { return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0; }

static int no_such_command(const struct cli_command *commands, size_t count, int argc, char **argv, FILE *err)
{
    char        said[80];
    const char *names[128];
    size_t      n = 0;
    bool        group = is_group(commands, count, argv[0]);
    for (size_t i = 0; i < count && n < 128; i++)
        names[n++] = commands[i].name;
    (void)snprintf(said, sizeof said, "%.30s%s%.40s", argv[0], group && argc > 1 ? " " : "", group && argc > 1 ? argv[1] : "");
    if (group && argc == 1) {
        fprintf(err, "homeostat: %s what?\n", said);
    } else {
        const char *near = conf_nearest(said, names, n);
        fprintf(err, "homeostat: there is no command \"%s\"%s%s%s\n", said, near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
    }
    if (group)
        list(commands, count, argv[0], err);
    else
        fputs("  homeostat --help lists them\n", err);
    return CLI_USAGE;
}

static int dispatch(const struct cli_command *commands, size_t count, int argc, char **argv, FILE *out, FILE *err)
{
    bool help = argc > 0 && strcmp(argv[0], "help") == 0;      /* help COMMAND is COMMAND --help */
    if (help)
        argc--, argv++;
    if (argc == 0 || is_help(argv[0])) {
        bool asked = help || argc > 0;
        usage(commands, count, NULL, asked ? out : err);
        return asked ? CLI_DONE : CLI_USAGE;
    }
    if (strcmp(argv[0], "--version") == 0 || strcmp(argv[0], "-V") == 0) {
        fprintf(out, "homeostat %s\n", HOMEOSTAT_VERSION);
        return CLI_DONE;
    }
    struct cli  c = { .out = out, .err = err, .terminal = isatty(fileno(err)) };
    struct fault fault = { 0 };
    int          used = 0;
    c.command = cli_find(commands, count, argc, argv, &used);
    if (!c.command) {
        if ((help || (argc > 1 && is_help(argv[argc - 1]))) && is_group(commands, count, argv[0])) {
            usage(commands, count, argv[0], out);
            return CLI_DONE;
        }
        return no_such_command(commands, count, argc, argv, err);
    }
    cli_options_init(&c.o);
    if (!help && cli_options_parse(c.command, argc - used, argv + used, &c.o, &help, &fault) != OK) {
        (void)cli_complain(&c, &fault);
        return CLI_USAGE;
    }
    if (help) {
        cli_options_help(c.command, out);
        return CLI_DONE;
    }
    return c.command->run(&c);
}

int cli_main(const struct cli_command *commands, size_t count, int argc, char **argv, FILE *out, FILE *err)
{
    int code = dispatch(commands, count, argc, argv, out, err);
    /* What was printed must have arrived: a full disk under `> file` is a failure like any other. */
    if (fflush(out) != 0 || ferror(out)) {
        fputs("homeostat: the answer could not be written completely\n", err);
        return code == CLI_DONE ? CLI_FAILED : code;
    }
    return code;
}
