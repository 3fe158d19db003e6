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

/* An append of two entries, of terms 6 and 7, at 104 and 123; the leader's term is 7. */
static const struct {
    const char *rule;
    size_t at;
    uint64_t value;
} forgeries[] = {
    {"the magic", 0, 0x0005000200000000u},
    {"a later version", 0, 0x000500036d727173u},
    {"from nobody", 12, (uint64_t)2 << 32},
    {"to nobody", 16, (uint64_t)RAFT_FLAG_SUCCESS << 32},
    {"one entry, and more behind it", 72, (uint64_t)3 << 32 | 1},
    {"more entries than there are", 72, (uint64_t)3 << 32 | 3},
    {"more entries than could be", 72, (uint64_t)3 << 32 | UINT32_MAX},
    {"more bytes than there are", 72, (uint64_t)4 << 32 | 2},
    {"fewer bytes than there are", 72, (uint64_t)2 << 32 | 2},
    {"an offset behind the end", 88, 1},
    {"an entry of a term before the previous one's", 104, 4},
    {"an entry of a term after the next one's", 104, 8},
    {"an entry of no kind", 112, (uint64_t)3 << 32},
    {"an entry of an unknown kind", 112, (uint64_t)3 << 32 | RAFT_ENTRY_KIND_COUNT},
    {"an entry larger than the message", 112, (uint64_t)1000 << 32 | RAFT_ENTRY_COMMAND},
    {"an entry whose size wraps", 112, (uint64_t)UINT32_MAX << 32 | RAFT_ENTRY_COMMAND},
    {"an entry of a later term than the leader's", 123, 8},
    {"a last entry with a byte too many", 131, (uint64_t)1 << 32 | RAFT_ENTRY_COMMAND},
};

START_TEST(rejects_what_breaks_a_rule_though_its_checksum_is_right)
{
    struct raft_message read;
    forge(forgeries[_i].at, forgeries[_i].value);
    ck_assert_msg(raft_message_decode(&memory.memory, bytes, size, &read) == RAFT_CORRUPT, "%s",
                  forgeries[_i].rule);
    ck_assert_int_eq(raft_message_peek(bytes, size, &read), RAFT_CORRUPT);
}
END_TEST

START_TEST(rejects_an_unknown_type)
{
    static const unsigned types[] = {0, RAFT_MESSAGE_TYPE_COUNT, UINT16_MAX};
    struct raft_message read;
    message = (struct raft_message){.type = RAFT_MESSAGE_VOTE_REQ, .from = 1, .to = 2, .term = 7};
    size = raft_message_size(&message);
    raft_message_encode(&message, bytes);
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        forge(0, (uint64_t)types[i] << 48 | 0x000000026d727173u);
        ck_assert_int_eq(raft_message_decode(&memory.memory, bytes, size, &read), RAFT_CORRUPT);
    }
    forge(0, (uint64_t)RAFT_MESSAGE_VOTE_REP << 48 | 0x000000026d727173u);
    ck_assert_int_eq(raft_message_decode(&memory.memory, bytes, size, &read), RAFT_OK);
}
END_TEST

START_TEST(a_forged_message_that_breaks_no_rule_is_read)
{
    struct raft_message read;
    forge(104, 7);
    ck_assert_int_eq(raft_message_decode(&memory.memory, bytes, size, &read), RAFT_OK);
    ck_assert_uint_eq(read.entries[0]->id.term, 7);
    raft_message_release(&read);
}
END_TEST

/* Every type, with the greatest value that each field may have. */
START_TEST(reads_back_every_field_of_every_type)
{
    enum raft_message_type type = (enum raft_message_type)_i;
    uint8_t piece = 7;
    bool has_piece = type == RAFT_MESSAGE_INSTALL_REQ;
    bool has_entry = type == RAFT_MESSAGE_REPAIR_REP || type == RAFT_MESSAGE_APPEND_REQ;
    struct raft_entry *entry = has_entry ? core_entry(&memory, UINT64_MAX, UINT64_MAX, "x") : NULL;
    const struct raft_message written = {
        .type = type,
        .from = UINT32_MAX,
        .to = UINT32_MAX - 1,
        .flags = UINT32_MAX,
        .term = UINT64_MAX,
        .id = {UINT64_MAX - 1, UINT64_MAX - 1},
        .commit = UINT64_MAX - 2,
        .hint = {UINT64_MAX - 3, UINT64_MAX - 4},
        .round = UINT64_MAX - 5,
        .offset = UINT64_MAX - 6,
        .total = UINT64_MAX - 1,
        .bytes = has_piece ? &piece : NULL,
        .size = has_piece,
        .entry_count = has_entry,
        .entries = has_entry ? &entry : NULL,
    };
    struct raft_message read;
    raft_message_encode(&written, bytes);
    size = raft_message_size(&written);
    ck_assert_int_eq(raft_message_decode(&memory.memory, bytes, size, &read), RAFT_OK);
    ck_assert_int_eq(read.type, written.type);
    ck_assert_uint_eq(read.from, written.from);
    ck_assert_uint_eq(read.to, written.to);
    ck_assert_uint_eq(read.flags, written.flags);
    ck_assert_uint_eq(read.term, written.term);
    ck_assert_uint_eq(read.id.term, written.id.term);
    ck_assert_uint_eq(read.id.index, written.id.index);
    ck_assert_uint_eq(read.commit, written.commit);
    ck_assert_uint_eq(read.hint.term, written.hint.term);
    ck_assert_uint_eq(read.hint.index, written.hint.index);
    ck_assert_uint_eq(read.round, written.round);
    ck_assert_uint_eq(read.offset, written.offset);
    ck_assert_uint_eq(read.total, written.total);
    ck_assert_uint_eq(read.size, written.size);
    ck_assert_uint_eq(read.entry_count, written.entry_count);
    ck_assert(!has_entry || read.entries[0]->id.index == UINT64_MAX);
    ck_assert(!has_entry || read.entries[0]->holders[RAFT_HOLDER_MESSAGE] == 1);
    raft_message_release(&read);
    if (has_entry) {
        raft_entry_drop(entry, RAFT_HOLDER_MESSAGE);
    }
}
END_TEST

