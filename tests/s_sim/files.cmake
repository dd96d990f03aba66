# Worlds: the simulation, and what is tested in it.
# SPDX-License-Identifier: MIT
proa_test(sim
	tests/s_sim/bed.c
	tests/s_sim/echo.c
	tests/s_sim/reset.c
	tests/s_sim/node_test.c
	tests/s_sim/link_test.c
	tests/s_sim/clock_test.c
	tests/s_sim/gram_test.c
	tests/s_sim/disk_test.c
	tests/s_sim/program_test.c
	tests/s_sim/mix.c
	tests/s_sim/fault_test.c
	tests/s_sim/leak_test.c
	tests/s_sim/misuse_test.c
	tests/s_sim/same_test.c
	tests/s_sim/trace_test.c)
