# Fuzz targets: what reads bytes or text that others made.
# SPDX-License-Identifier: MIT
proa_fuzz(addr fuzz/addr.c)
proa_fuzz(http_request fuzz/http_request.c)
