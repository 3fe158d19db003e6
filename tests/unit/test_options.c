/* The command line: what is accepted, and what is said about what is not. */
#include "unit.h"

#include <sim/cli/recorder.h>
#include <string.h>

static char error[SIM_TEXT_MAX];

/* Parses "squall" and the words of a line, which may be quoted by nothing. */
static bool parse(struct cli_options *options, const char *line)
{
    static char text[512];
    static char *words[32];
    int count = 0;
    snprintf(text, sizeof text, "squall %s", line);
    for (char *word = strtok(text, " "); word != NULL; word = strtok(NULL, " ")) {
        words[count++] = word;
    }
    error[0] = '\0';
    return cli_options_parse(options, count, words, error, sizeof error);
}

START_TEST(options_and_arguments_may_be_mixed)
{
    struct cli_options options;
    ck_assert(parse(&options, "run a.lua --seeds 3..9 b.lua --jobs=2"));
    ck_assert_int_eq(options.command, CLI_RUN);
    ck_assert_int_eq(options.argument_count, 2);
    ck_assert_str_eq(options.arguments[0], "a.lua");
    ck_assert_str_eq(options.arguments[1], "b.lua");
    ck_assert_uint_eq(options.seed_first, 3);
    ck_assert_uint_eq(options.seed_last, 9);
    ck_assert_uint_eq(options.jobs, 2);
}
END_TEST

START_TEST(value_may_stand_directly_behind_a_letter)
{
    struct cli_options options;
    ck_assert(parse(&options, "run a.lua -j2"));
    ck_assert_uint_eq(options.jobs, 2);
    ck_assert(parse(&options, "run a.lua -j=3"));
    ck_assert_uint_eq(options.jobs, 3);
    ck_assert(parse(&options, "run a.lua -j 4"));
    ck_assert_uint_eq(options.jobs, 4);
}
END_TEST

START_TEST(leading_zero_is_no_octal)
{
    struct cli_options options;
    ck_assert(parse(&options, "run a.lua --seed 010 --fill 0x0f"));
    ck_assert_uint_eq(options.seed_first, 10);
    ck_assert_uint_eq(options.fill, 15);
}
END_TEST

START_TEST(campaign_without_an_end_has_a_time)
{
    struct cli_options options;
    ck_assert(parse(&options, "run --profile nasty --for 30m --until-finding"));
    ck_assert_int_eq(options.profile, SIM_PROFILE_NASTY);
    ck_assert_uint_eq(options.for_s, 1800);
    ck_assert(options.until_finding);
}
END_TEST

START_TEST(what_follows_two_dashes_is_an_argument)
{
    struct cli_options options;
    ck_assert(parse(&options, "run -- --seed"));
    ck_assert_int_eq(options.argument_count, 1);
    ck_assert_str_eq(options.arguments[0], "--seed");
}
END_TEST

START_TEST(one_seed_is_a_range_of_one)
{
    struct cli_options options;
    ck_assert(parse(&options, "run a.lua --seed 7"));
    ck_assert(options.has_seeds);
    ck_assert_uint_eq(options.seed_first, 7);
    ck_assert_uint_eq(options.seed_last, 7);
}
END_TEST

START_TEST(parameters_are_collected)
{
    struct cli_options options;
    ck_assert(parse(&options, "run a.lua --set loss=0.1 --set n=3"));
    ck_assert_str_eq(options.parameters, "loss=0.1 n=3");
}
END_TEST

static const struct {
    const char *line;
    const char *message; /* must be contained */
} mistakes[] = {
    {"rum a.lua", "unknown command 'rum' (did you mean 'run'?)"},
    {"run --sedes 3", "unknown option '--sedes' (did you mean '--seeds'?)"},
    {"run --exhaustive", "'squall run' has no option --exhaustive; it belongs to: squall sweep"},
    {"run --seeds 9..3", "is empty"},
    {"run --seeds 1...3", "'.3' is not a number"},
    {"run --seed x", "'x' is not a number between 0 and"},
    {"run --seed 9007199254740992", "is not a number between 0 and 9007199254740991"},
    {"run --seed", "--seed needs a value"},
    {"run --profile swrm", "(did you mean 'swarm'?)"},
    {"run --for 8", "write 90s, 30m or 8h"},
    {"run --for 1d", "write 90s, 30m or 8h"},
    {"sweep --until-finding", "it belongs to: squall run, squall verify"},
    {"run --jobs 0", "'0' is not a number between 1 and 256"},
    {"run --set loss", "'loss' is not name=value"},
    {"run --no-db=1", "--no-db takes no value"},
    {"run --db x.db --no-db", "contradict"},
    {"report --jobs 3", "'squall report' has no option --jobs"},
};

