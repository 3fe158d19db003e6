/* Segments at start: from files to a log that is durable.
 *
 * What a crash may have left, and what damage looks like instead (README.md has the table):
 *
 *  1. What is whole or damaged within a segment is for segment_judge.c to say. A torn tail is cut.
 *     What was acknowledged is never cut as long as its identity is known: it comes into the log as
 *     a damaged entry.
 *  2. Where the identities of entries that were acknowledged are gone (a hole in a segment, or
 *     between two), the log ends, what lies behind is removed, and the hard state remembers
 *     RAFT_LOSS_ENTRIES from before the first change on. The same when a damaged snapshot reached
 *     further than the log does.
 *  3. A file that shows nothing of a segment was being created by the crash, if it is the last one
 *     and begins where the log ends; or it is a stray one, if it begins before that. Both are
 *     removed.
 *  4. What the snapshot covers is not needed: segments that end with its last entry or before are
 *     removed unread, front to back, and records up to it are read but not taken. The record of its
 *     last entry, or the header of the segment behind it, tells whether the log is the one that the
 *     snapshot came from. If it is another one, or if the log ends before it, the log is removed,
 *     back to front: nothing of it counts any more.
 *  5. A log that begins behind the snapshot's next entry has lost its snapshot, if a mark or a
 *     damaged file shows that there was one that reached so far: then it is kept, and begins where
 *     its first header says, behind what is committed. Otherwise its first segments are gone, which
 *     is a hole.
 *  6. Nothing is changed before everything has been read; and what is done then can be done again
 *     after a crash at any of its steps. What a snapshot covers goes when its name is durable. */
#include "segment_load.h"

#include <assert.h>
#include <string.h>

/* Where a segment stands in the log that was read so far. */
enum place {
    PLACE_NEXT,
    PLACE_STRAY,  /* it shows nothing, and nothing can be missing with it */
    PLACE_BEGINS, /* the log begins with it, behind a snapshot that is lost */
    PLACE_HOLE,   /* something before it, or all of it, is gone */
    PLACE_DOUBLE, /* it has entries that another segment has */
};

static enum place place_of(const struct raft_storage *storage, const struct raft_trail *trail,
                           const struct raft_image *image, size_t position)
{
    raft_index expected = trail->last.index + 1;
    bool is_last = position == storage->segment_count - 1;
    if (!raft_image_speaks(image)) {
        bool is_unborn = is_last && image->first == expected;
        return image->first < expected || is_unborn ? PLACE_STRAY : PLACE_HOLE;
    }
    if (image->first < expected) {
        return PLACE_DOUBLE;
    }
    if (image->first == expected) {
        return PLACE_NEXT;
    }
    bool is_first = trail->last_image == NULL;
    bool is_covered = image->first <= trail->bad + 1;
    return is_first && is_covered && image->knows_before ? PLACE_BEGINS : PLACE_HOLE;
}

/* Where reading begins: with the segment behind the snapshot's last entry, if its header tells what
 * stands there. Otherwise with the last one that may have that entry and is what its name says; a
 * file that shows nothing says nothing about where the one before it ends. */
static enum raft_status begin_trail(struct raft_storage *storage, struct raft_trail *trail)
{
    const struct raft_segment *segments = storage->segments;
    size_t begun = 0; /* segments that begin at or before it */
    while (begun < storage->segment_count && segments[begun].first <= trail->base.index) {
        begun++;
    }
    bool is_next = begun < storage->segment_count && segments[begun].first == trail->base.index + 1;
    trail->last = trail->base;
    trail->knows_term = true;
    trail->covered = begun;
    for (size_t i = begun + is_next; i > 0 && trail->ready == NULL; i--) {
        struct raft_image *image = NULL;
        enum raft_status status = raft_image_read(storage, i - 1, &image);
        if (status != RAFT_OK) {
            return status;
        }
        bool is_behind = i > begun;
        if (is_behind ? !image->knows_before : !raft_image_speaks(image)) {
            raft_image_free(storage, image);
            continue;
        }
        trail->ready = image;
        if (!is_behind) {
            trail->covered = i - 1;
            trail->last = (struct raft_entry_id){.term = 0, .index = image->first - 1};
            trail->knows_term = false;
        }
    }
    storage->offset_base = trail->last.index;
    return RAFT_OK;
}

