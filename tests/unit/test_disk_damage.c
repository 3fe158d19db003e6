/* What goes wrong on the medium although every operation succeeded: rot, writes that are lost or
 * land elsewhere, a store that is wiped or put back; and what none of them ever does. */
#include "disk_bench.h"

static const struct sim_disk_fault lost = {.status = RAFT_OK, .lie = SIM_LIE_LOST};
static const struct sim_disk_fault misdirected = {.status = RAFT_OK, .lie = SIM_LIE_MISDIRECTED};

/* Bits in which the file differs from a text. */
static uint32_t bits_wrong(const char *name, const char *text)
{
    uint32_t wrong = 0;
    ck_assert_int_eq(read_all(name), (int)strlen(text));
    for (size_t i = 0; i < strlen(text); i++) {
        wrong += (uint32_t)__builtin_popcount((unsigned)(uint8_t)(content[i] ^ text[i]));
    }
    return wrong;
}

static void write_with(raft_file file, uint64_t offset, const char *text,
                       struct sim_disk_fault fault)
{
    char bytes[4 * SECTOR];
    snprintf(bytes, sizeof bytes, "%s", text);
    struct raft_io io = transfer(RAFT_IO_WRITE, file, offset, bytes, strlen(text));
    ck_assert_int_eq(sim_disk_run(disk, &io, fault), RAFT_OK);
    ck_assert_uint_eq(io.done, strlen(text));
}

START_TEST(rot_flips_a_bit_that_stays_flipped)
{
    durable_file("a", "hello");
    ck_assert(!sim_disk_is_damaged(disk));
    ck_assert(sim_disk_rot(disk, "a", SIM_ROT_ANYWHERE, 1));
    ck_assert_uint_eq(bits_wrong("a", "hello"), 1);
    ck_assert(sim_disk_is_damaged(disk));
    sim_disk_crash(disk, SIM_UNSYNCED_LOSE);
    ck_assert_uint_eq(bits_wrong("a", "hello"), 1);
    ck_assert_uint_eq(world_double.faults, 1);
}
END_TEST

START_TEST(rot_strikes_where_it_is_told_to)
{
    durable_file("a", "hello");
    durable_file("b", "hello");
    ck_assert(sim_disk_rot(disk, "a", 4, 3));
    ck_assert_int_eq(read_all("a"), 5);
    ck_assert_mem_eq(content, "hell", 4);
    ck_assert_int_ne(content[4], 'o');
    expect_content("b", "hello");
}
END_TEST

START_TEST(rot_finds_nothing_in_what_is_not_durable)
{
    raft_file file = open_file(RAFT_IO_CREATE, "a");
    ck_assert_int_eq(write_text(file, 0, "hello"), RAFT_OK);
    ck_assert(!sim_disk_rot(disk, "", SIM_ROT_ANYWHERE, 1));
    durable_file("b", "x");
    ck_assert(!sim_disk_rot(disk, "a", SIM_ROT_ANYWHERE, 1));
    ck_assert(!sim_disk_rot(disk, "b", 1, 1)); /* past its end */
    ck_assert(!sim_disk_is_damaged(disk));
}
END_TEST

START_TEST(rewriting_or_cutting_off_what_is_damaged_heals_it_for_good)
{
    raft_file file = durable_file("a", "hello");
    ck_assert(sim_disk_rot(disk, "a", 1, 8));
    ck_assert(sim_disk_rot(disk, "a", 4, 8));
    ck_assert_int_eq(write_text(file, 1, "e"), RAFT_OK);
    ck_assert_uint_eq(bits_wrong("a", "hello"),
                      (uint32_t)__builtin_popcount((unsigned)(uint8_t)(content[4] ^ 'o')));
    truncate_file(file, 4);
    ck_assert_int_eq(write_text(file, 4, "o"), RAFT_OK);
    expect_content("a", "hello");
    ck_assert(sim_disk_is_damaged(disk)); /* until it is durable */
    sync_file(file);
    ck_assert(!sim_disk_is_damaged(disk));
    sim_disk_crash(disk, SIM_UNSYNCED_LOSE);
    expect_content("a", "hello");
}
END_TEST

START_TEST(a_durable_cut_heals_what_is_cut_off)
{
    raft_file file = durable_file("a", "hello");
    ck_assert(sim_disk_rot(disk, "a", 4, 8));
    truncate_file(file, 4);
    sync_file(file);
    ck_assert(!sim_disk_is_damaged(disk));
    truncate_file(file, 5);
    sync_file(file);
    sim_disk_crash(disk, SIM_UNSYNCED_LOSE);
    ck_assert_int_eq(read_all("a"), 5);
    ck_assert_mem_eq(content, "hell\0", 5);
}
END_TEST

