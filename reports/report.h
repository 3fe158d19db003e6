/* The reports: what people read, made from a campaign's file alone. */
#ifndef REPORTS_REPORT_H
#define REPORTS_REPORT_H

#include "store.h"
#include <stdio.h>

/* A text summary: verdict, counts, findings with their replay commands, points never fired. Colour
 * only if asked for. False with store_error set. */
bool report_text(struct store *store, FILE *out, bool colour);
/* One self-contained page that opens without a network and reads without JavaScript. Equal content
 * gives equal bytes. */
bool report_html(struct store *store, FILE *out);
/* The table of fault points with kind, outcomes, coverage (`squall points --db`). pattern may be
 * NULL. */
bool report_points(struct store *store, FILE *out, const char *pattern, bool colour);

#endif
