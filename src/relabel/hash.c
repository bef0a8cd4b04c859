/* relabel/hash.c - apart, since OpenSSL and base/err.h both have an ERR_STATE. */
#include "relabel/hash.h"

#include <openssl/evp.h>

uint64_t relabel_hash(struct slice text)
{
    unsigned char sum[EVP_MAX_MD_SIZE] = { 0 };
    unsigned      n = 0;
    uint64_t      h = 0;
    (void)EVP_Digest(text.n ? text.s : "", text.n, sum, &n, EVP_md5(), NULL);
    for (int i = 8; i < 16; i++)
        h = h << 8 | sum[i];
    return h;
}
