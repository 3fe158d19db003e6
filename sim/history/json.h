/* JSON, as much of it as a line of a history needs. */
#ifndef SIM_HISTORY_JSON_H
#define SIM_HISTORY_JSON_H

#include <stdbool.h>
#include <stddef.h>

enum json_type { JSON_NULL, JSON_BOOLEAN, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

/* A value where it stands in a text. */
struct json {
    enum json_type type;
    char *begin;
    char *end;
};

/* Reads one value and the spaces around it. The text ends with a 0, which must be all that follows
 * if is_whole. False: error is a static sentence, at says where. */
bool json_read(char *text, bool is_whole, struct json *out, const char **error, char **at);
/* Goes through the members of an object or the items of an array that json_read has accepted: *at
 * is NULL at first. name may be NULL for an array. False: no more. */
bool json_next(const struct json *whole, char **at, struct json *name, struct json *value);
/* Decodes a string in place: the bytes stand at begin. Returns how many. */
size_t json_string(const struct json *string);
/* Removes what has no meaning (spaces) in place. Returns the size. */
size_t json_compact(const struct json *value);

#endif
