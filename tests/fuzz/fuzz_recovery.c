/* Recovery of any store. The input is a programme: it writes a valid store through the real jobs,
 * damages its files, perhaps interrupts a first load, and then the store is loaded.
 *
 * Terms. Damage is *forged* when bytes of the input's own choice get into a file, with or without
 * a right checksum: then there may be a valid record that nobody has written. Damage that is not
 * forged only moves, clears, flips and removes what was there.
 *
 * What must hold:
 *  1. A load succeeds with a log that is durable, and whole but for entries that are marked as
 *     damaged, behind the snapshot that the state machine has or later; or it fails with
 *     RAFT_CORRUPT or RAFT_LOST_STORE, owns nothing then, and has changed nothing but the hard
 *     state.
 *  2. The same load again gives the same, also after one that was interrupted at any operation, by
 *     an error or for lack of memory. Forged, it may be RAFT_CORRUPT then: a file that has lost its
 *     end got its length back, and with that a record that nobody has written its last zeros.
 *  3. Not forged: what is loaded was written, the snapshot too. RAFT_LOST_STORE if and only if
 *     there is no marker, or neither copy of the hard state is intact; of the latter, with the
 *     option quarantine, a loss of promises instead. RAFT_CORRUPT only if the marker is damaged.
 *  4. Not forged: all that was written is loaded, or a loss of entries is remembered, unless all
 *     that could prove the last batch is damaged. Likewise what the snapshot covered, as long as
 *     its mark is there. The log begins behind no more than marks and snapshots have names for.
 *  5. Not forged, and a single file of a segment is damaged: nothing is lost, every identity is
 *     known. Or a snapshot is, and there is a log: nothing is lost.
 *  6. Not forged: the machine begins with what was loaded, and can append to it. */
#include "fuzz.h"

#include "damage.h"

#define APPENDS_MAX 5u /* each may begin a segment, of two files */

/* ---- what a load has given, or should give ---- */

struct outcome {
    enum raft_status status;
    struct raft_hard_state state;
    struct raft_entry_id snapshot;
    raft_term base_term; /* of the entry at base */
    size_t machine_size; /* of the state that the state machine has */
    uint32_t machine_crc;
    size_t base;  /* entries before the log */
    size_t count; /* with those */
    struct outcome_entry {
        struct raft_entry_id id;
        enum raft_entry_kind kind;
        uint32_t size;
        bool damaged;
        uint8_t payload[PAYLOAD_MAX];
    } entries[ENTRIES_MAX];
};

static void copy_entry(const struct raft_entry *entry, struct outcome_entry *copy)
{
    copy->id = entry->id;
    copy->kind = entry->kind;
    copy->size = entry->size;
    copy->damaged = entry->damaged;
    memset(copy->payload, 0, PAYLOAD_MAX);
    memcpy(copy->payload, entry->payload, entry->size < PAYLOAD_MAX ? entry->size : PAYLOAD_MAX);
}

/* Entries of another size or number only come from forged files: those are compared as far as there
 * is room. */
static struct outcome outcome_get(enum raft_status status)
{
    struct outcome outcome;
    memset(&outcome, 0, sizeof outcome);
    outcome.status = status;
    if (status != RAFT_OK) {
        return outcome;
    }
    outcome.state = f.state;
    outcome.snapshot = f.stored.snapshot.id;
    outcome.machine_size = machine.size;
    outcome.machine_crc = raft_crc32c(0, machine.state, machine.size);
    outcome.base = (size_t)f.log.base.index;
    outcome.base_term = f.log.base.term;
    outcome.count = (size_t)raft_log_last_index(&f.log);
    for (size_t i = outcome.base; i < outcome.count && i < ENTRIES_MAX; i++) {
        copy_entry(raft_log_peek(&f.log, i + 1), &outcome.entries[i]);
    }
    return outcome;
}

