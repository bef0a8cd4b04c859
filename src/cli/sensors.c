/* cli/sensors.c - homeostat sensors: one reading of this machine as exposition text, taken here and now, without a daemon. */
#include "cli/commands.h"
#include "cli/sections.h"

#include "conf/conf.h"
#include "sensor/group.h"
#include "sensor/sensors.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SENSORS_TEXT_MAX = 16 * 1024 * 1024 };

/* What was named is read as a whole; the usual place is not looked at, so that what is printed is the same everywhere. */
static enum err settings(struct cli *c, struct conf **conf, struct fault *fault)
{
    static const struct conf_section *const sections[] = { &sensors_section, &sensor_groups_section };
    static const char                       nothing[]  = "sensors:\n  enabled: true\n";
    const char                             *path = *c->o.config ? c->o.config : getenv("HOMEOSTAT_CONFIG");
    if (path && *path)
        return conf_load(path, program_sections, program_sections_count, conf, NULL, fault);
    return conf_load_text("defaults", nothing, sizeof nothing - 1, sections, 2, conf, NULL, fault);
}

static void put_doubt(void *ctx, const char *text) { fprintf(((struct cli *)ctx)->err, "homeostat: warning: %s\n", text); }

/* Rates and traffic need two readings, so there are two. */
static enum err read_now(struct cli *c, struct text *out, struct fault *fault)
{
    struct conf    *conf;
    struct sensors *s = NULL;
    size_t          n;
    enum err        e = settings(c, &conf, fault);
    if (e != OK)
        return e;
    const struct sensors_group_conf *groups = conf_instances(conf, &sensor_groups_section, &n);
    (void)grouping_doubts(groups, n, put_doubt, c);
    e = sensors_new(conf_of(conf, &sensors_section), n ? groups : NULL, n, &(struct sensors_options){ .clock = &clock_real, .undivided = true }, &s, fault);
    if (e == OK)
        e = sensors_tick(s, fault);
    if (e == OK) {
        usleep(100 * 1000);
        e = sensors_tick(s, fault);
    }
    if (e == OK)
        sensors_text(s, out);
    sensors_free(s);
    conf_free(conf);
    return e;
}

int cmd_sensors(struct cli *c)
{
    struct fault fault = { 0 };
    struct text  out CLEANUP(text_done);
    text_init(&out, SENSORS_TEXT_MAX);
    if (read_now(c, &out, &fault) != OK)
        return cli_complain(c, &fault);
    fwrite(out.s, 1, out.used, c->out);
    return CLI_DONE;
}