START_TEST(a_crash_that_drops_a_rewrite_brings_the_rot_back)
{
    raft_file file = durable_file("a", "hello");
    ck_assert(sim_disk_rot(disk, "a", 4, 1));
    ck_assert_int_eq(write_text(file, 0, "HELLO"), RAFT_OK);
    sim_disk_crash(disk, SIM_UNSYNCED_KEEP); /* the cache outlives the process */
    expect_content("a", "HELLO");
    sim_disk_crash(disk, SIM_UNSYNCED_LOSE);
    ck_assert_uint_eq(bits_wrong("a", "hello"), 1);
    ck_assert(sim_disk_is_damaged(disk));
}
END_TEST

START_TEST(a_crash_that_drops_a_cut_brings_the_rot_back)
{
    raft_file file = durable_file("a", "hello");
    ck_assert(sim_disk_rot(disk, "a", 4, 1));
    truncate_file(file, 3);
    ck_assert(sim_disk_is_damaged(disk));
    truncate_file(file, 5);
    ck_assert_int_eq(read_all("a"), 5);
    ck_assert_mem_eq(content, "hel\0\0", 5); /* no rot in what is new */
    sim_disk_crash(disk, SIM_UNSYNCED_LOSE);
    ck_assert_uint_eq(bits_wrong("a", "hello"), 1);
}
END_TEST

/* Rewrites what is rotten, fails to sync it, and crashes; counts what each variant shows. */
START_TEST(a_failed_sync_of_a_rewrite_heals_what_it_made_durable_and_no_more)
{
    uint32_t healed[2] = {0};
    for (uint64_t seed = 0; seed < 2 * SEEDS; seed++) {
        renew_disk(seed);
        disk->revert_failed_sync = seed % 2 == 0;
        raft_file file = durable_file("a", "hello");
        ck_assert(sim_disk_rot(disk, "a", 4, 1));
        ck_assert_int_eq(write_text(file, 0, "HELLO"), RAFT_OK);
        fail_sync(file);
        bool is_healed = !sim_disk_is_damaged(disk);
        if (is_healed || !disk->revert_failed_sync) {
            expect_content("a", "HELLO");
        } else {
            ck_assert_uint_eq(bits_wrong("a", "hello"), 1);
        }
        sync_file(file); /* has nothing to do */
        sim_disk_crash(disk, SIM_UNSYNCED_LOSE);
        ck_assert_uint_eq(bits_wrong("a", is_healed ? "HELLO" : "hello"), is_healed ? 0 : 1);
        ck_assert(sim_disk_is_damaged(disk) != is_healed);
        healed[seed % 2] += is_healed;
    }
    for (int i = 0; i < 2; i++) {
        expect_half(healed[i]);
    }
}
END_TEST

START_TEST(a_reverted_cache_still_hides_rot_below_what_the_sync_did_not_cover)
{
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        renew_disk(seed);
        disk->revert_failed_sync = true;
        raft_file file = durable_file("a", "hello");
        ck_assert(sim_disk_rot(disk, "a", 4, 1));
        ck_assert_int_eq(write_text(file, 0, "x"), RAFT_OK);
        fail_sync_around(file, 4, "."); /* more than a bit from o */
        ck_assert_int_eq(read_all("a"), 5);
        ck_assert_mem_eq(content + 1, "ell.", 4);
        sim_disk_crash(disk, SIM_UNSYNCED_LOSE);
        ck_assert_int_eq(read_all("a"), 5);
        ck_assert(content[4] != '.' && content[4] != 'o');
    }
}
END_TEST

START_TEST(rot_under_what_is_not_durable_is_not_seen_before_that_is_dropped)
{
    char cut[] = "h\0\0\0";
    const struct {
        uint64_t at; /* of the rot */
        const char *seen;
        int size;
    } rows[] = {{0, "hEllo", 5}, {1, "hEllo", 5}, {4, "h", 1}, {3, cut, 4}};
    for (int row = 0; row < 4; row++) {
        renew_disk(1);
        raft_file file = durable_file("a", "hello");
        if (row < 2) {
            ck_assert_int_eq(write_text(file, 0, "hE"), RAFT_OK); /* of which h is not new */
        } else {
            truncate_file(file, 1);
        }
        if (row == 3) {
            truncate_file(file, 4);
        }
        ck_assert(sim_disk_rot(disk, "a", rows[row].at, 8));
        ck_assert(sim_disk_is_damaged(disk));
        ck_assert_int_eq(read_all("a"), rows[row].size);
        ck_assert_mem_eq(content, rows[row].seen, (size_t)rows[row].size);
        sim_disk_crash(disk, SIM_UNSYNCED_LOSE);
        ck_assert_uint_gt(bits_wrong("a", "hello"), 0);
        ck_assert_int_ne(content[rows[row].at], "hello"[rows[row].at]);
    }
}
END_TEST

