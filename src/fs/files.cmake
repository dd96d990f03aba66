# Floor 5: files.
# SPDX-License-Identifier: MIT
list(APPEND PROA_SOURCES
	src/fs/fs.c
	src/fs/watch.c
)