static bool is_same_state(const struct raft_hard_state *a, const struct raft_hard_state *b)
{
    return a->term == b->term && a->vote == b->vote && a->losses == b->losses &&
           a->sequence == b->sequence;
}

/* Whether a is b, or what is left of it when its payload is damaged. */
static bool is_remnant(const struct outcome_entry *a, const struct outcome_entry *b)
{
    struct outcome_entry left = *b;
    if (a->damaged) {
        left.damaged = true;
        memset(left.payload, 0, sizeof left.payload);
    }
    return memcmp(a, &left, sizeof left) == 0;
}

/* Whether the entries of a are those of b, or the beginning of them, damaged or not. */
static bool is_prefix(const struct outcome *a, const struct outcome *b)
{
    bool same = a->count <= b->count;
    for (size_t i = a->base; i < a->count && i < ENTRIES_MAX; i++) {
        same = same && is_remnant(&a->entries[i], &b->entries[i]);
    }
    return same;
}

static bool is_same_snapshot(const struct outcome *a, const struct outcome *b)
{
    return a->snapshot.index == b->snapshot.index && a->snapshot.term == b->snapshot.term &&
           a->machine_size == b->machine_size && a->machine_crc == b->machine_crc;
}

/* b is what a second load gives. It may find an entry whole that was damaged: a file that has lost
 * its end gets its length back, and a record may end in zeros. */
static void assert_same(const struct outcome *a, const struct outcome *b, bool is_forged)
{
    if (is_forged && b->status == RAFT_CORRUPT) {
        return;
    }
    assert(a->status == b->status && a->base == b->base && a->base_term == b->base_term &&
           a->count == b->count);
    assert(is_prefix(a, b) && is_same_state(&a->state, &b->state) && is_same_snapshot(a, b));
}

/* ---- a valid store ---- */

struct written {
    struct outcome all; /* its entries from the first one on, as long as the log had them */
    struct double_file files[DOUBLE_FILES];
    const struct double_file *last; /* the log of the last segment, if it has a record */
    const struct double_file *ids;  /* and its identities */
    size_t batch;                   /* where its last batch begins */
};

static void append_some(struct input *input, struct written *written)
{
    uint32_t shape = take(input, 1);
    unsigned count = 1 + shape % 4;
    if (raft_log_last_index(&f.log) + count > ENTRIES_MAX) {
        return;
    }
    ck_assert_int_eq(raft_log_reserve(&f.log, count), RAFT_OK);
    for (unsigned i = 0; i < count; i++) {
        struct raft_entry *entry = NULL;
        /* A configuration would have to be one: the machine reads it. */
        enum raft_entry_kind kind = 1 + (shape / 4 + i) % (RAFT_ENTRY_CONFIGURATION - 1);
        uint32_t size = (shape / 16 + i * 5) % (PAYLOAD_MAX + 1);
        ck_assert_int_eq(raft_entry_create(&f.disk.memory.memory, RAFT_AT_SUBMIT_ENTRY_ALLOC, kind,
                                           size, RAFT_HOLDER_MESSAGE, &entry),
                         RAFT_OK);
        entry->id = (struct raft_entry_id){f.state.term, raft_log_last_index(&f.log) + 1};
        memset(entry->payload, (int)('a' + entry->id.index), size);
        copy_entry(entry, &written->all.entries[entry->id.index - 1]);
        raft_log_append(&f.log, entry);
        raft_entry_drop(entry, RAFT_HOLDER_MESSAGE);
    }
    ck_assert_int_eq(begin_append(), RAFT_OK);
    ck_assert_int_eq(append_done().status, RAFT_OK);
}

