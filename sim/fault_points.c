/* The fault points by number and by name: those of the implementation under test first, then the
 * world's own; and the words for what may happen there. */
#include "fault.h"

#include <assert.h>
#include <string.h>

static const struct raft_point_info world_points[SIM_WORLD_POINT_COUNT] = {
    [SIM_POINT_DISK_OPEN] = {"disk.open", RAFT_POINT_FILE, RAFT_OUTCOMES_SYNC, "any open"},
    [SIM_POINT_DISK_CREATE] = {"disk.create", RAFT_POINT_FILE, RAFT_OUTCOMES_META, "any create"},
    [SIM_POINT_DISK_READ] = {"disk.read", RAFT_POINT_FILE, RAFT_OUTCOMES_READ, "any read"},
    [SIM_POINT_DISK_WRITE] = {"disk.write", RAFT_POINT_FILE, RAFT_OUTCOMES_WRITE, "any write"},
    [SIM_POINT_DISK_SYNC] = {"disk.sync", RAFT_POINT_FILE, RAFT_OUTCOMES_SYNC,
                             "any sync of a file"},
    [SIM_POINT_DISK_TRUNCATE] = {"disk.truncate", RAFT_POINT_FILE, RAFT_OUTCOMES_META,
                                 "any truncation"},
    [SIM_POINT_DISK_CLOSE] = {"disk.close", RAFT_POINT_FILE, RAFT_OUTCOMES_SYNC, "any close"},
    [SIM_POINT_DISK_UNLINK] = {"disk.unlink", RAFT_POINT_FILE, RAFT_OUTCOMES_SYNC, "any unlink"},
    [SIM_POINT_DISK_RENAME] = {"disk.rename", RAFT_POINT_FILE, RAFT_OUTCOMES_META, "any rename"},
    [SIM_POINT_DISK_SYNC_DIR] = {"disk.sync_dir", RAFT_POINT_FILE, RAFT_OUTCOMES_SYNC,
                                 "any sync of the directory"},
    [SIM_POINT_DISK_LIST] = {"disk.list", RAFT_POINT_FILE, 1u << RAFT_OUTCOME_EIO,
                             "any listing of the directory"},
    [SIM_POINT_MEMORY_ALLOC] = {"memory.alloc", RAFT_POINT_MEMORY, RAFT_OUTCOMES_MEMORY,
                                "any allocation"},
};

/* By enum sim_shot_place, without points. */
static const struct raft_point_info instants[SIM_SHOT_PLACE_COUNT] = {
    [SIM_SHOT_SUBMIT] = {"instant.submit", RAFT_POINT_FILE, RAFT_OUTCOMES_NONE,
                         "a node hands an operation to its disk"},
    [SIM_SHOT_DONE] = {"instant.done", RAFT_POINT_FILE, RAFT_OUTCOMES_NONE,
                       "an operation of the disk is done"},
    [SIM_SHOT_MESSAGE] = {"instant.message", RAFT_POINT_QUEUE, RAFT_OUTCOMES_NONE,
                          "a message leaves a node"},
    [SIM_SHOT_EVENT] = {"instant.event", RAFT_POINT_QUEUE, RAFT_OUTCOMES_NONE,
                        "an event of the run is over"},
};
_Static_assert(SIM_SHOT_POINT == 0, "instants are numbered behind it");

static const struct raft_point_info mishaps[SIM_MISHAP_COUNT] = {
    [SIM_MISHAP_CRASH] = {"node.crash", RAFT_POINT_QUEUE, RAFT_OUTCOMES_NONE, "a process dies"},
    [SIM_MISHAP_RETIRE] = {"node.retire", RAFT_POINT_QUEUE, RAFT_OUTCOMES_NONE,
                           "a machine is lost for good"},
    [SIM_MISHAP_PAUSE] = {"node.pause", RAFT_POINT_QUEUE, RAFT_OUTCOMES_NONE,
                          "a process stands still while time goes on"},
    [SIM_MISHAP_WIPE] = {"node.wipe", RAFT_POINT_FILE, RAFT_OUTCOMES_NONE, "a store is lost"},
    [SIM_MISHAP_RESTORE] = {"node.restore", RAFT_POINT_FILE, RAFT_OUTCOMES_NONE,
                            "another copy is put in place of a store"},
    [SIM_MISHAP_REMOVE] = {"disk.remove", RAFT_POINT_FILE, RAFT_OUTCOMES_NONE, "a file is lost"},
    [SIM_MISHAP_ROT] = {"disk.rot", RAFT_POINT_FILE, RAFT_OUTCOMES_NONE, "durable bits flip"},
    [SIM_MISHAP_FULL] = {"disk.full", RAFT_POINT_FILE, RAFT_OUTCOMES_NONE,
                         "a write is beyond the quota"},
    [SIM_MISHAP_MEMORY] = {"memory.limit", RAFT_POINT_MEMORY, RAFT_OUTCOMES_NONE,
                           "an allocation is beyond the budget"},
    [SIM_MISHAP_JUMP] = {"clock.jump", RAFT_POINT_QUEUE, RAFT_OUTCOMES_NONE, "a clock jumps"},
    [SIM_MISHAP_DRIFT] = {"clock.drift", RAFT_POINT_QUEUE, RAFT_OUTCOMES_NONE,
                          "a clock goes at another rate, or stands still"},
    [SIM_MISHAP_LATE] = {"clock.late", RAFT_POINT_QUEUE, RAFT_OUTCOMES_NONE, "a timer is late"},
    [SIM_MISHAP_CUT] = {"network.cut", RAFT_POINT_QUEUE, RAFT_OUTCOMES_NONE,
                        "a message meets a cut link"},
    [SIM_MISHAP_LOSS] = {"network.loss", RAFT_POINT_QUEUE, RAFT_OUTCOMES_NONE, "a message is lost"},
    [SIM_MISHAP_HOLD] = {"network.hold", RAFT_POINT_QUEUE, RAFT_OUTCOMES_NONE,
                         "a message is held back"},
    [SIM_MISHAP_DELAY] = {"network.delay", RAFT_POINT_QUEUE, RAFT_OUTCOMES_NONE,
                          "a rule makes a message late"},
    [SIM_MISHAP_DAMAGE] = {"network.damage", RAFT_POINT_QUEUE, RAFT_OUTCOMES_NONE,
                           "a message loses a part, or a bit of it flips"},
    [SIM_MISHAP_TWICE] = {"network.twice", RAFT_POINT_QUEUE, RAFT_OUTCOMES_NONE,
                          "a message comes twice"},
};

