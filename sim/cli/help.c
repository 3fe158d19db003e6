/* Help texts. Each begins with examples, since that is what people copy; the rest is reference. */
#include "help.h"

#include <assert.h>

static const char overview[] =
    "squall finds the error paths of a Raft implementation that do not clean up after themselves.\n"
    "It runs Lua scenarios against a simulated cluster, fails every call that can fail, and "
    "checks\n"
    "safety and that every reference count returns to zero. Every run repeats bit for bit.\n"
    "\n"
    "  squall run scenarios                      run the library, each scenario with its own "
    "seeds\n"
    "  squall sweep scenarios/hello.lua          fail every error path of one scenario\n"
    "  squall run --profile swarm --for 8h       random clusters and faults, overnight\n"
    "  squall report squall.db -o report.html    see what was tested and what was found\n"
    "\n"
    "commands:\n"
    "  run SCENARIO…      run scenarios over seeds\n"
    "  sweep SCENARIO…    fail everything that can fail, one at a time: points, crashes, stops …\n"
    "  replay …           run one execution again and compare its hash\n"
    "  verify SCENARIO…   prove that runs repeat: other memory, restored checkpoints\n"
    "  report FILE        summary of a campaign's file, or a page with -o\n"
    "  points [PATTERN]   list the fault points\n"
    "  list SCENARIO…     list scenarios\n"
    "  check-history FILE say whether a history of clients is linearizable\n"
    "  help [COMMAND]     this text, or that of a command (also: squall COMMAND --help)\n"
    "\n"
    "SCENARIO is a .lua file, a directory (all *.lua files in it) or FILE:NAME for one scenario.\n"
    "--profile swarm takes its place for runs that are drawn at random.\n"
    "\n"
    "exit status: 0 clean, 1 findings, 2 usage or a file that cannot be used, 3 a script is "
    "wrong,\n"
    "4 nondeterminism, 5 undecided (check-history), 130 interrupted. If several apply: 130, then "
    "4, 3, 1.\n";

/* What run, sweep, verify and replay have in common. */
static const char common[] =
    "  --profile NAME     no scenario: cluster, loads and faults are drawn from the seed.\n"
    "                     calm has no faults; swarm has each class of faults on or off (15 % of "
    "the\n"
    "                     seeds none, 10 % one class at its maximum, 10 % as unrestricted); nasty\n"
    "                     has the harsh half of each; unrestricted hurts more than a minority\n"
    "  --set NAME=VALUE   a parameter of the scenario or profile; may be repeated\n"
    "  --sut FILE.so      another implementation, instead of the built-in core\n"
    "  --sut-next FILE.so a second one, which nodes are upgraded to: by n:restart{ sut = \"next\" "
    "},"
    "\n"
    "                     and in profiles when they stop in good order\n"
    "  --wall SECONDS     real time that one execution may take (default: the scenario's budget)\n"
    "  --fill BYTE        what fresh memory holds (must not matter; default 0xA5)\n"
    "  --hashes           one line per execution: scenario, seed, trace hash, state hash\n";

static const char campaign[] =
    "  --db FILE          where results go (default squall.db; an existing file is continued)\n"
    "  --no-db            keep no results\n"
    "  --tag TAG          only scenarios with this tag\n"
    "  -j, --jobs N       worker processes (default: one per processor)\n";

