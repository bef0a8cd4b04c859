/* receive/door.c - see door.h. The key comes out of memory, since the settings hold it already. */
#define ERR_STATE openssl_err_state      /* OpenSSL has a type of that name, we have a code */
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#undef ERR_STATE

#include "receive/door.h"

#include "base/text.h"

#include <stdlib.h>
#include <string.h>

static enum err tls_fail(struct fault *fault, const char *what, const char *path)
{
    char why[160];
    ERR_error_string_n(ERR_peek_last_error(), why, sizeof why);
    ERR_clear_error();
    return fail(fault, ERR_INPUT, "%s %s cannot be used: %s", what, path, why);
}

/* Of what the client offers, what we like best. */
static int alpn(SSL *ssl, const unsigned char **out, unsigned char *n, const unsigned char *in, unsigned in_n, void *ctx)
{
    static const unsigned char ours[] = "\x02h2\x08http/1.1";
    unsigned char             *chosen;
    if (SSL_select_next_proto(&chosen, n, ours, sizeof ours - 1, in, in_n) != OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

enum err door_tls_new(const char *certificate, const struct conf_secret *secret, SSL_CTX **out, struct fault *fault)
{
    SSL_CTX  *c = SSL_CTX_new(TLS_server_method());
    BIO      *text = BIO_new_mem_buf(secret->value, (int)secret->size);
    EVP_PKEY *key = text ? PEM_read_bio_PrivateKey(text, NULL, NULL, NULL) : NULL;
    enum err  e = OK;
    BIO_free(text);
    *out = NULL;
    if (!c)
        e = fail(fault, ERR_IO, "TLS cannot be set up");
    else if (!key)
        e = tls_fail(fault, "the key", secret->path);
    else if (SSL_CTX_use_certificate_chain_file(c, certificate) != 1)
        e = tls_fail(fault, "the certificate", certificate);
    else if (SSL_CTX_use_PrivateKey(c, key) != 1 || SSL_CTX_check_private_key(c) != 1)
        e = tls_fail(fault, "the key", secret->path);
    EVP_PKEY_free(key);
    if (e != OK) {
        SSL_CTX_free(c);
        return e;
    }
    (void)SSL_CTX_set_min_proto_version(c, TLS1_2_VERSION);
    /* Where client certificates are asked for, OpenSSL ends the handshake of a client that resumes its session unless this is set. */
    (void)SSL_CTX_set_session_id_context(c, (const unsigned char *)"homeostat", 9);
    (void)SSL_CTX_set_options(c, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_IGNORE_UNEXPECTED_EOF);
    (void)SSL_CTX_set_mode(c, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_read_ahead(c, 1);
    SSL_CTX_set_default_read_buffer_len(c, 64 * 1024);
    *out = c;
    return OK;
}

enum err door_new(const struct receive_listener *l, struct door **out, struct fault *fault)
{
    struct door *d = calloc(1, sizeof *d);
    *out = NULL;
    if (!d)
        return fail(fault, ERR_LIMIT, "out of memory for the listener %s", l->name);
    atomic_init(&d->holders, 1);
    enum err e = receive_protocols_of(&l->protocols, &d->in.protocols, fault);
    if (e == OK && *l->tokens.path)
        e = receive_tokens_new(l->tokens.value, l->tokens.size, &d->tokens, fault);
    if (e == OK && *l->tls_certificate)
        e = door_tls_new(l->tls_certificate, &l->tls_key, &d->tls, fault);
    if (e == OK && d->tls)
        SSL_CTX_set_alpn_select_cb(d->tls, alpn, NULL);
    if (e == OK && !l->address.loopback && !l->insecure && (!d->tls || !d->tokens))
        e = fail(fault, ERR_DENIED, "it can be reached from outside, so it needs TLS and tokens");
    if (e != OK) {
        (void)fail_in(fault, "listeners.%s", l->name);
        door_release(d);
        return e;
    }
    (void)text_copy(d->tenant, sizeof d->tenant, l->tenant);
    d->in.tokens = d->tokens;
    d->in.tenant = d->tenant;
    *out = d;
    return OK;
}

struct door *door_hold(struct door *d)
{
    atomic_fetch_add(&d->holders, 1);
    return d;
}

void door_release(struct door *d)
{
    if (!d || atomic_fetch_sub(&d->holders, 1) != 1)
        return;
    receive_tokens_free(d->tokens);
    SSL_CTX_free(d->tls);
    free(d);
}