/* The log begins behind an entry that no snapshot has. */
static void begin_behind(struct raft_storage *storage, struct raft_trail *trail,
                         const struct raft_image *image)
{
    trail->base = (struct raft_entry_id){.term = image->term_before, .index = image->first - 1};
    trail->last = trail->base;
    storage->offset_base = trail->base.index;
}

/* Keeps an image, and the one before it if that has to be mended. */
static void keep(struct raft_storage *storage, struct raft_trail *trail, struct raft_image *image)
{
    struct raft_image *before = trail->last_image;
    trail->last_image = image;
    if (before != NULL && raft_image_is_sick(before)) {
        before->next = trail->sick;
        trail->sick = before;
    } else {
        raft_image_free(storage, before);
    }
}

/* Reads and takes the segment at a position; takes the image, if it has been read. */
static enum raft_status read_segment(struct raft_storage *storage, struct raft_trail *trail,
                                     size_t position, struct raft_image *image)
{
    enum raft_verdict verdict = RAFT_SEGMENT_GOOD;
    bool has_next = position + 1 < storage->segment_count;
    enum raft_status status = image == NULL ? raft_image_read(storage, position, &image) : RAFT_OK;
    if (status != RAFT_OK) {
        return status;
    }
    enum place place = place_of(storage, trail, image, position);
    trail->is_cut = place == PLACE_HOLE;
    if (place == PLACE_BEGINS) {
        begin_behind(storage, trail, image);
    }
    if (place == PLACE_NEXT || place == PLACE_BEGINS) {
        if (trail->last_image == NULL) {
            raft_log_begin(trail->log, trail->base);
        }
        status = raft_image_take(storage, trail, image, has_next, &verdict);
    }
    bool is_corrupt = place == PLACE_DOUBLE || verdict == RAFT_SEGMENT_CORRUPT;
    if (status == RAFT_OK &&
        raft_exit_taken(storage->memory, RAFT_AT_SEGMENT_LOAD_CORRUPT, is_corrupt)) {
        status = RAFT_CORRUPT;
    }
    if (status != RAFT_OK || place == PLACE_STRAY || place == PLACE_HOLE) {
        raft_image_free(storage, image);
        return status;
    }
    trail->is_cut = verdict == RAFT_SEGMENT_HOLED;
    storage->segments[position].size = image->end;
    storage->segments[position].is_taken = true;
    keep(storage, trail, image);
    return RAFT_OK;
}

/* Reads the segments in order, up to the last one or to a hole. */
static enum raft_status read_segments(struct raft_storage *storage, struct raft_trail *trail)
{
    enum raft_status status = RAFT_OK;
    for (size_t i = trail->covered; i < storage->segment_count && !trail->is_cut; i++) {
        struct raft_image *ready = trail->ready;
        trail->ready = NULL;
        status = read_segment(storage, trail, i, ready);
        if (status != RAFT_OK) {
            break;
        }
    }
    return status;
}

static enum raft_status remove_at(struct raft_storage *storage, size_t position)
{
    enum raft_status status = raft_segment_remove(storage, position);
    if (status == RAFT_OK) {
        storage->segment_count--;
        memmove(storage->segments + position, storage->segments + position + 1,
                (storage->segment_count - position) * sizeof storage->segments[0]);
    }
    return status;
}

/* Removes the segments that were not taken, or all, so that what is left is at any time without a
 * hole: the snapshot may be lost before the next start. Covered ones go front to back, as in a
 * compaction, and the others back to front, as in a cut or a reset. */
static enum raft_status remove_segments(struct raft_storage *storage,
                                        const struct raft_trail *trail, bool all)
{
    enum raft_status status = RAFT_OK;
    for (size_t i = 0; i < trail->covered && !all && status == RAFT_OK; i++) {
        status = remove_at(storage, 0);
    }
    for (size_t i = storage->segment_count; i > 0 && status == RAFT_OK; i--) {
        if (all || !storage->segments[i - 1].is_taken) {
            status = remove_at(storage, i - 1);
        }
    }
    return status;
}

