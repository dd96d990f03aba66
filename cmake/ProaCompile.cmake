# How proa's own files are compiled: language, warnings, sanitizers. Target proa_flags carries it.
# SPDX-License-Identifier: MIT
if(NOT CMAKE_BUILD_TYPE)
	set(CMAKE_BUILD_TYPE RelWithDebInfo)
endif()
set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

# Asserts stay on in every build: CMake would add -DNDEBUG.
set(CMAKE_C_FLAGS_RELWITHDEBINFO "-O2 -g")
set(CMAKE_C_FLAGS_RELEASE "-O2")
set(CMAKE_C_FLAGS_MINSIZEREL "-Os")
set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O2 -g")

# Of a tree that is there to be tested the library is what runs: nothing else waits for a compiler's
# best. In half the time, and with lines but no variables for a debugger.
option(PROA_QUICK "Optimise the library only, and note lines only" OFF)
if(PROA_QUICK)
	set(CMAKE_C_FLAGS_RELWITHDEBINFO "-O0 -g1")
endif()

# What the library needs of the system, and its users with it.
if(WIN32)
	set(PROA_SYSTEM_LIBRARIES ws2_32 mswsock ntdll)
else()
	set(THREADS_PREFER_PTHREAD_FLAG ON)
	find_package(Threads REQUIRED)
	set(PROA_SYSTEM_LIBRARIES Threads::Threads)
endif()

add_library(proa_flags INTERFACE)
target_compile_options(proa_flags INTERFACE
	-Wall -Wextra -Wpedantic -Wshadow -Wconversion
	$<$<COMPILE_LANGUAGE:C>:-Wstrict-prototypes -Wmissing-prototypes>
	$<$<C_COMPILER_ID:Clang>:-Wno-string-conversion> # CHECK(!"never") is how tests say it
	$<$<BOOL:${PROA_WERROR}>:-Werror>)
target_link_libraries(proa_flags INTERFACE ${PROA_SYSTEM_LIBRARIES})
if(CMAKE_SYSTEM_NAME STREQUAL "Linux")
	target_compile_definitions(proa_flags INTERFACE _GNU_SOURCE)
endif()
if(WIN32)
	# Windows 10; printf as C11 has it; windows.h without what nobody here needs.
	target_compile_definitions(proa_flags INTERFACE
		_WIN32_WINNT=0x0a00 __USE_MINGW_ANSI_STDIO=1 WIN32_LEAN_AND_MEAN)
	target_link_options(proa_flags INTERFACE -static-libgcc)
endif()
if(PROA_TORTURE)
	target_compile_definitions(proa_flags INTERFACE PX_TORTURE=1)
endif()

# Optimised across its files: GCC alone can make an ordinary object of that.
string(TOUPPER "${CMAKE_BUILD_TYPE}" PROA_BUILD_TYPE)
if(CMAKE_C_COMPILER_ID STREQUAL "GNU" AND CMAKE_SYSTEM_NAME STREQUAL "Linux" AND
   PROA_BUILD_TYPE MATCHES "^REL" AND NOT PROA_SANITIZE AND NOT PROA_TORTURE AND
   NOT CMAKE_CROSSCOMPILING AND NOT PROA_KQUEUE_IS)
	set(lto ON)
else()
	set(lto OFF)
endif()
option(PROA_LTO "Optimise the library as a whole, across its files (GCC)" ${lto})

# A profile lies beside the object that wrote it: both steps are done in one tree.
if(PROA_PGO)
	if(NOT CMAKE_C_COMPILER_ID STREQUAL "GNU")
		message(FATAL_ERROR "PROA_PGO is set up for gcc, not for ${CMAKE_C_COMPILER_ID}")
	elseif(PROA_PGO STREQUAL "generate")
		add_compile_options(-fprofile-generate -fprofile-update=prefer-atomic)
		add_link_options(-fprofile-generate)
	elseif(PROA_PGO STREQUAL "use")
		add_compile_options(-fprofile-use -fprofile-correction -Wno-missing-profile)
		add_link_options(-fprofile-use)
	else()
		message(FATAL_ERROR "PROA_PGO is empty, generate or use")
	endif()
endif()

# Everything that is linked together is sanitized together, llhttp too.
if(PROA_SANITIZE)
	add_compile_options(-fsanitize=${PROA_SANITIZE} -fno-sanitize-recover=all
		-fno-omit-frame-pointer)
	add_link_options(-fsanitize=${PROA_SANITIZE})
endif()
# Instrumented or emulated, tests do less of the same.
if(PROA_SANITIZE OR CMAKE_CROSSCOMPILING)
	target_compile_definitions(proa_flags INTERFACE TEST_SLOW=1)
endif()
