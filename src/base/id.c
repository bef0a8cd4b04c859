/* base/id.c */
#include "base/id.h"

#include <ctype.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void random_bytes(unsigned char *out, size_t n)
{
    /* Without randomness no id and no token is safe to hand out. */
    if (RAND_bytes(out, (int)n) != 1)
        abort();
}

static void to_hex(const unsigned char *b, size_t n, char *out)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < n; i++) {
        out[2 * i] = digits[b[i] >> 4];
        out[2 * i + 1] = digits[b[i] & 15];
    }
    out[2 * n] = '\0';
}

void id_new(int64_t wall_us, char out[ID_SIZE])
{
    unsigned char b[16];
    random_bytes(b, sizeof b);
    uint64_t ms = (uint64_t)(wall_us / 1000);
    for (int i = 0; i < 6; i++)
        b[i] = (unsigned char)(ms >> (40 - 8 * i));
    b[6] = (unsigned char)(0x70 | (b[6] & 0x0f));
    b[8] = (unsigned char)(0x80 | (b[8] & 0x3f));
    char hex[33];
    to_hex(b, sizeof b, hex);
    (void)snprintf(out, ID_SIZE, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16, hex + 20);
}

bool id_valid(const char *text)
{
    for (int i = 0; i < ID_SIZE - 1; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash ? text[i] != '-' : !isxdigit((unsigned char)text[i]))
            return false;
    }
    return text[ID_SIZE - 1] == '\0';
}

void digest_hex(const void *data, size_t size, char out[DIGEST_SIZE])
{
    unsigned char sum[32];
    unsigned int  n = sizeof sum;
    if (EVP_Digest(data, size, sum, &n, EVP_sha256(), NULL) != 1)
        abort();
    to_hex(sum, sizeof sum, out);
}

void id_random_hex(char *out, size_t n)
{
    unsigned char b[64];
    while (n > 0) {
        size_t part = n < sizeof b ? n : sizeof b;
        random_bytes(b, part);
        to_hex(b, part, out);
        out += 2 * part;
        n -= part;
    }
}

bool id_same_secret(const char *a, const char *b)
{
    size_t n = strlen(a);
    return n == strlen(b) && CRYPTO_memcmp(a, b, n) == 0;
}
