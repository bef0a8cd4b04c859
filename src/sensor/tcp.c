/* sensor/tcp.c - how TCP fares, as far as the host can see: failures by class, retransmissions, its settings, its connections. */
#include "sensor/inside.h"

const struct sensor sensors_tcp[] = {
    { "tcp", 0, 0, NULL, NULL, "" },
};
const size_t sensors_tcp_count = 0;
