/* Stacks to switch between: by a few instructions, or by ucontext on other processors. */
/* SPDX-License-Identifier: MIT */
#include "posix.h"

#include "base/poison.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#if !defined(__x86_64__) && !defined(__aarch64__) && \
	!(defined(__riscv_float_abi_double) && __riscv_xlen == 64)
#include <ucontext.h>
#define BY_UCONTEXT 1
#endif

#if defined(__SANITIZE_THREAD__)
#define BY_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define BY_TSAN 1
#endif
#endif

struct px_fiber {
	void *sp; /* while it does not run: its registers are on its stack */
	void (*fn)(void *);
	void *arg;
	unsigned char *map; /* a guard page, then the stack; NULL: a thread's own */
	size_t bytes;
#ifdef BY_UCONTEXT
	ucontext_t context;
#endif
	/* What the sanitizers know it by. */
	void *fake;
	const void *bottom;
	size_t bottom_bytes;
	void *tsan;
};

/* The one that is being switched to, and where from: a new one finds itself here. */
static _Thread_local px_fiber *coming, *leaving;

/* ---- telling the sanitizers ---- */

#ifdef PX_ASAN
void __sanitizer_start_switch_fiber(void **fake, const void *bottom, size_t bytes);
void __sanitizer_finish_switch_fiber(void *fake, const void **bottom, size_t *bytes);

static void told_before(px_fiber *from, px_fiber *to, bool ending)
{
	__sanitizer_start_switch_fiber(ending ? NULL : &from->fake, to->bottom, to->bottom_bytes);
}

static void told_after(px_fiber *to)
{
	__sanitizer_finish_switch_fiber(to->fake, &leaving->bottom, &leaving->bottom_bytes);
}
#elif defined(BY_TSAN)
void *__tsan_create_fiber(unsigned flags);
void __tsan_destroy_fiber(void *fiber);
void *__tsan_get_current_fiber(void);
void __tsan_switch_to_fiber(void *fiber, unsigned flags);

static void told_before(px_fiber *from, px_fiber *to, bool ending)
{
	PX_UNUSED(from);
	PX_UNUSED(ending);
	__tsan_switch_to_fiber(to->tsan, 0);
}

static void told_after(px_fiber *to)
{
	PX_UNUSED(to);
}
#else
static void told_before(px_fiber *from, px_fiber *to, bool ending)
{
	PX_UNUSED(from);
	PX_UNUSED(to);
	PX_UNUSED(ending);
}

static void told_after(px_fiber *to)
{
	PX_UNUSED(to);
}
#endif

static void tsan_open(px_fiber *f, bool own)
{
#ifdef BY_TSAN
	f->tsan = own ? __tsan_get_current_fiber() : __tsan_create_fiber(0);
#else
	PX_UNUSED(f);
	PX_UNUSED(own);
#endif
}

static void tsan_close(px_fiber *f)
{
#ifdef BY_TSAN
	if (f->map)
		__tsan_destroy_fiber(f->tsan);
#else
	PX_UNUSED(f);
#endif
}

/* ---- the switch: what a callee must keep goes onto the old stack, and comes from the new ---- */

static void fiber_main(void)
{
	px_fiber *f = coming;

	told_after(f);
	f->fn(f->arg);
	PX_PANIC("a fiber's function returned");
}

#if defined(BY_UCONTEXT)

static void stack_prepare(px_fiber *f)
{
	getcontext(&f->context);
	f->context.uc_stack.ss_sp = f->map;
	f->context.uc_stack.ss_size = f->bytes;
	makecontext(&f->context, fiber_main, 0);
}

static void stack_switch(px_fiber *from, px_fiber *to)
{
	swapcontext(&from->context, &to->context);
}

#else

void px_fiber_jump(void **old_sp, void *new_sp) __asm__("px_fiber_jump");

#if defined(__x86_64__)

enum {
	WORDS = 8,
	RETURN = 7,
	SLACK = 1
}; /* mxcsr and x87 control, r15-r12, rbx, rbp, the return address */

__asm__(".text\n.p2align 4\npx_fiber_jump:\n"
        "pushq %rbp\npushq %rbx\npushq %r12\npushq %r13\npushq %r14\npushq %r15\n"
        "subq $8, %rsp\nstmxcsr (%rsp)\nfnstcw 4(%rsp)\n"
        "movq %rsp, (%rdi)\nmovq %rsi, %rsp\n"
        "ldmxcsr (%rsp)\nfldcw 4(%rsp)\naddq $8, %rsp\n"
        "popq %r15\npopq %r14\npopq %r13\npopq %r12\npopq %rbx\npopq %rbp\nret\n");

static void registers_prepare(uint64_t *words)
{
	uint32_t mxcsr;
	uint16_t x87;

	__asm__ volatile("stmxcsr %0\n\tfnstcw %1" : "=m"(mxcsr), "=m"(x87));
	words[0] = mxcsr | (uint64_t)x87 << 32;
	words[RETURN + 1] = 0; /* a function begins 8 bytes off an address of 16 */
}

#elif defined(__aarch64__)

enum { WORDS = 20, RETURN = 11, SLACK = 2 }; /* x19-x29, the return address, d8-d15 */

