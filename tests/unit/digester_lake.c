/* tests/unit/digester_lake.c - see digester_lake.h. */
#include "digester_lake.h"

#include "unit.h"

#include "ship/kinds.h"
#include "ship/load.h"

void lake_fill(struct journal *j, const struct sink_conf *conf, size_t piece)
{
    struct journal_consumer *c;
    struct record            r;
    struct load              load;
    struct load_counts       counts = { 0 };
    struct sieve             sieve = { .types = 7 };
    struct fault             fault = { 0 };
    void                    *self = NULL;
    bool                     more = true;
    load_init(&load);
    assert_ok(sink_files.open(conf, &self, &fault), &fault);
    assert_ok(journal_consumer_open(j, "sink:lake", JOURNAL_FROM_START, &c, &fault), &fault);
    while (more) {
        load_reset(&load);
        while (load.count < piece && (more = journal_read(c, &r, &fault) == OK))
            assert_ok(load_add(&load, &r, &sieve, NULL, 0, &counts, &fault), &fault);
        struct sent_answer a = { 0 };
        struct batch       b = { .event = load.event, .count = load.count, .load = 1 };
        while (load.count && sink_files.send(self, &b, &a) != SENT_ALL)
            fail_msg("%s", a.why);
    }
    sink_files.close(self);
    journal_consumer_close(c);
    assert_ok(journal_forget(j, "sink:lake", &fault), &fault);
    load_done(&load);
}
