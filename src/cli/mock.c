/* cli/mock.c - mock minutes through a journal and a digest of their own: what the digest makes of them, and how long it takes here. */
#include "base/clock.h"
#include "base/file.h"
#include "cli/commands.h"
#include "cli/print.h"
#include "ingest/mock_run.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct print_column told_record[] = {
    { "folder", "folder", PRINT_TEXT, 0 }, { "minutes", "minutes", PRINT_TEXT, 0 }, { "events", "events", PRINT_TEXT, 0 }, { "records", "records", PRINT_TEXT, 0 },
    { "windows", "windows", PRINT_TEXT, 0 }, { "rows", "rows", PRINT_TEXT, 0 }, { "without a row", "lost", PRINT_TEXT, 0 }, { "seconds into the journal", "journal_seconds", PRINT_TEXT, 0 },
    { "seconds of the digest", "digest_seconds", PRINT_TEXT, 0 }, { "memory MB", "rss_mb", PRINT_TEXT, 0 }, { NULL, NULL, PRINT_TEXT, 0 },
};

static bool minutes_of(const char *word, int *minutes)
{
    char *end;
    errno = 0;
    long n = strtol(word, &end, 10);
    *minutes = n > 0 && n <= MOCK_MINUTES_MAX ? (int)n : 0;
    return !errno && end != word && !*end && *minutes > 0;
}

/* The most that this process ever had in memory, in MB; what getrusage() says is also of who started it. 0: not known. */
static json_int_t memory_mb(void)
{
    char      *text = NULL;
    json_int_t kb = 0;
    if (file_read("/proc/self/status", 65536, &text, NULL, NULL) != OK)
        return 0;
    const char *at = strstr(text, "VmHWM:");
    if (at)
        kb = strtoll(at + strlen("VmHWM:"), NULL, 10);
    free(text);
    return kb / 1024;
}

int cmd_ingest_mock(struct cli *c)
{
    struct fault     fault = { 0 };
    struct mock_told told;
    struct mock_run  m = { .seed = 1, .size = MOCK_MINUTE, .minutes = 1 };
    if (c->o.words > 1 && !minutes_of(c->o.word[1], &m.minutes)) {
        (void)fail(&fault, ERR_INPUT, "%.40s is no number of minutes from 1 to %d", c->o.word[1], MOCK_MINUTES_MAX);
        return cli_complain(c, &fault);
    }
    m.begin_us = clock_wall_us(&clock_real) - (int64_t)m.minutes * 60 * US_PER_S;
    if (mock_run(&m, c->o.word[0], &told, &fault) != OK)
        return cli_complain(c, &fault);
    json_t *data = json_pack("{s:s, s:i, s:I, s:I, s:I, s:I, s:I, s:f, s:f, s:I}", "folder", c->o.word[0], "minutes", m.minutes, "events", (json_int_t)told.events, "records",
                             (json_int_t)told.records, "windows", (json_int_t)told.windows, "rows", (json_int_t)told.rows, "lost", (json_int_t)told.lost, "journal_seconds",
                             (double)told.journal_us / 1e6, "digest_seconds", (double)told.digest_us / 1e6, "rss_mb", memory_mb());
    if (!cli_put_json(c, data))
        print_record(c->out, data, told_record);
    json_decref(data);
    return CLI_DONE;
}
