# What bench/run measures, how, and what it makes of the figures.
# SPDX-License-Identifier: MIT
