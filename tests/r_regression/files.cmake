# Bugs that were.
# SPDX-License-Identifier: MIT
proa_test(regression
	tests/r_regression/fixed.c
	tests/r_regression/order.c
	tests/c_conform/kit.c
	BACKENDS)
