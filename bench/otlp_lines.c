/* bench/otlp_lines.c - what is written, and so what must come out. */
#include "otlp_lines.h"

#include <stdio.h>

size_t otlp_line(char *to, size_t size, int place, uint64_t request)
{
    char     what[128];
    unsigned h = otlp_mix((uint32_t)place, (uint32_t)(request % OTLP_VARIANTS));
    switch (place % 4) {
    case 0: (void)snprintf(what, sizeof what, "GET /api/orders/%u took %u ms for user %u", h % 100000, h >> 8 & 255, h >> 16 & 4095); break;
    case 1: (void)snprintf(what, sizeof what, "connection from 10.0.%u.%u port %u accepted", h >> 8 & 255, h >> 16 & 255, 1024 + (h >> 4 & 32767)); break;
    case 2: (void)snprintf(what, sizeof what, "cache miss for key item:%u in shard %u after %u us", h % 100000, h >> 8 & 15, h >> 16 & 4095); break;
    default: (void)snprintf(what, sizeof what, "failed to charge card of customer %u: code %u, attempt %u", h % 100000, h >> 8 & 15, h >> 16 & 3); break;
    }
    int n = snprintf(to, size, "%s req=%016llx at=%04d", what, (unsigned long long)request, place);
    return (size_t)n;
}