/* Finds the last batch in the last segment. */
static void note_last_batch(struct written *written)
{
    const struct double_file *last = NULL;
    for (int i = 0; i < DOUBLE_FILES; i++) {
        const struct double_file *file = &written->files[i];
        if (is_segment(file) && (last == NULL || strcmp(file->name, last->name) > 0)) {
            last = file;
        }
    }
    if (last == NULL || last->size <= HEADER_SIZE) {
        return;
    }
    written->last = last;
    for (int i = 0; i < DOUBLE_FILES; i++) {
        const struct double_file *file = &written->files[i];
        if (is_ids(file) && strcmp(file->name + 4, last->name + 4) == 0) {
            written->ids = file;
        }
    }
    assert(written->ids != NULL);
    uint32_t batch = 0; /* a test's numbers fit the low half */
    for (size_t at = HEADER_SIZE; at < last->size; at += record_span(last->bytes + at)) {
        if (get32(last->bytes + at + 16) != batch) {
            batch = get32(last->bytes + at + 16);
            written->batch = at;
        }
    }
}

static bool has_mark(const struct written *written)
{
    char name[RAFT_FILE_NAME_MAX];
    snprintf(name, sizeof name, "mark-%016x", (unsigned)written->all.snapshot.index);
    return double_find(&f.disk, name) != NULL;
}

/* A snapshot that comes from the leader, ahead of the log, and takes its place. */
static void install(struct written *written, struct raft_entry_id id, size_t size)
{
    static uint8_t bytes[DOUBLE_FILE_SIZE];
    size_t total = leader_bytes(id, size, (unsigned)id.index, bytes);
    ck_assert_int_eq(receive(id, bytes, total, CHUNK), RAFT_OK);
    ck_assert_int_eq(reset(id.term, id.index), RAFT_OK);
    written->all.entries[id.index - 1].id = id;
}

/* A snapshot of what the log has, or one that is ahead of it. */
static void snapshot_some(uint32_t step, struct written *written)
{
    raft_index last = raft_log_last_index(&f.log);
    raft_index older = written->all.snapshot.index;
    bool is_ahead = step / 8 % 4 == 0;
    raft_index index = is_ahead ? last + 1 + step / 32 % 2 : older + 1;
    raft_term term = f.state.term;
    if (!is_ahead && last > older) {
        index += step / 32 % (last - older);
        ck_assert_int_eq(raft_log_term(&f.log, index, &term), RAFT_OK);
    }
    if (index > ENTRIES_MAX || (!is_ahead && index > last)) {
        return;
    }
    written->all.snapshot = (struct raft_entry_id){term, index};
    if (is_ahead) {
        install(written, written->all.snapshot, step % 150);
    } else {
        machine_set(step % 150, (unsigned)index);
        ck_assert_int_eq(save_snapshot(term, index), RAFT_OK);
    }
    assert(has_mark(written));
}

static void compact_some(uint32_t step, const struct written *written)
{
    raft_index base = f.log.base.index;
    raft_index limit = written->all.snapshot.index;
    raft_term term = 0;
    if (limit > base) {
        raft_index index = base + 1 + step / 8 % (limit - base);
        ck_assert_int_eq(raft_log_term(&f.log, index, &term), RAFT_OK);
        ck_assert_int_eq(compact(term, index), RAFT_OK);
    }
}

static void write_store(struct input *input, struct written *written)
{
    memset(written, 0, sizeof *written);
    setup();
    uint32_t shape = take(input, 1);
    f.options.segment_size_max = shape % 2 == 0 ? 100000 : HEADER_SIZE + shape / 2 * 8;
    create();
    ck_assert_int_eq(raft_storage_bootstrap(f.storage, &founders), RAFT_OK);
    ck_assert_int_eq(load_store(), RAFT_OK);
    ck_assert_int_eq(save(1, 1), RAFT_OK);
    unsigned appends = 0;
    for (unsigned steps = take(input, 1) % 12; steps > 0; steps--) {
        uint32_t step = take(input, 1);
        raft_index last = raft_log_last_index(&f.log);
        raft_index kept = written->all.snapshot.index; /* what is applied is not cut off */
        if (step % 8 == 0) {
            ck_assert_int_eq(save(f.state.term + 1 + step / 64, step / 8 % 4), RAFT_OK);
        } else if (step % 8 == 1 && last > kept) {
            ck_assert_int_eq(cut(kept + step / 8 % (last - kept)), RAFT_OK);
        } else if (step % 8 == 2) {
            snapshot_some(step, written);
        } else if (step % 8 == 3) {
            compact_some(step, written);
        } else if (appends < APPENDS_MAX) {
            append_some(input, written);
            appends++;
        }
    }
    written->all.state = f.state;
    written->all.count = (size_t)raft_log_last_index(&f.log);
    memcpy(written->files, f.disk.files, sizeof written->files);
    note_last_batch(written);
    if (written->all.snapshot.index > 0) {
        ck_assert_int_eq(restore(), RAFT_OK);
        written->all.machine_size = machine.size;
        written->all.machine_crc = raft_crc32c(0, machine.state, machine.size);
    }
    die();
}

