# The stand-in for kqueue: that it keeps the rules, and the backend where it can show more.
# SPDX-License-Identifier: MIT
if(PROA_KQUEUE_IS STREQUAL "shim")
	proa_test(shim_kqueue tests/shim/kqueue_test.c)
	proa_test(shim_vnode tests/shim/vnode_test.c)
	proa_test(shim_backend tests/shim/backend_test.c)
	proa_add_test(shim_libkqueue ${PROJECT_SOURCE_DIR}/tests/shim/libkqueue_test
		${PROJECT_SOURCE_DIR} ${CMAKE_C_COMPILER})
	foreach(name kqueue vnode backend)
		target_link_libraries(test_shim_${name} PRIVATE proa_kqueue)
	endforeach()
endif()
