/* The heat map: which errors were tried, point by outcome, and where they were not.
 *
 * Terms: a *cell* is a declared (point, outcome). It is *fired* (shaded by how often), *never
 * injected* although the point was reached, or *unreached*; both of the latter are red, with signs
 * of their own, unless the cell is an *exception*: classed as rare or impossible, with the reason.
 * A point opens to its *contexts*: role by phase of the life of the node that consulted it. */
#include "html.h"
#include "names.h"
#include "store_internal.h"

#include <assert.h>
#include <inttypes.h>
#include <raft/raft.h>
#include <stdlib.h>
#include <string.h>

#define COLUMNS_MAX   16
#define SCENARIOS_MAX 8 /* named at one point */

struct cell {
    bool declared;
    bool excepted;       /* class is not always */
    uint64_t injections; /* executions */
    uint64_t fired;      /* with repeats */
};

struct point {
    int64_t id;
    char name[SIM_NAME_MAX];
    char area[SIM_NAME_MAX];
    char kind[SIM_NAME_MAX];
    char meaning[SIM_TEXT_MAX];
    char place[SIM_NAME_MAX];
    uint64_t outcomes; /* declared */
    uint64_t hits;
    uint64_t fired;
    struct cell cells[COLUMNS_MAX];
};

struct map {
    char columns[COLUMNS_MAX][SIM_NAME_MAX];
    uint32_t column_count;
    uint32_t columns_all; /* with those that found no place */
    struct point *points;
    uint32_t point_count;
    uint32_t point_capacity;
};

static void copy(char *to, size_t size, const char *from)
{
    assert(size > 0);
    snprintf(to, size, "%s", from);
}

/* Index of an outcome's column, COLUMNS_MAX if it has none. */
static uint32_t find_column(const struct map *map, const char *outcome)
{
    for (uint32_t i = 0; i < map->column_count; i++) {
        if (strcmp(map->columns[i], outcome) == 0) {
            return i;
        }
    }
    return COLUMNS_MAX;
}

static void add_column(struct map *map, const char *outcome)
{
    if (find_column(map, outcome) < COLUMNS_MAX) {
        return;
    }
    map->columns_all++;
    if (map->column_count < COLUMNS_MAX) {
        copy(map->columns[map->column_count], SIM_NAME_MAX, outcome);
        map->column_count++;
    }
}

/* The registry's outcomes in their own order, as far as they occur, then whatever else occurs. */
static void read_columns(struct report *report, struct map *map)
{
    static const char sql[] = "SELECT DISTINCT outcome FROM point_matrix ORDER BY outcome";

    for (unsigned outcome = 0; outcome < RAFT_OUTCOME_COUNT; outcome++) {
        const char *word = report_injection_word((enum raft_outcome)outcome);
        sqlite3_stmt *row = report_query(report, sql);
        while (report_next(report, row)) {
            if (strcmp(report_str(row, 0), word) == 0) {
                add_column(map, word);
            }
        }
    }
    sqlite3_stmt *row = report_query(report, sql);
    while (report_next(report, row)) {
        add_column(map, report_str(row, 0));
    }
}

static struct point *add_point(struct report *report, struct map *map)
{
    if (map->point_count == map->point_capacity) {
        uint32_t capacity = map->point_capacity == 0 ? 64 : map->point_capacity * 2;
        struct point *points = realloc(map->points, capacity * sizeof *points);
        if (points == NULL) {
            store_fail(report->store, "out of memory");
            report->failed = true;
            return NULL;
        }
        map->points = points;
        map->point_capacity = capacity;
    }
    struct point *point = &map->points[map->point_count];
    memset(point, 0, sizeof *point);
    map->point_count++;
    return point;
}

