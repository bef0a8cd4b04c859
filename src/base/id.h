/*
 * base/id.h - names for things and digests of things.  Randomness from OpenSSL.
 */
#ifndef BASE_ID_H
#define BASE_ID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ID_SIZE     37   /* "018f2e0c-5b1a-7abc-8def-0123456789ab" and the NUL */
#define DIGEST_SIZE 65   /* SHA-256 in hex and the NUL */

/* A version 7 UUID (RFC 9562): sorts by time. */
void id_new(int64_t wall_us, char out[ID_SIZE]);
bool id_valid(const char *text);

void digest_hex(const void *data, size_t size, char out[DIGEST_SIZE]);

/* n random bytes as 2n hex digits and a NUL. Fit for tokens. */
void id_random_hex(char *out, size_t n);

/* Same length and same bytes, in time that does not depend on where they differ. */
bool id_same_secret(const char *a, const char *b);

#endif