START_TEST(rot_beside_what_is_not_durable_is_seen_at_once)
{
    raft_file file = durable_file("a", "hello");
    ck_assert_int_eq(write_text(file, 1, "el"), RAFT_OK);
    ck_assert(sim_disk_rot(disk, "a", 0, 1));
    ck_assert(sim_disk_rot(disk, "a", 3, 1));
    ck_assert_uint_eq(bits_wrong("a", "hello"), 2);
}
END_TEST

START_TEST(rot_is_not_seen_in_zeros_that_are_new)
{
    raft_file file = durable_file("a", "");
    ck_assert_int_eq(write_text(file, 3, "x"), RAFT_OK);
    sync_file(file);
    truncate_file(file, 0);
    truncate_file(file, 3);
    ck_assert(sim_disk_rot(disk, "a", 1, 8)); /* a zero below, too */
    ck_assert_int_eq(read_all("a"), 3);
    ck_assert_mem_eq(content, "\0\0", 3);
    sim_disk_crash(disk, SIM_UNSYNCED_LOSE);
    ck_assert_int_eq(read_all("a"), 4);
    ck_assert_int_ne(content[1], '\0');
}
END_TEST

START_TEST(rot_where_a_lie_is_hidden_stays_hidden_with_it)
{
    raft_file file = durable_file("a", "old");
    write_with(file, 0, "new", lost);
    sync_file(file);
    ck_assert(sim_disk_rot(disk, "a", 0, 1));
    expect_content("a", "new");
    sim_disk_crash(disk, SIM_UNSYNCED_LOSE);
    ck_assert_int_eq(read_all("a"), 3);
    ck_assert_int_ne(content[0], 'n');
    ck_assert_str_eq(content + 1, "ld");
}
END_TEST

START_TEST(rot_under_what_a_failed_sync_has_left_in_the_cache_shows_after_a_crash)
{
    uint32_t hidden = 0;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        renew_disk(seed);
        raft_file file = durable_file("a", "hello");
        ck_assert_int_eq(write_text(file, 0, "HELLO"), RAFT_OK);
        fail_sync(file);
        ck_assert(sim_disk_rot(disk, "a", 4, 1));
        hidden += bits_wrong("a", "HELLO") == 0;
        bool is_kept = bits_wrong("a", "HELLO") == 1;
        sim_disk_crash(disk, SIM_UNSYNCED_LOSE);
        ck_assert_uint_eq(bits_wrong("a", is_kept ? "HELLO" : "hello"), 1);
    }
    expect_half(hidden);
}
END_TEST

START_TEST(a_file_that_may_come_back_is_still_damaged)
{
    durable_file("a", "hello"); /* stays open, which brings nothing back */
    ck_assert(sim_disk_rot(disk, "a", 4, 1));
    ck_assert_int_eq(run_named(RAFT_IO_UNLINK, "a"), RAFT_OK);
    ck_assert(sim_disk_is_damaged(disk));
    ck_assert_int_eq(run_named(RAFT_IO_SYNC_DIR, ""), RAFT_OK);
    ck_assert(!sim_disk_is_damaged(disk));
}
END_TEST

START_TEST(a_lost_write_shows_after_the_next_crash_of_the_machine)
{
    raft_file file = durable_file("a", "old bytes");
    write_with(file, 0, "new", lost);
    sync_file(file);
    expect_content("a", "new bytes");
    sim_disk_crash(disk, SIM_UNSYNCED_KEEP); /* the cache outlives the process */
    expect_content("a", "new bytes");
    ck_assert(sim_disk_is_damaged(disk)); /* though nobody has seen it */
    sim_disk_crash(disk, SIM_UNSYNCED_LOSE);
    expect_content("a", "old bytes");
    ck_assert(sim_disk_is_damaged(disk));
}
END_TEST

START_TEST(a_lost_write_at_the_end_leaves_zeros)
{
    raft_file file = durable_file("a", "log");
    write_with(file, 3, "+1", lost);
    sync_file(file);
    sim_disk_crash(disk, SIM_UNSYNCED_LOSE);
    ck_assert_int_eq(read_all("a"), 5); /* the size is no lie */
    ck_assert_mem_eq(content, "log\0\0", 5);
}
END_TEST

