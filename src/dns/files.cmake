# Floor 6: names.
# SPDX-License-Identifier: MIT
list(APPEND PROA_SOURCES
	src/dns/connect.c
	src/dns/name.c
	src/dns/resolve.c
)
list(APPEND PROA_UNIT_TESTS
	src/dns/name_test.c
)
