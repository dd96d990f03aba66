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

# Many seeds: PROA_SIM_SEEDS=N PROA_SIM_FROM=S build/tests/sim_http, sim_stream or sim_mix.
proa_test(sim_http
	tests/s_sim/seeds.c
	tests/s_sim/http.c
	tests/s_sim/http_ask.c
	tests/s_sim/http_answer.c
	tests/s_sim/http_client.c
	tests/s_sim/http_server.c)
proa_test(sim_stream tests/s_sim/seeds.c tests/s_sim/stream.c)
proa_test(sim_mix
	tests/s_sim/seeds.c
	tests/s_sim/mix_seeds.c
	tests/s_sim/mix.c
	tests/s_sim/bed.c)

if(PROA_PYTHON AND PROA_TREE STREQUAL "" AND NOT WIN32)
	proa_add_test(campaign_can_fail ${PROA_PYTHON}
		${PROJECT_SOURCE_DIR}/tests/s_sim/campaign_test)
endif()
