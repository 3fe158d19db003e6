/* The arena: blocks, reuse, fill, checkpoints. */
#include "arena_fixture.h"

#include <signal.h>
#include <string.h>

#if defined(__has_include)
#if __has_include(<valgrind/memcheck.h>)
#include <valgrind/memcheck.h>
#endif
#endif
#if !defined(VALGRIND_MAKE_MEM_DEFINED)
#define VALGRIND_MAKE_MEM_DEFINED(bytes, size) ((void)(bytes), (void)(size))
#endif

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAS_ASAN 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define HAS_ASAN 1
#endif

/* May be asked about fresh memory, which nobody else should look into. */
static bool holds(const uint8_t *bytes, size_t size, uint8_t value)
{
    VALGRIND_MAKE_MEM_DEFINED(bytes, size);
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] != value) {
            return false;
        }
    }
    return true;
}

/* Small, at the edges of classes, large. */
static const size_t sizes[] = {0,    1,    15,   16,    17,    1008,   1023,    1024,   1025,
                               1536, 1537, 2048, 65535, 65536, 100000, 1048577, 3000000};
#define SIZE_COUNT (sizeof sizes / sizeof sizes[0])

START_TEST(lies_at_its_fixed_address)
{
    ck_assert_uint_eq((uintptr_t)arena, SIM_ARENA_BASE);
}
END_TEST

START_TEST(refuses_to_open_twice)
{
    const char *error = NULL;
    ck_assert_ptr_null(arena_open(&error));
    ck_assert_ptr_nonnull(error);
}
END_TEST

START_TEST(gives_aligned_blocks_that_do_not_overlap)
{
    uint8_t *blocks[SIZE_COUNT];
    for (size_t i = 0; i < SIZE_COUNT; i++) {
        blocks[i] = arena_alloc(arena, sizes[i]);
        ck_assert_uint_eq((uintptr_t)blocks[i] % 16, 0);
        memset(blocks[i], (int)i, sizes[i]);
    }
    ck_assert_uint_eq(arena_blocks(arena), SIZE_COUNT);
    for (size_t i = 0; i < SIZE_COUNT; i++) {
        ck_assert(holds(blocks[i], sizes[i], (uint8_t)i));
    }
}
END_TEST

START_TEST(reuses_a_freed_block_of_each_class)
{
    for (size_t i = 0; i < SIZE_COUNT; i++) {
        void *block = arena_alloc(arena, sizes[i]);
        arena_free(arena, block);
        size_t used = arena_used(arena);
        ck_assert_ptr_eq(arena_alloc(arena, sizes[i]), block);
        ck_assert_uint_eq(arena_used(arena), used);
    }
}
END_TEST

START_TEST(fills_fresh_memory_whatever_was_there_before)
{
    for (size_t i = 0; i < SIZE_COUNT; i++) {
        uint8_t *block = arena_alloc(arena, sizes[i]);
        ck_assert(holds(block, sizes[i], 0xA5));
        memset(block, 7, sizes[i]);
        arena_free(arena, block);
        arena_set_fill(arena, 0x3C);
        block = arena_alloc(arena, sizes[i]);
        ck_assert(holds(block, sizes[i], 0x3C));
        arena_free(arena, block);
        arena_set_fill(arena, 0xA5);
    }
}
END_TEST

START_TEST(zeroes_what_calloc_gives)
{
    uint8_t *block = arena_alloc(arena, 100);
    memset(block, 7, 100);
    arena_free(arena, block);
    ck_assert(holds(arena_calloc(arena, 100), 100, 0));
}
END_TEST

START_TEST(realloc_keeps_content_and_fills_the_rest)
{
    for (size_t i = 0; i < SIZE_COUNT; i++) {
        for (size_t j = 0; j < SIZE_COUNT; j++) {
            size_t kept = sizes[i] < sizes[j] ? sizes[i] : sizes[j];
            uint8_t *block = arena_alloc(arena, sizes[i]);
            memset(block, 7, sizes[i]);
            block = arena_realloc(arena, block, sizes[j]);
            ck_assert(holds(block, kept, 7));
            ck_assert(holds(block + kept, sizes[j] - kept, 0xA5));
            arena_free(arena, block);
        }
    }
    ck_assert_uint_eq(arena_blocks(arena), 0);
}
END_TEST

