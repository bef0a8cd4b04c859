/* conf: files become structs or a list of what is wrong, and a reload changes all that may change or nothing. */
#include "unit.h"

#include "base/file.h"
#include "conf/command.h"
#include "conf/conf.h"
#include "conf/daemon.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- a made-up room with a knob of every kind ---- */

enum mood { MILD, STERN };

struct room {
    int64_t count, pause_us, cache, idle_us;
    double  ratio, share;
    bool    on;
    const char *title, *token, *place;
    enum mood mood;
    struct conf_address listen;
    struct conf_list words;
    struct conf_secret key;
};

struct thing { const char *name; int64_t size; const char *what; };

static const struct conf_knob room_knobs[] = {
    { "count",      KNOB_INT(struct room, count),       "3",     "1..10",         CONF_LIVE,    "How many there are." },
    { "pause",      KNOB_TIME(struct room, pause_us),   "90s",   "1s..1h",        CONF_LIVE,    "How long to wait.", NULL, "things.pauses.of-room" },
    { "idle",       KNOB_TIME(struct room, idle_us),    "off",   "1s..1h or off", CONF_LIVE,    "When to sleep." },
    { "cache",      KNOB_SIZE(struct room, cache),      "64MiB", "1kB..1TiB",     CONF_RESTART, "How much to keep." },
    { "ratio",      KNOB_REAL(struct room, ratio),      "0.2",   "0..1",          CONF_LIVE,    "How steep it is." },
    { "share",      KNOB_PERCENT(struct room, share),   "7%",    "0%..100%",      CONF_LIVE,    "How much of it." },
    { "on",         KNOB_BOOL(struct room, on),         "true",  NULL,            CONF_LIVE,    "Whether at all." },
    { "title",      KNOB_TEXT(struct room, title),      "none",  "1..20",         CONF_LIVE,    "What it is called." },
    { "token",      KNOB_TEXT(struct room, token),      "",      "4..40",         CONF_LIVE | CONF_SECRET, "What nobody may see." },
    { "place",      KNOB_PATH(struct room, place),      "",      NULL,            CONF_RESTART, "Where it lies." },
    { "mood",       KNOB_CHOICE(struct room, mood),     "stern", "mild|stern",    CONF_LIVE,    "How it feels." },
    { "net.listen", KNOB_ADDRESS(struct room, listen),  "",      NULL,            CONF_RESTART, "Where it listens." },
    { "net.words",  KNOB_LIST(struct room, words),      "a b",   "1..3",          CONF_LIVE,    "What it says first." },
    { "net.key",    KNOB_SECRET_FILE(struct room, key), "",      NULL,            CONF_LIVE,    "What it proves itself with." },
};

static void room_check(const void *instance, struct conf_checker *c)
{
    const struct room *r = instance;
    if (r->mood == MILD && r->count > 5)
        conf_refuse(c, "count", "Be stern.", "too many for a mild room");
}

static const struct conf_section room_section = { .path = "room", .knobs = room_knobs, .count = sizeof room_knobs / sizeof room_knobs[0],
    .size = sizeof(struct room), .why = "A room.", .check = room_check };

static const struct conf_knob thing_knobs[] = {
    { "size", KNOB_INT(struct thing, size),  NULL, "1..",  CONF_LIVE,    "How large it is." },
    { "what", KNOB_TEXT(struct thing, what), "",   "1..9", CONF_RESTART, "What it is." },
};

static const struct conf_section things_section = { .path = "things", .knobs = thing_knobs, .count = 2, .size = sizeof(struct thing), .why = "Things.",
    .shape = CONF_MAP, .instances_max = 4, .flags = CONF_LIVE, .name_at = offsetof(struct thing, name) };
static const struct conf_section fixed_section = { .path = "fixed", .knobs = thing_knobs, .count = 2, .size = sizeof(struct thing), .why = "Fixed things.",
    .shape = CONF_MAP, .instances_max = 4, .flags = CONF_RESTART, .name_at = offsetof(struct thing, name) };
static const struct conf_section items_section = { .path = "items", .knobs = thing_knobs, .count = 2, .size = sizeof(struct thing), .why = "Items.",
    .shape = CONF_ITEMS, .instances_max = 3, .flags = CONF_LIVE, .name_at = CONF_NO_NAME };

static const struct conf_section *const sections[] = { &room_section, &things_section, &fixed_section, &items_section };
enum { SECTIONS = 4 };

/* ---- a folder to write files into ---- */

struct fixture { char folder[64]; char main[96]; struct conf *conf; struct fault fault; struct text said; };

static char *file_in(struct fixture *f, const char *name, char out[160])
{
    (void)snprintf(out, 160, "%s/%s", f->folder, name);
    return out;
}

static void put_mode(struct fixture *f, const char *name, const char *text, mode_t mode)
{
    char path[160];
    assert_ok(file_write(file_in(f, name, path), text, strlen(text), mode, &f->fault), &f->fault);
}

static void put(struct fixture *f, const char *name, const char *text) { put_mode(f, name, text, 0644); }

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    strcpy(f->folder, "/tmp/homeostat-test-XXXXXX");
    if (!mkdtemp(f->folder))
        return -1;
    (void)snprintf(f->main, sizeof f->main, "%s/main.yaml", f->folder);
    text_init(&f->said, 256 * 1024);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    char            command[128];
    conf_free(f->conf);
    text_done(&f->said);
    (void)snprintf(command, sizeof command, "rm -r %s", f->folder);
    int e = system(command);
    free(f);
    return e;
}

