# Toolchain: Linux on aarch64 by Debian's gcc and glibc for it, run by qemu-user.
# SPDX-License-Identifier: MIT
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)

# Of this machine's libraries none is the target's. What is compiled in (llhttp) may be.
set(CMAKE_FIND_ROOT_PATH /usr/aarch64-linux-gnu)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE BOTH)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)

# How CTest runs a program of this build, and where that finds its libc.
find_program(PROA_QEMU qemu-aarch64)
mark_as_advanced(PROA_QEMU)
if(PROA_QEMU)
	set(CMAKE_CROSSCOMPILING_EMULATOR ${PROA_QEMU} -L ${CMAKE_FIND_ROOT_PATH})
endif()