/* Points in the order of the map, then their cells in the same order: one pass over each. */
static void read_map(struct report *report, struct map *map)
{
    sqlite3_stmt *row = NULL;
    uint32_t at = 0;

    read_columns(report, map);
    row = report_query(report,
                       "SELECT point, name, area, kind, meaning, outcomes, hits, fired, place "
                       "FROM point_totals ORDER BY area, name");
    while (report_next(report, row)) {
        struct point *point = add_point(report, map);
        if (point == NULL) {
            continue;
        }
        point->id = sqlite3_column_int64(row, 0);
        copy(point->name, sizeof point->name, report_str(row, 1));
        copy(point->area, sizeof point->area, report_str(row, 2));
        copy(point->kind, sizeof point->kind, report_str(row, 3));
        copy(point->meaning, sizeof point->meaning, report_str(row, 4));
        point->outcomes = report_u64(row, 5);
        point->hits = report_u64(row, 6);
        point->fired = report_u64(row, 7);
        copy(point->place, sizeof point->place, report_str(row, 8));
    }
    row = report_query(report, "SELECT point, outcome, declared, injections, fired, class "
                               "FROM point_matrix ORDER BY area, point, outcome");
    while (report_next(report, row)) {
        while (at < map->point_count && strcmp(map->points[at].name, report_str(row, 0)) != 0) {
            at++;
        }
        uint32_t column = find_column(map, report_str(row, 1));
        if (at == map->point_count || column == COLUMNS_MAX) {
            continue;
        }
        struct cell *cell = &map->points[at].cells[column];
        cell->declared = sqlite3_column_int(row, 2) != 0;
        cell->injections = report_u64(row, 3);
        cell->fired = report_u64(row, 4);
        cell->excepted = cell->declared && strcmp(report_str(row, 5), "always") != 0;
    }
}

/* The shade for a count: one for each power of ten. */
static unsigned shade(uint64_t count)
{
    unsigned level = 1;

    assert(count > 0);
    while (count >= 10 && level < 5) {
        count /= 10;
        level++;
    }
    return level;
}

/* Class and sign of a cell; sign receives REPORT_WORD_MAX bytes. */
static const char *cell_class(const struct point *point, const struct cell *cell, char *sign)
{
    static const char *const shades[] = {"f1", "f2", "f3", "f4", "f5"};

    if (cell->fired > 0) {
        report_short(sign, cell->fired);
        return shades[shade(cell->fired) - 1];
    }
    if (!cell->declared) {
        copy(sign, REPORT_WORD_MAX, "·");
        return "none";
    }
    if (cell->excepted) {
        copy(sign, REPORT_WORD_MAX, "–");
        return "excepted";
    }
    if (point->hits > 0) {
        copy(sign, REPORT_WORD_MAX, "✕");
        return "never";
    }
    copy(sign, REPORT_WORD_MAX, "○");
    return "unreached";
}

/* What a cell means, for a title. */
static void write_cell_title(const struct report *report, const struct map *map,
                             const struct point *point, uint32_t column)
{
    const struct cell *cell = &point->cells[column];
    char a[REPORT_WORD_MAX];
    char b[REPORT_WORD_MAX];

    html_text(report, point->name);
    html_element(report, " = ", map->columns[column], ": ");
    if (cell->fired > 0) {
        html_print(report, "fired %s in %s", report_plural(a, cell->fired, "time", "times"),
                   report_plural(b, cell->injections, "execution", "executions"));
    } else if (cell->excepted) {
        html_print(report, "not expected, for the reason given at the point");
    } else if (point->hits > 0) {
        html_print(report, "never injected; the point was reached %s",
                   report_plural(a, point->hits, "time", "times"));
    } else {
        html_print(report, "the point was never reached");
    }
}

static void write_legend(const struct report *report)
{
    html_print(report, "<ul class=\"legend\">"
                       "<li><span class=\"cell never\">✕</span>reached, never failed</li>"
                       "<li><span class=\"cell unreached\">○</span>never reached</li>"
                       "<li><span class=\"cell excepted\">–</span>not expected, with a reason</li>"
                       "<li><span class=\"cell f1\">9</span><span class=\"cell f2\">99</span>"
                       "<span class=\"cell f3\">999</span><span class=\"cell f4\">9.9k</span>"
                       "<span class=\"cell f5\">10k+</span>failed so many times</li>"
                       "<li><span class=\"cell none\">·</span>cannot fail like this</li></ul>\n");
}