/* Load main.yaml; what is wrong is in said, without the folder's name. */
static enum err load(struct fixture *f)
{
    struct conf_complaints all;
    conf_complaints_init(&all);
    conf_free(f->conf);
    f->conf = NULL;
    enum err    e = conf_load(f->main, sections, SECTIONS, &f->conf, &all, &f->fault);
    struct text raw;
    text_init(&raw, 256 * 1024);
    conf_complaints_text(&all, &raw);
    text_clear(&f->said);
    const char *s = raw.s;
    for (const char *hit; (hit = strstr(s, f->folder)); s = hit + strlen(f->folder) + 1)
        text_add_n(&f->said, s, (size_t)(hit - s));
    text_add(&f->said, s);
    text_done(&raw);
    conf_complaints_done(&all);
    return e;
}

static enum err load_text(struct fixture *f, const char *yaml)
{
    put(f, "main.yaml", yaml);
    return load(f);
}

static void must_say(struct fixture *f, const char *yaml, const char *says)
{
    if (load_text(f, yaml) == OK)
        fail_msg("accepted: %s", yaml);
    if (!strstr(f->said.s, says))
        fail_msg("%s\nsays: %s\nwanted: %s", yaml, f->said.s, says);
}

/* ---- */

static void the_tables_are_in_order(void **state)
{
    struct fixture *f = *state;
    assert_ok(conf_tables_check(sections, SECTIONS, &f->fault), &f->fault);
}

static void a_table_with_a_bad_row_is_found(void **state)
{
    struct fixture *f = *state;
    static const struct conf_knob bad_default[] = { { "count", KNOB_INT(struct room, count), "30", "1..10", CONF_LIVE, "How many there are." } };
    static const struct conf_knob no_flag[] = { { "count", KNOB_INT(struct room, count), "3", "1..10", 0, "How many there are." } };
    static const struct conf_knob twice[] = { { "a",   KNOB_INT(struct room, count), "3", NULL, CONF_LIVE, "How many there are." },
                                              { "a.b", KNOB_INT(struct room, count), "3", NULL, CONF_LIVE, "How many there are." } };
    static const struct { const struct conf_knob *knobs; size_t count; const char *says; } cases[] = {
        { bad_default, 1, "x.count: 30 is more than 10" }, { no_flag, 1, "either CONF_LIVE or CONF_RESTART" }, { twice, 2, "claim the same key" },
    };
    for (size_t i = 0; i < 3; i++) {
        struct conf_section        s = { .path = "x", .knobs = cases[i].knobs, .count = cases[i].count, .size = sizeof(struct room), .why = "x" };
        const struct conf_section *list[] = { &s };
        assert_int_equal(conf_tables_check(list, 1, &f->fault), ERR_INPUT);
        if (!strstr(f->fault.text, cases[i].says))
            fail_msg("says: %s\nwanted: %s", f->fault.text, cases[i].says);
    }
}

static void defaults_hold_where_nothing_is_said(void **state)
{
    struct fixture *f = *state;
    assert_ok(load_text(f, "room:\n  count: 4\n"), &f->fault);
    const struct room *r = conf_of(f->conf, &room_section);
    assert_int_equal(r->count, 4);
    assert_int_equal(r->pause_us, 90000000);
    assert_int_equal(r->idle_us, 0);
    assert_int_equal(r->cache, 64 << 20);
    assert_true(r->share == 0.07);
    assert_int_equal(r->mood, STERN);
    assert_string_equal(r->token, "");
    assert_string_equal(r->listen.host, "");
    assert_int_equal(r->words.count, 2);
    assert_string_equal(r->words.item[1], "b");
    assert_null(r->words.item[2]);
    assert_string_equal(r->key.path, "");
}

static void every_kind_is_read(void **state)
{
    struct fixture *f = *state;
    char            path[160];
    put_mode(f, "key", "s3cret\n", 0600);
    assert_ok(load_text(f, "room:\n  count: 5\n  pause: 1.5min\n  idle: 2 s\n  cache: 1.5GB\n  ratio: 1e-1\n  share: 12.5%\n  on: off\n  title: 5\n"
                           "  place: sub/x\n  mood: mild\n  token: abcdef\n  net:\n    listen: '[::1]:80'\n    words: [x, \"y z\", '']\n    key: key\n"), &f->fault);
    const struct room *r = conf_of(f->conf, &room_section);
    assert_int_equal(r->count, 5);
    assert_int_equal(r->pause_us, 90000000);
    assert_int_equal(r->idle_us, 2000000);
    assert_int_equal(r->cache, 1500000000);
    assert_true(r->ratio == 0.1);
    assert_true(r->share == 0.125);
    assert_false(r->on);
    assert_string_equal(r->title, "5");
    assert_string_equal(r->place, file_in(f, "sub/x", path));
    assert_int_equal(r->mood, MILD);
    assert_string_equal(r->listen.host, "::1");
    assert_int_equal(r->listen.port, 80);
    assert_true(r->listen.loopback);
    assert_int_equal(r->words.count, 3);
    assert_string_equal(r->words.item[1], "y z");
    assert_string_equal(r->key.value, "s3cret");
    assert_int_equal(r->key.size, 6);
}

