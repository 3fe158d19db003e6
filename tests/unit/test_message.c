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

static void reject_flipped_bits(void)
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
    reject_flipped_bits();
}
END_TEST

START_TEST(makes_no_message_of_one_type_from_another_ones_bits)
{
    for (int type = 1; type < RAFT_MESSAGE_TYPE_COUNT; type++) {
        uint8_t piece = 7;
        bool has_piece = type == RAFT_MESSAGE_INSTALL_REQ;
        bool has_entry = type == RAFT_MESSAGE_REPAIR_REP;
        struct raft_entry *entry = has_entry ? core_entry(&memory, 2, 2, "x") : NULL;
        message = (struct raft_message){
            .type = (enum raft_message_type)type,
            .from = 1,
            .to = 2,
            .term = 3,
            .id = {2, 1},
            .total = 1,
            .bytes = has_piece ? &piece : NULL,
            .size = has_piece,
            .entry_count = has_entry,
            .entries = has_entry ? &entry : NULL,
        };
        size = raft_message_size(&message);
        raft_message_encode(&message, bytes);
        reject_flipped_bits();
        if (has_entry) {
            raft_entry_drop(entry, RAFT_HOLDER_MESSAGE);
        }
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

/* A piece of a snapshot: 3 bytes from 5 on, of 9. */
static void encode_piece(void)
{
    uint8_t piece[] = "abc";
    message = (struct raft_message){
        .type = RAFT_MESSAGE_INSTALL_REQ,
        .from = 1,
        .to = 2,
        .term = 7,
        .id = {5, 40},
        .commit = 41,
        .offset = 5,
        .total = 9,
        .bytes = piece,
        .size = 3,
    };
    size = raft_message_size(&message);
    ck_assert_uint_eq(size, RAFT_MESSAGE_SIZE + 3);
    raft_message_encode(&message, bytes);
}

/* Changes a field of the encoded message and seals it again. */
static void forge(size_t at, uint64_t value)
{
    for (size_t i = 0; i < 8; i++) {
        bytes[at + i] = (uint8_t)(value >> (8 * i));
    }
    uint32_t sum = raft_crc32c(raft_crc32c(0, bytes, 8), bytes + 12, size - 12);
    for (size_t i = 0; i < 4; i++) {
        bytes[8 + i] = (uint8_t)(sum >> (8 * i));
    }
}

START_TEST(reads_back_a_piece_of_a_snapshot)
{
    struct raft_message read;
    encode_piece();
    ck_assert_int_eq(raft_message_decode(&memory.memory, bytes, size, &read), RAFT_OK);
    ck_assert_int_eq(read.type, RAFT_MESSAGE_INSTALL_REQ);
    ck_assert_uint_eq(read.id.index, 40);
    ck_assert_uint_eq(read.commit, 41);
    ck_assert_uint_eq(read.offset, 5);
    ck_assert_uint_eq(read.total, 9);
    ck_assert_uint_eq(read.size, 3);
    ck_assert_mem_eq(read.bytes, "abc", 3);
    raft_message_release(&read);
    raft_message_release(&read);
}
END_TEST

START_TEST(owns_nothing_without_memory_for_a_piece)
{
    struct raft_message read;
    encode_piece();
    memory.allocations = 0;
    memory.fail_at = 1;
    ck_assert_int_eq(raft_message_decode(&memory.memory, bytes, size, &read), RAFT_NOMEM);
    ck_assert_ptr_null(read.bytes);
    raft_message_release(&read);
}
END_TEST

START_TEST(rejects_a_piece_out_of_its_bounds)
{
    const struct {
        size_t at;
        uint64_t value;
    } table[] = {
        {32, 0},                     /* of no term */
        {32, 8},                     /* of a later term than the leader's */
        {40, 0},                     /* of no entry */
        {88, 7},                     /* reaches behind the end */
        {88, 10},                    /* begins behind it */
        {88, UINT64_MAX},            /* begins where adding its size wraps */
        {96, 7},                     /* the same, by the size of the file */
        {72, (uint64_t)4 << 32},     /* says 4 bytes, has 3 */
        {72, (uint64_t)3 << 32 | 1}, /* has an entry as well */
    };
    struct raft_message read;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        encode_piece();
        forge(table[i].at, table[i].value);
        ck_assert_int_eq(raft_message_decode(&memory.memory, bytes, size, &read), RAFT_CORRUPT);
    }
    encode_piece();
    forge(96, UINT64_MAX);
    forge(88, UINT64_MAX - 1); /* where the end wraps */
    ck_assert_int_eq(raft_message_decode(&memory.memory, bytes, size, &read), RAFT_CORRUPT);
    encode_piece();
    forge(88, 6); /* the last three bytes: the way of forging is right */
    ck_assert_int_eq(raft_message_decode(&memory.memory, bytes, size, &read), RAFT_OK);
    raft_message_release(&read);
}
END_TEST

START_TEST(rejects_an_empty_piece)
{
    struct raft_message read;
    encode_piece();
    size = RAFT_MESSAGE_SIZE;
    forge(72, 0);
    ck_assert_int_eq(raft_message_decode(&memory.memory, bytes, size, &read), RAFT_CORRUPT);
}
END_TEST

START_TEST(rejects_an_answer_beyond_the_end)
{
    struct raft_message read;
    message = (struct raft_message){
        .type = RAFT_MESSAGE_INSTALL_REP, .from = 1, .to = 2, .term = 7, .offset = 9, .total = 9};
    size = raft_message_size(&message);
    raft_message_encode(&message, bytes);
    ck_assert_int_eq(raft_message_decode(&memory.memory, bytes, size, &read), RAFT_OK);
    forge(88, 10);
    ck_assert_int_eq(raft_message_decode(&memory.memory, bytes, size, &read), RAFT_CORRUPT);
}
END_TEST

START_TEST(peeks_at_a_piece_without_taking_it)
{
    struct raft_message read;
    encode_piece();
    ck_assert_int_eq(raft_message_peek(bytes, size, &read), RAFT_OK);
    ck_assert_uint_eq(read.size, 3);
    ck_assert_uint_eq(read.offset, 5);
    ck_assert_ptr_null(read.bytes);
}
END_TEST

START_TEST(rejects_the_version_before)
{
    struct raft_message read;
    encode_piece();
    bytes[4] = 1;
    ck_assert_int_eq(raft_message_decode(&memory.memory, bytes, size, &read), RAFT_CORRUPT);
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
    tcase_add_test(tests, makes_no_message_of_one_type_from_another_ones_bits);
    tcase_add_test(tests, rejects_every_shortened_message);
    tcase_add_test(tests, owns_nothing_after_any_failed_allocation);
    tcase_add_test(tests, peeks_without_allocating);
    tcase_add_test(tests, reads_back_a_piece_of_a_snapshot);
    tcase_add_test(tests, owns_nothing_without_memory_for_a_piece);
    tcase_add_test(tests, rejects_a_piece_out_of_its_bounds);
    tcase_add_test(tests, rejects_an_empty_piece);
    tcase_add_test(tests, rejects_an_answer_beyond_the_end);
    tcase_add_test(tests, peeks_at_a_piece_without_taking_it);
    tcase_add_test(tests, rejects_the_version_before);
    tcase_add_test(tests, checksum_is_castagnolis);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return unit_main(message_suite());
}
