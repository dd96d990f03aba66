# The example programs: they see the public headers only.
# SPDX-License-Identifier: MIT
foreach(example chat echo echo_serve file get get_await group relay relay_serve runtime strand)
	proa_example(${example} examples/${example}.c)
endforeach()
