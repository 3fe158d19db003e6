/* The words of the file: what enumerations are called in the database and on the page. They belong
 * to the schema: renaming one is a migration. */
#ifndef REPORTS_NAMES_H
#define REPORTS_NAMES_H

#include <raft/points.h>
#include <sim/record.h>
#include <stddef.h>

const char *report_outcome_word(enum sim_outcome outcome);
/* False if the word is none of the outcomes. */
bool report_outcome_parse(const char *word, enum sim_outcome *out_outcome);

const char *report_kind_word(enum raft_point_kind kind);
const char *report_class_word(enum raft_point_class class);
const char *report_injection_word(enum raft_outcome outcome);

/* NULL if the number names nothing. */
const char *report_role_word(uint32_t role);
const char *report_phase_word(uint32_t life);      /* of enum sim_life */
const char *report_counted_word(uint32_t counted); /* of enum raft_outcome or sim_counted */

#endif
