/* cli/sensors.c - homeostat sensors: one reading of this machine as exposition text, taken here and now, without a daemon. */
#include "cli/commands.h"

#include "conf/conf.h"
#include "sensor/sensors.h"

#include <string.h>
#include <unistd.h>

enum { SENSORS_TEXT_MAX = 16 * 1024 * 1024 };

/* Every sensor with its defaults; rates and traffic need two readings, so there are two. */
static enum err read_now(struct text *out, struct fault *fault)
{
    static const struct conf_section *const sections[] = { &sensors_section, &sensor_groups_section };
    static const char                       nothing[]  = "sensors:\n  enabled: true\n";
    struct conf    *conf;
    struct sensors *s = NULL;
    enum err        e = conf_load_text("defaults", nothing, sizeof nothing - 1, sections, 2, &conf, NULL, fault);
    if (e != OK)
        return e;
    e = sensors_new(conf_of(conf, &sensors_section), NULL, 0, &(struct sensors_options){ .clock = &clock_real, .undivided = true }, &s, fault);
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
    if (read_now(&out, &fault) != OK)
        return cli_complain(c, &fault);
    fwrite(out.s, 1, out.used, c->out);
    return CLI_DONE;
}
