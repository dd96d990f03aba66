# The lettered folders of tests, most basic first, so that the first failure is the most basic one.
# SPDX-License-Identifier: MIT
foreach(folder shim b_loop c_conform d_net e_fs f_http r_regression examples wine)
	include(tests/${folder}/files.cmake)
endforeach()
