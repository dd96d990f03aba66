# llhttp, the HTTP/1 parser: the system's library, or Debian 12's sources compiled in.
# SPDX-License-Identifier: MIT

# Target proa_llhttp gives its header; PROA_LLHTTP_OBJECTS is what the libraries take in,
# PROA_LLHTTP_LIBRARY what they link instead.
set(PROA_LLHTTP_OBJECTS)
set(PROA_LLHTTP_LIBRARY)
add_library(proa_llhttp INTERFACE)

find_path(PROA_LLHTTP_SOURCE_DIR llhttp.c PATHS /usr/share/llhttp NO_DEFAULT_PATH)
# For another system: the sources only, and the header that lies with nothing else of this one's.
set(where)
if(CMAKE_CROSSCOMPILING)
	set(where NO_DEFAULT_PATH)
endif()
find_path(PROA_LLHTTP_INCLUDE_DIR llhttp.h PATHS /usr/share/include/llhttp ${where})
find_library(PROA_LLHTTP_FOUND_LIBRARY llhttp ${where})
mark_as_advanced(PROA_LLHTTP_SOURCE_DIR PROA_LLHTTP_INCLUDE_DIR PROA_LLHTTP_FOUND_LIBRARY)

if(NOT PROA_LLHTTP_INCLUDE_DIR
	OR NOT (PROA_LLHTTP_FOUND_LIBRARY OR PROA_LLHTTP_SOURCE_DIR))
	message(FATAL_ERROR "llhttp (the HTTP/1 parser) is missing. Install it:\n"
		"  Debian 12:  sudo apt-get install --no-install-recommends node-llhttp\n"
		"  Debian 13:  sudo apt-get install libllhttp-dev\n"
		"  Fedora:     sudo dnf install llhttp-devel\n"
		"  Alpine:     sudo apk add llhttp-dev\n"
		"or run ./dev setup.")
endif()
target_include_directories(proa_llhttp SYSTEM INTERFACE ${PROA_LLHTTP_INCLUDE_DIR})

if(PROA_LLHTTP_FOUND_LIBRARY)
	set(PROA_LLHTTP_LIBRARY ${PROA_LLHTTP_FOUND_LIBRARY})
else()
	set(dir ${PROA_LLHTTP_SOURCE_DIR})
	add_library(proa_llhttp_objects OBJECT ${dir}/api.c ${dir}/http.c ${dir}/llhttp.c)
	target_include_directories(proa_llhttp_objects PRIVATE ${PROA_LLHTTP_INCLUDE_DIR})
	target_compile_options(proa_llhttp_objects PRIVATE -w)
	target_compile_definitions(proa_llhttp_objects PRIVATE LLHTTP_STRICT_MODE=1)
	set(PROA_LLHTTP_OBJECTS $<TARGET_OBJECTS:proa_llhttp_objects>)
endif()
