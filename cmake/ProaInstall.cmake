# make install: headers, both libraries, the command, man pages, pkg-config and CMake package files.
# SPDX-License-Identifier: MIT
include(CMakePackageConfigHelpers)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/proa)
install(TARGETS proa_static proa_shared EXPORT proaTargets
	LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} NAMELINK_SKIP
	ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
	RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR}) # a DLL
if(NOT WIN32)
	install(TARGETS proa_shared
		LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} NAMELINK_ONLY)
endif()
install(TARGETS proa_cli RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(DIRECTORY include/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")
install(DIRECTORY docs/man/ DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 OPTIONAL
	FILES_MATCHING PATTERN "*.1")

install(EXPORT proaTargets NAMESPACE proa:: DESTINATION ${package_dir})
configure_package_config_file(cmake/proaConfig.cmake.in ${PROJECT_BINARY_DIR}/proaConfig.cmake
	INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/proaConfigVersion.cmake
	COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/proaConfig.cmake ${PROJECT_BINARY_DIR}/proaConfigVersion.cmake
	DESTINATION ${package_dir})

# Relative to the file itself, so that an installed tree may be moved. What a static libproa.a needs
# besides libc: threads, and llhttp and c-ares where they are libraries of the system.
file(RELATIVE_PATH pc_prefix "/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/")
string(REGEX REPLACE "/$" "" pc_prefix "${pc_prefix}")
if(WIN32)
	list(TRANSFORM PROA_SYSTEM_LIBRARIES PREPEND -l OUTPUT_VARIABLE pc_libs_private)
	list(JOIN pc_libs_private " " pc_libs_private)
else()
	set(pc_libs_private "-pthread")
endif()
if(PROA_LLHTTP_LIBRARY)
	string(APPEND pc_libs_private " -lllhttp")
endif()
if(PROA_CARES_LIBRARY)
	string(APPEND pc_libs_private " -lcares")
endif()
configure_file(cmake/proa.pc.in ${PROJECT_BINARY_DIR}/proa.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/proa.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
