/* ingest/part_inputs.c - syslog, files, journald. */
#include "ingest/inside.h"

#include "receive/inputs.h"

static enum err inputs_part_start(struct ingest *in, void **self, struct fault *fault)
{
    struct inputs *inputs = NULL;
    enum err       e = inputs_start(in->conf, in->journal, in->store_folder, in->clock, &inputs, fault);
    *self = inputs;
    return e;
}

static enum err inputs_part_reload(struct ingest *in, void **self, void **gone, struct fault *fault)
{
    return *self ? inputs_reload(*self, in->conf, fault) : inputs_part_start(in, self, fault);
}

static void inputs_part_stop(struct ingest *in, void *self) { inputs_stop(self); }

static json_t *inputs_part_status(struct ingest *in, void *self) { return inputs_status(self); }

static void inputs_part_metrics(struct ingest *in, void *self, struct gauge *g)
{
    struct inputs_stats s;
    inputs_stats(self, &s);
#define EACH(put, name, help, member)                                                                          \
    for (int k = 0; k < INPUT_COUNT; k++)                                                                      \
        put(g, name, help, (double)s.of[k].member, "input", inputs_name((enum input_kind)k), NULL)
    EACH(gauge_set, "homeostat_input_on", "It is configured, and what it reads is there.", on);
    EACH(gauge_counter, "homeostat_input_lines_total", "Lines taken in from syslog, files and journald.", lines);
    EACH(gauge_counter, "homeostat_input_bytes_total", "Bytes of their texts.", bytes);
    EACH(gauge_counter, "homeostat_input_records_total", "Records of them that are durable.", records);
    EACH(gauge_counter, "homeostat_input_lost_total", "Lines that could not be kept.", lost);
    EACH(gauge_counter, "homeostat_input_cut_total", "Texts longer than the limit: cut off, or gone on with in another.", cut);
    EACH(gauge_counter, "homeostat_input_refused_total", "Connections whose TLS or framing was wrong.", refused);
    EACH(gauge_counter, "homeostat_input_empty_total", "Blank lines and datagrams of syslog without anything in them.", empty);
    EACH(gauge_set, "homeostat_input_waiting_bytes", "Taken in and not durable yet.", waiting_bytes);
    EACH(gauge_set, "homeostat_input_open", "Files that are followed, connections that are open.", open);
    EACH(gauge_set, "homeostat_input_held", "Nothing is read now, because the journal has no room.", held);
#undef EACH
    gauge_counter(g, "homeostat_syslog_lost_total", "Messages of syslog that were lost: datagrams that the kernel threw away, and what a full journal did not take until the end.",
                  (double)s.of[INPUT_SYSLOG].lost, NULL);
}

const struct ingest_part ingest_part_inputs = { "inputs", "Syslog, files, journald.",
    inputs_part_start, inputs_part_reload, inputs_part_stop, inputs_part_status, inputs_part_metrics, NULL };
