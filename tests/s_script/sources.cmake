# What makes, judges and runs scripts; for the tests and for fuzzing.
# SPDX-License-Identifier: MIT
set(PROA_SCRIPT_SOURCES
	tests/s_script/text.c
	tests/s_script/trace.c
	tests/s_script/model.c
	tests/s_script/model_submit.c
	tests/s_script/model_settle.c
	tests/s_script/gen.c
	tests/s_script/loop.c
	tests/s_script/world.c
	tests/s_script/run.c
	tests/s_script/step.c
	tests/s_script/submit.c
	tests/s_script/stated.c
	tests/s_script/told.c)
