/* What a system may have a call for, done by read and write: pieces, and a copy. */
/* SPDX-License-Identifier: MIT */
#include "sys/os.h"

enum { COPY_BYTES = 64 * 1024 };

/* The piece that `skip` bytes end in, and how much of it they take; NULL: there is nothing left. */
static const proa_vec *piece_at(const proa_vec *vec, unsigned n, size_t *skip)
{
	for (unsigned i = 0; i < n; i++) {
		if (*skip < vec[i].len)
			return &vec[i];
		*skip -= vec[i].len;
	}
	return NULL;
}

int64_t px_hand_readv(int fd, const proa_vec *vec, unsigned n, size_t skip, int64_t offset,
                      int32_t *sys_error)
{
	const proa_vec *piece = piece_at(vec, n, &skip);

	*sys_error = 0;
	return piece ? px_file_read(fd, (char *)(uintptr_t)piece->base + skip, piece->len - skip,
	                            offset, sys_error)
	             : 0;
}

int64_t px_hand_writev(int fd, const proa_vec *vec, unsigned n, size_t skip, int64_t offset,
                       int32_t *sys_error)
{
	const proa_vec *piece = piece_at(vec, n, &skip);

	*sys_error = 0;
	return piece ? px_file_write(fd, (const char *)piece->base + skip, piece->len - skip,
	                             offset, sys_error)
	             : 0;
}

/* What was read and not written is read again by the next call. */
int64_t px_hand_copy(int from, int to, int64_t offset, int64_t len, int32_t *sys_error)
{
	char buf[COPY_BYTES];
	int64_t n = px_file_read(from, buf, (size_t)PX_MIN(len, (int64_t)sizeof buf), offset,
	                         sys_error);

	return n > 0 ? px_file_write(to, buf, (size_t)n, offset, sys_error) : n;
}
