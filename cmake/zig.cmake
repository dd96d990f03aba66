# Toolchain: another system by zig, whose package carries a C compiler and every libc's headers.
# SPDX-License-Identifier: MIT

# PROA_ZIG_TARGET is zig's name of the target. ./dev makes the tools, which call zig for it.
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES PROA_ZIG_TARGET)
set(tools ${CMAKE_CURRENT_LIST_DIR}/../build/zig/${PROA_ZIG_TARGET})
if(NOT EXISTS ${tools}/cc)
	message(FATAL_ERROR "no compiler for ${PROA_ZIG_TARGET}: ./dev cross ${PROA_ZIG_TARGET}")
endif()
get_filename_component(tools ${tools} ABSOLUTE)

foreach(pair macos=Darwin freebsd=FreeBSD netbsd=NetBSD openbsd=OpenBSD linux=Linux windows=Windows)
	string(REPLACE "=" ";" pair ${pair})
	list(GET pair 0 word)
	if(PROA_ZIG_TARGET MATCHES "^[^-]*-${word}")
		list(GET pair 1 CMAKE_SYSTEM_NAME)
	endif()
endforeach()
string(REGEX REPLACE "-.*" "" CMAKE_SYSTEM_PROCESSOR ${PROA_ZIG_TARGET})
set(CMAKE_C_COMPILER ${tools}/cc)
set(CMAKE_RC_COMPILER ${tools}/rc)
set(CMAKE_AR ${tools}/ar CACHE FILEPATH "")
set(CMAKE_RANLIB ${tools}/ranlib CACHE FILEPATH "")

# Of this machine's libraries none is the target's.
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
set(CMAKE_FIND_ROOT_PATH ${tools})
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE BOTH)

# How CTest runs a program of this build, where something can.
if(CMAKE_SYSTEM_NAME STREQUAL "Linux")
	find_program(PROA_QEMU qemu-${CMAKE_SYSTEM_PROCESSOR})
	mark_as_advanced(PROA_QEMU)
	if(PROA_QEMU)
		set(CMAKE_CROSSCOMPILING_EMULATOR ${PROA_QEMU})
	endif()
endif()
