# Writes OUTPUT: where each fault point is used in the SOURCES (a list with blanks, seen from ROOT), as
# initialisers of an array by enum raft_point.
string(REPLACE " " ";" SOURCES "${SOURCES}")
execute_process(
    COMMAND grep -noE "RAFT_AT_[A-Z0-9_]+" ${SOURCES}
    WORKING_DIRECTORY ${ROOT}
    OUTPUT_VARIABLE uses
    COMMAND_ERROR_IS_FATAL ANY)
string(REGEX REPLACE "([^\n:]+):([0-9]+):(RAFT_AT_[A-Z0-9_]+)" "[\\3] = \"\\1:\\2\"," uses "${uses}")
file(WRITE ${OUTPUT} "${uses}")
