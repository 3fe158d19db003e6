/* Damage to the files of a store, as the input of a fuzz target says: bits flipped, ranges cleared
 * and copied, files cut, grown, renamed, removed and created; and forged damage, which puts in the
 * input's own bytes and makes checksums right again.
 *
 * It reads and writes the layouts of core/storage/README.md by itself. */
#ifndef TESTS_FUZZ_DAMAGE_H
#define TESTS_FUZZ_DAMAGE_H

#include "storage_fixture.h"

#include <stdio.h>

#define ENTRIES_MAX   24u
#define PAYLOAD_MAX   16u
#define STATE_NAME    "hard-state"
#define STATE_SIZE    36u
#define RECORD_HEADER 48u

/* ---- the input ---- */

struct input {
    const uint8_t *bytes;
    size_t size;
};

/* The next number of count bytes; zeros follow the end. */
static uint32_t take(struct input *input, unsigned count)
{
    uint32_t value = 0;
    for (unsigned i = 0; i < count && input->size > 0; i++) {
        value |= (uint32_t)*input->bytes << (8 * i);
        input->bytes++;
        input->size--;
    }
    return value;
}

/* A number in [0, bound), or 0. */
static size_t below(struct input *input, size_t bound)
{
    return bound == 0 ? 0 : take(input, 2) % bound;
}

/* ---- the layouts ---- */

static bool is_segment(const struct double_file *file)
{
    return file->exists && strncmp(file->name, "log-", 4) == 0;
}

static bool is_ids(const struct double_file *file)
{
    return file->exists && strncmp(file->name, "ids-", 4) == 0;
}