/* One square for each point of an area that declares the column's outcome. */
static void write_squares(const struct report *report, const struct map *map, uint32_t first,
                          uint32_t end, uint32_t column)
{
    char sign[REPORT_WORD_MAX];

    html_print(report, "<td><div class=\"squares\">");
    for (uint32_t i = first; i < end; i++) {
        const struct point *point = &map->points[i];
        const struct cell *cell = &point->cells[column];
        if (!cell->declared && cell->fired == 0) {
            continue;
        }
        const char *css_class = cell_class(point, cell, sign);
        html_print(report, "<a class=\"%s\" href=\"#p-", css_class);
        html_text(report, point->name);
        html_print(report, "\" title=\"");
        write_cell_title(report, map, point, column);
        html_print(report, "\">%s</a>", cell->fired > 0 ? "" : sign);
    }
    html_print(report, "</div></td>");
}

/* How many cells the points [first, end) declare, and how many of them fired. */
static void count_cells(const struct map *map, uint32_t first, uint32_t end, uint64_t *out_fired,
                        uint64_t *out_declared)
{
    *out_fired = 0;
    *out_declared = 0;
    for (uint32_t i = first; i < end; i++) {
        for (uint32_t column = 0; column < map->column_count; column++) {
            const struct cell *cell = &map->points[i].cells[column];
            *out_declared += cell->declared ? 1 : 0;
            *out_fired += cell->declared && cell->fired > 0 ? 1 : 0;
        }
    }
    assert(*out_fired <= *out_declared);
}

/* The end of the area that begins at first. */
static uint32_t area_end(const struct map *map, uint32_t first)
{
    uint32_t end = first + 1;

    while (end < map->point_count && strcmp(map->points[end].area, map->points[first].area) == 0) {
        end++;
    }
    return end;
}

static void write_overview(const struct report *report, const struct map *map)
{
    html_print(report, "<div class=\"card scroll\"><table class=\"waffle\"><tr><th>area</th>");
    for (uint32_t column = 0; column < map->column_count; column++) {
        html_element(report, "<th>", map->columns[column], "</th>");
    }
    html_print(report, "<th class=\"num\">outcomes fired</th></tr>\n");
    for (uint32_t first = 0; first < map->point_count;) {
        uint32_t end = area_end(map, first);
        uint64_t fired = 0;
        uint64_t declared = 0;
        html_element(report, "<tr><td class=\"keep\"><b>", map->points[first].area, "</b></td>");
        for (uint32_t column = 0; column < map->column_count; column++) {
            write_squares(report, map, first, end, column);
        }
        count_cells(map, first, end, &fired, &declared);
        html_print(report, "<td class=\"num\">%" PRIu64 " / %" PRIu64 "</td></tr>\n", fired,
                   declared);
        first = end;
    }
    html_print(report, "</table></div>\n");
}

/* One context: failed so many times of how often the point was consulted there. */
static void write_context(const struct report *report, const struct point *point, uint64_t hits,
                          uint64_t fired)
{
    char a[REPORT_WORD_MAX];
    char b[REPORT_WORD_MAX];

    if (fired > 0) {
        html_print(report, "<td><span class=\"cell f%u\">%s of %s</span></td>", shade(fired),
                   report_short(a, fired), report_short(b, hits));
    } else if (hits > 0) {
        html_print(report, "<td><span class=\"cell%s\">0 of %s</span></td>",
                   point->outcomes > 0 ? " never" : "", report_short(b, hits));
    } else {
        html_print(report, "<td><span class=\"cell none\">·</span></td>");
    }
}

