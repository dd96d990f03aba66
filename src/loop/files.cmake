# Floor 4: the loop.
# SPDX-License-Identifier: MIT
list(APPEND PROA_SOURCES
	src/loop/api.c
	src/loop/doctor.c
	src/loop/group.c
	src/loop/inside.c
	src/loop/loop.c
	src/loop/post.c
	src/loop/run.c
	src/loop/world.c
	src/loop/world_node.c
)
