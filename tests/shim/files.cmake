# The stand-in for kqueue: that it keeps the rules, and the backend where it can show more.
# SPDX-License-Identifier: MIT
if(PROA_KQUEUE_IS STREQUAL "shim")
	foreach(name kqueue backend)
		proa_test(shim_${name} tests/shim/${name}_test.c)
		target_link_libraries(test_shim_${name} PRIVATE proa_kqueue)
	endforeach()
endif()