START_TEST(a_write_over_a_lost_one_makes_it_good)
{
    raft_file file = durable_file("a", "old");
    write_with(file, 0, "new", lost);
    write_with(file, 0, "own", no_fault); /* both are of one sync */
    sync_file(file);
    sim_disk_crash(disk, SIM_UNSYNCED_LOSE);
    expect_content("a", "own");
    ck_assert(!sim_disk_is_damaged(disk));
}
END_TEST

START_TEST(a_lost_write_that_a_crash_drops_is_no_damage)
{
    raft_file file = durable_file("a", "old");
    write_with(file, 0, "new", lost);
    sim_disk_crash(disk, SIM_UNSYNCED_LOSE);
    expect_content("a", "old");
    ck_assert(!sim_disk_is_damaged(disk));
}
END_TEST

START_TEST(a_lost_write_leaves_what_was_rotten_there)
{
    raft_file file = durable_file("a", "old");
    ck_assert(sim_disk_rot(disk, "a", 2, 1));
    write_with(file, 0, "new", lost);
    sync_file(file);
    expect_content("a", "new");
    sim_disk_crash(disk, SIM_UNSYNCED_LOSE);
    ck_assert_uint_eq(bits_wrong("a", "old"), 1);
}
END_TEST

/* A file whose content is made "new" by a write that lies, and durable, as far as anybody sees. */
static void lie_about(const char *name, struct sim_disk_fault lie)
{
    raft_file file = durable_file(name, "aaaa");
    write_with(file, 0, "new", lie);
    sync_file(file);
}

/* Whether a write that went astray has hit what was written here. */
static bool is_struck(const char *name)
{
    ck_assert_int_eq(read_all(name), 6);
    bool is_whole = strcmp(content, "bbbbbb") == 0;
    ck_assert(is_whole || strcmp(content, "newbbb") == 0);
    return !is_whole;
}

START_TEST(a_misdirected_write_lies_over_bytes_of_another_file)
{
    bool struck = false;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        renew_disk(seed);
        durable_file("b", "bbbbbb");
        lie_about("a", misdirected);
        expect_content("b", "bbbbbb");
        sim_disk_crash(disk, SIM_UNSYNCED_LOSE);
        expect_content("a", "aaaa");
        struck |= is_struck("b");
    }
    ck_assert(struck);
}
END_TEST

START_TEST(a_lost_write_lands_nowhere)
{
    for (uint64_t seed = 1; seed <= SEEDS / 4; seed++) {
        renew_disk(seed);
        durable_file("b", "bbbbbb");
        lie_about("a", lost);
        sim_disk_crash(disk, SIM_UNSYNCED_LOSE);
        expect_content("a", "aaaa");
        expect_content("b", "bbbbbb");
    }
}
END_TEST

START_TEST(a_misdirected_write_lands_on_whole_sectors_and_makes_no_file_longer)
{
    uint32_t landed[3] = {0};
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        renew_disk(seed);
        raft_file other = durable_bytes("b", 'b', 2 * SECTOR + 2);
        lie_about("a", misdirected);
        truncate_file(other, 2 * SECTOR + 3);
        sync_file(other);
        sim_disk_crash(disk, SIM_UNSYNCED_LOSE);
        ck_assert_int_eq(read_all("b"), 2 * SECTOR + 3);
        ck_assert_int_eq(content[2 * SECTOR + 2], '\0'); /* was past the end */
        for (size_t i = 0; i < 2 * SECTOR + 2; i++) {
            ck_assert(content[i] == 'b' || (i % SECTOR < 3 && content[i] == "new"[i % SECTOR]));
            landed[i / SECTOR] += content[i] == 'n';
        }
    }
    ck_assert(landed[0] > 0 && landed[1] > 0 && landed[2] > 0);
}
END_TEST

START_TEST(a_misdirected_write_takes_the_place_of_rot)
{
    uint32_t landed = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        renew_disk(seed);
        durable_file("b", "bb");
        ck_assert(sim_disk_rot(disk, "b", 0, 1));
        raft_file file = durable_file("a", "aa");
        write_with(file, 0, "xy", misdirected);
        sync_file(file);
        ck_assert_int_eq(read_all("b"), 2);
        ck_assert_int_eq(content[1], 'b');
        bool has_landed = content[0] == 'x'; /* no cache hides it there */
        sim_disk_crash(disk, SIM_UNSYNCED_LOSE);
        ck_assert_int_eq(read_all("b"), 2);
        ck_assert(has_landed ? strcmp(content, "xy") == 0 : content[1] == 'b');
        landed += has_landed;
    }
    ck_assert(landed > 0 && landed < SEEDS);
}
END_TEST

