/* Plans: printing and parsing.
 *
 *     plan  := shot (';' shot)?
 *     shot  := point '#' occurrence '=' outcome '!'?
 *            | place '#' occurrence '=' deed (':' detail)?
 *     place := "io.submit" | "io.done" | "message" | "event"
 *
 * Occurrences are counted over the whole run and all nodes.
 *
 * 1. What is printed is parsed to the same plan.
 * 2. A parsed shot names a point of the registry and an outcome which that point declares, or a
 *    place and a deed that is possible there. */
#include "plan.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const places[SIM_SHOT_PLACE_COUNT] = {
    [SIM_SHOT_SUBMIT] = "io.submit",
    [SIM_SHOT_DONE] = "io.done",
    [SIM_SHOT_MESSAGE] = "message",
    [SIM_SHOT_EVENT] = "event",
};

static const char *const deeds[SIM_SHOT_DEED_COUNT] = {
    [SIM_SHOT_CRASH_BEFORE] = "crash_before",
    [SIM_SHOT_CRASH_AFTER] = "crash_after",
    [SIM_SHOT_DROP] = "drop",
    [SIM_SHOT_DUPLICATE] = "duplicate",
    [SIM_SHOT_DELAY] = "delay",
    [SIM_SHOT_STOP] = "stop",
};

static const char *const damages[] = {
    [SIM_DISK_CUT] = "cut", [SIM_DISK_ZERO] = "zero", [SIM_DISK_FLIP] = "flip"};
#define DAMAGE_COUNT (sizeof damages / sizeof damages[0])

static bool is_crash(enum sim_shot_deed deed)
{
    return deed == SIM_SHOT_CRASH_BEFORE || deed == SIM_SHOT_CRASH_AFTER;
}

/* ---- printing ---- */

static void detail_print(const struct sim_shot *shot, char *text, size_t text_size)
{
    text[0] = '\0';
    if (shot->deed == SIM_SHOT_STOP) {
        snprintf(text, text_size, ":%u", shot->node);
    } else if (shot->deed == SIM_SHOT_DUPLICATE || shot->deed == SIM_SHOT_DELAY) {
        snprintf(text, text_size, ":%llu", (unsigned long long)shot->delay_ns);
    } else if (is_crash(shot->deed) && shot->image.damage == SIM_DISK_PIECES) {
        snprintf(text, text_size, ":0x%llx", (unsigned long long)shot->image.kept);
    } else if (is_crash(shot->deed)) {
        snprintf(text, text_size, ":%s@%u", damages[shot->image.damage], shot->image.byte);
    }
}

static void shot_print(const struct sut_ops *sut, const struct sim_shot *shot, char *text,
                       size_t text_size)
{
    char detail[64];
    assert(shot->occurrence != 0);
    if (shot->place == SIM_SHOT_POINT) {
        snprintf(text, text_size, "%s#%llu=%s%s", sim_point_info(sut, shot->point)->name,
                 (unsigned long long)shot->occurrence, sim_fault_outcome_string(shot->outcome),
                 shot->persistent ? "!" : "");
        return;
    }
    detail_print(shot, detail, sizeof detail);
    snprintf(text, text_size, "%s#%llu=%s%s", places[shot->place],
             (unsigned long long)shot->occurrence, deeds[shot->deed], detail);
}

void sim_plan_print(const struct sut_ops *sut, const struct sim_plan *plan, char *text,
                    size_t text_size)
{
    assert(text_size > 1);
    text[0] = '\0';
    if (plan->first.occurrence == 0) {
        return;
    }
    shot_print(sut, &plan->first, text, text_size);
    if (plan->second.occurrence != 0) {
        size_t used = strlen(text);
        assert(used + 1 < text_size);
        text[used++] = ';';
        shot_print(sut, &plan->second, text + used, text_size - used);
    }
}

/* ---- parsing ---- */

/* One shot that is being read, and where messages go. */
struct reader {
    const struct sut_ops *sut;
    const char *text; /* the shot */
    char name[SIM_NAME_MAX];
    char rest[SIM_NAME_MAX]; /* behind '=' */
    char *error;
    size_t error_size;
};

