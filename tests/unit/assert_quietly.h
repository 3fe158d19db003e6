/* An assertion of libcheck leaves a note each time, also when it holds: too slow for what is asked
 * a hundred thousand times. This one says something only when it does not hold. */
#ifndef TESTS_ASSERT_QUIETLY_H
#define TESTS_ASSERT_QUIETLY_H

#include <check.h>

#define assert_quietly(condition)                                                                  \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            ck_abort_msg("%s", #condition);                                                        \
        }                                                                                          \
    } while (0)

#endif
