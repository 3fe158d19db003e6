/* Words: command lines that can be pasted into a shell, and numbers that fit a column.
 *
 * 1. A command printed here, pasted where this one was typed, does the same run again. */
#include "recorder.h"

#include <assert.h>
#include <string.h>

static bool is_plain(const char *word)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "_-./:=,+@%";
    return word[0] != '\0' && strspn(word, plain) == strlen(word);
}

static void text_append(char *text, size_t text_size, const char *more, size_t length)
{
    size_t used = strlen(text);
    assert(used < text_size);
    if (length > text_size - 1 - used) {
        length = text_size - 1 - used;
    }
    memcpy(text + used, more, length);
    text[used + length] = '\0';
}

void cli_word_append(char *text, size_t text_size, const char *word)
{
    if (text[0] != '\0') {
        text_append(text, text_size, " ", 1);
    }
    if (is_plain(word)) {
        text_append(text, text_size, word, strlen(word));
        return;
    }
    text_append(text, text_size, "'", 1);
    while (*word != '\0') {
        size_t length = strcspn(word, "'");
        text_append(text, text_size, word, length);
        word += length;
        if (*word == '\'') {
            text_append(text, text_size, "'\\''", 4);
            word++;
        }
    }
    text_append(text, text_size, "'", 1);
}

void cli_replay_command(const struct cli_options *options, const char *file, const char *parameters,
                        const struct sim_execution *execution, char *text, size_t text_size)
{
    char word[4096];
    enum sim_profile_kind profile = sim_profile_of_scenario(execution->scenario);
    text[0] = '\0';
    cli_word_append(text, text_size, options->program);
    cli_word_append(text, text_size, "replay");
    if (profile != SIM_PROFILE_NONE) {
        cli_word_append(text, text_size, "--profile");
        snprintf(word, sizeof word, "%s", sim_profile_string(profile));
    } else {
        snprintf(word, sizeof word, "%s:%s", file, execution->scenario);
    }
    cli_word_append(text, text_size, word);
    snprintf(word, sizeof word, "%llu", (unsigned long long)execution->seed);
    cli_word_append(text, text_size, "--seed");
    cli_word_append(text, text_size, word);
    for (const char *at = parameters; *at != '\0';) {
        size_t length = strcspn(at, " ");
        snprintf(word, sizeof word, "%.*s", (int)length, at);
        cli_word_append(text, text_size, "--set");
        cli_word_append(text, text_size, word);
        at += length;
        at += strspn(at, " ");
    }
    if (execution->plan[0] != '\0') {
        cli_word_append(text, text_size, "--plan");
        cli_word_append(text, text_size, execution->plan);
    }
    if (options->sut != NULL) {
        cli_word_append(text, text_size, "--sut");
        cli_word_append(text, text_size, options->sut);
    }
    if (options->sut_next != NULL) {
        cli_word_append(text, text_size, "--sut-next");
        cli_word_append(text, text_size, options->sut_next);
    }
}

void cli_count_print(uint64_t count, char *text, size_t text_size)
{
    static const char units[] = " kMGTPE";
    uint64_t whole = count;
    uint64_t tenths = 0;
    uint32_t unit = 0;
    while (whole >= 10000 || (unit > 0 && whole >= 1000)) {
        tenths = whole % 1000 / 100;
        whole /= 1000;
        unit++;
    }
    assert(unit < sizeof units - 1);
    if (unit == 0) {
        snprintf(text, text_size, "%llu", (unsigned long long)whole);
    } else if (whole >= 100) {
        snprintf(text, text_size, "%llu%c", (unsigned long long)whole, units[unit]);
    } else {
        snprintf(text, text_size, "%llu.%llu%c", (unsigned long long)whole,
                 (unsigned long long)tenths, units[unit]);
    }
}