static const char run_text[] =
    "squall run SCENARIO… [options]\n"
    "squall run --profile NAME [options]\n"
    "\n"
    "  squall run scenarios                               the whole library\n"
    "  squall run scenarios/nemesis.lua --seeds 1..2000   many seeds of one scenario\n"
    "  squall run scenarios/hello.lua --seed 7 --transcript\n"
    "                                                     one run, event by event\n"
    "  squall run scenarios/nemesis.lua --set rounds=20   with a parameter changed\n"
    "  squall run --profile swarm --for 8h                random runs until tomorrow\n"
    "  squall run --profile nasty --until-finding         or until one of them fails\n"
    "  squall run --profile swarm --seed 7 --set loss_ppm=0 --set length_ms=60000\n"
    "\n"
    "Without --seed or --seeds each scenario runs with the seeds that it names. One seed in "
    "twenty\n"
    "is run a second time with other memory; a different hash is reported as nondeterminism.\n"
    "\n"
    "  --seed N           one seed\n"
    "  --seeds A..B       a range of seeds\n"
    "  --for TIME         new seeds until the time is over: 90s, 30m, 8h; with --seeds, at most\n"
    "                     those\n"
    "  --until-finding    new seeds until there is a finding\n"
    "                     Ctrl-C ends both in good order. A profile without --seeds takes what\n"
    "                     is missing in the file of --db, for it was under way when a campaign\n"
    "                     was ended, and goes on behind the highest seed of it (100 seeds,\n"
    "                     unless --for or --until-finding says otherwise)\n"
    "  --twins all|none   each fault that fired is judged by a run without it (masked, schedule,\n"
    "                     state, client, violation): each of scenarios, a sample of profiles; "
    "all:\n"
    "                     of profiles too; none: not at all, which is several times faster\n"
    "  --transcript       write every event on standard output; one run after the other\n"
    "  --checkpoints N    write the rolling hash on standard output every N events, and at the "
    "end\n"
    "  --fields A..B      write the fields of the rolling hash in these events (squall verify\n"
    "                     --against compares both between two builds)\n"
    "  --plan PLAN        inject one fault: point#occurrence=outcome, ! at the end for all later\n"
    "                     consultations too: 'log.append.write#3=eio!'\n";

static const char sweep_text[] =
    "squall sweep SCENARIO… [options]\n"
    "\n"
    "  squall sweep scenarios/hello.lua                        the usual selection of fault "
    "points\n"
    "  squall sweep scenarios/hello.lua --point 'segment.**'   only some points\n"
    "  squall sweep scenarios/hello.lua --exhaustive           every occurrence of every point\n"
    "  squall sweep scenarios/hello.lua --mode memory          every allocation fails\n"
    "  squall sweep scenarios/hello.lua --mode crash           a crash around every write and "
    "send\n"
    "  squall sweep scenarios/hello.lua --mode tail            every byte of the last write is "
    "torn\n"
    "  squall sweep scenarios --mode pairs --limit 2000        two faults, the second soon after\n"
    "  squall sweep scenarios --limit 200                      a bounded sweep of the library\n"
    "  squall sweep scenarios --mode disk --resume             goes on where it was killed\n"
    "\n"
    "A base run shows where something can be injected. Then it is injected there, once in each "
    "run,\n"
    "and the run goes on to its end under all checks. What was left out is counted and shown; of "
    "a\n"
    "scenario with several parameter sets the first is swept.\n"
    "\n"
    "  --mode points      the default: each fault point with each outcome that it declares, once "
    "and\n"
    "                     (but for crashes) for good\n"
    "         memory      every allocation, once and from then on for that node\n"
    "         disk        every operation of a file, with each outcome, once and for good\n"
    "         crash       the node dies before and behind every submission and completion of a "
    "file's\n"
    "                     operation and every message; of what is not synced, each subset is left\n"
    "                     (16 at most, with --exhaustive 64, then a sample). It restarts soon\n"
    "         stop        each node is asked to stop behind each event\n"
    "         tail        the node dies behind a write that is not synced; the write ends before "
    "each\n"
    "                     of its bytes, or is zero from there on, or has a bit flipped there\n"
    "         network     each message is lost, comes twice, late, or later than an election\n"
    "         pairs       a fault point, and another one within 64 events after it; a sample of "
    "4096\n"
    "                     over all kinds of pairs, or of --limit (memory and disk sweep single "
    "faults\n"
    "                     first: a process that dies of a single fault ends its sweep of pairs)\n"
    "  --seed N           the seed of the base run (default: the scenario's first)\n"
    "  --seeds A..B       a base run for each of these seeds\n"
    "  --point PATTERN    only points that match: * is one part of a name, ** any number; the\n"
    "                     world's own points (disk.*, memory.alloc) are swept only if named so\n"
    "  --exhaustive       every occurrence, and every parameter set. Else the modes points, "
    "crash,\n"
    "                     stop, tail and network take the occurrences 1, 2, 3, 4, 6, 8, 12, 16, …\n"
    "                     and the last: of a point, or of a node in a role; of tail, also of each\n"
    "                     kind of file\n"
    "  --limit N          at most N injections for a base run, shared out over the kinds of them, "
    "so\n"
    "                     that a rare one is not left out\n"
    "  --resume           leave out what the file of --db has already of the same scenario, done "
    "by\n"
    "                     this very program\n"
    "  --exact            each injection to its end; else one that has become its base run again "
    "ends\n"
    "                     there, as masked\n"
    "  --fork             a process for each injection instead of a checkpoint (for Valgrind)\n";

