/* A loop's ducts: a few are kept for the next who needs one. */
/* SPDX-License-Identifier: MIT */
#include "op/duct.h"

#include "sys/sys.h"

static void duct_close(px_core *core, px_duct *duct)
{
	px_file_close(duct->rd);
	px_file_close(duct->wr);
	px_count_add(&core->stat.system_calls, 2);
	*duct = (px_duct){0};
}

int px_duct_take(px_core *core, px_duct *duct, int32_t *sys_error)
{
	int fd[2], rc;

	*sys_error = 0;
	if (core->ducts_lent == PX_DUCTS_MOST)
		return -PROA_EMFILE;
	if (core->ducts_kept) {
		int32_t *kept = core->ducts[--core->ducts_kept];

		*duct = (px_duct){kept[0], kept[1]};
	} else {
		px_count(&core->stat.system_calls);
		if ((rc = px_splice_open(fd, sys_error)) < 0)
			return rc;
		*duct = (px_duct){fd[0], fd[1]};
	}
	core->ducts_lent++;
	return 0;
}

void px_duct_give(px_core *core, px_duct *duct, bool clean)
{
	core->ducts_lent--;
	if (!clean || core->ducts_kept == PX_COUNT(core->ducts)) {
		duct_close(core, duct);
		return;
	}
	core->ducts[core->ducts_kept][0] = duct->rd;
	core->ducts[core->ducts_kept++][1] = duct->wr;
	*duct = (px_duct){0};
}

void px_ducts_close(px_core *core)
{
	while (core->ducts_kept) {
		int32_t *kept = core->ducts[--core->ducts_kept];

		duct_close(core, &(px_duct){kept[0], kept[1]});
	}
}
