/* tests/unit/unit.h - cmocka without the one macro that hides base/err.h's fail(). Include it first. */
#ifndef UNIT_H
#define UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#undef fail
#undef fail_msg
#define fail_msg(...) (print_error(__VA_ARGS__), print_error("\n"), _fail(__FILE__, __LINE__))

#define assert_ok(call, fault)                                              \
    do {                                                                    \
        enum err code_ = (call);                                            \
        if (code_ != OK) {                                                  \
            print_error("%s: %s (%s)\n", #call, (fault)->text, err_name(code_)); \
            _fail(__FILE__, __LINE__);                                      \
        }                                                                   \
    } while (0)

#endif
