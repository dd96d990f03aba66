# Floor 8: the command, on the public headers.
# SPDX-License-Identifier: MIT
list(APPEND PROA_CLI_SOURCES
	src/cli/args.c
	src/cli/common.c
	src/cli/doctor.c
	src/cli/echo.c
	src/cli/lab.c
	src/cli/log.c
	src/cli/main.c
	src/cli/resolve.c
	src/cli/serve.c)
if(WIN32)
	list(APPEND PROA_CLI_SOURCES src/cli/host_win.c)
else()
	list(APPEND PROA_CLI_SOURCES src/cli/host_posix.c)
endif()
