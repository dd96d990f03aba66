# The lettered folders of tests, most basic first, so that the first failure is the most basic one.
# SPDX-License-Identifier: MIT
set(folders shim b_loop c_conform d_net e_fs s_sim r_regression seam s_script)
if(NOT PROA_TEST_ONLY)
	list(APPEND folders f_http g_lab examples guide wine mutants)
endif()
foreach(folder ${folders})
	include(tests/${folder}/files.cmake)
endforeach()
