# Floor 0: pure C.
list(APPEND PROA_SOURCES
	src/base/alloc.c
	src/base/err.c
	src/base/hist.c
	src/base/slab.c
	src/base/wheel.c)