static const char verify_text[] =
    "squall verify SCENARIO… [options]\n"
    "\n"
    "  squall verify scenarios/nemesis.lua --seeds 1..50\n"
    "  squall verify scenarios/hello.lua --seed 7 --restores 5000\n"
    "  squall verify scenarios --against build/clang/squall\n"
    "\n"
    "Runs each seed four times: as it is; with another fill of fresh memory; with a fault armed "
    "that\n"
    "never fires; and with checkpoints restored at random events. The rolling hash is compared "
    "after every event, so a difference "
    "is\n"
    "reported with the event at which it begins, and the exit status is 4.\n"
    "\n"
    "  --seed N, --seeds A..B   as in squall run; so are --for and --until-finding\n"
    "  --restores N             checkpoints restored in one run, about (default 1000)\n"
    "  --against OTHER          runs each seed once here and once by OTHER, another build of "
    "squall\n"
    "                           or an implementation (OTHER.so), and names the first event and "
    "the\n"
    "                           first field in which they differ\n";

static const char replay_text[] =
    "squall replay EXECUTION|SIGNATURE --db FILE [options]\n"
    "squall replay SCENARIO --seed N [options]\n"
    "squall replay --profile NAME --seed N [options]\n"
    "\n"
    "  squall replay 6755399441055744 --db squall.db        an execution of a campaign\n"
    "  squall replay 'expect: 1f3a99c0' --db squall.db      the cheapest one of a finding\n"
    "  squall replay scenarios/hello.lua:hello --seed 7 --plan 'log.append.write#3=eio'\n"
    "\n"
    "Runs one execution again. From a file of a campaign it takes the scenario's text, "
    "parameters,\n"
    "seed, plan and --sut, and compares the trace hash with the recorded one: exit status 4 if "
    "it\n"
    "differs.\n"
    "The first form keeps nothing; the others compare only if --hash is given.\n"
    "\n"
    "  --db FILE          the campaign (default squall.db, for the first form)\n"
    "  --seed N           the seed (default: the scenario's first)\n"
    "  --plan PLAN        one injected fault: point#occurrence=outcome, ! for all later ones too; "
    "or\n"
    "                     what a sweep prints: 'io.done#12=crash_after:0x1' and the like\n"
    "  --hash HASH        the trace hash to compare with\n"
    "  --transcript       write every event on standard output\n";

static const char report_text[] =
    "squall report FILE [-o PAGE.html]\n"
    "\n"
    "  squall report squall.db                    a summary on the terminal\n"
    "  squall report squall.db -o report.html     and one page that opens without a network\n"
    "\n"
    "Exit status 0 when the report was made, whatever it says.\n"
    "\n"
    "  -o, --output FILE   write the page there\n"
    "  --db FILE           the campaign, instead of the argument\n";

static const char points_text[] =
    "squall points [PATTERN] [--db FILE] [--sut FILE.so]\n"
    "\n"
    "  squall points                          all of them\n"
    "  squall points 'segment.**'             those of the segmented log\n"
    "  squall points --db squall.db           with what a campaign did there\n"
    "\n"
    "In a pattern * is one part of a name, ** any number of parts.\n";

