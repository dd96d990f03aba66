# Scripts: random programs that are the same on every backend, and what is made of those that fail.
# SPDX-License-Identifier: MIT
include(tests/s_script/sources.cmake)

# How many seeds: some seconds' worth of them.
set(seeds 1000)
if(PROA_TREE MATCHES "^(win|aarch64|musl|tsan)$")
	set(seeds 60)
elseif(PROA_TREE)
	set(seeds 300)
endif()
proa_test(script ${PROA_SCRIPT_SOURCES} tests/s_script/shrink.c
	tests/s_script/print.c tests/s_script/test.c ARGS --seeds ${seeds} OWN_MAIN)

if(PROA_TREE STREQUAL "" AND TARGET test_script AND NOT WIN32)
	proa_add_test(script_shrinks ${PROJECT_SOURCE_DIR}/tests/s_script/shrinks
		$<TARGET_FILE:test_script> ${CMAKE_C_COMPILER} ${PROJECT_SOURCE_DIR}
		$<TARGET_FILE:proa_static> ${PROA_CARES_LIBRARY})
endif()