/* ---- the loads ---- */

static struct double_file before[DOUBLE_FILES];

static void assert_files_untouched(void)
{
    for (int i = 0; i < DOUBLE_FILES; i++) {
        if (strcmp(before[i].name, STATE_NAME) != 0) {
            ck_assert_mem_eq(&before[i], &f.disk.files[i], sizeof before[i]);
        }
    }
}

static void assert_whole(void)
{
    raft_index last = raft_log_last_index(&f.log);
    raft_term term = 0;
    assert(f.log.stored.index == last && f.log.durable.index == last);
    assert(f.log.base.index >= f.stored.snapshot.id.index);
    assert(machine.commits == (f.stored.snapshot.id.index > 0 ? 1u : 0u));
    assert(machine.index == f.stored.snapshot.id.index);
    for (raft_index index = f.log.base.index + 1; index <= last; index++) {
        const struct raft_entry *entry = raft_log_peek(&f.log, index);
        assert(entry->id.index == index && entry->id.term >= term);
        assert(entry->kind > 0 && entry->kind < RAFT_ENTRY_KIND_COUNT);
        assert(entry->damaged ||
               raft_entry_payload_is_good(entry->kind, entry->payload, entry->size));
        assert(entry->count == 1 && entry->holders[RAFT_HOLDER_LOG] == 1);
        term = entry->id.term;
    }
}

/* Loads, looks, and keeps the store open. */
static struct outcome load_and_look(void)
{
    double_reboot(&f.disk);
    machine_reset();
    memcpy(before, f.disk.files, sizeof before);
    enum raft_status status = load();
    assert(status == RAFT_OK || status == RAFT_CORRUPT || status == RAFT_LOST_STORE ||
           status == RAFT_INVALID);
    if (status == RAFT_OK) {
        assert_whole();
    } else {
        ck_assert_uint_eq(raft_log_last_index(&f.log), 0);
        ck_assert_uint_eq(raft_storage_files_open(f.storage), 0);
        ck_assert_uint_eq(machine.commits, 0);
        assert_files_untouched();
    }
    return outcome_get(status);
}

/* A load that something happens to, and the end of that process. */
static void load_interrupted(uint32_t how, uint32_t at, uint32_t kind)
{
    static const enum raft_status errors[] = {RAFT_IO, RAFT_NOSPACE};
    double_reboot(&f.disk);
    machine_reset();
    create();
    f.disk.memory.fail_at = how == 1 ? f.disk.memory.allocations + 1 + at % 64 : 0;
    f.disk.stop_after = how == 2 ? at % 64 : UINT64_MAX;
    if (how == 3) {
        enum double_fault fault = kind % 2 == 0 ? DOUBLE_ERROR : DOUBLE_SHORT;
        double_arm(&f.disk, (enum raft_point)(at % RAFT_POINT_COUNT), fault, errors[kind / 2 % 2]);
    }
    enum raft_status status = load_store();
    assert(status == RAFT_OK || status == RAFT_NOMEM || status == RAFT_IO ||
           status == RAFT_NOSPACE || status == RAFT_CORRUPT || status == RAFT_LOST_STORE ||
           status == RAFT_INVALID);
    if (status != RAFT_OK) {
        ck_assert_uint_eq(raft_log_last_index(&f.log), 0);
        ck_assert_uint_eq(raft_storage_files_open(f.storage), 0);
    }
    f.disk.memory.fail_at = 0;
    die();
}

