/* What clang's marks of entered blocks (-fsanitize-coverage) call at the start of a program:
 * nothing, since whoever wants the marks finds them by the names of their sections. Part of builds
 * with SQUALL_EDGES only. */
#include <stdbool.h>
#include <stdint.h>

void __sanitizer_cov_bool_flag_init(bool *begin, bool *end);
void __sanitizer_cov_pcs_init(const uintptr_t *begin, const uintptr_t *end);

void __sanitizer_cov_bool_flag_init(bool *begin, bool *end)
{
    (void)begin;
    (void)end;
}

void __sanitizer_cov_pcs_init(const uintptr_t *begin, const uintptr_t *end)
{
    (void)begin;
    (void)end;
}