__attribute__((format(printf, 2, 3))) static bool refuse(const struct reader *reader,
                                                         const char *format, ...)
{
    va_list arguments;
    int used = snprintf(reader->error, reader->error_size, "plan '%s': ", reader->text);
    if (used > 0 && (size_t)used < reader->error_size) {
        va_start(arguments, format);
        vsnprintf(reader->error + used, reader->error_size - (size_t)used, format, arguments);
        va_end(arguments);
    }
    return false;
}

/* The outcome with this name among those that a point declares. */
static bool outcome_find(const struct raft_point_info *info, const char *name,
                         enum raft_outcome *out_outcome)
{
    for (uint32_t i = 0; i < RAFT_OUTCOME_COUNT; i++) {
        if ((info->outcomes & (1u << i)) != 0 &&
            strcmp(sim_fault_outcome_string((enum raft_outcome)i), name) == 0) {
            *out_outcome = (enum raft_outcome)i;
            return true;
        }
    }
    return false;
}

static void outcomes_list(const struct raft_point_info *info, char *text, size_t text_size)
{
    size_t used = 0;
    text[0] = '\0';
    for (uint32_t i = 0; i < RAFT_OUTCOME_COUNT; i++) {
        if ((info->outcomes & (1u << i)) != 0 && used < text_size) {
            int written = snprintf(text + used, text_size - used, "%s%s", used == 0 ? "" : ", ",
                                   sim_fault_outcome_string((enum raft_outcome)i));
            used += written > 0 ? (size_t)written : 0;
        }
    }
}

static bool point_read(struct reader *reader, struct sim_shot *shot)
{
    size_t length = strlen(reader->rest);
    if (length > 0 && reader->rest[length - 1] == '!') {
        shot->persistent = true;
        reader->rest[length - 1] = '\0';
    }
    int point = sim_point_find(reader->sut, reader->name);
    if (point < 0) {
        return refuse(reader, "there is no fault point '%s'; list them with 'squall points'",
                      reader->name);
    }
    shot->point = (uint32_t)point;
    const struct raft_point_info *info = sim_point_info(reader->sut, shot->point);
    if (!outcome_find(info, reader->rest, &shot->outcome)) {
        char known[256];
        outcomes_list(info, known, sizeof known);
        return refuse(reader, "%s has no outcome '%s'; it has: %s", reader->name, reader->rest,
                      known[0] == '\0' ? "none, it is only counted" : known);
    }
    return true;
}

/* A whole text as a number; base as in strtoull. */
static bool count_read(const char *text, int base, uint64_t most, uint64_t *out_count)
{
    char *end = NULL;
    bool is_digit = text[0] >= '0' && text[0] <= '9';
    *out_count = is_digit ? strtoull(text, &end, base) : 0;
    return is_digit && *end == '\0' && *out_count <= most;
}

static bool image_read(const struct reader *reader, const char *detail,
                       struct sim_disk_image *image)
{
    uint64_t byte = 0;
    const char *at = strchr(detail, '@');
    if (at == NULL && strncmp(detail, "0x", 2) == 0 &&
        count_read(detail, 16, UINT64_MAX, &image->kept)) {
        return true;
    }
    for (uint32_t i = SIM_DISK_CUT; at != NULL && i < DAMAGE_COUNT; i++) {
        if (strlen(damages[i]) == (size_t)(at - detail) &&
            strncmp(detail, damages[i], (size_t)(at - detail)) == 0 &&
            count_read(at + 1, 10, UINT32_MAX, &byte)) {
            image->damage = (enum sim_disk_damage)i;
            image->byte = (uint32_t)byte;
            return true;
        }
    }
    return refuse(reader,
                  "what the crash leaves is written as 0x5 (the bits of what is kept), cut@37, "
                  "zero@37 or flip@37");
}

static bool is_possible(enum sim_shot_place place, enum sim_shot_deed deed)
{
    if (place == SIM_SHOT_EVENT) {
        return deed == SIM_SHOT_STOP;
    }
    return is_crash(deed) || (place == SIM_SHOT_MESSAGE && deed != SIM_SHOT_STOP);
}