static void a_mistake_is_told_with_its_place_and_what_would_be_right(void **state)
{
    static const struct { const char *yaml, *says; } cases[] = {
        { "room:\n  cuont: 4\n",            "main.yaml:2:3: unknown key `cuont` in room. Did you mean `count`?" },
        { "romo: {}\n",                     "main.yaml:1:1: unknown key `romo`. Did you mean `room`?" },
        { "count: 3\n",                     "main.yaml:1:1: unknown key `count`. Did you mean `room.count`?" },
        { "room:\n  net.words: [a]\n",      "main.yaml:2:3: unknown key `net.words` in room. Write the words between the dots on lines of their own" },
        { "room:\n  net:\n    zzz: 1\n",    "main.yaml:3:5: unknown key `zzz` in room.net. Known here: listen, words, key." },
        { "room:\n  count: 11\n",           "main.yaml:2:10: room.count: 11 is more than 10. Allowed: 1..10 (default 3)." },
        { "room:\n  count: -1\n",           "room.count: -1 is less than 1. Allowed: 1..10" },
        { "room:\n  count: many\n",         "room.count: `many` is not a whole number. Allowed: 1..10" },
        { "room:\n  count: 2.5\n",          "room.count: `2.5` is not a whole number" },
        { "room:\n  count: 5s\n",           "room.count: `5s` has a unit, and this is a plain number. Write 5." },
        { "room:\n  count: \"5\"\n",        "room.count: is text in quotes, and not a number. Leave the quotes out." },
        { "room:\n  count: [5]\n",          "main.yaml:2:10: room.count: a whole number is wanted here, this is a list" },
        { "room:\n  count:\n",              "room.count: has no value. Leave the line out for the default, 3." },
        { "room:\n  count: 99999999999999999999\n", "has too many digits" },
        { "room:\n  pause: 5m\n",           "main.yaml:2:10: room.pause: `5m` has an unknown unit `m`. Did you mean min (minutes) or ms (milliseconds)? Units are us, ms, s, min, h, d." },
        { "room:\n  pause: 5\n",            "room.pause: `5` has no unit. Units are us, ms, s, min, h, d." },
        { "room:\n  pause: 5MB\n",          "room.pause: `5MB` is a size, and this is a time. Units are us, ms" },
        { "room:\n  pause: 2h\n",           "room.pause: 2h is more than 1h. Allowed: 1s..1h (default 90s)." },
        { "room:\n  pause: off\n",          "room.pause: `off` is not a time" },
        { "room:\n  pause: 0\n",            "room.pause: 0 is less than 1s" },
        { "room:\n  pause: 0.1us\n",        "is finer than 1 us" },
        { "room:\n  pause: 999999999999999999d\n", "is too large" },
        { "room:\n  cache: 64M\n",          "room.cache: `64M` has an unknown unit `M`. Did you mean MiB or MB?" },
        { "room:\n  cache: 64KB\n",         "Did you mean kB (1000 bytes) or KiB (1024 bytes)?" },
        { "room:\n  cache: 5s\n",           "room.cache: `5s` is a time, and this is a size" },
        { "room:\n  ratio: 2\n",            "room.ratio: 2 is more than 1. Allowed: 0..1 (default 0.2)." },
        { "room:\n  ratio: 20%\n",          "room.ratio: `20%` has a unit, and this is a plain number. Write 0.2." },
        { "room:\n  ratio: .nan\n",         "room.ratio: `.nan` is not a number" },
        { "room:\n  ratio: .inf\n",         "room.ratio: `.inf` is not a number" },
        { "room:\n  ratio: 1e999\n",        "room.ratio: `1e999` is too large" },
        { "room:\n  share: 0.2\n",          "room.share: `0.2` has no % sign. Write 0.2% if you mean that part of 100, or 20% if 0.2 is a fraction of 1." },
        { "room:\n  share: 101%\n",         "room.share: 101% is more than 100%" },
        { "room:\n  on: maybe\n",           "room.on: `maybe` is neither true nor false" },
        { "room:\n  title: this text is longer than twenty characters\n", "room.title: 42 characters is more than 20. Allowed: 1..20 characters (default none)." },
        { "room:\n  mood: sterm\n",         "room.mood: `sterm` is not one of the choices. Did you mean stern? Allowed: mild, stern (default stern)." },
        { "room:\n  place: ~/x\n",          "room.place: `~` is not known here" },
        { "room:\n  net:\n    listen: ':80'\n", "room.net.listen: the host is missing. Write 0.0.0.0:port" },
        { "room:\n  net:\n    listen: 127.0.0.1\n", "is no address. Write host:port" },
        { "room:\n  net:\n    listen: 127.0.0.1:http\n", "A port is a number from 0 to 65535." },
        { "room:\n  net:\n    listen: 127.0.0.1:65536\n", "A port is a number from 0 to 65535." },
        { "room:\n  net:\n    listen: ::1:80\n", "is no address. Write host:port" },
        { "room:\n  net:\n    words: a\n",  "room.net.words: a list such as [a, b] is wanted here, this is one value" },
        { "room:\n  net:\n    words: [a, b, c, d]\n", "room.net.words: 4 items is more than 3" },
        { "room:\n  net:\n    words:\n    - a\n    - [b]\n", "main.yaml:5:7: room.net.words: an item of this list must be text" },
        { "room:\n  net: 5\n",              "main.yaml:2:8: room.net: a map is wanted here" },
        { "room:\n  mood: mild\n  count: 6\n", "main.yaml:3:10: room.count: too many for a mild room. Be stern." },
        { "things:\n  a: {what: x}\n",      "main.yaml:2:3: things.a.size is missing. Add `size:` with a whole number. How large it is." },
        { "things:\n  a: {size: 1, wat: x}\n", "main.yaml:2:16: unknown key `wat` in things.a. Did you mean `what`?" },
        { "things:\n  a/b: {size: 1}\n",    "main.yaml:2:3: things: `a/b` cannot be a name" },
        { "things: [1]\n",                  "things: a map of names is wanted here" },
        { "things: {a: {size: 1}, b: {size: 1}, c: {size: 1}, d: {size: 1}, e: {size: 1}}\n", "things: more than 4 of them" },
        { "things: {a: 5}\n",               "things.a: a map is wanted here" },
        { "items: {a: 5}\n",                "items: a list is wanted here" },
        { "items:\n- {size: 1}\n- {size: 0}\n", "main.yaml:3:10: items[1].size: 0 is less than 1" },
        { "room: {count: 4}\nroom: {}\n",   "main.yaml:2:1: `room` is there twice" },
        { "- a\n",                          "main.yaml:1:1: a configuration is a map of keys, this is a list" },
        { "",                               "main.yaml: the file is empty. Was it cut off?" },
        { "# nothing\n",                    "main.yaml: the file is empty" },
        { "{}\n",                           "main.yaml: the file is empty" },
        { "include: other.yaml\n",          "main.yaml:1:10: include: cannot open other.yaml" },
        { "include: main.yaml\n",           "main.yaml:1:10: include: main.yaml has been read already" },
        { "include: [[a]]\n",               "include: a path is wanted here" },
        { "include: {a: b}\n",              "include: a path is wanted here" },
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        must_say(f, cases[i].yaml, cases[i].says);
}

static void all_mistakes_are_told_at_once(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(load_text(f, "room:\n  count: 11\n  pause: 5\n  mood: odd\nx: 1\n"), ERR_INPUT);
    size_t lines = 0;
    for (const char *s = f->said.s; (s = strchr(s, '\n')); s++)
        lines++;
    assert_int_equal(lines, 4);
    assert_non_null(strstr(f->fault.text, "(and 3 more)"));
    assert_non_null(strstr(f->fault.hint, "Allowed: 1..10"));
}

static void a_key_that_is_there_twice_does_not_hide_other_mistakes(void **state)
{
    struct fixture *f = *state;
    must_say(f, "room: {count: 4, count: 5, mood: odd}\nx: &y 1\n", "`count` is there twice");
    assert_non_null(strstr(f->said.s, "an anchor (`&y`) is not accepted"));
    assert_non_null(strstr(f->said.s, "`odd` is not one of the choices"));
    assert_non_null(strstr(f->said.s, "unknown key `x`"));
    assert_null(strstr(f->said.s, "is set twice"));
}

static void a_flood_of_mistakes_is_bounded(void **state)
{
    struct fixture *f = *state;
    struct text     t;
    text_init(&t, 64 * 1024);
    for (int i = 0; i < 500; i++)
        text_printf(&t, "z%d: 1\n", i);
    assert_int_equal(load_text(f, t.s), ERR_INPUT);
    assert_non_null(strstr(f->said.s, "... and 450 more"));
    text_done(&t);
}

static void a_secret_is_never_quoted_or_printed(void **state)
{
    struct fixture *f = *state;
    struct text     t;
    text_init(&t, 64 * 1024);
    must_say(f, "room:\n  token: abc\n", "room.token: 3 characters is less than 4");
    assert_null(strstr(f->said.s, "abc"));
    put_mode(f, "key", "s3cret\n", 0600);
    assert_ok(load_text(f, "room:\n  token: abcdefg\n  net: {key: key}\n"), &f->fault);
    conf_print(f->conf, &t);
    json_t *j = conf_print_json(f->conf);
    char   *s = json_dumps(j, 0);
    assert_null(strstr(t.s, "abcdefg"));
    assert_null(strstr(t.s, "s3cret"));
    assert_non_null(strstr(t.s, "******"));
    assert_null(strstr(s, "abcdefg"));
    assert_null(strstr(s, "s3cret"));
    free(s);
    json_decref(j);
    text_done(&t);
}

static void a_secret_file_that_others_may_read_is_refused(void **state)
{
    struct fixture *f = *state;
    put_mode(f, "key", "s3cret\n", 0640);
    must_say(f, "room:\n  net: {key: key}\n", "others may read it (mode 0640). Run chmod 600 on it.");
    put_mode(f, "key", "\n", 0600);
    must_say(f, "room:\n  net: {key: key}\n", "it is empty");
    must_say(f, "room:\n  net: {key: .}\n", "it is no regular file");
    must_say(f, "room:\n  net: {key: nowhere}\n", "No such file");
}

static void a_secret_that_stands_where_the_path_of_its_file_belongs_is_not_quoted(void **state)
{
    struct fixture *f = *state;
    char            path[160];
    must_say(f, "room:\n  net: {key: hunter2}\n", "room.net.key: cannot use the secret file that is named here: No such file");
    assert_null(strstr(f->said.s, "hunter2"));
    must_say(f, "room:\n  net: {key: wJalrXUtnFEMI/K7MDENG/bPxRfi}\n", "may be the secret itself");
    assert_null(strstr(f->said.s, "MDENG"));
    assert_int_equal(mkdir(file_in(f, "keys", path), 0700), 0);
    must_say(f, "room:\n  net: {key: keys/nowhere}\n", "keys/nowhere: No such file");
}

static void files_are_included_and_settings_made_once(void **state)
{
    struct fixture *f = *state;
    char            path[160];
    assert_int_equal(mkdir(file_in(f, "conf.d", path), 0755), 0);
    put(f, "conf.d/b.yaml", "things: {b: {size: 2}}\n");
    put(f, "conf.d/a.yaml", "things: {a: {size: 1}}\ninclude: ../deep.yaml\n");
    put(f, "conf.d/c.txt", "not: read\n");
    put(f, "conf.d/empty.yaml", "# nothing yet\n");
    put(f, "deep.yaml", "room: {count: 7, place: here}\n");
    assert_ok(load_text(f, "include: [conf.d/*.yaml, none.d/*.yaml]\nroom: {title: x}\n"), &f->fault);
    size_t              n;
    const struct thing *t = conf_instances(f->conf, &things_section, &n);
    const struct room  *r = conf_of(f->conf, &room_section);
    const char *const  *files;
    assert_int_equal(n, 2);
    assert_string_equal(t[0].name, "a");
    assert_string_equal(t[1].name, "b");
    assert_int_equal(t[1].size, 2);
    assert_int_equal(r->count, 7);
    assert_string_equal(r->title, "x");
    assert_non_null(strstr(r->place, "/here"));
    assert_int_equal(conf_files(f->conf, &files), 5);
    put(f, "deep.yaml", "room: {title: y}\n");
    assert_int_equal(load(f), ERR_INPUT);
    assert_non_null(strstr(f->said.s, "room.title is set twice. It is set at main.yaml:2:8 already"));
    put(f, "deep.yaml", "things: {b: {size: 3}}\n");
    assert_int_equal(load(f), ERR_INPUT);
    assert_non_null(strstr(f->said.s, "things.b is there twice"));
    put(f, "deep.yaml", "include: main.yaml\n");
    assert_int_equal(load(f), ERR_INPUT);
    assert_non_null(strstr(f->said.s, "has been read already"));
}

static void a_chain_of_includes_ends(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 20; i++) {
        char name[32], text[32];
        (void)snprintf(name, sizeof name, "n%d.yaml", i);
        (void)snprintf(text, sizeof text, "include: n%d.yaml\n", i + 1);
        put(f, name, text);
    }
    must_say(f, "include: n0.yaml\n", "includes are nested deeper than 8");
}

