# Floor 6: names.
# SPDX-License-Identifier: MIT
list(APPEND PROA_SOURCES
	src/dns/cache.c
	src/dns/connect.c
	src/dns/dns.c
	src/dns/hosts.c
	src/dns/lookup.c
	src/dns/name.c
	src/dns/resolve.c
	src/dns/reverse.c
)
if(PROA_CARES_LIBRARY)
	list(APPEND PROA_SOURCES src/dns/evented.c)
else()
	list(APPEND PROA_SOURCES src/dns/evented_none.c)
endif()
list(APPEND PROA_UNIT_TESTS
	src/dns/hosts_test.c
	src/dns/name_test.c
)