/* The bytes of format 2, so that nobody changes them without a new version. */
START_TEST(writes_the_bytes_of_its_version)
{
    static const uint8_t format[] = {
        's', 'q', 'r', 'm', 2, 0, 5, 0,                          /* magic, version, type */
        1,   0,   0,   0,   2, 0, 0, 0, 1,  0, 0, 0,             /* from, to, flags */
        7,   0,   0,   0,   0, 0, 0, 0, 5,  0, 0, 0, 0, 0, 0, 0, /* term, id.term */
        40,  0,   0,   0,   0, 0, 0, 0, 39, 0, 0, 0, 0, 0, 0, 0, /* id.index, commit */
        3,   0,   0,   0,   0, 0, 0, 0, 30, 0, 0, 0, 0, 0, 0, 0, /* hint */
        2,   0,   0,   0,   3, 0, 0, 0,                          /* entries, bytes of payload */
        0,   0,   0,   0,   0, 0, 0, 0,                          /* round */
        0,   0,   0,   0,   0, 0, 0, 0, 0,  0, 0, 0, 0, 0, 0, 0, /* offset, total */
        6,   0,   0,   0,   0, 0, 0, 0, 1,  0, 0, 0, 3, 0, 0, 0, 'o', 'n',
        'e', 7,   0,   0,   0, 0, 0, 0, 0,  1, 0, 0, 0, 0, 0, 0, 0,
    };
    ck_assert_uint_eq(size, sizeof format + 4); /* the checksum lies between */
    ck_assert_mem_eq(bytes, format, 8);
    ck_assert_mem_eq(bytes + 12, format + 8, sizeof format - 8);
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

/* One bit at a time, as the polynomial says. */
static uint32_t slow_checksum(const uint8_t *at, size_t count)
{
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < count; i++) {
        crc ^= at[i];
        for (int bit = 0; bit < 8; bit++) {
            crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82f63b78u : 0);
        }
    }
    return ~crc;
}

START_TEST(checksum_of_many_bytes_at_once_is_that_of_single_bits)
{
    uint8_t sample[16 + 64];
    for (size_t i = 0; i < sizeof sample; i++) {
        sample[i] = (uint8_t)(i * 167 + i / 7);
    }
    for (size_t from = 0; from < 16; from++) {
        for (size_t count = 0; count < 64; count++) {
            ck_assert_uint_eq(raft_crc32c(0, sample + from, count),
                              slow_checksum(sample + from, count));
        }
    }
    /* Every byte in every place of the largest step. */
    for (unsigned value = 0; value < 256; value++) {
        for (size_t place = 0; place < 16; place++) {
            uint8_t piece[16] = {0};
            piece[place] = (uint8_t)value;
            ck_assert_uint_eq(raft_crc32c(0, piece, sizeof piece),
                              slow_checksum(piece, sizeof piece));
        }
    }
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
    tcase_add_loop_test(tests, rejects_what_breaks_a_rule_though_its_checksum_is_right, 0,
                        sizeof forgeries / sizeof forgeries[0]);
    tcase_add_test(tests, rejects_an_unknown_type);
    tcase_add_test(tests, a_forged_message_that_breaks_no_rule_is_read);
    tcase_add_loop_test(tests, reads_back_every_field_of_every_type, 1, RAFT_MESSAGE_TYPE_COUNT);
    tcase_add_test(tests, writes_the_bytes_of_its_version);
    tcase_add_test(tests, rejects_an_empty_piece);
    tcase_add_test(tests, rejects_an_answer_beyond_the_end);
    tcase_add_test(tests, peeks_at_a_piece_without_taking_it);
    tcase_add_test(tests, rejects_the_version_before);
    tcase_add_test(tests, checksum_is_castagnolis);
    tcase_add_test(tests, checksum_of_many_bytes_at_once_is_that_of_single_bits);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return unit_main(message_suite());
}
