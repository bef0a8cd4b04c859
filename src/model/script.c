/* model/script.c - from the params of a script.exec step to words. */
#include "model/script.h"

#include <string.h>

/* What a plain word may hold: nothing that any shell would look at twice. */
static bool plain_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (c && strchr("-_./,:=+@%", c) != NULL);
}

static enum err add_word(json_t *list, const char *word, size_t size, struct fault *fault)
{
    if (size > SCRIPT_WORD_MAX)
        return fail(fault, ERR_INPUT, "a word of the script is longer than %d bytes", SCRIPT_WORD_MAX);
    if (json_array_size(list) >= SCRIPT_WORDS_MAX)
        return fail(fault, ERR_INPUT, "the script has more than %d words", SCRIPT_WORDS_MAX);
    if (json_array_append_new(list, json_stringn(word, size)) != 0)
        return fail(fault, ERR_INPUT, "the script is not UTF-8");
    return OK;
}

static enum err split_plain(const char *script, json_t *list, struct fault *fault)
{
    for (const char *at = script; *at;) {
        size_t n = 0;
        while (at[n] && at[n] != ' ' && at[n] != '\t') {
            if (!plain_char(at[n])) {
                (void)fail(fault, ERR_INPUT, "the script has a character that means something to a shell, at byte %zu", (size_t)(at + n - script));
                fail_hint(fault, "give the words as \"argv\": [...], or ask for a shell with \"shell\": true, which the policy must allow");
                return ERR_INPUT;
            }
            n++;
        }
        enum err e = n ? add_word(list, at, n, fault) : OK;
        if (e != OK)
            return e;
        at += n;
        while (*at == ' ' || *at == '\t')
            at++;
    }
    return json_array_size(list) ? OK : fail(fault, ERR_INPUT, "the script is empty");
}

static enum err copy_words(const json_t *argv, const char *name, json_t *list, struct fault *fault)
{
    if (json_array_size(argv) == 0)
        return fail(fault, ERR_INPUT, "%s must be a list of at least one text", name);
    size_t total = 0;
    for (size_t i = 0; i < json_array_size(argv); i++) {
        const json_t *word = json_array_get(argv, i);
        if (!json_is_string(word))
            return fail(fault, ERR_INPUT, "%s[%zu] is not text", name, i);
        size_t size = json_string_length(word);
        if (strlen(json_string_value(word)) != size)
            return fail(fault, ERR_INPUT, "%s[%zu] has a NUL inside", name, i);
        if (i == 0 && size == 0)
            return fail(fault, ERR_INPUT, "%s[0] is empty", name);
        total += size;
        if (total > SCRIPT_BYTES_MAX)
            return fail(fault, ERR_INPUT, "%s is longer than %d bytes", name, SCRIPT_BYTES_MAX);
        enum err e = add_word(list, json_string_value(word), size, fault);
        if (e != OK)
            return e;
    }
    return OK;
}

static enum err words_of(const json_t *params, json_t *list, bool *shell, struct fault *fault)
{
    const json_t *script = json_object_get(params, "script"), *argv = json_object_get(params, "argv"), *sh = json_object_get(params, "shell");
    if (sh && !json_is_boolean(sh))
        return fail(fault, ERR_INPUT, "shell must be true or false");
    if ((script != NULL) == (argv != NULL))
        return fail(fault, ERR_INPUT, "a script.exec step needs either argv or script");
    *shell = json_is_true(sh);
    if (argv)
        return *shell ? fail(fault, ERR_INPUT, "shell goes with script, not with argv") : copy_words(argv, "argv", list, fault);
    if (!json_is_string(script))
        return fail(fault, ERR_INPUT, "script must be text");
    const char *text = json_string_value(script);
    size_t      size = json_string_length(script);
    if (size > SCRIPT_BYTES_MAX || strlen(text) != size)
        return fail(fault, ERR_INPUT, "script has a NUL inside or is longer than %d bytes", SCRIPT_BYTES_MAX);
    if (!*shell)
        return split_plain(text, list, fault);
    if (!*text)
        return fail(fault, ERR_INPUT, "the script is empty");
    if (json_array_append_new(list, json_string("/bin/sh")) != 0 || json_array_append_new(list, json_string("-c")) != 0 ||
        json_array_append_new(list, json_stringn(text, size)) != 0)
        return fail(fault, ERR_LIMIT, "no memory for the script");
    return OK;
}

enum err script_argv(const json_t *params, json_t **argv, bool *shell, struct fault *fault)
{
    json_t *list = json_array();
    if (!list)
        return fail(fault, ERR_LIMIT, "no memory for the script");
    *shell = false;
    enum err e = words_of(params, list, shell, fault);
    if (e == OK)
        *argv = list;
    else
        json_decref(list);
    return e;
}

enum err script_beside(const json_t *params, const char *key, json_t **argv, struct fault *fault)
{
    const json_t *words = json_object_get(params, key);
    *argv = NULL;
    if (!words)
        return OK;
    json_t *list = json_array();
    if (!list)
        return fail(fault, ERR_LIMIT, "no memory for the script");
    enum err e = copy_words(words, key, list, fault);
    if (e == OK)
        *argv = list;
    else
        json_decref(list);
    return e;
}