START_TEST(realloc_of_nothing_allocates)
{
    uint8_t *block = arena_realloc(arena, NULL, 3);
    ck_assert(holds(block, 3, 0xA5));
    arena_free(arena, NULL);
    ck_assert_uint_eq(arena_blocks(arena), 1);
}
END_TEST

START_TEST(owns_what_it_gave_and_nothing_else)
{
    int outside = 0;
    uint8_t *block = arena_alloc(arena, 3);
    ck_assert(arena_owns(arena, block));
    ck_assert(!arena_owns(arena, &outside));
    ck_assert(!arena_owns(arena, (uint8_t *)arena + arena_used(arena)));
}
END_TEST

START_TEST(reset_forgets_every_block_and_keeps_the_fill)
{
    arena_set_fill(arena, 0x11);
    void *first = arena_alloc(arena, 40);
    arena_free(arena, arena_alloc(arena, 5000));
    arena_reset(arena);
    ck_assert_uint_eq(arena_blocks(arena), 0);
    uint8_t *again = arena_alloc(arena, 40);
    ck_assert_ptr_eq(again, first);
    ck_assert(holds(again, 40, 0x11));
}
END_TEST

START_TEST(restore_brings_back_content_blocks_and_free_lists)
{
    struct arena_checkpoint *checkpoint = arena_checkpoint_create();
    uint8_t *kept = arena_alloc(arena, 100);
    uint8_t *freed = arena_alloc(arena, 100);
    memset(kept, 1, 100);
    arena_free(arena, freed);
    size_t used = arena_used(arena);
    arena_save(arena, checkpoint);

    memset(kept, 2, 100);
    arena_free(arena, kept);
    ck_assert_ptr_nonnull(arena_alloc(arena, 2000000));
    arena_restore(arena, checkpoint);

    ck_assert(holds(kept, 100, 1));
    ck_assert_uint_eq(arena_used(arena), used);
    ck_assert_uint_eq(arena_blocks(arena), 1);
    ck_assert_ptr_eq(arena_alloc(arena, 100), freed);
    uint8_t *behind = arena_alloc(arena, 2000000);
    ck_assert(holds(behind, 2000000, 0xA5));
    arena_checkpoint_destroy(checkpoint);
}
END_TEST

START_TEST(a_checkpoint_can_be_saved_and_restored_many_times)
{
    struct arena_checkpoint *checkpoint = arena_checkpoint_create();
    uint32_t *count = arena_calloc(arena, sizeof *count);
    for (uint32_t round = 0; round < 20; round++) {
        ck_assert_uint_eq(*count, round);
        arena_save(arena, checkpoint);
        *count = 1000;
        arena_free(arena, arena_alloc(arena, (size_t)round * 10000));
        arena_restore(arena, checkpoint);
        ++*count;
        ck_assert_ptr_nonnull(arena_alloc(arena, 50000)); /* grows the next checkpoint */
    }
    arena_checkpoint_destroy(checkpoint);
}
END_TEST

START_TEST(the_same_calls_give_the_same_addresses)
{
    void *first[SIZE_COUNT];
    for (int round = 0; round < 2; round++) {
        arena_reset(arena);
        for (size_t i = 0; i < SIZE_COUNT; i++) {
            void *block = arena_alloc(arena, sizes[i]);
            if (round == 0) {
                first[i] = block;
            }
            ck_assert_ptr_eq(block, first[i]);
            arena_free(arena, i % 3 == 0 ? block : NULL);
        }
    }
}
END_TEST

START_TEST(freeing_twice_dies)
{
    void *block = arena_alloc(arena, 10);
    arena_free(arena, block);
    arena_free(arena, block);
}
END_TEST