/* Role by phase of the node's life. */
static void write_contexts(struct report *report, const struct point *point)
{
    uint64_t hits[RAFT_ROLE_COUNT][SIM_LIFE_COUNT] = {{0}};
    uint64_t fired[RAFT_ROLE_COUNT][SIM_LIFE_COUNT] = {{0}};
    sqlite3_stmt *row = report_query(
        report, "SELECT role, phase, sum(CASE WHEN outcome = 'reached' THEN times ELSE 0 END), "
                "sum(CASE WHEN outcome IN ('reached', 'taken') THEN 0 ELSE times END) "
                "FROM point_coverage WHERE point = ?1 GROUP BY role, phase ORDER BY role, phase");

    if (row != NULL) {
        sqlite3_bind_int64(row, 1, point->id);
    }
    while (report_next(report, row)) {
        for (uint32_t role = 0; role < RAFT_ROLE_COUNT; role++) {
            for (uint32_t life = 0; life < SIM_LIFE_COUNT; life++) {
                if (strcmp(report_str(row, 0), report_role_word(role)) == 0 &&
                    strcmp(report_str(row, 1), report_phase_word(life)) == 0) {
                    hits[role][life] = report_u64(row, 2);
                    fired[role][life] = report_u64(row, 3);
                }
            }
        }
    }
    html_print(report, "<table class=\"contexts\"><tr><th>role</th>");
    for (uint32_t life = 0; life < SIM_LIFE_COUNT; life++) {
        html_print(report, "<th>%s</th>", report_phase_word(life));
    }
    html_print(report, "</tr>\n");
    for (uint32_t role = 0; role < RAFT_ROLE_COUNT; role++) {
        html_print(report, "<tr><td>%s</td>", report_role_word(role));
        for (uint32_t life = 0; life < SIM_LIFE_COUNT; life++) {
            write_context(report, point, hits[role][life], fired[role][life]);
        }
        html_print(report, "</tr>\n");
    }
    html_print(report, "</table>\n");
}

/* Why some outcomes of a point are not expected, reason by reason. */
static void write_exceptions(struct report *report, const struct point *point)
{
    sqlite3_stmt *row = report_query(
        report, "SELECT class, reason, group_concat(outcome, ', ') FROM (SELECT class, reason, "
                "outcome FROM point_outcomes WHERE point = ?1 AND class <> 'always' "
                "ORDER BY class, reason, outcome) GROUP BY class, reason ORDER BY class, reason");

    if (row != NULL) {
        sqlite3_bind_int64(row, 1, point->id);
    }
    while (report_next(report, row)) {
        html_print(report, "<p><b>");
        html_text(report, report_str(row, 2));
        html_element(report, "</b>: ", report_str(row, 0), ", ");
        html_element(report, "since: ", report_str(row, 1), ".</p>\n");
    }
}

static void write_reached_by(struct report *report, const struct point *point)
{
    uint64_t count = 0;
    char a[REPORT_WORD_MAX];
    sqlite3_stmt *row =
        report_query(report, "SELECT s.name, sum(c.times) FROM point_coverage c JOIN scenarios s "
                             "ON s.id = c.scenario WHERE c.point = ?1 AND c.outcome = 'reached' "
                             "GROUP BY s.file, s.name ORDER BY sum(c.times) DESC, s.file, s.name");

    if (row != NULL) {
        sqlite3_bind_int64(row, 1, point->id);
    }
    while (report_next(report, row)) {
        if (count++ < SCENARIOS_MAX) {
            html_print(report, "%s", count == 1 ? "<p class=\"soft\">Reached by " : ", ");
            html_text(report, report_str(row, 0));
            html_print(report, " (%s)", report_short(a, report_u64(row, 1)));
        }
    }
    if (count > SCENARIOS_MAX) {
        html_print(report, " and %" PRIu64 " more scenarios", count - SCENARIOS_MAX);
    }
    html_print(report, "%s", count > 0 ? ".</p>\n" : "");
}

