/* Reading a folder by readdir, with nothing kept between two calls but the descriptor's offset. */
/* SPDX-License-Identifier: MIT */
#include "sys/bsd/dir.h"
#include "sys/posix/posix.h"

#include <fcntl.h>
#include <unistd.h>

/* The systems do not agree on positions within a folder, and a DIR would have to be kept somewhere.
 * So each call reads the folder anew by a descriptor of its own and passes over what was told
 * before; how many that were is the offset of the caller's descriptor, which nothing else uses. A
 * folder that loses entries between two calls may thus have one left out, as POSIX lets readdir do
 * with those that come or go, but here it may be another one. */
DIR *px_dir_again(int fd)
{
	int own = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = own < 0 ? NULL : fdopendir(own);
	int saved = errno;

	if (!dir && own >= 0)
		close(own);
	errno = saved;
	return dir;
}

/* How many have been passed or packed in the end; < 0 and errno: nothing could be read. */
static off_t folder_pack(DIR *dir, px_dir_packer *p, off_t told)
{
	struct dirent *e;

	for (off_t i = 0;; i++) {
		errno = 0;
		e = readdir(dir);
		if (!e && errno && !p->used)
			return -1;
		if (!e || (i >= told && !px_dir_pack(p, e->d_name, e->d_ino, e->d_type)))
			return i;
	}
}

int64_t px_os_dir_read(int fd, void *buf, size_t len, int32_t *sys_error)
{
	px_dir_packer p = {fd, buf, len, 0};
	off_t told = lseek(fd, 0, SEEK_CUR);
	DIR *dir = told < 0 ? NULL : px_dir_again(fd);

	*sys_error = 0;
	if (!dir)
		return px_errno(sys_error);
	told = folder_pack(dir, &p, told);
	if (told < 0)
		*sys_error = errno;
	closedir(dir);
	if (told < 0 || lseek(fd, told, SEEK_SET) < 0)
		return *sys_error ? px_sys_error(*sys_error) : px_errno(sys_error);
	return (int64_t)p.used;
}