static void what_is_printed_loads_again_as_the_same(void **state)
{
    struct fixture *f = *state;
    struct text     first, second;
    text_init(&first, 64 * 1024);
    text_init(&second, 64 * 1024);
    put_mode(f, "key", "s3cret\n", 0600);
    assert_ok(load_text(f, "room:\n  pause: 61s\n  idle: 2s\n  cache: 1000001B\n  ratio: 0.30000000000000004\n  share: 33.3%\n  on: no\n  title: \"a \\\"b\\\" \\\\ # \\t\"\n"
                           "  place: x\n  net: {listen: 'localhost:0', words: ['x: y', \"\\n\", \"\\x85\\u2028\\u2029\\ufeff\\x9b\"], key: key}\n"
                           "things:\n  a: {size: 1}\n  b: {size: 2, what: '*x'}\nitems:\n- {size: 5}\n- {size: 6}\n"), &f->fault);
    const struct room a = *(const struct room *)conf_of(f->conf, &room_section);
    assert_string_equal(a.title, "a \"b\" \\ # \t");
    conf_print(f->conf, &first);
    assert_ok(load_text(f, first.s), &f->fault);
    conf_print(f->conf, &second);
    const struct room *b = conf_of(f->conf, &room_section);
    assert_int_equal(b->pause_us, 61000000);
    assert_int_equal(b->cache, 1000001);
    assert_true(b->ratio == 0.30000000000000004);
    assert_true(b->share == 33.3 / 100);
    assert_string_equal(b->title, "a \"b\" \\ # \t");
    assert_string_equal(b->words.item[1], "\n");
    assert_string_equal(b->words.item[2], "\xc2\x85\xe2\x80\xa8\xe2\x80\xa9\xef\xbb\xbf\xc2\x9b");
    size_t              n;
    const struct thing *t = conf_instances(f->conf, &items_section, &n);
    assert_int_equal(n, 2);
    assert_int_equal(t[1].size, 6);
    assert_string_equal(((const struct thing *)conf_instance(f->conf, &things_section, "b"))->what, "*x");
    assert_null(conf_instance(f->conf, &things_section, "c"));
    assert_non_null(strstr(first.s, "main.yaml:2:10"));
    assert_non_null(strstr(first.s, "# default"));
    text_done(&first);
    text_done(&second);
}

