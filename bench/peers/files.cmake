# The peers' echo servers, each where its library is found: target bench_peers, not of the default.
# SPDX-License-Identifier: MIT
set(PROA_PEERS_MISSING "")
add_custom_target(bench_peers)

# proa_peer(NAME PROBE FILE... [LIBRARIES ...] [DEFINITIONS ...]): build/bench/NAME, if PROBE is
# true; else building bench_peers says that it is missing.
function(proa_peer name probe)
	cmake_parse_arguments(peer "" "" "LIBRARIES;DEFINITIONS" ${ARGN})
	if(NOT ${probe})
		add_custom_command(TARGET bench_peers POST_BUILD VERBATIM
			COMMAND ${CMAKE_COMMAND} -E echo "not built: ${name}, ${probe} is not set")
		return()
	endif()
	proa_files(files ${peer_UNPARSED_ARGUMENTS})
	add_executable(bench_${name} EXCLUDE_FROM_ALL ${files})
	target_compile_definitions(bench_${name} PRIVATE ${peer_DEFINITIONS})
	target_link_libraries(bench_${name} PRIVATE ${peer_LIBRARIES} proa_flags)
	set_target_properties(bench_${name} PROPERTIES OUTPUT_NAME ${name}
		RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bench)
	add_dependencies(bench_peers bench_${name})
endfunction()

find_package(PkgConfig)
if(PkgConfig_FOUND)
	pkg_check_modules(PROA_LIBUV IMPORTED_TARGET libuv)
	pkg_check_modules(PROA_LIBEVENT IMPORTED_TARGET libevent_core)
	pkg_check_modules(PROA_LIBURING IMPORTED_TARGET liburing)
endif()
find_path(PROA_LIBEV_INCLUDE ev.h)
find_library(PROA_LIBEV ev)
find_path(PROA_ASIO_INCLUDE asio.hpp)
include(CheckLanguage)
check_language(CXX)

set(peer bench/peers/peer.c bench/common.c)
set(by_hand ${peer} bench/echo.c)
proa_peer(peer_libuv PROA_LIBUV_FOUND bench/peers/peer_libuv.c ${peer}
	LIBRARIES PkgConfig::PROA_LIBUV)
proa_peer(peer_libevent PROA_LIBEVENT_FOUND bench/peers/peer_libevent.c ${by_hand}
	LIBRARIES PkgConfig::PROA_LIBEVENT)
proa_peer(peer_bufferevent PROA_LIBEVENT_FOUND bench/peers/peer_bufferevent.c ${peer}
	LIBRARIES PkgConfig::PROA_LIBEVENT)
proa_peer(peer_libev PROA_LIBEV bench/peers/peer_libev.c ${by_hand} LIBRARIES ${PROA_LIBEV})

# Asio is headers: they are compiled into the program, once for each of its two interfaces.
if(CMAKE_CXX_COMPILER AND PROA_ASIO_INCLUDE)
	enable_language(CXX)
	set(PROA_ASIO ON)
	set(PROA_ASIO_URING ${PROA_LIBURING_FOUND})
endif()
proa_peer(peer_asio PROA_ASIO bench/peers/peer_asio.cpp ${peer})
proa_peer(peer_asio_uring PROA_ASIO_URING bench/peers/peer_asio.cpp ${peer}
	LIBRARIES PkgConfig::PROA_LIBURING DEFINITIONS ASIO_HAS_IO_URING ASIO_DISABLE_EPOLL)
foreach(name peer_asio peer_asio_uring)
	if(TARGET bench_${name})
		target_compile_features(bench_${name} PRIVATE cxx_std_17)
	endif()
endforeach()