START_TEST(a_disk_that_spares_copies_lies_about_one_thing_at_a_time)
{
    disk->spares_copies = true;
    raft_file first = durable_file("a", "one");
    raft_file second = durable_file("b", "one");
    write_with(first, 0, "two", lost);
    sync_file(first);
    write_with(second, 0, "two", lost);
    sync_file(second);
    sim_disk_crash(disk, SIM_UNSYNCED_LOSE);
    expect_content("a", "one");
    expect_content("b", "two");
    first = open_file(RAFT_IO_OPEN, "a");
    write_with(first, 0, "two", no_fault);
    sync_file(first);
    second = open_file(RAFT_IO_OPEN, "b");
    write_with(second, 0, "six", lost); /* nothing is damaged any more */
    sync_file(second);
    sim_disk_crash(disk, SIM_UNSYNCED_LOSE);
    expect_content("b", "two");
}
END_TEST

START_TEST(a_disk_that_spares_copies_misdirects_nothing_to_the_twin)
{
    bool struck = false;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        renew_disk(seed);
        disk->spares_copies = true;
        durable_file("ids-1", "bbbbbb");
        durable_file("ids-2", "bbbbbb");
        lie_about("log-1", misdirected);
        sim_disk_crash(disk, SIM_UNSYNCED_LOSE);
        expect_content("log-1", "aaaa");
        expect_content("ids-1", "bbbbbb");
        struck |= is_struck("ids-2");
    }
    ck_assert(struck);
}
END_TEST

START_TEST(a_disk_that_spares_nothing_strikes_the_twin_too)
{
    bool struck = false;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        renew_disk(seed);
        durable_file("ids-1", "bbbbbb");
        lie_about("log-1", misdirected);
        sim_disk_crash(disk, SIM_UNSYNCED_LOSE);
        struck |= is_struck("ids-1");
    }
    ck_assert(struck);
}
END_TEST

static uint64_t told_bytes;

static void on_durable(void *ctx, uint32_t node, const char *name, const uint8_t *bytes,
                       size_t size, size_t from)
{
    (void)ctx, (void)node, (void)name, (void)from;
    told_bytes = sim_hash(bytes, size, 0);
}

static void on_removed(void *ctx, uint32_t node, const char *name)
{
    (void)ctx, (void)node, (void)name;
    told_bytes = 0;
}

START_TEST(damage_is_not_what_the_observer_is_told)
{
    disk->observer = (struct sim_disk_observer){NULL, on_durable, on_removed};
    raft_file file = durable_file("a", "old");
    write_with(file, 0, "new", lost);
    sync_file(file);
    ck_assert_uint_eq(told_bytes, sim_hash("new", 3, 0));
    ck_assert(sim_disk_rot(disk, "a", SIM_ROT_ANYWHERE, 1));
    ck_assert_uint_eq(told_bytes, sim_hash("new", 3, 0));
}
END_TEST

START_TEST(a_copy_brings_back_what_was_durable_then)
{
    raft_file file = durable_file("a", "then");
    durable_file("gone", "x");
    const struct sim_disk_copy *copy = sim_disk_copy(disk);
    ck_assert_int_eq(write_text(file, 0, "later"), RAFT_OK);
    sync_file(file);
    ck_assert_int_eq(run_named(RAFT_IO_UNLINK, "gone"), RAFT_OK);
    durable_file("new", "y");
    uint64_t digest_later = sim_disk_digest(disk);
    sim_disk_crash(disk, SIM_UNSYNCED_LOSE);
    for (int i = 0; i < 2; i++) { /* the copy stays */
        sim_disk_restore(disk, copy);
        expect_content("a", "then");
        expect_content("gone", "x");
        ck_assert_int_eq(read_all("new"), -1);
        ck_assert_uint_ne(sim_disk_digest(disk), digest_later);
        ck_assert_uint_eq(disk->used, 5);
    }
    sim_disk_crash(disk, SIM_UNSYNCED_LOSE); /* it is durable */
    expect_content("a", "then");
}
END_TEST