static void a_setting_with_two_names_is_one_setting(void **state)
{
    struct fixture *f = *state;
    size_t          n;
    assert_ok(load_text(f, "things:\n  a: {size: 1}\n  pauses:\n    of-room: 61s\n"), &f->fault);
    assert_int_equal(((const struct room *)conf_of(f->conf, &room_section))->pause_us, 61000000);
    (void)conf_instances(f->conf, &things_section, &n);
    assert_int_equal(n, 1);                              /* pauses is none of them */
    assert_ok(load_text(f, "room: {pause: 61s}\nthings: {pauses: {of-room: 61000ms}}\n"), &f->fault);      /* both say the same */
    assert_int_equal(((const struct room *)conf_of(f->conf, &room_section))->pause_us, 61000000);
    must_say(f, "room: {pause: 61s}\nthings: {pauses: {of-room: 62s}}\n", "room.pause is set twice, and not to the same");
    must_say(f, "things: {pauses: {of-room: 62s}}\nroom: {pause: 61s}\n", "It is also written `things.pauses.of-room`.");
    must_say(f, "things: {pauses: {of-room: 2h}}\n", "2h is more than 1h");
    must_say(f, "things: {pauses: {of-home: 2s}}\n", "unknown key `of-home` in things.pauses");
    must_say(f, "things: {pauses: {of-home: 2s}}\n", "Known here: of-room.");
    must_say(f, "things: {pauses: 3}\n", "things.pauses: a map is wanted here");
}

