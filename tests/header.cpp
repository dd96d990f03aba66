// proa.h as C++17: compiled only, with the C side's warnings.
// SPDX-License-Identifier: MIT
#include "proa.h"

#include <type_traits>

static_assert(std::is_standard_layout<proa_op>::value, "an op is a C struct");
static_assert(std::is_standard_layout<proa_handle>::value, "a handle is a C struct");

struct connection {
	proa_handle handle{};
	proa_op op{};
};

proa_op *connection_op(proa_handle *handle)
{
	return &PROA_OF(handle, connection, handle)->op;
}
