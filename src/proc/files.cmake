# Floor 5: work on threads, and signals.
# SPDX-License-Identifier: MIT
list(APPEND PROA_SOURCES
	src/proc/child.c
	src/proc/request.c
	src/proc/signal.c
	src/proc/stdio.c
	src/proc/work.c
)