/* ---- reload ---- */

static const struct conf_change *change_of(const struct conf *c, const char *path)
{
    size_t                    n;
    const struct conf_change *ch = conf_changes(c, &n);
    for (size_t i = 0; i < n; i++)
        if (strcmp(ch[i].path, path) == 0)
            return &ch[i];
    return NULL;
}

static void a_reload_changes_what_is_live_and_keeps_what_waits(void **state)
{
    struct fixture *f = *state;
    struct conf    *now = NULL;
    put_mode(f, "key", "one", 0600);
    assert_ok(load_text(f, "room: {count: 3, cache: 1MiB, place: a, token: aaaa, net: {key: key}}\nthings: {a: {size: 1, what: x}, b: {size: 1}}\n"
                           "fixed: {p: {size: 1, what: old}, q: {size: 2}}\n"), &f->fault);
    put_mode(f, "key", "two", 0600);
    put(f, "main.yaml", "room: {count: 4, cache: 2MiB, place: b, token: bbbb, net: {key: key}}\nthings: {c: {size: 1}, a: {size: 2, what: y}}\n"
                        "fixed: {q: {size: 5}, r: {size: 2}}\n");
    assert_ok(conf_reload(f->conf, &now, NULL, &f->fault), &f->fault);
    conf_free(f->conf);
    f->conf = now;
    const struct room *r = conf_of(now, &room_section);
    assert_int_equal(r->count, 4);
    assert_int_equal(r->cache, 1 << 20);
    assert_non_null(strstr(r->place, "/a"));
    assert_string_equal(r->key.value, "two");
    assert_string_equal(change_of(now, "room.count")->from, "3");
    assert_string_equal(change_of(now, "room.count")->to, "4");
    assert_false(change_of(now, "room.count")->waits);
    assert_true(change_of(now, "room.cache")->waits);
    assert_string_equal(change_of(now, "room.token")->to, "\"******\"");
    assert_non_null(change_of(now, "room.net.key"));
    assert_null(change_of(now, "room.pause"));

    size_t              n;
    const struct thing *t = conf_instances(now, &things_section, &n);
    assert_int_equal(n, 2);
    assert_string_equal(t[0].name, "c");
    assert_int_equal(t[1].size, 2);
    assert_string_equal(t[1].what, "x");
    assert_int_equal(change_of(now, "things.b")->kind, CONF_REMOVED);
    assert_int_equal(change_of(now, "things.c")->kind, CONF_ADDED);
    assert_true(change_of(now, "things.a.what")->waits);

    t = conf_instances(now, &fixed_section, &n);
    assert_int_equal(n, 2);
    assert_int_equal(((const struct thing *)conf_instance(now, &fixed_section, "q"))->size, 5);
    const struct thing *p = conf_instance(now, &fixed_section, "p");
    assert_int_equal(p->size, 1);
    assert_string_equal(p->what, "old");
    assert_string_equal(p->name, "p");
    assert_null(conf_instance(now, &fixed_section, "r"));
    assert_true(change_of(now, "fixed.p")->waits);
    assert_true(change_of(now, "fixed.r")->waits);

    struct text line;
    text_init(&line, 8000);
    conf_print(now, &line);
    assert_non_null(strstr(line.s, "# kept until a restart"));
    text_clear(&line);
    conf_change_text(change_of(now, "room.cache"), &line);
    assert_string_equal(line.s, "room.cache: 1MiB -> 2MiB (after a restart)");
    text_done(&line);
}

