/* What the tests of pipes with names stand on. */
/* SPDX-License-Identifier: MIT */
#ifndef E_LOCAL_NAMED_H
#define E_LOCAL_NAMED_H

#include "c_conform/kit.h"

const char *named_text(void); /* a name that no other program has */
void named_listen(proa_loop *loop, proa_handle *l, proa_addr *addr);
void named_take(proa_loop *loop, rec *accepted, proa_handle *h);                 /* adopts it */
void named_dial(proa_loop *loop, proa_handle *h, rec *c, const proa_addr *addr); /* begins to */
void named_say(proa_loop *loop, proa_handle *h, const char *text);
void named_hear(proa_loop *loop, proa_handle *h, const char *text); /* "": the end */

#endif
