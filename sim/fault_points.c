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
    assert(point < sim_point_count(sut));
    return point < sut->point_count ? &sut->points[point] : &world_points[point - sut->point_count];
}

int sim_point_find(const struct sut_ops *sut, const char *name)
{
    for (uint32_t i = 0; i < sim_point_count(sut); i++) {
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
