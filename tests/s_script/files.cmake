# Scripts: random programs that are the same on every backend, and what is made of those that fail.
# SPDX-License-Identifier: MIT
set(PROA_SCRIPT_SOURCES
	tests/s_script/text.c
	tests/s_script/trace.c
	tests/s_script/model.c
	tests/s_script/model_submit.c
	tests/s_script/model_settle.c
	tests/s_script/gen.c
	tests/s_script/loop.c
	tests/s_script/run.c
	tests/s_script/step.c
	tests/s_script/submit.c
	tests/s_script/told.c)

# How many seeds: some seconds' worth of them.
set(seeds 1500)
if(PROA_TREE MATCHES "^(win|aarch64|tsan)$")
	set(seeds 60)
elseif(PROA_TREE)
	set(seeds 300)
endif()
proa_test(script ${PROA_SCRIPT_SOURCES} tests/s_script/shrink.c
	tests/s_script/print.c tests/s_script/test.c ARGS --seeds ${seeds} OWN_MAIN)
