# Turns a file into a C array that ends with a 0: cmake -DINPUT=… -DOUTPUT=… -DNAME=… -P embed.cmake
# Character constants, and not numbers, so that a byte above 127 is a char without a warning.
cmake_minimum_required(VERSION 3.25)

file(READ "${INPUT}" bytes HEX)
# A line of sixteen bytes each: compilers and people dislike a line of a hundred kilobytes.
string(REPEAT "[0-9a-f]" 32 line)
string(REGEX REPLACE "(${line})" "\\1\n" bytes "${bytes}")
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "'\\\\x\\1'," bytes "${bytes}")
get_filename_component(file "${INPUT}" NAME)
file(WRITE "${OUTPUT}"
     "/* Made from ${file}. */\nextern const char ${NAME}[];\n"
     "const char ${NAME}[] = {\n${bytes}\n'\\0'};\n")
