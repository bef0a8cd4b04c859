/* store/knowledge.c - what trials taught, kept for other databases. */
#include "base/text.h"
#include "store/inside.h"
#include "store/sql.h"
#include "store/store.h"

enum err store_secret(struct store *s, char out[DIGEST_SIZE], struct fault *fault)
{
    struct db_rows r;
    enum err       e = db_ask(s->db, sql_installation_secret, &r, fault, "");
    if (e != OK)
        return e;
    bool found = db_next(&r) && text_copy(out, DIGEST_SIZE, db_text(&r, 0));
    e = db_end(s->db, &r, fault);
    return e == OK && !found ? fail(fault, ERR_MISSING, "the store has no secret of its own") : e;
}

enum err store_knowledge_add(struct store *s, const struct stored_knowledge *k, int64_t now_us, bool *added, struct fault *fault)
{
    enum err e = db_run(s->db, sql_knowledge_add, fault, "ttttbtrjII", k->id, k->source, k->tenant, k->database, k->shared, k->result, k->effect, k->record,
                        k->happened_us, now_us);
    *added = e == OK && db_changes(s->db) == 1;
    return e;
}

enum err store_knowledge(struct store *s, store_knowledge_row *row, void *ctx, struct fault *fault)
{
    struct db_rows r;
    enum err       e = db_ask(s->db, sql_knowledge_all, &r, fault, "");
    if (e != OK)
        return e;
    while (db_next(&r)) {
        json_t *record = db_json(&r, 0);
        row(ctx, record, db_int(&r, 1) != 0);
        json_decref(record);
    }
    return db_end(s->db, &r, fault);
}

enum err store_knowledge_count(struct store *s, int *count, struct fault *fault)
{
    struct db_rows r;
    enum err       e = db_ask(s->db, sql_knowledge_count, &r, fault, "");
    if (e != OK)
        return e;
    *count = db_next(&r) ? (int)db_int(&r, 0) : 0;
    return db_end(s->db, &r, fault);
}

enum err store_knowledge_share(struct store *s, const char *tenant, bool shared, struct fault *fault)
{
    return db_run(s->db, sql_knowledge_share, fault, "tb", tenant, shared);
}

enum err store_knowledge_share_none(struct store *s, struct fault *fault) { return db_run(s->db, sql_knowledge_share_none, fault, ""); }

enum err store_knowledge_forget(struct store *s, const char *own, int keep, struct fault *fault)
{
    return db_run(s->db, sql_knowledge_forget, fault, "ti", own, keep);
}