START_TEST(a_copy_has_the_damage_of_its_disk)
{
    raft_file file = durable_file("a", "hello");
    close_file(durable_file("gone", "x"));
    ck_assert(sim_disk_rot(disk, "a", 1, 1));
    write_with(file, 4, "!", lost);
    sync_file(file);
    const struct sim_disk_copy *rotten = sim_disk_copy(disk);
    sim_disk_crash(disk, SIM_UNSYNCED_LOSE);
    ck_assert(sim_disk_lose(disk, "gone"));
    const struct sim_disk_copy *lacking = sim_disk_copy(disk);
    sim_disk_wipe(disk);
    ck_assert(!sim_disk_is_damaged(disk));
    sim_disk_restore(disk, rotten);
    ck_assert_uint_eq(bits_wrong("a", "hello"), 1); /* no cache hides that "!" was lost */
    expect_content("gone", "x");
    file = open_file(RAFT_IO_OPEN, "a");
    ck_assert_int_eq(write_text(file, 1, "e"), RAFT_OK);
    ck_assert_int_eq(write_text(file, 4, "o"), RAFT_OK);
    sync_file(file);
    ck_assert(!sim_disk_is_damaged(disk));
    sim_disk_crash(disk, SIM_UNSYNCED_LOSE);
    sim_disk_restore(disk, lacking);
    ck_assert_int_eq(read_all("gone"), -1);
    ck_assert_uint_eq(bits_wrong("a", "hello"), 1);
    file = open_file(RAFT_IO_OPEN, "a");
    ck_assert_int_eq(write_text(file, 0, "hello"), RAFT_OK);
    sync_file(file);
    ck_assert(sim_disk_is_damaged(disk)); /* a file is still missing */
}
END_TEST

START_TEST(a_disk_knows_whose_store_it_holds)
{
    uint32_t own = disk->node;
    ck_assert_uint_eq(disk->owner, own);
    durable_file("a", "own");
    const struct sim_disk_copy *copy = sim_disk_copy(disk);
    disk->owner = own + 1; /* as after a copy of another node's */
    const struct sim_disk_copy *foreign = sim_disk_copy(disk);
    sim_disk_crash(disk, SIM_UNSYNCED_LOSE);
    sim_disk_wipe(disk);
    ck_assert_uint_eq(disk->owner, 0);
    const struct sim_disk_copy *empty = sim_disk_copy(disk);
    sim_disk_restore(disk, copy);
    ck_assert_uint_eq(disk->owner, own);
    sim_disk_restore(disk, foreign);
    ck_assert_uint_eq(disk->owner, own + 1);
    sim_disk_restore(disk, empty);
    ck_assert_uint_eq(disk->owner, 0);
}
END_TEST

START_TEST(a_copy_of_nothing_brings_back_nothing)
{
    const struct sim_disk_copy *copy = sim_disk_copy(disk);
    durable_file("a", "x");
    sim_disk_crash(disk, SIM_UNSYNCED_LOSE);
    sim_disk_restore(disk, copy);
    ck_assert_int_eq(read_all("a"), -1);
    ck_assert_uint_eq(disk->used, 0);
}
END_TEST

START_TEST(a_lost_file_is_gone_and_the_others_are_as_they_were)
{
    close_file(durable_file("a", "hello"));
    close_file(durable_file("b", "world"));
    ck_assert(sim_disk_lose(disk, "a"));
    ck_assert_int_eq(read_all("a"), -1);
    sim_disk_crash(disk, SIM_UNSYNCED_LOSE);
    ck_assert_int_eq(read_all("a"), -1);
    expect_content("b", "world");
    ck_assert(sim_disk_is_damaged(disk));
    ck_assert_uint_eq(disk->used, 5);
    ck_assert(!sim_disk_lose(disk, "a"));
    ck_assert_uint_eq(world_double.faults, 1);
}
END_TEST

START_TEST(a_lost_file_is_damage_until_it_is_there_again_if_something_was_in_it)
{
    close_file(durable_file("empty", ""));
    close_file(durable_file("a", "hello"));
    ck_assert(sim_disk_lose(disk, "empty"));
    ck_assert(!sim_disk_is_damaged(disk));
    ck_assert(sim_disk_lose(disk, "a"));
    ck_assert(sim_disk_is_damaged(disk));
    durable_file("a", "hello");
    ck_assert(!sim_disk_is_damaged(disk));
}
END_TEST

START_TEST(a_lost_file_does_not_come_back_with_a_rename_that_was_not_durable)
{
    close_file(durable_file("a", "hello"));
    struct raft_io rename = named(RAFT_IO_RENAME, "a");
    strcpy(rename.name_to, "b");
    ck_assert_int_eq(sim_disk_run(disk, &rename, no_fault), RAFT_OK);
    ck_assert(sim_disk_lose(disk, "a"));
    ck_assert_int_eq(run_named(RAFT_IO_SYNC_DIR, ""), RAFT_OK);
    sim_disk_crash(disk, SIM_UNSYNCED_LOSE);
    ck_assert_int_eq(read_all("a"), -1);
    ck_assert_int_eq(read_all("b"), -1);
}
END_TEST

