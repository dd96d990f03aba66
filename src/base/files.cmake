# Floor 0: pure C.
# SPDX-License-Identifier: MIT
list(APPEND PROA_SOURCES
	src/base/alloc.c
	src/base/err.c
	src/base/hist.c
	src/base/slab.c
	src/base/wheel.c)
list(APPEND PROA_UNIT_TESTS
	src/base/alloc_test.c
	src/base/err_test.c
	src/base/hist_test.c
	src/base/list_test.c
	src/base/mpsc_test.c
	src/base/rng_test.c
	src/base/slab_test.c
	src/base/util_test.c
	src/base/wheel_test.c)
