# Worlds: the simulation, and what is tested in it.
# SPDX-License-Identifier: MIT
proa_test(sim tests/s_sim/echo.c)
proa_test(sim_reset tests/s_sim/reset.c)
