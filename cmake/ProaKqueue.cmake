# kqueue: the system's own, or what stands in for it where tests want the backend without a BSD.
# SPDX-License-Identifier: MIT

# Target proa_kqueue gives its header; PROA_KQUEUE_OBJECTS is what the libraries take in,
# PROA_KQUEUE_LINK what is linked with them. PROA_KQUEUE_IS is system, shim, libkqueue or empty.
set(PROA_KQUEUE "OFF" CACHE STRING
	"Where the system has none: OFF, shim, libkqueue, auto (libkqueue if found, else shim)")
set(PROA_LIBKQUEUE "" CACHE PATH "Where libkqueue is installed; empty: where pkg-config says")
set(PROA_KQUEUE_IS)
set(PROA_KQUEUE_OBJECTS)
set(PROA_KQUEUE_LINK)
add_library(proa_kqueue INTERFACE)

# Sets kqueue_found, and the header's folder and what to link with it.
function(proa_find_libkqueue)
	set(kqueue_found FALSE PARENT_SCOPE)
	if(PROA_LIBKQUEUE)
		find_path(header sys/event.h PATHS ${PROA_LIBKQUEUE}/include/kqueue NO_DEFAULT_PATH)
		find_library(library kqueue PATHS ${PROA_LIBKQUEUE}/lib NO_DEFAULT_PATH)
		mark_as_advanced(header library)
		if(header AND library)
			set(kqueue_found TRUE PARENT_SCOPE)
			set(kqueue_header ${header} PARENT_SCOPE)
			set(kqueue_link ${library} PARENT_SCOPE)
		endif()
		return()
	endif()
	find_package(PkgConfig QUIET)
	if(PkgConfig_FOUND)
		pkg_check_modules(LIBKQUEUE QUIET libkqueue)
		set(kqueue_found ${LIBKQUEUE_FOUND} PARENT_SCOPE)
		set(kqueue_header ${LIBKQUEUE_INCLUDE_DIRS} PARENT_SCOPE)
		set(kqueue_link ${LIBKQUEUE_LDFLAGS} PARENT_SCOPE)
	endif()
endfunction()

if(CMAKE_SYSTEM_NAME MATCHES "^(Darwin|FreeBSD|NetBSD|OpenBSD|DragonFly)$")
	set(PROA_KQUEUE_IS system)
elseif(PROA_KQUEUE STREQUAL "shim")
	set(PROA_KQUEUE_IS shim)
elseif(PROA_KQUEUE MATCHES "^(libkqueue|auto)$")
	proa_find_libkqueue()
	if(kqueue_found)
		set(PROA_KQUEUE_IS libkqueue)
	elseif(PROA_KQUEUE STREQUAL "auto")
		set(PROA_KQUEUE_IS shim)
	else()
		message(FATAL_ERROR "libkqueue is missing: pkg-config does not know it; if it lies "
			"elsewhere, say -DPROA_LIBKQUEUE=PREFIX")
	endif()
elseif(PROA_KQUEUE)
	message(FATAL_ERROR "PROA_KQUEUE is OFF, shim, libkqueue or auto")
endif()

if(PROA_KQUEUE_IS STREQUAL "libkqueue")
	target_include_directories(proa_kqueue SYSTEM INTERFACE ${kqueue_header})
	set(PROA_KQUEUE_LINK ${kqueue_link})
elseif(PROA_KQUEUE_IS STREQUAL "shim")
	add_library(proa_kqueue_shim OBJECT
		tests/shim/kqueue.c tests/shim/look.c tests/shim/notes.c tests/shim/vnode.c)
	target_link_libraries(proa_kqueue_shim PRIVATE proa_flags)
	target_include_directories(proa_kqueue_shim PRIVATE tests/shim/include)
	target_include_directories(proa_kqueue INTERFACE
		$<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/tests/shim/include>)
	set(PROA_KQUEUE_OBJECTS $<TARGET_OBJECTS:proa_kqueue_shim>)
	set(PROA_KQUEUE_LINK -Wl,--wrap=close) # a closed descriptor loses its filters
endif()
if(PROA_KQUEUE_IS)
	target_compile_definitions(proa_kqueue INTERFACE PX_KQUEUE=1)
endif()
