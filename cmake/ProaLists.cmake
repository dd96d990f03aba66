# Small functions on the explicit file lists.
# SPDX-License-Identifier: MIT

# Names relative to the top folder, made absolute. A file that is listed and missing is an error:
# lists say what there is.
function(proa_files out)
	set(found)
	foreach(file ${ARGN})
		if(NOT EXISTS ${PROJECT_SOURCE_DIR}/${file})
			message(FATAL_ERROR "listed, but not there: ${file}")
		endif()
		list(APPEND found ${PROJECT_SOURCE_DIR}/${file})
	endforeach()
	set(${out} ${found} PARENT_SCOPE)
endfunction()
