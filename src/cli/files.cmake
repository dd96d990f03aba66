# Floor 8: the command, on the public headers.
# SPDX-License-Identifier: MIT
list(APPEND PROA_CLI_SOURCES
	src/cli/args.c
	src/cli/common.c
	src/cli/copy.c
	src/cli/copy_bar.c
	src/cli/copy_big.c
	src/cli/copy_job.c
	src/cli/doctor.c
	src/cli/echo.c
	src/cli/lab.c
	src/cli/log.c
	src/cli/main.c
	src/cli/relay.c
	src/cli/resolve.c
	src/cli/serve.c
	src/cli/tcp.c
	src/cli/watch.c)
if(WIN32)
	list(APPEND PROA_CLI_SOURCES src/cli/host_win.c)
else()
	list(APPEND PROA_CLI_SOURCES src/cli/host_posix.c)
endif()
