/* bench/replay_file.h: numbers, words, gaps and the default of a file of trials are taken for what they are, and what is not is told. */
#include "unit.h"
#include "near.h"

#include "replay_file.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char path[64];

static void put(const char *text, size_t length)
{
    (void)snprintf(path, sizeof path, "/tmp/homeostat_replay_XXXXXX");
    int   fd = mkstemp(path);
    FILE *out = fd < 0 ? NULL : fdopen(fd, "w");
    assert_non_null(out);
    assert_int_equal(fwrite(text, 1, length, out), length);
    assert_int_equal(fclose(out), 0);
}

static enum err read_text(const char *text, struct replay_file *f, struct fault *fault)
{
    put(text, strlen(text));
    enum err e = replay_file_read(path, f, fault);
    (void)unlink(path);
    return e;
}

static void numbers_words_and_ratios_are_told_apart(void **state)
{
    (void)state;
    struct replay_file f;
    struct fault       fault;
    assert_ok(read_text(",memory,buffers,mode,share,lat\r\n"
                        "0,1024,0,ON,0.5,2\r\n"
                        "1,8388608,4096,OFF,0.25,1\r\n"
                        "2,4096,1048576,ON,1,4\r\n", &f, &fault), &fault);
    assert_true(f.columns == 4 && f.rows == 3);
    assert_string_equal(f.said, "");
    const struct math_param *p = f.space.param;
    assert_true(p[0].kind == MATH_PARAM_INTEGER && p[0].log && p[0].lo == 1024 && p[0].hi == 8388608 && p[0].specials == 0);
    assert_true(p[1].kind == MATH_PARAM_INTEGER && p[1].log && p[1].lo == 4096 && p[1].specials == 1 && p[1].special[0] == 0);
    assert_true(p[2].kind == MATH_PARAM_CATEGORY && p[2].choices == 2);
    assert_true(p[3].kind == MATH_PARAM_REAL && !p[3].log && p[3].lo == 0.25 && p[3].hi == 1);
    assert_true(f.first[0] == 1024 && f.first[2] == 0 && f.x[4 + 2] == 1);
    assert_near(f.y[0], -log(2), 1e-15);                       /* of latencies less is better */
    assert_true(f.y[1] > f.y[0] && f.y[0] > f.y[2]);
    replay_file_free(&f);
}

static void which_way_is_better_is_never_guessed(void **state)
{
    (void)state;
    struct replay_file f;
    struct fault       fault;
    assert_ok(read_text("index,a,Latency\n0,1,2\n1,2,3\n", &f, &fault), &fault);
    assert_true(f.y[0] > f.y[1]);
    replay_file_free(&f);
    assert_ok(read_text("index,a,throughput\n0,1,2\n1,2,3\n", &f, &fault), &fault);
    assert_true(f.y[0] < f.y[1]);
    replay_file_free(&f);
    assert_int_equal(read_text("index,a,p99\n0,1,2\n1,2,3\n", &f, &fault), ERR_INPUT);
    assert_non_null(strstr(fault.text, "p99"));
    replay_file_free(&f);
}

static void what_is_missing_leaves_a_row_out_and_is_told(void **state)
{
    (void)state;
    struct replay_file f;
    struct fault       fault;
    assert_ok(read_text(",a,mode,rare,tps\n"
                        "0,1,x,,100\n"
                        "1,,x,,110\n"              /* no value */
                        "2,3,nan,,110\n"           /* no word */
                        "3,4,y,,\n"                /* no result */
                        "4,5,y,,0\n"
                        "5,6,y,,nan\n"
                        "6,7,y,,inf\n"
                        "7,8,y\n"                  /* no end */
                        "8,9,NULL,7,100\n"
                        "\n"
                        "9,10,nulls_first,,120\n", &f, &fault), &fault);
    assert_true(f.columns == 2 && f.rows == 2);
    assert_true(f.space.param[1].kind == MATH_PARAM_CATEGORY && f.space.param[1].choices == 2 && f.space.param[0].hi == 10);
    assert_non_null(strstr(f.said, "rare left out"));
    assert_non_null(strstr(f.said, "1 of another length, 3 that lack a value, 4 without a result"));
    for (int i = 0; i < f.rows; i++)
        assert_true(isfinite(f.y[i]) && isfinite(f.x[2 * i]));
    replay_file_free(&f);
}