/* Removes the whole log, which the snapshot takes the place of. */
static enum raft_status reset(struct raft_storage *storage, const struct raft_trail *trail)
{
    enum raft_status status = remove_segments(storage, trail, true);
    storage->offset_base = trail->base.index;
    storage->offset_count = 0;
    return status;
}

static enum raft_status sync_names(struct raft_storage *storage)
{
    struct raft_io sync = {.op = RAFT_IO_SYNC_DIR};
    return raft_storage_run(storage, RAFT_AT_SEGMENT_SETTLE_SYNC_DIR, &sync);
}

/* The process before may have ended between the renaming of the snapshot and the sync of the
 * directory: its name must be there for good before its mark says that it was, and both before what
 * it covers goes. */
static enum raft_status keep_snapshot(struct raft_storage *storage, const struct raft_trail *trail)
{
    raft_index newest = storage->snapshot.id.index;
    newest = newest < trail->bad ? trail->bad : newest;
    if (newest == 0) {
        return RAFT_OK;
    }
    enum raft_status status = sync_names(storage);
    if (status != RAFT_OK || storage->mark == newest) {
        return status;
    }
    status = raft_mark_make(storage, newest);
    return status == RAFT_OK ? sync_names(storage) : status;
}

/* Everything has been read: what is lost is remembered. */
static enum raft_status declare(struct raft_storage *storage, const struct raft_trail *trail,
                                raft_index last)
{
    const struct raft_memory *memory = storage->memory;
    raft_term newest = trail->newest;
    newest = newest < trail->last.term ? trail->last.term : newest;
    newest = newest < trail->base.term ? trail->base.term : newest;
    newest = newest < storage->snapshot.id.term ? storage->snapshot.id.term : newest;
    bool is_older = storage->state.term < newest;
    if (raft_exit_taken(memory, RAFT_AT_STATE_LOAD_OLDER, is_older && !storage->quarantine)) {
        return RAFT_LOST_STORE;
    }
    uint32_t losses = is_older || storage->state_file == 0 ? RAFT_LOSS_PROMISES : 0;
    losses |= trail->is_cut || trail->bad > last ? RAFT_LOSS_ENTRIES : 0;
    return raft_state_lose(storage, losses, newest);
}

static enum raft_status settle(struct raft_storage *storage, const struct raft_trail *trail)
{
    bool continues_snapshot = trail->last.index >= trail->base.index && !trail->disagrees;
    raft_index last = continues_snapshot ? trail->last.index : trail->base.index;
    enum raft_status status = declare(storage, trail, last);
    if (status == RAFT_OK) {
        status = keep_snapshot(storage, trail);
    }
    if (status == RAFT_OK && !continues_snapshot) {
        return reset(storage, trail);
    }
    for (struct raft_image *image = trail->sick; image != NULL && status == RAFT_OK;
         image = image->next) {
        status = raft_image_mend(storage, image, false);
    }
    if (status == RAFT_OK && trail->last_image != NULL) {
        status = raft_image_mend(storage, trail->last_image, true);
    }
    /* What is removed may show that an entry was acknowledged, whose identity had to be mended. */
    return status == RAFT_OK ? remove_segments(storage, trail, false) : status;
}

enum raft_status raft_segments_load(struct raft_storage *storage, struct raft_log *log,
                                    raft_index bad)
{
    struct raft_trail trail = {.log = log, .base = storage->snapshot.id, .bad = bad};
    assert(storage->segment_file == 0 && storage->offset_count == 0);
    enum raft_status status = begin_trail(storage, &trail);
    if (status == RAFT_OK) {
        status = read_segments(storage, &trail);
    }
    if (status == RAFT_OK && trail.last_image == NULL) {
        raft_log_begin(log, trail.base);
    }
    if (status == RAFT_OK) {
        status = settle(storage, &trail);
    }
    while (trail.sick != NULL) {
        struct raft_image *image = trail.sick;
        trail.sick = image->next;
        raft_image_free(storage, image);
    }
    raft_image_free(storage, trail.ready);
    raft_image_free(storage, trail.last_image);
    return status;
}
