/* tests/unit/engine_alone.h - an engine without threads and without a server: one target, a store in a folder of its own, a turn that is open. */
#ifndef ENGINE_ALONE_H
#define ENGINE_ALONE_H

#include "engine/inside.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct engine_alone { char folder[64]; struct engine *engine; };

/* conf: YAML with one target. The clock outlives it. */
static inline struct engine *engine_alone_begin(struct engine_alone *a, const struct clock *clock, const char *conf, struct fault *fault)
{
    struct engine *e = a->engine = calloc(1, sizeof *e);
    strcpy(a->folder, "/tmp/homeostat-engine-XXXXXX");
    assert_non_null(mkdtemp(a->folder));
    e->clock = clock;
    e->targets = 1;
    e->target = calloc(1, sizeof *e->target);
    assert_ok(conf_load_text("t.yaml", conf, strlen(conf), daemon_sections, daemon_sections_count, &e->conf, NULL, fault), fault);
    e->d = daemon_conf_of(e->conf);
    e->target[0].conf = &e->d.target[0];
    e->folder = a->folder;
    policy_default(&e->policy);
    assert_ok(store_open(a->folder, &e->store, fault), fault);
    assert_ok(store_begin(e->store, fault), fault);
    e->in_turn = true;
    return e;
}

static inline int engine_alone_end(struct engine_alone *a, struct fault *fault)
{
    struct engine *e = a->engine;
    char           command[128];
    assert_ok(store_commit(e->store, fault), fault);
    knowing_stop(e);
    planner_free(e->target[0].planner);
    free(e->target[0].before);
    free(e->target[0].made);
    store_close(e->store);
    conf_free(e->conf);
    free(e->target);
    free(e);
    (void)snprintf(command, sizeof command, "rm -rf '%s'", a->folder);
    return system(command);
}

#endif