static bool deed_read(struct reader *reader, struct sim_shot *shot)
{
    char *detail = strchr(reader->rest, ':');
    uint64_t node = 0;
    if (detail != NULL) {
        *detail++ = '\0';
    }
    uint32_t deed = 0;
    while (deed < SIM_SHOT_DEED_COUNT && strcmp(deeds[deed], reader->rest) != 0) {
        deed++;
    }
    if (deed == SIM_SHOT_DEED_COUNT || !is_possible(shot->place, (enum sim_shot_deed)deed)) {
        return refuse(reader, "'%s' cannot be done at %s", reader->rest, reader->name);
    }
    shot->deed = (enum sim_shot_deed)deed;
    if (is_crash(shot->deed)) {
        return image_read(reader, detail == NULL ? "" : detail, &shot->image);
    }
    if (shot->deed == SIM_SHOT_DROP) {
        return detail == NULL || refuse(reader, "drop takes nothing behind it");
    }
    if (shot->deed == SIM_SHOT_STOP) {
        shot->node = 0;
        if (detail == NULL || !count_read(detail, 10, SIM_NODES_MAX - 1, &node) || node == 0) {
            return refuse(reader, "stop needs a node, as in event#400=stop:2");
        }
        shot->node = (uint32_t)node;
        return true;
    }
    return (detail != NULL && count_read(detail, 10, UINT64_MAX / 2, &shot->delay_ns)) ||
           refuse(reader, "%s needs a time in nanoseconds, as in message#8=delay:20000000",
                  deeds[deed]);
}

static bool shot_read(struct reader *reader, struct sim_shot *out_shot)
{
    const char *hash = strchr(reader->text, '#');
    const char *equals = strchr(reader->text, '=');
    struct sim_shot shot = {0};
    if (hash == NULL || equals == NULL || equals < hash ||
        (size_t)(hash - reader->text) >= sizeof reader->name ||
        strlen(equals + 1) >= sizeof reader->rest || hash[1] < '1' || hash[1] > '9') {
        return refuse(reader, "write it as point#occurrence=outcome, as in "
                              "log.append.write#3=eio, with ! at the end for every consultation "
                              "from that one on");
    }
    memcpy(reader->name, reader->text, (size_t)(hash - reader->text));
    reader->name[hash - reader->text] = '\0';
    memcpy(reader->rest, equals + 1, strlen(equals + 1) + 1);
    char *end = NULL;
    shot.occurrence = strtoull(hash + 1, &end, 10);
    if (end != equals || shot.occurrence == UINT64_MAX) {
        return refuse(reader, "the occurrence must be a number from 1");
    }
    for (uint32_t i = SIM_SHOT_SUBMIT; i < SIM_SHOT_PLACE_COUNT; i++) {
        if (strcmp(reader->name, places[i]) == 0) {
            shot.place = (enum sim_shot_place)i;
        }
    }
    if (shot.place == SIM_SHOT_POINT ? !point_read(reader, &shot) : !deed_read(reader, &shot)) {
        return false;
    }
    *out_shot = shot;
    return true;
}

bool sim_plan_parse(const struct sut_ops *sut, const char *text, struct sim_plan *out_plan,
                    char *error, size_t error_size)
{
    char first[SIM_TEXT_MAX];
    struct sim_plan plan = {0};
    struct reader reader = {.sut = sut, .text = text, .error = error, .error_size = error_size};
    const char *semicolon = strchr(text, ';');
    if (text[0] == '\0') {
        *out_plan = plan;
        return true;
    }
    if (strlen(text) >= sizeof first) {
        snprintf(error, error_size, "the plan is too long");
        return false;
    }
    snprintf(first, sizeof first, "%s", text);
    if (semicolon != NULL) {
        first[semicolon - text] = '\0';
    }
    reader.text = first;
    if (!shot_read(&reader, &plan.first)) {
        return false;
    }
    reader.text = semicolon == NULL ? "" : semicolon + 1;
    if (semicolon != NULL && !shot_read(&reader, &plan.second)) {
        return false;
    }
    if (plan.second.place != SIM_SHOT_POINT) {
        return refuse(&reader, "the second fault of a pair must be one of a fault point");
    }
    *out_plan = plan;
    return true;
}

void sim_plan_arm(const struct sim_plan *plan, struct sim_faults *faults)
{
    assert(faults->shot.fired == 0 && faults->second.fired == 0);
    faults->shot = plan->first;
    faults->second = plan->second;
}
