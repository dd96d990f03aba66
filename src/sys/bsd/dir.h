/* Reading a folder that is open by a descriptor of one's own. */
/* SPDX-License-Identifier: MIT */
#ifndef PX_SYS_BSD_DIR_H
#define PX_SYS_BSD_DIR_H

#include <dirent.h>

/* From its beginning, whatever fd's offset; closedir leaves fd open. NULL and errno. */
DIR *px_dir_again(int fd);

#endif
