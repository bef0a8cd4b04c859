/*
 * base/crc32c.h - the checksum of Castagnoli, as in iSCSI (RFC 3720): "123456789" gives 0xe3069283.
 */
#ifndef BASE_CRC32C_H
#define BASE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* Of what was summed before (0 at the beginning) and these bytes. By the processor's instruction where it has one. */
uint32_t crc32c(uint32_t before, const void *data, size_t n);
/* The same by table: what it must agree with. */
uint32_t crc32c_table(uint32_t before, const void *data, size_t n);

#endif