static void write_point(struct report *report, const struct map *map, const struct point *point)
{
    char sign[REPORT_WORD_MAX];

    html_element(report, "<details class=\"point\" id=\"p-", point->name, "\">");
    html_element(report, "<summary class=\"row\"><span class=\"name mono\">", point->name,
                 "</span>");
    html_element(report, "<span class=\"kind\">", point->kind, "</span>");
    html_print(report, "<span class=\"num\">%s</span>", report_short(sign, point->hits));
    for (uint32_t column = 0; column < map->column_count; column++) {
        const char *css_class = cell_class(point, &point->cells[column], sign);
        html_print(report, "<span class=\"cell %s\"", css_class);
        if (strcmp(css_class, "none") != 0) {
            html_print(report, " title=\"");
            write_cell_title(report, map, point, column);
            html_print(report, "\"");
        }
        html_print(report, ">%s</span>", sign);
    }
    html_element(report, "</summary>\n<div class=\"body\"><p>", point->meaning, "");
    if (point->place[0] != '\0') {
        html_element(report, ", in <code>", point->place, "</code>");
    }
    html_print(report, "</p>\n");
    write_exceptions(report, point);
    if (point->outcomes == 0) {
        html_print(report, "<p class=\"soft\">This exit is only counted: taking it where the state "
                           "does not ask for it would break the protocol.</p>\n");
    }
    if (point->hits > 0) {
        html_print(report, "<p class=\"soft\">Failed so many times of how often it was consulted, "
                           "by the role and the phase of the node's life:</p>\n");
        write_contexts(report, point);
        write_reached_by(report, point);
    } else {
        html_print(report, "<p class=\"soft\">No execution came here.</p>\n");
    }
    html_print(report, "</div></details>\n");
}

/* The head of an area: its name, how far it is, and again the names of the columns. */
static void write_area(const struct report *report, const struct map *map, uint32_t first,
                       uint32_t end)
{
    uint64_t fired = 0;
    uint64_t declared = 0;

    count_cells(map, first, end, &fired, &declared);
    html_element(report, "<div class=\"row area\"><span><b>", map->points[first].area, "</b>");
    html_print(report,
               "%" PRIu64 " of %" PRIu64 " outcomes fired</span><span>kind</span>"
               "<span class=\"num\">reached</span>",
               fired, declared);
    for (uint32_t column = 0; column < map->column_count; column++) {
        html_element(report, "<span>", map->columns[column], "</span>");
    }
    html_print(report, "</div>\n");
}

static void write_map(struct report *report, const struct map *map)
{
    html_print(report,
               "<div class=\"card scroll\"><div class=\"map\" style=\"--columns:%" PRIu32
               ";--map-width:%" PRIu32 "px\">\n",
               map->column_count, 420 + 78 * map->column_count);
    for (uint32_t first = 0; first < map->point_count;) {
        uint32_t end = area_end(map, first);
        html_print(report, "<div class=\"group\">");
        write_area(report, map, first, end);
        for (uint32_t i = first; i < end; i++) {
            write_point(report, map, &map->points[i]);
        }
        html_print(report, "</div>\n");
        first = end;
    }
    html_print(report, "</div></div>\n");
}

void html_points(struct report *report)
{
    struct map map;

    memset(&map, 0, sizeof map);
    read_map(report, &map);
    html_print(report, "<section id=\"points\">\n<h2>Fault points</h2>\n<p>Every place that can "
                       "fail, by how it can fail. Red is what nobody has tried; a click on a point "
                       "shows in which role and phase of a node it was reached.</p>\n");
    html_cut(report, map.column_count, map.columns_all, "kinds of outcome");
    if (map.point_count == 0) {
        html_print(report, "<p class=\"notice\">The database has no registry of points.</p>\n");
    } else {
        write_legend(report);
        write_overview(report, &map);
        html_print(report, "<h3>Point by point</h3>\n");
        write_map(report, &map);
    }
    html_print(report, "</section>\n");
    free(map.points);
}