static uint32_t get32(const uint8_t *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static void put32(uint8_t *at, uint32_t value)
{
    for (unsigned i = 0; i < 4; i++) {
        at[i] = (uint8_t)(value >> (8 * i));
    }
}

static size_t record_span(const uint8_t *record)
{
    return RECORD_HEADER + ((size_t)get32(record + 8) + 7) / 8 * 8;
}

/* ---- damage ---- */

static struct double_file *choose_file(struct input *input)
{
    uint32_t choice = take(input, 1);
    for (unsigned i = 0; i < DOUBLE_FILES; i++) {
        struct double_file *file = &f.disk.files[(choice + i) % DOUBLE_FILES];
        if (file->exists) {
            return file;
        }
    }
    return NULL;
}

/* The name of one of the two files of a segment, or of a mark. */
static void indexed_name(uint32_t choice, char name[RAFT_FILE_NAME_MAX])
{
    static const char *const prefixes[] = {"log-", "ids-", "mark-"};
    snprintf(name, RAFT_FILE_NAME_MAX, "%s%016x", prefixes[choice % 3],
             (unsigned)(choice / 3 % (ENTRIES_MAX + 4)));
}

/* A new, empty file, unless it is there. Leaves room for a segment that the store may begin. */
static void create_file(struct input *input)
{
    static const char *const others[] = {"hard-state.new", "probe",
                                         STATE_NAME,       "log-1",
                                         "notes",          MARKER,
                                         "store.new",      "snapshot.new",
                                         "snapshot.part",  "snapshot-0000000000000003"};
    uint32_t choice = take(input, 1);
    char name[RAFT_FILE_NAME_MAX] = "";
    if (choice < sizeof others / sizeof others[0]) {
        snprintf(name, sizeof name, "%s", others[choice]);
    } else {
        indexed_name(choice, name);
    }
    unsigned room = 0;
    for (int i = 0; i < DOUBLE_FILES; i++) {
        room += !f.disk.files[i].exists;
    }
    if (room > 1 && double_find(&f.disk, name) == NULL) {
        double_create(&f.disk, name);
    }
}

static void rename_file(struct input *input, struct double_file *file)
{
    char name[RAFT_FILE_NAME_MAX] = "";
    indexed_name(take(input, 1), name);
    if (double_find(&f.disk, name) == NULL) {
        memcpy(file->name, name, sizeof name);
    }
}

static void copy_range(struct input *input, struct double_file *file)
{
    const struct double_file *from = choose_file(input);
    size_t at = below(input, file->size);
    size_t from_at = below(input, from->size);
    size_t count = take(input, 1);
    for (size_t i = 0; i < count && at + i < file->size && from_at + i < from->size; i++) {
        file->bytes[at + i] = from->bytes[from_at + i];
    }
}

/* The input's own bytes; may make the file longer. */
static void write_range(struct input *input, struct double_file *file)
{
    size_t at = below(input, file->size + 1);
    size_t count = take(input, 1) % 80;
    for (; count > 0 && at < DOUBLE_FILE_SIZE; count--) {
        file->bytes[at++] = (uint8_t)take(input, 1);
    }
    if (at > file->size) {
        file->size = at;
    }
}

/* A number of the input's choice: small, or a little below the greatest. */
static uint64_t take_number(struct input *input)
{
    uint32_t value = take(input, 1);
    return value < 192 ? value % 32 : UINT64_MAX - value % 4;
}

/* Perhaps changes one of the fields, each given by where it begins; the last one is where they end.
 */
static void forge_field(struct input *input, uint8_t *bytes, const uint8_t *fields, unsigned count)
{
    unsigned i = take(input, 1) % (count + 1);
    uint64_t value = take_number(input);
    for (uint8_t at = i < count ? fields[i] : 0; i < count && at < fields[i + 1]; at++) {
        bytes[at] = (uint8_t)value;
        value >>= 8;
    }
}

static void forge_record(struct input *input, struct double_file *file)
{
    static const uint8_t fields[] = {8, 12, 16, 24, 32, 40, 48};
    size_t at = HEADER_SIZE;
    for (uint32_t skip = take(input, 1) % 8; skip > 0; skip--) {
        size_t next = at + record_span(file->bytes + at);
        if (next + RECORD_HEADER > file->size) {
            break;
        }
        at = next;
    }
    uint8_t *record = file->bytes + at;
    uint8_t place[16] = {0};
    put32(place, (uint32_t)strtoul(file->name + 4, NULL, 16));
    put32(place + 8, (uint32_t)at);
    forge_field(input, record, fields, sizeof fields - 1);
    size_t span = record_span(record);
    if (span <= DOUBLE_FILE_SIZE - at) {
        put32(record + 4, raft_crc32c(0, record + RECORD_HEADER, span - RECORD_HEADER));
        uint32_t crc = raft_crc32c(0, place, sizeof place);
        put32(record, raft_crc32c(crc, record + 4, RECORD_HEADER - 4));
    }
}

/* All fields but the size of the payload, which decides about memory. */
static void forge_id(struct input *input, struct double_file *file)
{
    static const uint8_t fields[] = {12, 16, 24, 32, 40, 48, 56};
    size_t count = file->size > HEADER_SIZE ? (file->size - HEADER_SIZE) / ID_SIZE : 0;
    if (count > 0) {
        uint8_t *id = file->bytes + HEADER_SIZE + take(input, 1) % count * ID_SIZE;
        uint8_t place[8] = {0};
        put32(place, (uint32_t)strtoul(file->name + 4, NULL, 16));
        forge_field(input, id, fields, sizeof fields - 1);
        uint8_t mark = id[ID_MARK];
        id[ID_MARK] = 0; /* the checksum is that of an identity without it */
        put32(id, raft_crc32c(raft_crc32c(0, place, sizeof place), id + 4, ID_SIZE - 4));
        id[ID_MARK] = mark;
    }
}

static void forge_snapshot(struct input *input, struct double_file *file)
{
    static const uint8_t fields[] = {4, 8, 16, 24, 32, 40, 44, 48, 49, 164};
    memcpy(file->bytes, "RQSN", 4);
    forge_field(input, file->bytes, fields, sizeof fields - 1);
    put32(file->bytes + 164, raft_crc32c(0, file->bytes, 164));
    if (file->size >= SNAPSHOT_FRAME && file->size <= DOUBLE_FILE_SIZE) {
        uint8_t *trailer = file->bytes + file->size - 8;
        memcpy(trailer, "RQTL", 4);
        put32(trailer + 4, raft_crc32c(0, file->bytes, file->size - 8));
    }
}

/* Changes a field where there is something, and makes the checksum right. */
static void forge(struct input *input, struct double_file *file)
{
    static const uint8_t state_fields[] = {4, 8, 16, 24, 28, 32};
    static const uint8_t header_fields[] = {4, 8, 16, 24, 28};
    if (strcmp(file->name, MARKER) == 0) {
        static const uint8_t marker_fields[] = {4, 8, 16, 20, 24, 25, 140};
        memcpy(file->bytes, "RQMK", 4);
        forge_field(input, file->bytes, marker_fields, sizeof marker_fields - 1);
        put32(file->bytes + 140, raft_crc32c(0, file->bytes, 140));
    } else if (strncmp(file->name, "snapshot-", 9) == 0) {
        forge_snapshot(input, file);
    } else if (strcmp(file->name, STATE_NAME) == 0) {
        uint8_t *copy = file->bytes + take(input, 1) % 2 * COPY_B;
        memcpy(copy, "RQST", 4);
        forge_field(input, copy, state_fields, sizeof state_fields - 1);
        put32(copy + 32, raft_crc32c(0, copy, 32));
    } else if (take(input, 1) % 4 == 0) {
        memcpy(file->bytes, is_ids(file) ? "RQID" : "RQSG", 4);
        forge_field(input, file->bytes, header_fields, sizeof header_fields - 1);
        put32(file->bytes + 28, raft_crc32c(0, file->bytes, 28));
    } else if (is_segment(file)) {
        forge_record(input, file);
    } else if (is_ids(file)) {
        forge_id(input, file);
    }
}

enum damage_kind {
    DAMAGE_TO_A_FILE, /* that loses some or all of its bytes, or gets others from files */
    DAMAGE_TO_NAMES,
    DAMAGE_FORGED
};

/* One step of damage; *out_file is the file that it hits, if it is only one. */
static enum damage_kind damage(struct input *input, const struct double_file **out_file)
{
    uint32_t what = take(input, 1) % 10;
    struct double_file *file = choose_file(input);
    *out_file = file;
    if (file == NULL || what == 0) {
        create_file(input);
    } else if (what == 1) {
        rename_file(input, file);
    } else if (what == 2) {
        file->exists = false;
    } else if (what == 3) {
        size_t size = below(input, file->size + 1);
        memset(file->bytes + size, 0, file->size - size);
        file->size = size;
    } else if (what == 4) {
        size_t more = take(input, 1) * 2;
        file->size += more < DOUBLE_FILE_SIZE - file->size ? more : 0;
    } else if (what == 5) {
        copy_range(input, file);
    } else if (what == 6) {
        size_t at = below(input, file->size);
        size_t count = take(input, 1);
        memset(file->bytes + at, 0, count < file->size - at ? count : file->size - at);
    } else if (what == 7) {
        size_t at = below(input, file->size);
        file->bytes[at] ^= (uint8_t)(at < file->size ? 1u << take(input, 1) % 8 : 0);
    } else if (what == 8) {
        write_range(input, file);
    } else {
        forge(input, file);
    }
    if (file == NULL || what < 2) {
        return DAMAGE_TO_NAMES;
    }
    return what > 7 ? DAMAGE_FORGED : DAMAGE_TO_A_FILE;
}

#endif
