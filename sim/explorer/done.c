/* Done: a set of executions, by a hash of what makes one.
 *
 * 1. Two executions with equal scenario, parameters, seed and plan are one. With 63 bits, two
 *    different ones among a hundred million are taken for one with a chance of one in 2000.
 * 2. The lowest bit of a key says whether the execution failed: once it did, it has. */
#include "done.h"

#include <assert.h>
#include <sim/random.h>
#include <stdlib.h>
#include <string.h>

#define HAS_FAILED UINT64_C(1)

static uint64_t key_of(const char *scenario, const char *parameters, uint64_t seed,
                       const char *plan)
{
    uint64_t key = sim_hash(scenario, strlen(scenario), seed);
    key = sim_hash(parameters, strlen(parameters), key);
    return sim_hash(plan, strlen(plan), key) & ~HAS_FAILED;
}

bool sim_done_add(struct sim_done *done, const char *scenario, const char *parameters,
                  uint64_t seed, const char *plan, bool has_failed)
{
    if (done->count == done->capacity) {
        size_t capacity = done->capacity == 0 ? 1024 : done->capacity * 2;
        uint64_t *keys = realloc(done->keys, capacity * sizeof *keys);
        if (keys == NULL) {
            return false;
        }
        done->keys = keys;
        done->capacity = capacity;
    }
    done->keys[done->count++] =
        key_of(scenario, parameters, seed, plan) | (has_failed ? HAS_FAILED : 0);
    return true;
}

static int key_compare(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left;
    uint64_t b = *(const uint64_t *)right;
    return a < b ? -1 : a > b;
}

void sim_done_seal(struct sim_done *done)
{
    size_t kept = 0;
    if (done->count > 1) {
        qsort(done->keys, done->count, sizeof done->keys[0], key_compare);
    }
    for (size_t i = 0; i < done->count; i++) {
        if (kept == 0 || (done->keys[kept - 1] | HAS_FAILED) != (done->keys[i] | HAS_FAILED)) {
            kept++;
        }
        done->keys[kept - 1] = done->keys[i];
    }
    done->count = kept;
}

/* Whatever the last bits. */
static int execution_compare(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left | HAS_FAILED;
    uint64_t b = *(const uint64_t *)right | HAS_FAILED;
    return a < b ? -1 : a > b;
}

enum sim_done_state sim_done_find(const struct sim_done *done, const char *scenario,
                                  const char *parameters, uint64_t seed, const char *plan)
{
    if (done == NULL || done->count == 0) {
        return SIM_DONE_NOT;
    }
    uint64_t key = key_of(scenario, parameters, seed, plan);
    const uint64_t *found = bsearch(&key, done->keys, done->count, sizeof key, execution_compare);
    if (found == NULL) {
        return SIM_DONE_NOT;
    }
    return (*found & HAS_FAILED) != 0 ? SIM_DONE_FAILED : SIM_DONE_PASSED;
}

void sim_done_release(struct sim_done *done)
{
    free(done->keys);
    *done = (struct sim_done){0};
}
