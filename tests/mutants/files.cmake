# Planted defects: that their lists are true, that the runner can fail, and a few of them caught.
# SPDX-License-Identifier: MIT
if(PROA_PYTHON AND PROA_TREE STREQUAL "" AND CMAKE_SYSTEM_NAME STREQUAL "Linux")
	set(mutants ${PROA_PYTHON} ${PROJECT_SOURCE_DIR}/tests/mutants/run
		--build ${PROJECT_BINARY_DIR})
	proa_add_test(mutants_apply ${mutants} --check)
	proa_add_test(mutants_caught ${mutants} --work ${PROJECT_BINARY_DIR}/mutants/few
		wheel_wrong_level completion_lost http_ranges_amplify)
	proa_add_test(mutants_can_fail ${PROA_PYTHON}
		${PROJECT_SOURCE_DIR}/tests/mutants/run_test ${PROJECT_BINARY_DIR})
endif()