START_TEST(a_digest_of_the_state_knows_what_is_hidden)
{
    raft_file file = durable_file("a", "hello");
    ck_assert_int_eq(write_text(file, 0, "HELLO"), RAFT_OK);
    uint64_t durable = sim_disk_digest(disk);
    uint64_t state = sim_disk_state_digest(disk);
    ck_assert(sim_disk_rot(disk, "a", 4, 1));
    ck_assert_uint_eq(sim_disk_digest(disk), durable);
    ck_assert_uint_ne(sim_disk_state_digest(disk), state);
    ck_assert_int_eq(run_named(RAFT_IO_UNLINK, "a"), RAFT_OK);
    state = sim_disk_state_digest(disk);
    ck_assert_int_eq(write_text(file, 0, "h"), RAFT_OK); /* may come back */
    ck_assert_uint_ne(sim_disk_state_digest(disk), state);
}
END_TEST

START_TEST(a_digest_of_the_state_knows_lies)
{
    uint64_t digests[3];
    for (int lie = SIM_LIE_NONE; lie <= SIM_LIE_MISDIRECTED; lie++) {
        renew_disk(1);
        write_with(durable_file("a", "hello"), 0, "HELLO", (struct sim_disk_fault){.lie = lie});
        digests[lie] = sim_disk_state_digest(disk);
    }
    ck_assert(digests[0] != digests[1] && digests[1] != digests[2] && digests[0] != digests[2]);
}
END_TEST

/* A truncation whose sync failed has left its size in the cache alone; or it has had that size
 * before. Then a write of the same bytes moves the end of the file, or does not. */
static uint64_t state_after_failed_cut(uint64_t seed, uint64_t size, uint64_t *out_durable)
{
    renew_disk(seed);
    raft_file file = durable_file("a", "0123456789");
    truncate_file(file, size);
    fail_sync(file);
    *out_durable = sim_disk_digest(disk);
    ck_assert_int_eq(write_text(file, 0, "0123456789"), RAFT_OK);
    return sim_disk_state_digest(disk);
}

START_TEST(a_digest_of_the_state_knows_which_write_moved_the_end)
{
    uint32_t compared = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        uint64_t durable[2];
        uint64_t longer = state_after_failed_cut(seed, 5, &durable[0]);
        uint64_t within = state_after_failed_cut(seed, 10, &durable[1]);
        if (durable[0] == durable[1]) { /* the cut was lost */
            ck_assert_uint_ne(longer, within);
            compared++;
        }
    }
    ck_assert_uint_gt(compared, 0);
}
END_TEST

/* Two files that are made in this order, with a byte in the first one. */
static uint64_t state_of_two(const char *first, const char *second)
{
    renew_disk(1);
    raft_file file = open_file(RAFT_IO_CREATE, first);
    open_file(RAFT_IO_CREATE, second);
    ck_assert_int_eq(run_named(RAFT_IO_SYNC_DIR, ""), RAFT_OK);
    ck_assert_int_eq(write_text(file, 0, "x"), RAFT_OK);
    return sim_disk_state_digest(disk);
}

START_TEST(a_digest_of_the_state_knows_which_name_a_file_has)
{
    uint64_t in_a = state_of_two("a", "b");
    ck_assert_uint_ne(in_a, state_of_two("b", "a"));
}
END_TEST

/* Two files are open, and one of them is closed. */
static uint64_t state_when_closed(int which)
{
    renew_disk(1);
    const raft_file files[] = {durable_file("a", "x"), durable_file("b", "x")};
    close_file(files[which]);
    return sim_disk_state_digest(disk);
}

START_TEST(a_digest_of_the_state_knows_which_file_is_open)
{
    uint64_t without_a = state_when_closed(0);
    ck_assert_uint_ne(without_a, state_when_closed(1));
}
END_TEST

START_TEST(damage_leaves_no_memory_behind)
{
    size_t blocks = arena_blocks(world->arena);
    raft_file file = durable_file("a", "hello");
    ck_assert(sim_disk_rot(disk, "a", SIM_ROT_ANYWHERE, 1));
    write_with(file, 0, "new", misdirected);
    sync_file(file);
    sim_disk_crash(disk, SIM_UNSYNCED_LOSE);
    sim_disk_wipe(disk);
    ck_assert_uint_eq(arena_blocks(world->arena), blocks);
}
END_TEST

START_TEST(a_short_transfer_is_as_short_as_it_is_told)
{
    char bytes[] = "0123456789";
    raft_file file = open_file(RAFT_IO_CREATE, "a");
    for (uint64_t length = 0; length < 12; length++) {
        const struct sim_disk_fault fault = {
            .status = RAFT_OK, .is_short = true, .short_bytes = length};
        struct raft_io io = transfer(RAFT_IO_WRITE, file, 0, bytes, 10);
        ck_assert_int_eq(sim_disk_run(disk, &io, fault), RAFT_OK);
        ck_assert_uint_eq(io.done, length < 10 ? length : 10);
    }
}
END_TEST

