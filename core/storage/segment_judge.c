/* The judge of a segment at start: which of its entries are whole, which are damaged, and where the
 * log ends.
 *
 * There are two copies of each identity: H, the header of the record, and I, in the file of
 * identities. P says that the payload is what they say.
 *
 *   H and P                whole; a bad I is written again. If I has the mark the record may be in
 *                          the cache alone, and is written again before the mark goes
 *   I, but not H and P     damaged: it was acknowledged, since I was written when the record was
 *                          durable. Its place and its length are known
 *   H alone                damaged, if something behind it shows that it was acknowledged, and then
 *                          I is written again; otherwise a torn tail
 *   none                   a hole, if something behind it shows that it was acknowledged; otherwise
 *                          the end, with or without a torn tail
 *
 *  1. Something behind shows it: a valid identity in the other file, a record of a batch that began
 *     behind (a batch is written only after the one before it is durable), or another segment.
 *  2. Two good copies that differ, a record that does not continue the log or holds no
 *     configuration where one must be, and anything of a later version are a contradiction: no
 *     damage of what was written looks like that. */
#include "segment_load.h"

#include <assert.h>

enum finding { FOUND_NOTHING, FOUND_H, FOUND_H_P, FOUND_I, FOUND_CONTRADICTION };

static bool is_same(const struct raft_record *a, const struct raft_record *b)
{
    return a->size == b->size && a->payload_crc == b->payload_crc && a->kind == b->kind &&
           a->batch == b->batch && a->batch_first == b->batch_first && a->id.index == b->id.index &&
           a->id.term == b->id.term && a->offset == b->offset;
}

/* What is there of the entry whose record must be at the image's end. */
static enum finding look(const struct raft_image *image, raft_index index,
                         struct raft_record *out_record, bool *out_has_id)
{
    struct raft_record own = {.size = 0};
    struct raft_record other = {.size = 0};
    bool has_own = image->end < image->log_size &&
                   raft_record_decode(image->log, image->log_size, image->first, image->end, &own);
    bool has_other = raft_image_id(image, index, &other);
    *out_has_id = has_other;
    if ((has_own && own.id.index != index) || (has_other && other.offset != image->end) ||
        (has_own && has_other && !is_same(&own, &other))) {
        return FOUND_CONTRADICTION;
    }
    *out_record = has_own ? own : other;
    out_record->is_marked = has_other && other.is_marked;
    if (has_own && own.is_whole) {
        return FOUND_H_P;
    }
    if (has_other) {
        return FOUND_I;
    }
    return has_own ? FOUND_H : FOUND_NOTHING;
}

/* What lies behind is not taken: its batch numbers and terms are not to be used again. */
static void note(struct raft_storage *storage, struct raft_trail *trail,
                 const struct raft_record *record)
{
    if (record->batch > storage->batch_last) {
        storage->batch_last = record->batch;
    }
    if (record->id.term > trail->newest) {
        trail->newest = record->id.term;
    }
}

/* Whether something in this segment shows that the entry at index, whose record would be at the
 * image's end, was acknowledged. All that lies behind is looked at once: what is taken of it later
 * shows nothing of the entries behind it. */
static bool is_followed(struct raft_storage *storage, struct raft_trail *trail,
                        struct raft_image *image, raft_index index)
{
    if (image->is_looked_over) {
        return image->shown_end > index;
    }
    struct raft_record record;
    image->is_looked_over = true;
    for (raft_index at = index + 1; at - image->first < image->id_count; at++) {
        if (raft_image_id(image, at, &record)) {
            note(storage, trail, &record);
            image->shown_end = at;
        }
    }
    for (size_t at = image->end; at + RAFT_RECORD_HEADER_SIZE <= image->log_size;
         at += RAFT_RECORD_ALIGN) {
        if (raft_record_decode(image->log, image->log_size, image->first, at, &record)) {
            note(storage, trail, &record);
            if (record.batch_first > image->shown_end) {
                image->shown_end = record.batch_first;
            }
        }
    }
    return image->shown_end > index;
}

/* Whether an identity is what must come next. */
static bool continues(const struct raft_trail *trail, const struct raft_record *record,
                      bool is_whole, uint64_t batch, raft_index batch_first)
{
    bool same_batch =
        batch_first > 0 && record->batch == batch && record->batch_first == batch_first;
    bool new_batch = record->batch > batch && record->batch_first == record->id.index;
    bool is_good =
        record->kind > 0 && record->kind < RAFT_ENTRY_KIND_COUNT &&
        (!is_whole || raft_entry_payload_is_good(record->kind, record->payload, record->size));
    return record->id.term >= trail->last.term && is_good && (same_batch || new_batch);
}

