# Makes a copy of the core with a patch applied. Called with SOURCE, COPY and PATCH.
#
# Files that the patch leaves as they are keep their time stamp's meaning: they are written anew, as
# everything that is made from them is made anew too.
file(REMOVE_RECURSE ${COPY})
file(COPY ${SOURCE}/core DESTINATION ${COPY})
file(COPY ${SOURCE}/sim DESTINATION ${COPY}
    FILES_MATCHING PATTERN "*.h" PATTERN "sut_raft.c"
    PATTERN lua EXCLUDE PATTERN explorer EXCLUDE PATTERN cli EXCLUDE)
execute_process(
    COMMAND patch -p1 --forward --batch --no-backup-if-mismatch -i ${PATCH}
    WORKING_DIRECTORY ${COPY}
    RESULT_VARIABLE status
    OUTPUT_VARIABLE output
    ERROR_VARIABLE output)
if(NOT status EQUAL 0)
    file(REMOVE_RECURSE ${COPY})
    message(FATAL_ERROR "${PATCH} does not apply to the core:\n${output}")
endif()
file(GLOB_RECURSE copies ${COPY}/*)
file(TOUCH ${copies})
