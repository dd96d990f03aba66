# The example programs: they see the public headers only.
# SPDX-License-Identifier: MIT
proa_example(chat examples/chat.c)
proa_example(echo examples/echo.c)
proa_example(echo_serve examples/echo_serve.c)
proa_example(file examples/file.c)
proa_example(get examples/get.c)
proa_example(get_await examples/get_await.c)
proa_example(group examples/group.c)
proa_example(hello_http examples/hello_http.c)
proa_example(relay examples/relay.c)
proa_example(relay_serve examples/relay_serve.c)
proa_example(strand examples/strand.c)
proa_example(udp_echo examples/udp_echo.c)

# Not every libc switches stacks.
include(CheckFunctionExists)
check_function_exists(swapcontext PROA_HAS_SWAPCONTEXT)
if(WIN32)
	proa_example(runtime examples/runtime.c examples/fiber_win.c)
elseif(PROA_HAS_SWAPCONTEXT)
	proa_example(runtime examples/runtime.c examples/fiber_posix.c)
endif()
