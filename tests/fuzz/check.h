/* Stands for libcheck, so that the doubles of tests/unit serve a fuzz target too: the same words,
 * and a claim that does not hold aborts, which is what libFuzzer takes for a finding. */
#ifndef TESTS_FUZZ_CHECK_H
#define TESTS_FUZZ_CHECK_H

#include <assert.h>
#include <stdlib.h>

#define ck_assert(claim)             assert(claim)
#define ck_assert_msg(claim, ...)    assert(claim)
#define ck_assert_ptr_null(a)        assert((a) == NULL)
#define ck_assert_ptr_nonnull(a)     assert((a) != NULL)
#define ck_assert_int_eq(a, b)       assert((a) == (b))
#define ck_assert_uint_eq(a, b)      assert((a) == (b))
#define ck_assert_uint_lt(a, b)      assert((a) < (b))
#define ck_assert_uint_le(a, b)      assert((a) <= (b))
#define ck_abort_msg(...)            abort()
#define ck_assert_mem_eq(a, b, size) assert(memcmp(a, b, size) == 0)

#endif