/* Whether the bytes [begin, end) of a file are there as they were written. */
static bool is_intact(const struct double_file *written, size_t begin, size_t end)
{
    const struct double_file *file = double_find(&f.disk, written->name);
    return file != NULL && file->size >= end &&
           memcmp(file->bytes + begin, written->bytes + begin, end - begin) == 0;
}

/* What the damage has left of the store. */
struct intact {
    bool state;     /* a copy of the hard state */
    bool marker;    /* all of it */
    bool is_marked; /* there is a marker */
    bool proof;     /* the last batch, or the last identity: all before it was acknowledged */
    bool mark;      /* that of the snapshot */
    size_t reach;   /* as far as the names of marks and snapshots go */
};

/* How far a file's name says that a snapshot reached. */
static size_t reach_of(const struct double_file *file)
{
    bool is_mark = file->exists && strncmp(file->name, "mark-", 5) == 0;
    bool is_snapshot = file->exists && strncmp(file->name, "snapshot-", 9) == 0;
    return is_mark || is_snapshot ? strtoul(strchr(file->name, '-') + 1, NULL, 16) : 0;
}

static struct intact survey(const struct written *written)
{
    const struct double_file *marker = double_find(&f.disk, MARKER);
    struct intact intact = {.is_marked = marker != NULL,
                            .mark = written->all.snapshot.index > 0 && has_mark(written)};
    for (int i = 0; i < DOUBLE_FILES; i++) {
        size_t reach = reach_of(&f.disk.files[i]);
        intact.reach = intact.reach < reach ? reach : intact.reach;
        const struct double_file *file = &written->files[i];
        if (file->exists && strcmp(file->name, STATE_NAME) == 0) {
            intact.state =
                is_intact(file, 0, STATE_SIZE) || is_intact(file, COPY_B, COPY_B + STATE_SIZE);
        }
        if (file->exists && strcmp(file->name, MARKER) == 0) {
            intact.marker = is_intact(file, 0, file->size) && marker->size == file->size;
        }
    }
    intact.proof = written->last != NULL &&
                   (is_intact(written->last, written->batch, written->last->size) ||
                    is_intact(written->ids, written->ids->size - ID_SIZE, written->ids->size));
    return intact;
}

/* Whether the entry before a log that begins late is the one that was there. */
static bool is_true_base(const struct outcome *outcome, const struct written *written)
{
    if (outcome->base == written->all.snapshot.index) {
        return outcome->base_term == written->all.snapshot.term;
    }
    return outcome->base == 0 ||
           outcome->base_term == written->all.entries[outcome->base - 1].id.term;
}

/* What was loaded, compared with what was written; the damage was not forged. */
static void assert_faithful(const struct outcome *outcome, const struct written *written,
                            struct intact intact)
{
    bool is_lost = !intact.is_marked || (!intact.state && !f.options.quarantine);
    assert((outcome->status == RAFT_LOST_STORE) == is_lost);
    assert(outcome->status != RAFT_CORRUPT || !intact.marker);
    assert(outcome->status != RAFT_INVALID);
    if (outcome->status != RAFT_OK) {
        return;
    }
    const struct raft_hard_state *state = &outcome->state;
    bool has_promises = (state->losses & RAFT_LOSS_PROMISES) == 0;
    bool has_entries = (state->losses & RAFT_LOSS_ENTRIES) == 0;
    assert(has_promises == intact.state);
    assert(has_promises
               ? state->term == written->all.state.term && state->vote == written->all.state.vote
               : state->term <= written->all.state.term && state->vote == 0);
    assert(is_prefix(outcome, &written->all));
    assert(!intact.proof || !has_entries || outcome->count == written->all.count);
    assert(!intact.mark || !has_entries || outcome->count >= written->all.snapshot.index);
    assert(outcome->snapshot.index == 0 || is_same_snapshot(outcome, &written->all));
    assert(is_true_base(outcome, written) && outcome->base <= intact.reach);
}

