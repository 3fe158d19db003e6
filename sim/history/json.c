/* JSON by RFC 8259, read strictly: no comments, no commas too many, no control characters in
 * strings, no half of a surrogate pair. Numbers stay text.
 *
 * Invariants:
 *  1. A value that json_read has accepted is walked without further checks.
 *  2. Nesting is at most DEPTH_MAX, so that the stack suffices. */
#include "json.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

#define DEPTH_MAX 32

struct reader {
    char *at;
    const char *error;
    int depth;
};

static char *spaces_skip(char *at)
{
    return at + strspn(at, " \t\r\n");
}

static bool fail(struct reader *reader, const char *error)
{
    reader->error = error;
    return false;
}

static bool is_digit(char letter)
{
    return letter >= '0' && letter <= '9';
}

static bool digits_read(struct reader *reader)
{
    char *first = reader->at;
    while (is_digit(*reader->at)) {
        reader->at++;
    }
    return reader->at > first || fail(reader, "a digit is missing in a number");
}

static bool number_read(struct reader *reader)
{
    reader->at += *reader->at == '-' ? 1 : 0;
    if (*reader->at == '0' && is_digit(reader->at[1])) {
        return fail(reader, "a number cannot begin with 0");
    }
    if (!digits_read(reader)) {
        return false;
    }
    if (*reader->at == '.') {
        reader->at++;
        if (!digits_read(reader)) {
            return false;
        }
    }
    if (*reader->at == 'e' || *reader->at == 'E') {
        reader->at++;
        reader->at += *reader->at == '+' || *reader->at == '-' ? 1 : 0;
        return digits_read(reader);
    }
    return true;
}

static int hex_digit(char letter)
{
    if (is_digit(letter)) {
        return letter - '0';
    }
    if (letter >= 'a' && letter <= 'f') {
        return letter - 'a' + 10;
    }
    return letter >= 'A' && letter <= 'F' ? letter - 'A' + 10 : -1;
}

/* Four digits at text; -1 if there are fewer. */
static int32_t hex_read(const char *text)
{
    int32_t number = 0;
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(text[i]);
        if (digit < 0) {
            return -1;
        }
        number = number * 16 + digit;
    }
    return number;
}

static bool escape_read(struct reader *reader)
{
    char letter = reader->at[1];
    if (letter != 'u') {
        if (letter == '\0' || strchr("\"\\/bfnrt", letter) == NULL) {
            return fail(reader, "an unknown escape in a string");
        }
        reader->at += 2;
        return true;
    }
    int32_t unit = hex_read(reader->at + 2);
    if (unit < 0 || (unit >= 0xdc00 && unit <= 0xdfff)) {
        return fail(reader, "\\u needs four hexadecimal digits, and pairs must be whole");
    }
    reader->at += 6;
    if (unit >= 0xd800 && unit <= 0xdbff) {
        int32_t low = reader->at[0] == '\\' && reader->at[1] == 'u' ? hex_read(reader->at + 2) : -1;
        if (low < 0xdc00 || low > 0xdfff) {
            return fail(reader, "half of a surrogate pair in a string");
        }
        reader->at += 6;
    }
    return true;
}

static bool string_read(struct reader *reader)
{
    assert(*reader->at == '"');
    reader->at++;
    while (*reader->at != '"') {
        if (*reader->at == '\0') {
            return fail(reader, "a string does not end");
        }
        if ((unsigned char)*reader->at < ' ') {
            return fail(reader, "a control character in a string");
        }
        if (*reader->at != '\\') {
            reader->at++;
        } else if (!escape_read(reader)) {
            return false;
        }
    }
    reader->at++;
    return true;
}

static bool value_read(struct reader *reader, enum json_type *out_type);

/* Members of an object or items of an array, up to the bracket. */
static bool inside_read(struct reader *reader, char bracket)
{
    enum json_type type = JSON_NULL;
    reader->at = spaces_skip(reader->at + 1);
    if (*reader->at == bracket) {
        reader->at++;
        return true;
    }
    for (;;) {
        if (bracket == '}') {
            if (*reader->at != '"') {
                return fail(reader, "the name of a member is missing");
            }
            if (!string_read(reader)) {
                return false;
            }
            reader->at = spaces_skip(reader->at);
            if (*reader->at != ':') {
                return fail(reader, "a ':' is missing behind the name of a member");
            }
            reader->at = spaces_skip(reader->at + 1);
        }
        if (!value_read(reader, &type)) {
            return false;
        }
        reader->at = spaces_skip(reader->at);
        if (*reader->at == bracket) {
            reader->at++;
            return true;
        }
        if (*reader->at != ',') {
            return fail(reader,
                        bracket == '}' ? "a ',' or '}' is missing" : "a ',' or ']' is missing");
        }
        reader->at = spaces_skip(reader->at + 1);
    }
}