__asm__(".text\n.p2align 4\npx_fiber_jump:\n"
        "sub sp, sp, #160\n"
        "stp x19, x20, [sp, #0]\nstp x21, x22, [sp, #16]\nstp x23, x24, [sp, #32]\n"
        "stp x25, x26, [sp, #48]\nstp x27, x28, [sp, #64]\nstp x29, x30, [sp, #80]\n"
        "stp d8, d9, [sp, #96]\nstp d10, d11, [sp, #112]\nstp d12, d13, [sp, #128]\n"
        "stp d14, d15, [sp, #144]\n"
        "mov x9, sp\nstr x9, [x0]\nmov sp, x1\n"
        "ldp x19, x20, [sp, #0]\nldp x21, x22, [sp, #16]\nldp x23, x24, [sp, #32]\n"
        "ldp x25, x26, [sp, #48]\nldp x27, x28, [sp, #64]\nldp x29, x30, [sp, #80]\n"
        "ldp d8, d9, [sp, #96]\nldp d10, d11, [sp, #112]\nldp d12, d13, [sp, #128]\n"
        "ldp d14, d15, [sp, #144]\n"
        "add sp, sp, #160\nret\n");

static void registers_prepare(uint64_t *words)
{
	PX_UNUSED(words);
}

#else /* riscv64 */

enum { WORDS = 26, RETURN = 0, SLACK = 2 }; /* ra, s0-s11, a hole, fs0-fs11 */

__asm__(".text\n.p2align 2\npx_fiber_jump:\n"
        "addi sp, sp, -208\n"
        "sd ra, 0(sp)\nsd s0, 8(sp)\nsd s1, 16(sp)\nsd s2, 24(sp)\nsd s3, 32(sp)\n"
        "sd s4, 40(sp)\nsd s5, 48(sp)\nsd s6, 56(sp)\nsd s7, 64(sp)\nsd s8, 72(sp)\n"
        "sd s9, 80(sp)\nsd s10, 88(sp)\nsd s11, 96(sp)\n"
        "fsd fs0, 112(sp)\nfsd fs1, 120(sp)\nfsd fs2, 128(sp)\nfsd fs3, 136(sp)\n"
        "fsd fs4, 144(sp)\nfsd fs5, 152(sp)\nfsd fs6, 160(sp)\nfsd fs7, 168(sp)\n"
        "fsd fs8, 176(sp)\nfsd fs9, 184(sp)\nfsd fs10, 192(sp)\nfsd fs11, 200(sp)\n"
        "sd sp, 0(a0)\nmv sp, a1\n"
        "ld ra, 0(sp)\nld s0, 8(sp)\nld s1, 16(sp)\nld s2, 24(sp)\nld s3, 32(sp)\n"
        "ld s4, 40(sp)\nld s5, 48(sp)\nld s6, 56(sp)\nld s7, 64(sp)\nld s8, 72(sp)\n"
        "ld s9, 80(sp)\nld s10, 88(sp)\nld s11, 96(sp)\n"
        "fld fs0, 112(sp)\nfld fs1, 120(sp)\nfld fs2, 128(sp)\nfld fs3, 136(sp)\n"
        "fld fs4, 144(sp)\nfld fs5, 152(sp)\nfld fs6, 160(sp)\nfld fs7, 168(sp)\n"
        "fld fs8, 176(sp)\nfld fs9, 184(sp)\nfld fs10, 192(sp)\nfld fs11, 200(sp)\n"
        "addi sp, sp, 208\nret\n");

static void registers_prepare(uint64_t *words)
{
	PX_UNUSED(words);
}

#endif

static void stack_prepare(px_fiber *f)
{
	uint64_t *words = (uint64_t *)(void *)(f->map + f->bytes) - WORDS - SLACK;

	registers_prepare(words);
	words[RETURN] = (uint64_t)(uintptr_t)fiber_main;
	f->sp = words;
}

static void stack_switch(px_fiber *from, px_fiber *to)
{
	px_fiber_jump(&from->sp, to->sp);
}

#endif

/* ---- the contract ---- */

static size_t page_bytes(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

px_fiber *px_fiber_open(size_t stack_bytes, void (*fn)(void *), void *arg)
{
	size_t page = page_bytes(), bytes = ((stack_bytes + page - 1) / page + 1) * page;
	px_fiber *f = calloc(1, sizeof *f);
	void *map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANON, -1, 0);

	if (!f || map == MAP_FAILED || mprotect(map, page, PROT_NONE) < 0) {
		if (map != MAP_FAILED)
			munmap(map, bytes);
		free(f);
		return NULL;
	}
	f->fn = fn;
	f->arg = arg;
	f->map = map;
	f->bytes = bytes;
	f->bottom = f->map + page;
	f->bottom_bytes = bytes - page;
	tsan_open(f, false);
	stack_prepare(f);
	return f;
}

px_fiber *px_fiber_here(void)
{
	px_fiber *f = calloc(1, sizeof *f);

	if (f)
		tsan_open(f, true);
	return f;
}

void px_fiber_switch(px_fiber *from, px_fiber *to, bool ending)
{
	coming = to;
	leaving = from;
	told_before(from, to, ending);
	stack_switch(from, to);
	told_after(coming); /* which is `from` again */
}

void px_fiber_close(px_fiber *f)
{
	if (!f)
		return;
	tsan_close(f);
	if (f->map) {
		px_unpoison(f->map, f->bytes);
		munmap(f->map, f->bytes);
	}
	free(f);
}