static void a_column_of_words_and_numbers_is_one_of_words(void **state)
{
    (void)state;
    struct replay_file f;
    struct fault       fault;
    assert_ok(read_text(",cores,modes,tps\n0,auto,\"STRICT \"\"x\"\",ANSI\",10\n1,0,plain,11\n2,8,plain,12\n3,auto,\"\",13\n4,0,plain,14\n", &f, &fault), &fault);
    assert_true(f.rows == 4 && f.space.param[0].kind == MATH_PARAM_CATEGORY && f.space.param[0].choices == 3 && f.space.param[1].choices == 2);
    assert_true(f.x[0] == 0 && f.x[2] == 1 && f.x[4] == 2 && f.x[6] == 1);
    replay_file_free(&f);
}

static void the_default_is_the_row_with_the_number_0_wherever_it_stands(void **state)
{
    (void)state;
    struct replay_file f;
    struct fault       fault;
    assert_ok(read_text(",a,tps\n7,100,10\n3,200,20\n0,300,\n", &f, &fault), &fault);      /* measured or not */
    assert_true(f.rows == 2 && f.first[0] == 300 && f.space.param[0].lo == 100 && f.space.param[0].hi == 300);
    replay_file_free(&f);
    assert_ok(read_text(",a,tps\n7,100,10\n3,200,20\n", &f, &fault), &fault);
    assert_true(f.first[0] == 100);
    assert_non_null(strstr(f.said, "no row 0"));
    replay_file_free(&f);
    assert_ok(read_text(",a,tps\n0,100,10\n0,200,20\n", &f, &fault), &fault);
    assert_true(f.first[0] == 100);
    replay_file_free(&f);
    assert_ok(read_text(",a,tps\n1,0,10\n2,4096,20\n3,1048576,5\n0,512,\n", &f, &fault), &fault);
    assert_true(f.first[0] == 512 && f.space.param[0].lo == 512 && f.space.param[0].special[0] == 0);      /* it can be asked for again */
    replay_file_free(&f);
    assert_ok(read_text(",mode,tps\n1,a,10\n0,b,\n", &f, &fault), &fault);
    assert_true(f.first[0] == 1 && f.space.param[0].choices == 2);
    replay_file_free(&f);
}

/* So many rows whose words all differ. */
static void of_words(int rows, char *text, size_t size)
{
    size_t at = (size_t)snprintf(text, size, ",word,a,tps\n");
    for (int row = 0; row < rows; row++)
        at += (size_t)snprintf(text + at, size - at, "%d,w%d,%d,1\n", row, row, row);
    assert_true(at < size);
}

static void a_column_of_more_words_than_can_be_chosen_is_left_out_and_so_are_rows_beyond_what_is_learned_from(void **state)
{
    (void)state;
    static char        text[1 << 21];
    struct replay_file f;
    struct fault       fault;
    of_words(MATH_CHOICES_MAX, text, sizeof text);
    assert_ok(read_text(text, &f, &fault), &fault);
    assert_true(f.columns == 2 && f.space.param[0].choices == MATH_CHOICES_MAX);
    assert_string_equal(f.said, "");
    replay_file_free(&f);
    of_words(MATH_CHOICES_MAX + 1, text, sizeof text);
    assert_ok(read_text(text, &f, &fault), &fault);
    assert_true(f.columns == 1 && f.rows == MATH_CHOICES_MAX + 1 && f.space.param[0].hi == MATH_CHOICES_MAX);
    assert_non_null(strstr(f.said, "word left out"));
    replay_file_free(&f);
    of_words(REPLAY_ROWS_MAX + 3, text, sizeof text);
    assert_ok(read_text(text, &f, &fault), &fault);
    assert_true(f.rows == REPLAY_ROWS_MAX && f.space.param[0].hi == REPLAY_ROWS_MAX - 1);
    assert_non_null(strstr(f.said, "3 beyond"));
    replay_file_free(&f);
}