static void a_bad_file_changes_nothing(void **state)
{
    struct fixture *f = *state;
    struct conf    *now = NULL;
    assert_ok(load_text(f, "room: {count: 3}\n"), &f->fault);
    static const char *const bad[] = { "room: {count: 4, pause: 5}\n", "room: {count: 4\n", "", "\xff" };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        put(f, "main.yaml", bad[i]);
        assert_int_equal(conf_reload(f->conf, &now, NULL, &f->fault), ERR_INPUT);
        assert_null(now);
        assert_int_equal(((const struct room *)conf_of(f->conf, &room_section))->count, 3);
    }
    assert_int_equal(unlink(f->main), 0);
    assert_int_equal(conf_reload(f->conf, &now, NULL, &f->fault), ERR_INPUT);
    put(f, "main.yaml", "room: {count: 3}\n");
    assert_ok(conf_reload(f->conf, &now, NULL, &f->fault), &f->fault);
    size_t n;
    (void)conf_changes(now, &n);
    assert_int_equal(n, 0);
    conf_free(now);
}

/* The file is right, and so will a restart be; only the mixture of both would not. */
static void what_does_not_go_with_what_waits_is_not_put_into_force(void **state)
{
    static const struct conf_section *const daemon[] = { &daemon_web_section, &daemon_targets_section };
    struct fixture *f = *state;
    struct conf    *now = NULL;
    size_t          n;
    put(f, "main.yaml", "targets: {a: {dsn: host=h, owner: patroni, mode: suggest}}\n");
    assert_ok(conf_load(f->main, daemon, 2, &f->conf, NULL, &f->fault), &f->fault);
    put(f, "main.yaml", "targets: {a: {dsn: host=h, owner: none, mode: auto}}\n");
    assert_int_equal(conf_reload(f->conf, &now, NULL, &f->fault), ERR_INPUT);
    assert_null(now);
    assert_non_null(strstr(f->fault.text, "together with what waits for a restart: "));
    assert_non_null(strstr(f->fault.text, "targets.a.mode: a server that is managed elsewhere is not changed from here"));
    assert_non_null(strstr(f->fault.hint, "A restart puts all of it into force"));
    const struct daemon_target *t = conf_instances(f->conf, &daemon_targets_section, &n);
    assert_int_equal(t->mode, DAEMON_SUGGEST);

    put(f, "main.yaml", "targets: {a: {dsn: host=h, owner: none, mode: watch}}\n");
    assert_ok(conf_reload(f->conf, &now, NULL, &f->fault), &f->fault);
    t = conf_instances(now, &daemon_targets_section, &n);
    assert_int_equal(t->mode, DAEMON_WATCH);
    assert_int_equal(t->owner, DAEMON_OWNER_PATRONI);
    conf_free(now);
}

static void needs_a_place(const void *instance, struct conf_checker *c)
{
    if (conf_is_set(c, "cache") && !*((const struct room *)instance)->place)
        conf_refuse(c, "cache", "Say where.", "a cache needs a place");
}

/* Both wait, so neither is there yet: what is kept of a default was not set. */
static void a_default_that_is_kept_was_not_set(void **state)
{
    static const struct conf_section picky = { .path = "room", .knobs = room_knobs, .count = sizeof room_knobs / sizeof room_knobs[0], .size = sizeof(struct room), .why = "A room.",
                                               .check = needs_a_place };
    const struct conf_section *only[] = { &picky };
    struct fixture *f = *state;
    put(f, "main.yaml", "room: {count: 3}\n");
    assert_ok(conf_load(f->main, only, 1, &f->conf, NULL, &f->fault), &f->fault);
    put(f, "main.yaml", "room: {count: 4, cache: 1MiB, place: a}\n");
    for (int again = 0; again < 2; again++) {
        struct conf *now = NULL;
        assert_ok(conf_reload(f->conf, &now, NULL, &f->fault), &f->fault);
        assert_int_equal(((const struct room *)conf_of(now, &picky))->count, 4);
        assert_int_equal(((const struct room *)conf_of(now, &picky))->cache, 64 << 20);
        conf_free(f->conf);
        f->conf = now;
    }
}

static void a_reload_finds_the_file_from_any_folder(void **state)
{
    struct fixture *f = *state;
    struct conf    *now = NULL;
    char           *here = getcwd(NULL, 0);
    put(f, "main.yaml", "room: {count: 3, place: x}\n");
    assert_int_equal(chdir(f->folder), 0);
    enum err e = conf_load("main.yaml", sections, SECTIONS, &f->conf, NULL, &f->fault);
    int back = chdir(here);
    free(here);
    assert_int_equal(back, 0);
    assert_ok(e, &f->fault);
    assert_ok(conf_reload(f->conf, &now, NULL, &f->fault), &f->fault);
    size_t n;
    (void)conf_changes(now, &n);
    assert_int_equal(n, 0);
    conf_free(now);
}

static void a_pipe_is_no_file_to_include(void **state)
{
    struct fixture *f = *state;
    char            path[160];
    assert_int_equal(mkfifo(file_in(f, "pipe", path), 0600), 0);
    must_say(f, "include: pipe\n", "pipe is no regular file");
    must_say(f, "room: {net: {key: pipe}}\n", "it is no regular file");
}