START_TEST(each_mistake_has_its_message)
{
    struct cli_options options;
    ck_assert_msg(!parse(&options, mistakes[_i].line), "accepted: %s", mistakes[_i].line);
    ck_assert_msg(strstr(error, mistakes[_i].message) != NULL, "'%s' says: %s", mistakes[_i].line,
                  error);
}
END_TEST

START_TEST(suggests_nothing_that_is_far_away)
{
    const char *names[] = {"run", "sweep", "report"};
    ck_assert_str_eq(cli_suggest("swep", names, 3), "sweep");
    ck_assert_str_eq(cli_suggest("rpeort", names, 3), "report");
    ck_assert_ptr_null(cli_suggest("banana", names, 3));
    ck_assert_ptr_null(cli_suggest("x", names, 3));
}
END_TEST

START_TEST(words_are_quoted_for_the_shell)
{
    char text[64] = "";
    cli_word_append(text, sizeof text, "a.lua:b");
    cli_word_append(text, sizeof text, "p#3=eio!");
    cli_word_append(text, sizeof text, "it's");
    ck_assert_str_eq(text, "a.lua:b 'p#3=eio!' 'it'\\''s'");
}
END_TEST

START_TEST(replay_command_names_all_that_decides_a_run)
{
    struct cli_options options = {.program = "build/squall", .sut = "x.so"};
    struct sim_execution execution = {.seed = 7, .scenario = "s", .plan = "log.x#2=eio!"};
    char text[512];
    cli_replay_command(&options, "f.lua", "a=1 b=2", &execution, text, sizeof text);
    ck_assert_str_eq(text, "build/squall replay f.lua:s --seed 7 --set a=1 --set b=2 --plan "
                           "'log.x#2=eio!' --sut x.so");
    execution = (struct sim_execution){.seed = 7, .scenario = "profile:swarm"};
    cli_replay_command(&options, "profile:swarm", "nodes=3", &execution, text, sizeof text);
    ck_assert_str_eq(text, "build/squall replay --profile swarm --seed 7 --set nodes=3 --sut x.so");
    options.sut_next = "y.so";
    cli_replay_command(&options, "profile:swarm", "", &execution, text, sizeof text);
    ck_assert_str_eq(text,
                     "build/squall replay --profile swarm --seed 7 --sut x.so --sut-next y.so");
}
END_TEST

START_TEST(counts_fit_a_column)
{
    static const struct {
        uint64_t count;
        const char *text;
    } rows[] = {{0, "0"},         {9999, "9999"},    {10000, "10.0k"},
                {123456, "123k"}, {1500000, "1.5M"}, {UINT64_MAX, "18.4E"}};
    char text[16];
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        cli_count_print(rows[i].count, text, sizeof text);
        ck_assert_str_eq(text, rows[i].text);
    }
}
END_TEST

static Suite *options_suite(void)
{
    Suite *suite = suite_create("options");
    TCase *accepted = tcase_create("accepted");
    tcase_add_test(accepted, options_and_arguments_may_be_mixed);
    tcase_add_test(accepted, campaign_without_an_end_has_a_time);
    tcase_add_test(accepted, what_follows_two_dashes_is_an_argument);
    tcase_add_test(accepted, value_may_stand_directly_behind_a_letter);
    tcase_add_test(accepted, leading_zero_is_no_octal);
    tcase_add_test(accepted, one_seed_is_a_range_of_one);
    tcase_add_test(accepted, parameters_are_collected);
    suite_add_tcase(suite, accepted);
    TCase *refused = tcase_create("refused");
    tcase_add_loop_test(refused, each_mistake_has_its_message, 0,
                        (int)(sizeof mistakes / sizeof mistakes[0]));
    tcase_add_test(refused, suggests_nothing_that_is_far_away);
    suite_add_tcase(suite, refused);
    TCase *words = tcase_create("words");
    tcase_add_test(words, words_are_quoted_for_the_shell);
    tcase_add_test(words, replay_command_names_all_that_decides_a_run);
    tcase_add_test(words, counts_fit_a_column);
    suite_add_tcase(suite, words);
    return suite;
}

int main(void)
{
    return unit_main(options_suite());
}
