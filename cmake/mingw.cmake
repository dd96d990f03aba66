# Toolchain: Windows on x86-64 by mingw-w64, run by tools/wine.
# SPDX-License-Identifier: MIT
set(CMAKE_SYSTEM_NAME Windows)
set(CMAKE_SYSTEM_VERSION 10)
set(CMAKE_SYSTEM_PROCESSOR x86_64)

# The flavour with Windows' own threads, where a system has two; we need no others.
find_program(PROA_MINGW_C NAMES x86_64-w64-mingw32-gcc-win32 x86_64-w64-mingw32-gcc REQUIRED)
find_program(PROA_MINGW_RC NAMES x86_64-w64-mingw32-windres)
set(CMAKE_C_COMPILER ${PROA_MINGW_C})
set(CMAKE_RC_COMPILER ${PROA_MINGW_RC})

# Libraries are the target's. What is compiled in (llhttp) may be this system's.
set(CMAKE_FIND_ROOT_PATH /usr/x86_64-w64-mingw32)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE BOTH)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)

# How CTest runs a program of this build.
set(CMAKE_CROSSCOMPILING_EMULATOR ${CMAKE_CURRENT_LIST_DIR}/../tools/wine)