const char *sim_counted_string(uint32_t counted)
{
    switch (counted) {
    case SIM_COUNTED_DELAY:
        return "delay";
    case SIM_COUNTED_CRASH:
        return "crash";
    case SIM_COUNTED_LOST:
        return "lost";
    case SIM_COUNTED_MISDIRECTED:
        return "misdirected";
    case SIM_COUNTED_TWICE:
        return "twice";
    case SIM_COUNTED_STOP:
        return "stop";
    case SIM_COUNTED_HAPPENED:
        return "happened";
    default:
        return sim_fault_outcome_string((enum raft_outcome)counted);
    }
}

const char *sim_fault_outcome_string(enum raft_outcome outcome)
{
    switch (outcome) {
    case RAFT_OUTCOME_NULL:
        return "null";
    case RAFT_OUTCOME_EIO:
        return "eio";
    case RAFT_OUTCOME_ENOSPC:
        return "enospc";
    case RAFT_OUTCOME_SHORT:
        return "short";
    case RAFT_OUTCOME_REFUSE:
        return "refuse";
    case RAFT_OUTCOME_ERROR:
        return "error";
    case RAFT_OUTCOME_TAKE:
        return "take";
    case RAFT_OUTCOME_CRASH_BEFORE:
        return "crash_before";
    case RAFT_OUTCOME_CRASH_AFTER:
        return "crash_after";
    case RAFT_OUTCOME_COUNT:
        break;
    }
    assert(!"not an outcome");
    return NULL;
}

const char *sim_fault_kind_string(enum raft_point_kind kind)
{
    switch (kind) {
    case RAFT_POINT_MEMORY:
        return "memory";
    case RAFT_POINT_FILE:
        return "file";
    case RAFT_POINT_QUEUE:
        return "queue";
    case RAFT_POINT_MACHINE:
        return "machine";
    case RAFT_POINT_EXIT:
        return "exit";
    case RAFT_POINT_KIND_COUNT:
        break;
    }
    assert(!"not a kind");
    return NULL;
}

/* ---- the registry ---- */

uint32_t sim_point_count(const struct sut_ops *sut)
{
    return sut->point_count + SIM_WORLD_POINT_COUNT;
}

const struct raft_point_info *sim_point_info(const struct sut_ops *sut, uint32_t point)
{
    uint32_t count = sim_point_count(sut);
    assert(point < count + SIM_UNARMED_COUNT);
    return point < sut->point_count            ? &sut->points[point]
           : point < count                     ? &world_points[point - sut->point_count]
           : point < count + SIM_INSTANT_COUNT ? &instants[point - count + 1]
                                               : &mishaps[point - count - SIM_INSTANT_COUNT];
}

uint32_t sim_shot_point(const struct sut_ops *sut, const struct sim_shot *shot)
{
    assert((unsigned)shot->place < SIM_SHOT_PLACE_COUNT);
    return shot->place == SIM_SHOT_POINT ? shot->point
                                         : sim_point_count(sut) + (uint32_t)shot->place - 1;
}

uint32_t sim_shot_counted(const struct sim_shot *shot)
{
    if (shot->place == SIM_SHOT_POINT) {
        return (uint32_t)shot->outcome;
    }
    switch (shot->deed) {
    case SIM_SHOT_CRASH_BEFORE:
        return RAFT_OUTCOME_CRASH_BEFORE;
    case SIM_SHOT_CRASH_AFTER:
        return RAFT_OUTCOME_CRASH_AFTER;
    case SIM_SHOT_DROP:
        return SIM_COUNTED_LOST;
    case SIM_SHOT_DUPLICATE:
        return SIM_COUNTED_TWICE;
    case SIM_SHOT_DELAY:
        return SIM_COUNTED_DELAY;
    case SIM_SHOT_STOP:
        return SIM_COUNTED_STOP;
    case SIM_SHOT_DEED_COUNT:
        break;
    }
    assert(!"not a deed");
    return SIM_COUNTED_COUNT;
}

int sim_point_find(const struct sut_ops *sut, const char *name)
{
    for (uint32_t i = 0; i < sim_point_count(sut) + SIM_UNARMED_COUNT; i++) {
        if (strcmp(sim_point_info(sut, i)->name, name) == 0) {
            return (int)i;
        }
    }
    return -1;
}

bool sim_point_matches(const char *pattern, const char *name)
{
    if (strncmp(pattern, "**", 2) == 0) {
        for (const char *rest = name;; rest++) {
            if (sim_point_matches(pattern + 2, rest)) {
                return true;
            }
            if (*rest == 0) {
                return false;
            }
        }
    }
    if (*pattern == '*') {
        for (const char *rest = name;; rest++) {
            if (sim_point_matches(pattern + 1, rest)) {
                return true;
            }
            if (*rest == 0 || *rest == '.') {
                return false;
            }
        }
    }
    if (*pattern != *name) {
        return false;
    }
    return *name == 0 || sim_point_matches(pattern + 1, name + 1);
}
