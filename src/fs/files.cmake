# Floor 5: files.
# SPDX-License-Identifier: MIT
list(APPEND PROA_SOURCES
	src/fs/call.c
	src/fs/copy.c
	src/fs/copy_range.c
	src/fs/fs.c
	src/fs/temp.c
	src/fs/walk.c
	src/fs/whole.c
)
