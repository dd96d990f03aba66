# Floor 2: operations, handles, pools, workers.
# SPDX-License-Identifier: MIT
list(APPEND PROA_SOURCES
	src/op/accept.c
	src/op/check.c
	src/op/core.c
	src/op/duct.c
	src/op/file.c
	src/op/gram.c
	src/op/handle.c
	src/op/op.c
	src/op/pool.c
	src/op/temp.c
	src/op/worker.c
)
