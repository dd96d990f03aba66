# Floor 5: work on threads, and signals.
# SPDX-License-Identifier: MIT
list(APPEND PROA_SOURCES
	src/proc/signal.c
	src/proc/work.c
)