static bool word_read(struct reader *reader, const char *word)
{
    size_t size = strlen(word);
    if (strncmp(reader->at, word, size) != 0) {
        return fail(reader, "not a JSON value (strings need double quotes)");
    }
    reader->at += size;
    return true;
}

static bool value_read(struct reader *reader, enum json_type *out_type)
{
    bool is_read = false;
    if (*reader->at == '{' || *reader->at == '[') {
        *out_type = *reader->at == '{' ? JSON_OBJECT : JSON_ARRAY;
        if (reader->depth == DEPTH_MAX) {
            return fail(reader, "too deep");
        }
        reader->depth++;
        is_read = inside_read(reader, *reader->at == '{' ? '}' : ']');
        reader->depth--;
        return is_read;
    }
    if (*reader->at == '"') {
        *out_type = JSON_STRING;
        return string_read(reader);
    }
    if (*reader->at == '-' || is_digit(*reader->at)) {
        *out_type = JSON_NUMBER;
        return number_read(reader);
    }
    if (*reader->at == 'n') {
        *out_type = JSON_NULL;
        return word_read(reader, "null");
    }
    *out_type = JSON_BOOLEAN;
    return word_read(reader, *reader->at == 't' ? "true" : "false");
}

bool json_read(char *text, bool is_whole, struct json *out, const char **error, char **at)
{
    struct reader reader = {.at = spaces_skip(text)};
    out->begin = reader.at;
    bool is_read = value_read(&reader, &out->type);
    out->end = reader.at;
    if (is_read && is_whole && *spaces_skip(reader.at) != '\0') {
        reader.at = spaces_skip(reader.at);
        is_read = fail(&reader, "something follows behind the value");
    }
    *error = reader.error;
    *at = reader.at;
    return is_read;
}

bool json_next(const struct json *whole, char **at, struct json *name, struct json *value)
{
    const char *error = NULL;
    bool is_object = whole->type == JSON_OBJECT;
    assert(is_object || whole->type == JSON_ARRAY);
    char *begin = spaces_skip((*at == NULL ? whole->begin : *at) + 1);
    if (begin >= whole->end) {
        return false; /* *at was the bracket at the end */
    }
    if (*at == NULL && begin == whole->end - 1) {
        return false;
    }
    if (is_object) {
        json_read(begin, false, name, &error, at);
        begin = spaces_skip(name->end) + 1;
    }
    json_read(begin, false, value, &error, at);
    assert(error == NULL);
    *at = spaces_skip(value->end); /* the comma, or the bracket */
    return true;
}

static char *utf8_put(char *out, uint32_t letter)
{
    if (letter < 0x80) {
        *out++ = (char)letter;
    } else if (letter < 0x800) {
        *out++ = (char)(0xc0 | letter >> 6);
        *out++ = (char)(0x80 | (letter & 0x3f));
    } else if (letter < 0x10000) {
        *out++ = (char)(0xe0 | letter >> 12);
        *out++ = (char)(0x80 | (letter >> 6 & 0x3f));
        *out++ = (char)(0x80 | (letter & 0x3f));
    } else {
        *out++ = (char)(0xf0 | letter >> 18);
        *out++ = (char)(0x80 | (letter >> 12 & 0x3f));
        *out++ = (char)(0x80 | (letter >> 6 & 0x3f));
        *out++ = (char)(0x80 | (letter & 0x3f));
    }
    return out;
}

size_t json_string(const struct json *string)
{
    static const char names[] = "bfnrt";
    static const char meanings[] = "\b\f\n\r\t";
    char *out = string->begin;
    assert(string->type == JSON_STRING);
    for (const char *at = string->begin + 1; at < string->end - 1;) {
        if (*at != '\\') {
            *out++ = *at++;
            continue;
        }
        if (at[1] == 'u') {
            uint32_t letter = (uint32_t)hex_read(at + 2);
            at += 6;
            if (letter >= 0xd800 && letter <= 0xdbff) {
                letter =
                    0x10000 + ((letter - 0xd800) << 10) + ((uint32_t)hex_read(at + 2) - 0xdc00);
                at += 6;
            }
            out = utf8_put(out, letter);
        } else {
            const char *name = strchr(names, at[1]);
            *out++ = name != NULL ? meanings[name - names] : at[1];
            at += 2;
        }
    }
    return (size_t)(out - string->begin);
}

size_t json_compact(const struct json *value)
{
    char *out = value->begin;
    bool is_string = false;
    for (const char *at = value->begin; at < value->end; at++) {
        if (is_string && *at == '\\') {
            *out++ = *at++;
        } else if (*at == '"') {
            is_string = !is_string;
        } else if (!is_string && strchr(" \t\r\n", *at) != NULL) {
            continue;
        }
        *out++ = *at;
    }
    return (size_t)(out - value->begin);
}
