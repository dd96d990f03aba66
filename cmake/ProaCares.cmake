# c-ares, which asks DNS servers without a thread: optional, taken if it is there.
# SPDX-License-Identifier: MIT

# PROA_CARES_LIBRARY is what the libraries link; empty without it. Not for another system: what is
# found is this one's.
set(PROA_CARES_LIBRARY)
find_path(PROA_CARES_INCLUDE_DIR ares.h)
find_library(PROA_CARES_FOUND_LIBRARY cares)
mark_as_advanced(PROA_CARES_INCLUDE_DIR PROA_CARES_FOUND_LIBRARY)
set(PROA_CARES AUTO CACHE STRING "Look names up by c-ares too: ON, OFF, or AUTO: if it is there")
set_property(CACHE PROA_CARES PROPERTY STRINGS AUTO ON OFF)
if(PROA_CARES AND NOT CMAKE_CROSSCOMPILING
	AND PROA_CARES_INCLUDE_DIR AND PROA_CARES_FOUND_LIBRARY)
	set(PROA_CARES_LIBRARY ${PROA_CARES_FOUND_LIBRARY})
elseif(PROA_CARES AND NOT PROA_CARES STREQUAL "AUTO")
	message(FATAL_ERROR "c-ares is missing (Debian: libc-ares-dev)")
endif()
