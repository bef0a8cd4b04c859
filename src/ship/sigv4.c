/* ship/sigv4.c - see sigv4.h. */
#include "ship/sigv4.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <string.h>

enum { HASH_BYTES = 32, SECRET_MAX = 512, DAY = 8, TO_SIGN_MAX = 512 };

static void hex(const unsigned char *bytes, char out[SIGV4_HASH])
{
    for (int i = 0; i < HASH_BYTES; i++)
        (void)snprintf(out + 2 * i, 3, "%02x", bytes[i]);
}

bool sigv4_hash(const void *data, size_t n, char out[SIGV4_HASH])
{
    unsigned char bytes[EVP_MAX_MD_SIZE];
    bool          fine = EVP_Digest(n ? data : "", n, bytes, NULL, EVP_sha256(), NULL) == 1;
    if (fine)
        hex(bytes, out);
    return fine;
}

static bool escape(const char *path, const char *marks, char *out, size_t size)
{
    size_t used = 0;
    for (const char *p = path; *p; p++) {
        unsigned char c = (unsigned char)*p;
        bool          plain = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || strchr(marks, c);
        if (used + 4 > size)
            return false;
        used += (size_t)snprintf(out + used, size - used, plain ? "%c" : "%%%02X", c);
    }
    if (used >= size)
        return false;
    out[used] = '\0';
    return true;
}

bool sigv4_escape(const char *path, char *out, size_t size) { return escape(path, "-._~/", out, size); }
bool sigv4_escape_value(const char *value, char *out, size_t size) { return escape(value, "-._~", out, size); }

static bool feed(EVP_MD_CTX *c, const char *text) { return EVP_DigestUpdate(c, text, strlen(text)) == 1; }

/* "host;x-amz-date" */
static bool names_of(const struct sigv4 *s, char *out, size_t size)
{
    size_t used = 0;
    for (size_t i = 0; i < s->headers; i++) {
        int n = snprintf(out + used, size - used, "%s%s", i ? ";" : "", s->header[i].name);
        if (n < 0 || (size_t)n >= size - used)
            return false;
        used += (size_t)n;
    }
    return s->headers > 0;
}

/* The hash of the canonical request, made without ever having it in one piece. */
static bool request_hash(const struct sigv4 *s, const char *names, char out[SIGV4_HASH])
{
    unsigned char bytes[EVP_MAX_MD_SIZE];
    EVP_MD_CTX   *c = EVP_MD_CTX_new();
    bool fine = c && EVP_DigestInit_ex(c, EVP_sha256(), NULL) == 1 && feed(c, s->method) && feed(c, "\n") && feed(c, s->path) && feed(c, "\n") && feed(c, s->query) && feed(c, "\n");
    for (size_t i = 0; fine && i < s->headers; i++)
        fine = feed(c, s->header[i].name) && feed(c, ":") && feed(c, s->header[i].value) && feed(c, "\n");
    fine = fine && feed(c, "\n") && feed(c, names) && feed(c, "\n") && feed(c, s->payload) && EVP_DigestFinal_ex(c, bytes, NULL) == 1;
    EVP_MD_CTX_free(c);
    if (fine)
        hex(bytes, out);
    return fine;
}

static bool mac(const void *key, size_t n, const char *text, unsigned char out[EVP_MAX_MD_SIZE])
{
    return HMAC(EVP_sha256(), key, (int)n, (const unsigned char *)text, strlen(text), out, NULL) != NULL;
}

static bool signing_key(const struct sigv4 *s, const char *day, unsigned char out[EVP_MAX_MD_SIZE])
{
    unsigned char a[EVP_MAX_MD_SIZE], b[EVP_MAX_MD_SIZE];
    char          first[SECRET_MAX];
    int           n = snprintf(first, sizeof first, "AWS4%s", s->secret);
    bool fine = n > 0 && (size_t)n < sizeof first && mac(first, (size_t)n, day, a) && mac(a, HASH_BYTES, s->region, b) && mac(b, HASH_BYTES, s->service, a) &&
        mac(a, HASH_BYTES, "aws4_request", out);
    OPENSSL_cleanse(first, sizeof first);
    OPENSSL_cleanse(a, sizeof a);
    OPENSSL_cleanse(b, sizeof b);
    return fine;
}

bool sigv4_sign(const struct sigv4 *s, char *out, size_t size)
{
    unsigned char key[EVP_MAX_MD_SIZE], signature[EVP_MAX_MD_SIZE];
    char          day[DAY + 1], names[256], request[SIGV4_HASH], scope[160], to_sign[TO_SIGN_MAX], text[SIGV4_HASH];
    if (strlen(s->date) != SIGV4_DATE - 1 || s->headers > SIGV4_HEADERS_MAX || !names_of(s, names, sizeof names) || !request_hash(s, names, request))
        return false;
    (void)snprintf(day, sizeof day, "%.8s", s->date);
    int n = snprintf(scope, sizeof scope, "%s/%s/%s/aws4_request", day, s->region, s->service);
    if (n < 0 || (size_t)n >= sizeof scope)
        return false;
    n = snprintf(to_sign, sizeof to_sign, "AWS4-HMAC-SHA256\n%s\n%s\n%s", s->date, scope, request);
    bool fine = n > 0 && (size_t)n < sizeof to_sign && signing_key(s, day, key) && mac(key, HASH_BYTES, to_sign, signature);
    OPENSSL_cleanse(key, sizeof key);
    if (!fine)
        return false;
    hex(signature, text);
    n = snprintf(out, size, "AWS4-HMAC-SHA256 Credential=%s/%s,SignedHeaders=%s,Signature=%s", s->key_id, scope, names, text);
    return n > 0 && (size_t)n < size;
}