static void the_digest_is_that_of_the_bytes(void **state)
{
    struct fixture *f = *state;
    char            a[DIGEST_SIZE], b[DIGEST_SIZE], c[DIGEST_SIZE];
    assert_ok(load_text(f, "room: {count: 3}\n"), &f->fault);
    conf_digest(f->conf, a);
    assert_ok(load_text(f, "room: {count: 3}\n"), &f->fault);
    conf_digest(f->conf, b);
    assert_ok(load_text(f, "room: {count: 4}\n"), &f->fault);
    conf_digest(f->conf, c);
    assert_string_equal(a, b);
    assert_string_not_equal(a, c);
}

static void a_text_from_memory_cannot_reach_files(void **state)
{
    struct fixture *f = *state;
    const char     *s = "include: /etc/passwd\n";
    assert_int_equal(conf_load_text("body", s, strlen(s), sections, SECTIONS, &f->conf, NULL, &f->fault), ERR_INPUT);
    assert_string_equal(f->fault.text, "body:1:1: include: only a file can include others");
}

static void the_commands_answer_with_exit_codes(void **state)
{
    struct fixture *f = *state;
    char           *out = NULL, *err = NULL;
    size_t          n, m;
    FILE           *o = open_memstream(&out, &n), *e = open_memstream(&err, &m);
    put(f, "main.yaml", "room: {count: 3}\n");
    assert_int_equal(conf_command_check(f->main, sections, SECTIONS, false, o, e), 0);
    assert_int_equal(conf_command_print(f->main, sections, SECTIONS, true, o, e), 0);
    assert_int_equal(conf_command_docs("markdown", sections, SECTIONS, o, e), 0);
    assert_int_equal(conf_command_docs("man", sections, SECTIONS, o, e), 0);
    assert_int_equal(conf_command_docs("json", sections, SECTIONS, o, e), 0);
    fflush(o);
    assert_non_null(strstr(out, "ok, 1 file"));
    assert_non_null(strstr(out, "| `pause` | time | 90s | 1s..1h | reload | How long to wait. |"));
    assert_non_null(strstr(out, "\"path\": \"things.NAME.size\""));
    put(f, "main.yaml", "room: {count: 30}\n");
    assert_int_equal(conf_command_check(f->main, sections, SECTIONS, false, o, e), 1);
    assert_int_equal(conf_command_print(f->main, sections, SECTIONS, false, o, e), 1);
    assert_int_equal(conf_command_docs("poem", sections, SECTIONS, o, e), 1);
    fclose(o);
    fclose(e);
    assert_non_null(strstr(err, "main.yaml:1:15: room.count: 30 is more than 10."));
    free(out);
    free(err);
}

static void a_complaint_is_text_whatever_it_quotes(void **state)
{
    struct fixture *f = *state;
    char           *out = NULL, path[160];
    size_t          n;
    FILE           *o = open_memstream(&out, &n);
    put(f, "main.yaml", "room: {pause: x\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9}\n");
    assert_int_equal(conf_command_check(f->main, sections, SECTIONS, true, o, o), 1);
    assert_int_equal(conf_command_check(file_in(f, "caf\xe9.yaml", path), sections, SECTIONS, true, o, o), 1);
    put(f, "caf\xe9.yaml", "room: {count: 3}\n");
    assert_int_equal(conf_command_check(path, sections, SECTIONS, true, o, o), 0);
    put(f, "main.yaml", "room: {pause: \"\\e[2J\\x9b1m\"}\n");
    assert_int_equal(conf_command_check(f->main, sections, SECTIONS, false, o, o), 1);
    fclose(o);
    assert_non_null(strstr(out, "room.pause: `?[2J??1m` is not a time"));
    const char *first = strstr(out, "room.pause: `x"), *second = strstr(out, "there is no such file"), *third = strstr(out, "\"ok\": true");
    assert_true(first && second && third);
    assert_non_null(strstr(out, "caf?.yaml\""));
    free(out);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(the_tables_are_in_order),
        TEST(a_table_with_a_bad_row_is_found),
        TEST(defaults_hold_where_nothing_is_said),
        TEST(every_kind_is_read),
        TEST(a_mistake_is_told_with_its_place_and_what_would_be_right),
        TEST(all_mistakes_are_told_at_once),
        TEST(a_key_that_is_there_twice_does_not_hide_other_mistakes),
        TEST(a_flood_of_mistakes_is_bounded),
        TEST(a_secret_is_never_quoted_or_printed),
        TEST(a_secret_file_that_others_may_read_is_refused),
        TEST(a_secret_that_stands_where_the_path_of_its_file_belongs_is_not_quoted),
        TEST(files_are_included_and_settings_made_once),
        TEST(a_chain_of_includes_ends),
        TEST(a_setting_with_two_names_is_one_setting),
        TEST(what_is_printed_loads_again_as_the_same),
        TEST(a_reload_changes_what_is_live_and_keeps_what_waits),
        TEST(a_bad_file_changes_nothing),
        TEST(what_does_not_go_with_what_waits_is_not_put_into_force),
        TEST(a_default_that_is_kept_was_not_set),
        TEST(a_reload_finds_the_file_from_any_folder),
        TEST(a_pipe_is_no_file_to_include),
        TEST(the_digest_is_that_of_the_bytes),
        TEST(a_text_from_memory_cannot_reach_files),
        TEST(the_commands_answer_with_exit_codes),
        TEST(a_complaint_is_text_whatever_it_quotes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
