/* The message codec and its checksum. */
#include "core_memory.h"
#include "unit.h"

#include <raft/message.h>

static struct core_memory memory;
static struct raft_message message;
static uint8_t bytes[256];
static size_t size;

static void setup(void)
{
    core_memory_init(&memory);
    message = (struct raft_message){
        .memory = &memory.memory,
        .type = RAFT_MESSAGE_APPEND_REQ,
        .from = 1,
        .to = 2,
        .flags = RAFT_FLAG_SUCCESS,
        .term = 7,
        .id = {5, 40},
        .commit = 39,
        .hint = {3, 30},
        .holder = RAFT_HOLDER_MESSAGE,
        .entry_count = 2,
        .entry_capacity = 2,
    };
    message.entries = core_memory_alloc(&memory, RAFT_AT_MESSAGE_DECODE_ARRAY, 2 * sizeof(void *));
    message.entries[0] = core_entry(&memory, 6, 41, "one");
    message.entries[1] = core_entry(&memory, 7, 42, "");
    size = raft_message_size(&message);
    ck_assert_uint_le(size, sizeof bytes);
    raft_message_encode(&message, bytes);
    raft_message_release(&message);
}

static void teardown(void)
{
    ck_assert_int_eq(memory.live, 0);
}

START_TEST(reads_back_what_it_wrote)
{
    struct raft_message read;
    ck_assert_int_eq(raft_message_decode(&memory.memory, bytes, size, &read), RAFT_OK);
    ck_assert_int_eq(read.type, RAFT_MESSAGE_APPEND_REQ);
    ck_assert_uint_eq(read.from, 1);
    ck_assert_uint_eq(read.to, 2);
    ck_assert_uint_eq(read.flags, RAFT_FLAG_SUCCESS);
    ck_assert_uint_eq(read.term, 7);
    ck_assert_uint_eq(read.id.term, 5);
    ck_assert_uint_eq(read.id.index, 40);
    ck_assert_uint_eq(read.commit, 39);
    ck_assert_uint_eq(read.hint.term, 3);
    ck_assert_uint_eq(read.hint.index, 30);
    ck_assert_uint_eq(read.entry_count, 2);
    ck_assert_uint_eq(read.entries[0]->id.index, 41);
    ck_assert_uint_eq(read.entries[0]->id.term, 6);
    ck_assert_uint_eq(read.entries[0]->size, 3);
    ck_assert_mem_eq(read.entries[0]->payload, "one", 3);
    ck_assert_uint_eq(read.entries[1]->size, 0);
    raft_message_release(&read);
}
END_TEST

static void reject_every_flipped_bit(void)
{
    struct raft_message read;
    for (size_t bit = 0; bit < 8 * size; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        ck_assert_int_eq(raft_message_decode(&memory.memory, bytes, size, &read), RAFT_CORRUPT);
        ck_assert_int_eq(raft_message_peek(bytes, size, &read), RAFT_CORRUPT);
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

START_TEST(rejects_every_flipped_bit)
{
    reject_every_flipped_bit();
}
END_TEST

/* Without entries nothing but the checksum tells one type from another. */
START_TEST(rejects_every_flipped_bit_of_a_message_without_entries)
{
    for (uint32_t type = 1; type < RAFT_MESSAGE_TYPE_COUNT; type++) {
        const struct raft_message small = {
            .type = (enum raft_message_type)type, .from = 1, .to = 2, .term = 7};
        size = raft_message_size(&small);
        raft_message_encode(&small, bytes);
        reject_every_flipped_bit();
    }
}
END_TEST

START_TEST(rejects_every_shortened_message)
{
    struct raft_message read;
    for (size_t cut = 0; cut < size; cut++) {
        ck_assert_int_eq(raft_message_decode(&memory.memory, bytes, cut, &read), RAFT_CORRUPT);
    }
}
END_TEST

START_TEST(owns_nothing_after_any_failed_allocation)
{
    struct raft_message read;
    long failures = 0;
    for (;; failures++) {
        memory.allocations = 0;
        memory.fail_at = failures + 1;
        enum raft_status status = raft_message_decode(&memory.memory, bytes, size, &read);
        if (status == RAFT_OK) {
            break;
        }
        ck_assert_int_eq(status, RAFT_NOMEM);
        ck_assert_int_eq(memory.live, 0);
    }
    ck_assert_int_eq(failures, 3); /* the array and two entries */
    raft_message_release(&read);
}
END_TEST

START_TEST(peeks_without_allocating)
{
    struct raft_message read;
    memory.allocations = 0;
    ck_assert_int_eq(raft_message_peek(bytes, size, &read), RAFT_OK);
    ck_assert_uint_eq(read.entry_count, 2);
    ck_assert_ptr_null(read.entries);
    ck_assert_int_eq(memory.allocations, 0);
}
END_TEST

START_TEST(checksum_is_castagnolis)
{
    /* RFC 3720, appendix B.4, and the check value of the CRC catalogue. */
    uint8_t zeros[32] = {0};
    ck_assert_uint_eq(raft_crc32c(0, zeros, sizeof zeros), 0x8a9136aau);
    ck_assert_uint_eq(raft_crc32c(0, "123456789", 9), 0xe3069283u);
    ck_assert_uint_eq(raft_crc32c(raft_crc32c(0, "1234", 4), "56789", 5), 0xe3069283u);
}
END_TEST

static Suite *message_suite(void)
{
    Suite *suite = suite_create("message");
    TCase *tests = tcase_create("message");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, reads_back_what_it_wrote);
    tcase_add_test(tests, rejects_every_flipped_bit);
    tcase_add_test(tests, rejects_every_flipped_bit_of_a_message_without_entries);
    tcase_add_test(tests, rejects_every_shortened_message);
    tcase_add_test(tests, owns_nothing_after_any_failed_allocation);
    tcase_add_test(tests, peeks_without_allocating);
    tcase_add_test(tests, checksum_is_castagnolis);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return unit_main(message_suite());
}