/* Nothing was measured with it, so nobody knows what it would be worth. */
static void a_word_of_a_row_that_is_left_out_is_no_choice(void **state)
{
    (void)state;
    struct replay_file f;
    struct fault       fault;
    assert_ok(read_text(",mode,a,tps\n0,gone,,10\n1,x,1,11\n2,unmeasured,3,\n3,y,2,12\n", &f, &fault), &fault);
    assert_true(f.rows == 2 && f.space.param[0].choices == 2 && f.x[0] == 0 && f.x[2] == 1);
    replay_file_free(&f);
}

static void one_row_and_constant_columns_are_a_file(void **state)
{
    (void)state;
    struct replay_file f;
    struct fault       fault;
    assert_ok(read_text("i,a,b,tps\n0,5,ON,10", &f, &fault), &fault);
    assert_true(f.rows == 1 && f.columns == 2 && math_space_size(&f.space) == 1);
    replay_file_free(&f);
}

/* A line of so many names, and three rows. */
static char *wide(int columns, char *text, size_t size)
{
    size_t at = 0;
    for (int j = 0; j < columns; j++)
        at += (size_t)snprintf(text + at, size - at, ",a_parameter_with_quite_a_long_name_indeed_%d", j);
    at += (size_t)snprintf(text + at, size - at, ",tps\n");
    for (int row = 0; row < 3; row++) {
        at += (size_t)snprintf(text + at, size - at, "%d", row);
        for (int j = 0; j < columns; j++)
            at += (size_t)snprintf(text + at, size - at, ",%d", row * 1000 + j);
        at += (size_t)snprintf(text + at, size - at, ",%d\n", 100 + row);
    }
    assert_true(at < size);
    return text;
}

/* Names of two hundred columns are a line of more than eight thousand characters. */
static void two_hundred_columns_are_all_read_and_too_many_are_refused(void **state)
{
    (void)state;
    static char        text[1 << 16];
    struct replay_file f;
    struct fault       fault;
    assert_ok(read_text(wide(200, text, sizeof text), &f, &fault), &fault);
    assert_true(f.columns == 200 && f.rows == 3 && f.x[2 * 200 + 199] == 2199);
    assert_near(f.y[2], log(102), 1e-15);
    replay_file_free(&f);
    assert_int_equal(read_text(wide(MATH_SPACE_MAX + 1, text, sizeof text), &f, &fault), ERR_INPUT);
    assert_non_null(strstr(fault.text, "257 parameters"));
    replay_file_free(&f);
}

static void what_is_no_such_file_is_refused_with_its_name(void **state)
{
    (void)state;
    struct replay_file f;
    struct fault       fault;
    assert_int_equal(replay_file_read("/nonexistent/trials.csv", &f, &fault), ERR_IO);
    assert_non_null(strstr(fault.text, "/nonexistent/trials.csv"));
    replay_file_free(&f);
    static const char *const texts[] = { "", "index,tps\n0,1\n", ",a,tps\n", ",a,tps\n0,1,-3\n" };
    for (size_t k = 0; k < sizeof texts / sizeof texts[0]; k++) {
        assert_int_equal(read_text(texts[k], &f, &fault), ERR_INPUT);
        assert_non_null(strstr(fault.text, path));
        replay_file_free(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_words_and_ratios_are_told_apart),
        cmocka_unit_test(which_way_is_better_is_never_guessed),
        cmocka_unit_test(what_is_missing_leaves_a_row_out_and_is_told),
        cmocka_unit_test(a_column_of_words_and_numbers_is_one_of_words),
        cmocka_unit_test(the_default_is_the_row_with_the_number_0_wherever_it_stands),
        cmocka_unit_test(a_column_of_more_words_than_can_be_chosen_is_left_out_and_so_are_rows_beyond_what_is_learned_from),
        cmocka_unit_test(a_word_of_a_row_that_is_left_out_is_no_choice),
        cmocka_unit_test(one_row_and_constant_columns_are_a_file),
        cmocka_unit_test(two_hundred_columns_are_all_read_and_too_many_are_refused),
        cmocka_unit_test(what_is_no_such_file_is_refused_with_its_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