START_TEST(freeing_a_foreign_pointer_dies)
{
    static uint8_t outside[64];
    arena_free(arena, outside + 16);
}
END_TEST

START_TEST(an_exhausted_arena_dies)
{
    ck_assert_ptr_null(arena_alloc(arena, SIM_ARENA_SIZE));
}
END_TEST

/* ---- digests ---- */

/* A ring of two cells, and a pointer into the middle of one. */
struct cell {
    struct cell *next;
    uint32_t *inner;
    uint64_t value;
    uint32_t parts[4];
};

static struct cell *cell_new(uint64_t value)
{
    struct cell *cell = arena_calloc(arena, sizeof *cell);
    cell->value = value;
    return cell;
}

/* Whatever lies before the ring moves it. */
static struct cell *ring_new(size_t before, bool second_first)
{
    arena_reset(arena);
    arena_free(arena, arena_alloc(arena, before));
    struct cell *other = second_first ? cell_new(2) : NULL;
    struct cell *root = cell_new(1);
    other = second_first ? other : cell_new(2);
    root->next = other;
    other->next = root;
    root->inner = &other->parts[2];
    return root;
}

static uint64_t digest_without(const void *root, const struct arena_span *left_out, size_t count)
{
    struct arena_walk *walk = arena_walk_create();
    uint64_t digest = arena_digest(arena, root, left_out, count, walk);
    ck_assert_uint_eq(arena_digest(arena, root, left_out, count, walk), digest);
    arena_walk_destroy(walk);
    return digest;
}

static uint64_t digest_of(const void *root)
{
    return digest_without(root, NULL, 0);
}

START_TEST(digest_does_not_see_where_blocks_lie)
{
    uint64_t digest = digest_of(ring_new(64, false));
    ck_assert_uint_eq(digest_of(ring_new(5000, false)), digest);
    ck_assert_uint_eq(digest_of(ring_new(64, true)), digest);
}
END_TEST

START_TEST(digest_sees_content_shape_and_offsets)
{
    struct cell *root = ring_new(64, false);
    uint64_t digest = digest_of(root);
    root->next->parts[3] = 7;
    ck_assert_uint_ne(digest_of(root), digest);
    root->next->parts[3] = 0;
    ck_assert_uint_eq(digest_of(root), digest);
    root->inner = &root->next->parts[0];
    ck_assert_uint_ne(digest_of(root), digest);
    root->inner = &root->parts[2];
    ck_assert_uint_ne(digest_of(root), digest);
    root->inner = &root->next->parts[2];
    root->next->next = root->next;
    ck_assert_uint_ne(digest_of(root), digest);
}
END_TEST

START_TEST(digest_leaves_out_what_is_listed_and_what_nobody_points_to)
{
    struct cell *root = ring_new(64, false);
    const struct arena_span spans[] = {{&root->inner, sizeof root->inner},
                                       {&root->next->value, sizeof root->next->value}};
    uint64_t digest = digest_without(root, spans, 2);
    root->inner = NULL;
    root->next->value = 77;
    cell_new(3);
    ck_assert_uint_eq(digest_without(root, spans, 2), digest);
    ck_assert_uint_ne(digest_without(root, spans, 1), digest);
    root->value = 8;
    ck_assert_uint_ne(digest_without(root, spans, 2), digest);
}
END_TEST

#if defined(HAS_ASAN)
#include <sanitizer/asan_interface.h>

static bool is_marked_live(const uint8_t *block, size_t size)
{
    return __asan_address_is_poisoned(block - 1) && __asan_address_is_poisoned(block + size) &&
           __asan_region_is_poisoned((void *)(uintptr_t)block, size) == NULL;
}