static Suite *disk_damage_suite(void)
{
    Suite *suite = suite_create("disk_damage");
    TCase *tcase = tcase_create("damage");
    tcase_add_checked_fixture(tcase, open_first_disk, close_disk);
    tcase_add_test(tcase, a_lost_file_is_gone_and_the_others_are_as_they_were);
    tcase_add_test(tcase, a_lost_file_is_damage_until_it_is_there_again_if_something_was_in_it);
    tcase_add_test(tcase, a_lost_file_does_not_come_back_with_a_rename_that_was_not_durable);
    tcase_add_test(tcase, rot_flips_a_bit_that_stays_flipped);
    tcase_add_test(tcase, rot_strikes_where_it_is_told_to);
    tcase_add_test(tcase, rot_finds_nothing_in_what_is_not_durable);
    tcase_add_test(tcase, rewriting_or_cutting_off_what_is_damaged_heals_it_for_good);
    tcase_add_test(tcase, a_durable_cut_heals_what_is_cut_off);
    tcase_add_test(tcase, a_crash_that_drops_a_rewrite_brings_the_rot_back);
    tcase_add_test(tcase, a_crash_that_drops_a_cut_brings_the_rot_back);
    tcase_add_test(tcase, a_failed_sync_of_a_rewrite_heals_what_it_made_durable_and_no_more);
    tcase_add_test(tcase, a_reverted_cache_still_hides_rot_below_what_the_sync_did_not_cover);
    tcase_add_test(tcase, rot_under_what_is_not_durable_is_not_seen_before_that_is_dropped);
    tcase_add_test(tcase, rot_beside_what_is_not_durable_is_seen_at_once);
    tcase_add_test(tcase, rot_is_not_seen_in_zeros_that_are_new);
    tcase_add_test(tcase, rot_where_a_lie_is_hidden_stays_hidden_with_it);
    tcase_add_test(tcase, rot_under_what_a_failed_sync_has_left_in_the_cache_shows_after_a_crash);
    tcase_add_test(tcase, a_file_that_may_come_back_is_still_damaged);
    tcase_add_test(tcase, a_lost_write_shows_after_the_next_crash_of_the_machine);
    tcase_add_test(tcase, a_lost_write_at_the_end_leaves_zeros);
    tcase_add_test(tcase, a_write_over_a_lost_one_makes_it_good);
    tcase_add_test(tcase, a_lost_write_that_a_crash_drops_is_no_damage);
    tcase_add_test(tcase, a_lost_write_leaves_what_was_rotten_there);
    tcase_add_test(tcase, a_misdirected_write_lies_over_bytes_of_another_file);
    tcase_add_test(tcase, a_lost_write_lands_nowhere);
    tcase_add_test(tcase, a_misdirected_write_lands_on_whole_sectors_and_makes_no_file_longer);
    tcase_add_test(tcase, a_misdirected_write_takes_the_place_of_rot);
    tcase_add_test(tcase, a_disk_that_spares_copies_lies_about_one_thing_at_a_time);
    tcase_add_test(tcase, a_disk_that_spares_copies_misdirects_nothing_to_the_twin);
    tcase_add_test(tcase, a_disk_that_spares_nothing_strikes_the_twin_too);
    tcase_add_test(tcase, damage_is_not_what_the_observer_is_told);
    tcase_add_test(tcase, a_copy_brings_back_what_was_durable_then);
    tcase_add_test(tcase, a_copy_has_the_damage_of_its_disk);
    tcase_add_test(tcase, a_disk_knows_whose_store_it_holds);
    tcase_add_test(tcase, a_copy_of_nothing_brings_back_nothing);
    tcase_add_test(tcase, a_digest_of_the_state_knows_what_is_hidden);
    tcase_add_test(tcase, a_digest_of_the_state_knows_lies);
    tcase_add_test(tcase, a_digest_of_the_state_knows_which_write_moved_the_end);
    tcase_add_test(tcase, a_digest_of_the_state_knows_which_name_a_file_has);
    tcase_add_test(tcase, a_digest_of_the_state_knows_which_file_is_open);
    tcase_add_test(tcase, damage_leaves_no_memory_behind);
    tcase_add_test(tcase, a_short_transfer_is_as_short_as_it_is_told);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void)
{
    return unit_main(disk_damage_suite());
}
