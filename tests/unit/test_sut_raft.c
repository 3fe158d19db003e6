/* What the oracles are told of the core's durable bytes, without the core's own recovery. */
#include "unit.h"

#include "core_memory.h"
#include <core/storage/format.h>
#include <sim/sut.h>
#include <stdio.h>
#include <string.h>

#define ENTRIES_MAX 8u

static struct core_memory memory;
static uint8_t bytes[1024];
static size_t size;

static struct said {
    uint32_t count;
    struct raft_entry_id ids[ENTRIES_MAX];
} said;

static void set_up(void)
{
    core_memory_init(&memory);
    raft_segment_header_encode(RAFT_PART_LOG, 1, 0, bytes);
    size = RAFT_SEGMENT_HEADER_SIZE;
}

static void tear_down(void)
{
    ck_assert_int_eq(memory.live, 0);
}

static void record_add(raft_term term, raft_index index, uint64_t batch, const char *payload)
{
    struct raft_entry *entry = core_entry(&memory, term, index, payload);
    size += raft_record_encode(entry, batch, index, 1, size, bytes + size).span;
    ck_assert_uint_le(size, sizeof bytes);
    raft_entry_drop(entry, RAFT_HOLDER_MESSAGE);
}

static void on_segment(void *ctx, raft_index first)
{
    (void)ctx;
    ck_assert_uint_eq(first, 1);
}

static void on_entry(void *ctx, const struct sut_entry *entry)
{
    (void)ctx;
    ck_assert_uint_lt(said.count, ENTRIES_MAX);
    said.ids[said.count++] = entry->id;
}

/* Reads the segment from an offset on; returns where that ended. */
static size_t read_from(size_t from)
{
    char name[RAFT_FILE_NAME_MAX];
    const struct sut_durable_sink sink = {.segment = on_segment, .entry = on_entry};
    raft_segment_name(RAFT_PART_LOG, 1, name);
    said.count = 0;
    return sut_raft.read_durable(name, bytes, size, from, &sink);
}

START_TEST(reading_goes_on_where_it_ended)
{
    record_add(3, 1, 4, "one");
    record_add(3, 2, 4, "a longer payload, of more than a record's header has bytes");
    size_t end = size;
    ck_assert_uint_eq(read_from(0), end);
    ck_assert_uint_eq(said.count, 2);
    record_add(3, 3, 5, "");
    ck_assert_uint_eq(read_from(end), size);
    ck_assert_uint_eq(said.count, 1);
    ck_assert_uint_eq(said.ids[0].index, 3);
}
END_TEST

/* Records that cannot follow the second entry, of term 3 and append 4. */
static const struct {
    struct raft_entry_id id;
    uint64_t batch;
} strangers[] = {{{3, 2}, 4}, {{2, 3}, 5}, {{3, 3}, 3}};

START_TEST(what_may_not_follow_is_no_entry_of_the_log)
{
    record_add(3, 1, 4, "one");
    record_add(3, 2, 4, "two");
    size_t end = size;
    record_add(strangers[_i].id.term, strangers[_i].id.index, strangers[_i].batch, "cut off");
    record_add(3, 4, 6, "cut off as well");
    ck_assert_uint_eq(read_from(0), end);
    ck_assert_uint_eq(said.count, 2);
    ck_assert_uint_eq(read_from(end), end);
    ck_assert_uint_eq(said.count, 0);
}
END_TEST

START_TEST(what_is_not_whole_is_passed_over)
{
    record_add(3, 1, 4, "one");
    size_t bad = size;
    record_add(3, 2, 4, "two");
    record_add(3, 3, 5, "three");
    bytes[bad + RAFT_RECORD_HEADER_SIZE] ^= 1;
    ck_assert_uint_eq(read_from(0), size);
    ck_assert_uint_eq(said.count, 2);
    ck_assert_uint_eq(said.ids[1].index, 3);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sut_raft");
    TCase *tests = tcase_create("durable bytes");
    suite_add_tcase(suite, tests);
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, reading_goes_on_where_it_ended);
    tcase_add_loop_test(tests, what_may_not_follow_is_no_entry_of_the_log, 0,
                        (int)(sizeof strangers / sizeof strangers[0]));
    tcase_add_test(tests, what_is_not_whole_is_passed_over);
    return unit_main(suite);
}