/* Not forged, and only one file of a segment was hit. */
static void assert_known(const struct outcome *outcome, const struct written *written)
{
    assert(outcome->status == RAFT_OK && outcome->state.losses == 0);
    assert(outcome->base == written->all.snapshot.index);
    assert(outcome->count == written->all.count);
}

/* Not forged, and only a snapshot was hit: the log says that it has all. */
static void assert_no_loss(const struct outcome *outcome, const struct written *written)
{
    bool has_log = false;
    for (int i = 0; i < DOUBLE_FILES; i++) {
        has_log = has_log || is_segment(&written->files[i]);
    }
    assert(outcome->status == RAFT_OK);
    assert(!has_log || (outcome->state.losses == 0 && outcome->count == written->all.count));
}

/* The store that is open serves: a machine begins with it, and it takes another entry. */
static void assert_serves(void)
{
    struct raft *raft = NULL;
    struct raft_options options = f.options;
    options.id = 1;
    options.voters[0] = 1;
    options.voter_count = 1;
    ck_assert_int_eq(raft_create(&options, &f.disk.memory.memory, &f.log, &raft), RAFT_OK);
    raft_begin(raft, &f.state, &f.stored.snapshot, 0);
    raft_destroy(raft);
    struct outcome old = outcome_get(RAFT_OK);
    ck_assert_int_eq(append(f.state.term, 1), RAFT_OK);
    ck_assert_int_eq(save(f.state.term + 1, 2), RAFT_OK);
    raft_term term = f.state.term;
    restart();
    struct outcome new = outcome_get(RAFT_OK);
    assert(new.count == old.count + 1 && new.state.term == term);
    assert(is_prefix(&old, &new));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct written written;
    static struct double_file damaged[DOUBLE_FILES];
    struct input input = {data, size};
    uint32_t how = take(&input, 1) % 4;
    uint32_t at = take(&input, 1);
    uint32_t kind = take(&input, 1);
    write_store(&input, &written);
    /* Few steps: a store in ruins has nothing left to get wrong. */
    bool is_forged = false;
    bool is_single = false;
    bool is_of_snapshot = false;
    unsigned shape = take(&input, 1);
    unsigned steps = shape % 5;
    f.options.quarantine = shape / 5 % 2 == 1;
    for (unsigned i = 0; i < steps; i++) {
        const struct double_file *file = NULL;
        enum damage_kind now = damage(&input, &file);
        is_forged = is_forged || now == DAMAGE_FORGED;
        is_single = steps == 1 && now == DAMAGE_TO_A_FILE &&
                    (strncmp(file->name, "log-", 4) == 0 || strncmp(file->name, "ids-", 4) == 0);
        is_of_snapshot =
            steps == 1 && now == DAMAGE_TO_A_FILE && strncmp(file->name, "snapshot-", 9) == 0;
    }
    struct intact intact = survey(&written);
    memcpy(damaged, f.disk.files, sizeof damaged);

    struct outcome first = load_and_look();
    if (!is_forged) {
        assert_faithful(&first, &written, intact);
    }
    if (is_single) {
        assert_known(&first, &written);
    }
    if (is_of_snapshot) {
        assert_no_loss(&first, &written);
    }
    die();
    struct outcome again = load_and_look();
    assert_same(&first, &again, is_forged);
    die();
    if (how != 0) {
        memcpy(f.disk.files, damaged, sizeof damaged);
        load_interrupted(how, at, kind);
        again = load_and_look();
        assert_same(&first, &again, is_forged);
        die();
    }
    double_reboot(&f.disk);
    if (load() == RAFT_OK && !is_forged) {
        assert_serves();
    }
    die();
    return 0;
}