START_TEST(asan_sees_overruns_and_freed_blocks_also_after_a_restore)
{
    struct arena_checkpoint *checkpoint = arena_checkpoint_create();
    uint8_t *kept = arena_alloc(arena, 13);
    uint8_t *freed = arena_alloc(arena, 2000);
    arena_free(arena, freed);
    ck_assert(is_marked_live(kept, 13));
    ck_assert(__asan_address_is_poisoned(freed) && __asan_address_is_poisoned(freed + 1999));
    arena_save(arena, checkpoint);

    arena_free(arena, kept);
    ck_assert_ptr_eq(arena_alloc(arena, 2000), freed);
    uint8_t *later = arena_alloc(arena, 300);
    ck_assert(__asan_address_is_poisoned(kept));
    ck_assert(is_marked_live(freed, 2000) && is_marked_live(later, 300));
    arena_restore(arena, checkpoint);

    ck_assert(is_marked_live(kept, 13));
    ck_assert(__asan_address_is_poisoned(freed) && __asan_address_is_poisoned(freed + 1999));
    ck_assert(__asan_address_is_poisoned(later));
    arena_checkpoint_destroy(checkpoint);
}
END_TEST
#endif

START_TEST(attached_memory_goes_with_the_run)
{
    uint8_t marks[3] = {1, 1, 1};
    struct arena_checkpoint *checkpoint = arena_checkpoint_create();
    arena_attach(arena, marks, sizeof marks);
    arena_reset(arena);
    ck_assert_uint_eq(marks[0] + marks[1] + marks[2], 0);
    marks[0] = 1;
    arena_save(arena, checkpoint);
    marks[1] = 1;
    arena_restore(arena, checkpoint);
    ck_assert_uint_eq(marks[0], 1);
    ck_assert_uint_eq(marks[1], 0);
    arena_checkpoint_destroy(checkpoint);
}
END_TEST

static Suite *arena_suite(void)
{
    Suite *suite = suite_create("arena");
    TCase *blocks = tcase_create("blocks");
    tcase_add_checked_fixture(blocks, arena_set_up, arena_tear_down);
    tcase_add_test(blocks, attached_memory_goes_with_the_run);
    tcase_add_test(blocks, lies_at_its_fixed_address);
    tcase_add_test(blocks, refuses_to_open_twice);
    tcase_add_test(blocks, gives_aligned_blocks_that_do_not_overlap);
    tcase_add_test(blocks, reuses_a_freed_block_of_each_class);
    tcase_add_test(blocks, fills_fresh_memory_whatever_was_there_before);
    tcase_add_test(blocks, zeroes_what_calloc_gives);
    tcase_add_test(blocks, realloc_keeps_content_and_fills_the_rest);
    tcase_add_test(blocks, realloc_of_nothing_allocates);
    tcase_add_test(blocks, owns_what_it_gave_and_nothing_else);
    tcase_add_test(blocks, reset_forgets_every_block_and_keeps_the_fill);
    tcase_add_test(blocks, restore_brings_back_content_blocks_and_free_lists);
    tcase_add_test(blocks, a_checkpoint_can_be_saved_and_restored_many_times);
    tcase_add_test(blocks, the_same_calls_give_the_same_addresses);
    tcase_add_test(blocks, digest_does_not_see_where_blocks_lie);
    tcase_add_test(blocks, digest_sees_content_shape_and_offsets);
    tcase_add_test(blocks, digest_leaves_out_what_is_listed_and_what_nobody_points_to);
#if defined(HAS_ASAN)
    tcase_add_test(blocks, asan_sees_overruns_and_freed_blocks_also_after_a_restore);
#endif
    suite_add_tcase(suite, blocks);
    TCase *deaths = tcase_create("deaths");
    tcase_add_checked_fixture(deaths, arena_set_up, arena_tear_down);
    tcase_set_timeout(deaths, 60);
    tcase_add_test_raise_signal(deaths, freeing_twice_dies, SIGABRT);
    tcase_add_test_raise_signal(deaths, freeing_a_foreign_pointer_dies, SIGABRT);
    tcase_add_test_raise_signal(deaths, an_exhausted_arena_dies, SIGABRT);
    suite_add_tcase(suite, deaths);
    return suite;
}

int main(void)
{
    return unit_main(arena_suite());
}