static const char list_text[] =
    "squall list SCENARIO… [--tag TAG] [--sut FILE.so]\n"
    "\n"
    "  squall list scenarios                 the library\n"
    "  squall list scenarios --tag disk      the scenarios with a tag\n"
    "\n"
    "Of each: where it is, what it shows, how many seeds it takes, its tags, and its params with\n"
    "their defaults, which --set NAME=VALUE changes.\n";

static const char check_history_text[] =
    "squall check-history FILE [options]\n"
    "\n"
    "  squall check-history history.jsonl                    registers, lists, mutexes\n"
    "  squall check-history history.jsonl --init 0           registers begin with the number 0\n"
    "  squall check-history history.jsonl --init '\"\"'        or with the empty string\n"
    "  squall check-history locks.jsonl --init free          a mutex begins free (as always)\n"
    "  squall check-history - < history.jsonl                from standard input\n"
    "\n"
    "Reads a history and says whether it is linearizable, key by key: whether one order of the\n"
    "operations explains what each returned, and which ended before another began. FILE has one\n"
    "event a line, in the order in which they happened; index and time may be missing, and are\n"
    "not used:\n"
    "\n"
    "  "
    "{\"index\":0,\"process\":0,\"type\":\"invoke\",\"f\":\"write\",\"key\":\"r\",\"value\":1,"
    "\"time\":0}\n"
    "  "
    "{\"index\":1,\"process\":1,\"type\":\"invoke\",\"f\":\"read\",\"key\":\"r\",\"value\":null,"
    "\"time\":2}\n"
    "  "
    "{\"index\":2,\"process\":0,\"type\":\"ok\",\"f\":\"write\",\"key\":\"r\",\"value\":1,\"time\":"
    "3}\n"
    "  "
    "{\"index\":3,\"process\":1,\"type\":\"ok\",\"f\":\"read\",\"key\":\"r\",\"value\":1,\"time\":"
    "4}\n"
    "\n"
    "  f      read, write, cas (value is [from,to]); get, put, append (strings; append adds to "
    "the\n"
    "         end); acquire, release (a mutex, whoever holds it)\n"
    "  type   invoke begins; ok, fail (it did not happen) or info (unknown: it may take effect\n"
    "         later, or never, and the process is not used again) ends\n"
    "\n"
    "  --init VALUE                what every key holds at first: a JSON value (default null:\n"
    "                              absent), or free for a mutex\n"
    "  --null-read absent|unknown  a read of null found no value (default), or was not recorded\n"
    "  --failed-cas mismatch|noop  a cas that failed found another value (default), or says\n"
    "                              nothing\n"
    "\n"
    "Exit status: 0 linearizable, 1 not (with operations that contradict each other), 2 the file\n"
    "is no history, 5 undecided: the search gave up.\n";

void cli_help_print(FILE *out, enum cli_command command)
{
    switch (command) {
    case CLI_RUN:
        fprintf(out, "%s%s%s", run_text, common, campaign);
        return;
    case CLI_SWEEP:
        fprintf(out, "%s%s%s", sweep_text, common, campaign);
        return;
    case CLI_VERIFY:
        fprintf(out, "%s%s%s", verify_text, common, campaign);
        return;
    case CLI_REPLAY:
        fprintf(out, "%s%s", replay_text, common);
        return;
    case CLI_REPORT:
        fputs(report_text, out);
        return;
    case CLI_POINTS:
        fputs(points_text, out);
        return;
    case CLI_LIST:
        fputs(list_text, out);
        return;
    case CLI_CHECK_HISTORY:
        fputs(check_history_text, out);
        return;
    case CLI_HELP:
        fputs(overview, out);
        return;
    case CLI_COMMAND_COUNT:
        break;
    }
    assert(!"not a command");
}

void cli_version_print(FILE *out)
{
    fprintf(out, "squall %s (%s, %s)\n", SQUALL_VERSION, SQUALL_COMPILER, SQUALL_FLAGS);
}
