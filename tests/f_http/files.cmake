# The HTTP server and the command, with real clients; on each backend.
# SPDX-License-Identifier: MIT
proa_program(test_http_app tests http_app tests/f_http/app.c)
proa_test(http_by_hand tests/f_http/by_hand.c tests/c_conform/kit.c BACKENDS)
find_package(Python3 COMPONENTS Interpreter)
if(Python3_FOUND AND TARGET proa_cli AND TARGET test_http_app)
	set(runner)
	if(CMAKE_CROSSCOMPILING_EMULATOR)
		set(runner --runner ${CMAKE_CROSSCOMPILING_EMULATOR})
	endif()
	foreach(suite protocol files slow program command chaos relay resolve watch)
		foreach(backend ${PROA_TEST_BACKENDS})
			# Mostly waiting; what a sanitizer sees of it, it sees once.
			if(suite STREQUAL "slow" AND PROA_SANITIZE AND NOT backend STREQUAL "epoll")
				continue()
			endif()
			proa_add_test(http_${suite}-${backend} ${Python3_EXECUTABLE} -B
				${PROJECT_SOURCE_DIR}/tests/f_http/run.py ${suite}
				--backend ${backend} --proa $<TARGET_FILE:proa_cli>
				--app $<TARGET_FILE:test_http_app> ${runner})
		endforeach()
	endforeach()
endif()
