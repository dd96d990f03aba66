# Files, folders and what runs on workers; signals; names. On each backend.
# SPDX-License-Identifier: MIT
proa_test(fs
	tests/e_fs/file.c
	tests/e_fs/folder.c
	tests/e_fs/gate.c
	tests/c_conform/kit.c
	BACKENDS)
proa_test(work
	tests/e_fs/work.c
	tests/e_fs/strand.c
	tests/e_fs/signal.c
	tests/e_fs/gate.c
	tests/c_conform/kit.c
	BACKENDS)
proa_test(dns
	tests/d_net/dns.c
	tests/d_net/dns_more.c
	tests/d_net/dns_race.c
	tests/e_fs/gate.c
	tests/c_conform/kit.c
	BACKENDS)
proa_test(doctor tests/e_fs/doctor.c)