/* Puts the entry of a record into the log. RAFT_NOMEM. */
static enum raft_status take_entry(struct raft_storage *storage, struct raft_log *log,
                                   const struct raft_record *record)
{
    enum raft_status status = raft_log_reserve(log, 1);
    if (status != RAFT_OK) {
        return status;
    }
    struct raft_entry *entry = NULL;
    status = raft_record_entry(storage->memory, RAFT_AT_SEGMENT_LOAD_ENTRY, record, &entry);
    if (status != RAFT_OK) {
        return status;
    }
    raft_log_append(log, entry);
    raft_entry_drop(entry, RAFT_HOLDER_LOADING);
    return RAFT_OK;
}

/* Puts a record into the table of offsets, and into the log if the snapshot does not have it.
 * RAFT_NOMEM. */
static enum raft_status take_record(struct raft_storage *storage, struct raft_trail *trail,
                                    const struct raft_record *record)
{
    enum raft_status status =
        raft_storage_reserve_offsets(storage, RAFT_AT_SEGMENT_LOAD_OFFSETS, 1);
    if (status != RAFT_OK) {
        return status;
    }
    raft_index base = trail->base.index;
    if (record->id.index == base) {
        trail->disagrees = record->id.term != trail->base.term;
    }
    if (record->id.index > base && !trail->disagrees) {
        status = take_entry(storage, trail->log, record);
        if (status != RAFT_OK) {
            return status;
        }
    }
    assert(raft_storage_last(storage) + 1 == record->id.index);
    storage->offsets[storage->offset_count++] = record->offset;
    trail->last = record->id;
    trail->knows_term = true;
    return RAFT_OK;
}

/* The record has been taken. */
static void pass(struct raft_image *image, const struct raft_record *record, bool is_whole,
                 bool has_id)
{
    raft_index index = record->id.index;
    if (record->batch_first == index) {
        image->batch = image->end;
        image->batch_first = index;
    }
    if (!has_id) {
        raft_id_encode(record, image->first, image->ids + raft_id_offset(image->first, index));
    }
    if (!has_id || (is_whole && record->is_marked)) {
        image->heal_first = image->heal_last < image->heal_first ? index : image->heal_first;
        image->heal_last = index;
    }
    image->end += record->span;
    image->last = index;
}

/* Whether the header fits what was read before; learns from it, or for it. */
static bool joins(struct raft_trail *trail, struct raft_image *image)
{
    if (!trail->knows_term) {
        trail->last.term = image->term_before;
        trail->knows_term = image->knows_before;
        return true;
    }
    bool is_other = image->knows_before && image->term_before != trail->last.term;
    bool is_behind_snapshot = trail->last_image == NULL && trail->last.index > 0;
    if (is_other && is_behind_snapshot) {
        /* The log goes on from another entry than the snapshot's last one. */
        trail->disagrees = true;
        trail->last.term = image->term_before;
        return true;
    }
    image->term_before = trail->last.term;
    image->knows_before = true;
    return !is_other;
}

enum raft_status raft_image_take(struct raft_storage *storage, struct raft_trail *trail,
                                 struct raft_image *image, bool has_next,
                                 enum raft_verdict *out_verdict)
{
    uint64_t batch = storage->batch_last;
    raft_index batch_first = 0;
    assert(image->first == trail->last.index + 1);
    image->last = trail->last.index;
    image->end = RAFT_SEGMENT_HEADER_SIZE;
    image->batch = image->end;
    image->batch_first = image->first;
    image->heal_first = image->first;
    image->heal_last = image->first - 1;
    *out_verdict = RAFT_SEGMENT_CORRUPT;
    if (image->is_later || !joins(trail, image)) {
        return RAFT_OK;
    }
    for (;;) {
        struct raft_record record;
        bool has_id = false;
        raft_index index = trail->last.index + 1;
        enum finding found = look(image, index, &record, &has_id);
        bool is_whole = found == FOUND_H_P;
        if (found == FOUND_NOTHING) {
            bool is_hole = is_followed(storage, trail, image, index);
            *out_verdict = is_hole ? RAFT_SEGMENT_HOLED : RAFT_SEGMENT_GOOD;
            return RAFT_OK;
        }
        if (found == FOUND_H && !has_next && !is_followed(storage, trail, image, index)) {
            *out_verdict = RAFT_SEGMENT_GOOD;
            return RAFT_OK;
        }
        if (found == FOUND_CONTRADICTION ||
            !continues(trail, &record, is_whole, batch, batch_first)) {
            return RAFT_OK;
        }
        enum raft_status status = take_record(storage, trail, &record);
        if (status != RAFT_OK) {
            return status;
        }
        batch = record.batch;
        batch_first = record.batch_first;
        if (batch > storage->batch_last) {
            storage->batch_last = batch;
        }
        pass(image, &record, is_whole, has_id);
    }
}
