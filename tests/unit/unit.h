/* What every unit test needs: libcheck, and a main that runs one suite. */
#ifndef TESTS_UNIT_H
#define TESTS_UNIT_H

#include "assert_quietly.h"

#include <check.h>
#include <stdlib.h>

static inline int unit_main(Suite *suite)
{
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#endif
