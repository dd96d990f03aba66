# Worlds: the simulation, and what is tested in it.
# SPDX-License-Identifier: MIT
proa_test(sim
	tests/s_sim/bed.c
	tests/s_sim/echo.c
	tests/s_sim/reset.c
	tests/s_sim/node_test.c
	tests/s_sim/link_test.c
	tests/s_sim/clock_test.c
	tests/s_sim/gram_test.c
	tests/s_sim/disk_test.c
	tests/s_sim/names_test.c
	tests/s_sim/program_test.c
	tests/s_sim/mix.c
	tests/s_sim/fault_test.c
	tests/s_sim/every_test.c
	tests/s_sim/leak_test.c
	tests/s_sim/misuse_test.c
	tests/s_sim/same_test.c
	tests/s_sim/trace_test.c)

# Many seeds: PROA_SIM_SEEDS=N PROA_SIM_FROM=S build/tests/sim_http, sim_stream or sim_mix.
proa_test(sim_http
	tests/s_sim/seeds.c
	tests/s_sim/http.c
	tests/s_sim/http_ask.c
	tests/s_sim/http_answer.c
	tests/s_sim/http_client.c
	tests/s_sim/http_server.c)
proa_test(sim_stream tests/s_sim/seeds.c tests/s_sim/stream.c)
proa_test(sim_mix
	tests/s_sim/seeds.c
	tests/s_sim/mix_seeds.c
	tests/s_sim/mix.c
	tests/s_sim/bed.c)

if(PROA_PYTHON AND PROA_TREE STREQUAL "" AND NOT WIN32)
	proa_add_test(campaign_can_fail ${PROA_PYTHON}
		${PROJECT_SOURCE_DIR}/tests/s_sim/campaign_test)
endif()

# The programs of the conformance tests again, in a world: what they ask of the host is wrapped.
if(CMAKE_SYSTEM_NAME STREQUAL "Linux" AND NOT CMAKE_CROSSCOMPILING
	AND PROA_TREE MATCHES "^(asan)?$")
	file(READ ${PROJECT_SOURCE_DIR}/tests/s_sim/kit_sim.h wraps)
	set_property(DIRECTORY ${PROJECT_SOURCE_DIR} APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS
		${PROJECT_SOURCE_DIR}/tests/s_sim/kit_sim.h)
	string(REGEX MATCHALL "\tX\\([a-z ]+[*]?, [a-z_]+" wraps "${wraps}")
	list(TRANSFORM wraps REPLACE ".*, " "-Wl,--wrap=")
	proa_files(files tests/s_sim/kit_sim.c tests/s_sim/kit_sock.c)
	add_library(proa_sim_kit OBJECT ${files})
	target_include_directories(proa_sim_kit PRIVATE ${PROJECT_SOURCE_DIR}/include
		${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}/tests)
	target_link_libraries(proa_sim_kit PRIVATE proa_flags)
	foreach(name loop conform stream forward serve work dns)
		if(NOT TARGET test_${name}) # PROA_TEST_ONLY has some
			continue()
		endif()
		add_executable(sim_${name} $<TARGET_OBJECTS:proa_sim_kit>
			$<TARGET_OBJECTS:test_${name}>
			$<TARGET_OBJECTS:proa_test_frame> $<TARGET_OBJECTS:proa_test_host>)
		target_link_options(sim_${name} PRIVATE ${wraps})
		target_link_libraries(sim_${name} PRIVATE proa_static proa_flags)
		set_target_properties(sim_${name} PROPERTIES OUTPUT_NAME ${name}
			RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/sim)
		proa_add_test(${name}-sim sim_${name} --backend sim)
	endforeach()
endif()
