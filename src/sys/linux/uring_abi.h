/* The io_uring interface of Linux up to 6.18, in our own names. */
/* SPDX-License-Identifier: MIT */
#ifndef PX_SYS_LINUX_URING_ABI_H
#define PX_SYS_LINUX_URING_ABI_H

/* The system's <linux/io_uring.h> is often older than the kernel that runs, so it is never
 * included, and our names do not clash with it. Kernel versions say since when, for the reader:
 * the code probes. Facts from io_uring(7), io_uring_setup(2), io_uring_enter(2),
 * io_uring_register(2) and the kernel's header. For src/backend/uring*.c and bench/ only. */

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

/* ---- opcodes ---- */

enum px_uring_opcode {
	PX_IORING_OP_NOP = 0,
	PX_IORING_OP_READV = 1,
	PX_IORING_OP_WRITEV = 2,
	PX_IORING_OP_FSYNC = 3,
	PX_IORING_OP_READ_FIXED = 4,
	PX_IORING_OP_WRITE_FIXED = 5,
	PX_IORING_OP_POLL_ADD = 6,
	PX_IORING_OP_POLL_REMOVE = 7, /* also changes one in place */
	PX_IORING_OP_SYNC_FILE_RANGE = 8,
	PX_IORING_OP_SENDMSG = 9,
	PX_IORING_OP_RECVMSG = 10,
	PX_IORING_OP_TIMEOUT = 11,
	PX_IORING_OP_TIMEOUT_REMOVE = 12,
	PX_IORING_OP_ACCEPT = 13,
	PX_IORING_OP_ASYNC_CANCEL = 14,
	PX_IORING_OP_LINK_TIMEOUT = 15,
	PX_IORING_OP_CONNECT = 16,
	PX_IORING_OP_FALLOCATE = 17,
	PX_IORING_OP_OPENAT = 18,
	PX_IORING_OP_CLOSE = 19,
	PX_IORING_OP_FILES_UPDATE = 20,
	PX_IORING_OP_STATX = 21,
	PX_IORING_OP_READ = 22,
	PX_IORING_OP_WRITE = 23,
	PX_IORING_OP_FADVISE = 24,
	PX_IORING_OP_MADVISE = 25,
	PX_IORING_OP_SEND = 26,
	PX_IORING_OP_RECV = 27,
	PX_IORING_OP_OPENAT2 = 28,
	PX_IORING_OP_EPOLL_CTL = 29,
	PX_IORING_OP_SPLICE = 30,
	PX_IORING_OP_PROVIDE_BUFFERS = 31,
	PX_IORING_OP_REMOVE_BUFFERS = 32,
	PX_IORING_OP_TEE = 33,
	PX_IORING_OP_SHUTDOWN = 34,
	PX_IORING_OP_RENAMEAT = 35,
	PX_IORING_OP_UNLINKAT = 36,
	PX_IORING_OP_MKDIRAT = 37,
	PX_IORING_OP_SYMLINKAT = 38,
	PX_IORING_OP_LINKAT = 39,
	PX_IORING_OP_MSG_RING = 40, /* 5.18 */
	PX_IORING_OP_FSETXATTR = 41,
	PX_IORING_OP_SETXATTR = 42,
	PX_IORING_OP_FGETXATTR = 43,
	PX_IORING_OP_GETXATTR = 44,
	PX_IORING_OP_SOCKET = 45, /* 5.19 */
	PX_IORING_OP_URING_CMD = 46,
	PX_IORING_OP_SEND_ZC = 47,        /* 6.0 */
	PX_IORING_OP_SENDMSG_ZC = 48,     /* 6.1 */
	PX_IORING_OP_READ_MULTISHOT = 49, /* 6.7 */
	PX_IORING_OP_WAITID = 50,
	PX_IORING_OP_FUTEX_WAIT = 51,
	PX_IORING_OP_FUTEX_WAKE = 52,
	PX_IORING_OP_FUTEX_WAITV = 53,
	PX_IORING_OP_FIXED_FD_INSTALL = 54, /* 6.8 */
	PX_IORING_OP_FTRUNCATE = 55,        /* 6.9 */
	PX_IORING_OP_BIND = 56,             /* 6.11 */
	PX_IORING_OP_LISTEN = 57,           /* 6.11 */
	PX_IORING_OP_RECV_ZC = 58,          /* 6.15 */
	PX_IORING_OP_EPOLL_WAIT = 59,       /* 6.15 */
	PX_IORING_OP_READV_FIXED = 60,      /* 6.15 */
	PX_IORING_OP_WRITEV_FIXED = 61,     /* 6.15 */
	PX_IORING_OP_PIPE = 62,             /* 6.16 */
	PX_IORING_OP_COUNT = 63,
};

/* ---- submission queue entry ---- */

typedef struct px_uring_sqe {
	uint8_t opcode;
	uint8_t flags;   /* PX_IOSQE_ */
	uint16_t ioprio; /* for accept, recv, send: their own flags, see below */
	int32_t fd;
	union {
		uint64_t off;
		uint64_t addr2; /* accept: socklen_t *; statx: struct statx *; connect: socklen */
		struct {
			uint32_t cmd_op; /* URING_CMD: PX_SOCKET_URING_OP_ on sockets */
			uint32_t cmd_pad;
		};
	};
	union {
		uint64_t addr; /* buffer, vector, path, sockaddr; cancel: user_data */
		uint64_t splice_off_in;
		struct {
			uint32_t level; /* socket options by URING_CMD */
			uint32_t optname;
		};
	};
	uint32_t len; /* bytes, vectors; PX_IORING_POLL_; openat: mode; statx: mask; socket:
	                 protocol */
	union {
		uint32_t op_flags; /* any of those below, and of other kinds */
		uint32_t rw_flags;
		uint32_t fsync_flags;
		uint32_t poll32_events; /* the two halves swapped on big-endian machines */
		uint32_t msg_flags;
		uint32_t timeout_flags;
		uint32_t accept_flags;
		uint32_t cancel_flags;
		uint32_t open_flags;
		uint32_t statx_flags;
		uint32_t splice_flags;
		uint32_t msg_ring_flags;
		uint32_t uring_cmd_flags;
	};
	uint64_t user_data;
	union {
		uint16_t buf_index;
		uint16_t buf_group; /* with PX_IOSQE_BUFFER_SELECT */
	};
	uint16_t personality;
	union {
		int32_t splice_fd_in;
		uint32_t file_index; /* 1 + slot of a new direct descriptor, or FILE_INDEX_ALLOC */
		uint32_t optlen;
		struct {
			uint16_t addr_len;
			uint16_t addr_pad;
		};
	};
	union {
		uint64_t addr3;
		uint64_t optval;
	};
	uint64_t pad;
} px_uring_sqe;

#define PX_IORING_FILE_INDEX_ALLOC UINT32_MAX

/* sqe->flags */
#define PX_IOSQE_FIXED_FILE       (1u << 0) /* fd is an index of the registered files */
#define PX_IOSQE_IO_DRAIN         (1u << 1)
#define PX_IOSQE_IO_LINK          (1u << 2)
#define PX_IOSQE_IO_HARDLINK      (1u << 3)
#define PX_IOSQE_ASYNC            (1u << 4)
#define PX_IOSQE_BUFFER_SELECT    (1u << 5)
#define PX_IOSQE_CQE_SKIP_SUCCESS (1u << 6) /* 5.17: no completion unless it failed */

/* fsync_flags */
#define PX_IORING_FSYNC_DATASYNC (1u << 0)

/* timeout_flags */
#define PX_IORING_TIMEOUT_ABS           (1u << 0)
#define PX_IORING_TIMEOUT_UPDATE        (1u << 1)
#define PX_IORING_TIMEOUT_BOOTTIME      (1u << 2)
#define PX_IORING_TIMEOUT_REALTIME      (1u << 3)
#define PX_IORING_LINK_TIMEOUT_UPDATE   (1u << 4)
#define PX_IORING_TIMEOUT_ETIME_SUCCESS (1u << 5)
#define PX_IORING_TIMEOUT_MULTISHOT     (1u << 6) /* 6.4 */

/* Polls, in sqe->len. */
#define PX_IORING_POLL_ADD_MULTI        (1u << 0)
#define PX_IORING_POLL_UPDATE_EVENTS    (1u << 1)
#define PX_IORING_POLL_UPDATE_USER_DATA (1u << 2)
#define PX_IORING_POLL_ADD_LEVEL        (1u << 3)

/* cancel_flags; without FD, ANY or OP the key is the user_data in sqe->addr. */
#define PX_IORING_ASYNC_CANCEL_ALL      (1u << 0) /* every match; the result is how many */
#define PX_IORING_ASYNC_CANCEL_FD       (1u << 1)
#define PX_IORING_ASYNC_CANCEL_ANY      (1u << 2)
#define PX_IORING_ASYNC_CANCEL_FD_FIXED (1u << 3)
#define PX_IORING_ASYNC_CANCEL_USERDATA (1u << 4) /* 6.6: this key too */
#define PX_IORING_ASYNC_CANCEL_OP       (1u << 5) /* 6.6: the opcode in sqe->len too */

/* send, sendmsg, recv, recvmsg, in sqe->ioprio */
#define PX_IORING_RECVSEND_POLL_FIRST   (1u << 0)  /* 5.19: no first attempt, wait at once */
#define PX_IORING_RECV_MULTISHOT        (1u << 1)  /* 6.0 */
#define PX_IORING_RECVSEND_FIXED_BUF    (1u << 2)  /* 6.0 */
#define PX_IORING_SEND_ZC_REPORT_USAGE  (1u << 3)  /* 6.2: the notification tells if copied */
#define PX_IORING_RECVSEND_BUNDLE       (1u << 4)  /* 6.10: buffers from the cqe's id onwards */
#define PX_IORING_SEND_VECTORIZED       (1u << 5)  /* 6.17 */
#define PX_IORING_NOTIF_USAGE_ZC_COPIED (1u << 31) /* in the notification's res */

/* accept, in sqe->ioprio */
#define PX_IORING_ACCEPT_MULTISHOT  (1u << 0) /* 5.19 */
#define PX_IORING_ACCEPT_DONTWAIT   (1u << 1) /* 6.10: EAGAIN instead of waiting */
#define PX_IORING_ACCEPT_POLL_FIRST (1u << 2) /* 6.10 */

/* msg_ring: fd the target ring, off its user_data, len its res, addr one of MSG_; msg_ring_flags */
#define PX_IORING_MSG_DATA            0u
#define PX_IORING_MSG_SEND_FD         1u
#define PX_IORING_MSG_RING_CQE_SKIP   (1u << 0)
#define PX_IORING_MSG_RING_FLAGS_PASS (1u << 1) /* 6.3: sqe->file_index becomes the cqe's flags */

/* cmd_op of URING_CMD on a socket */
#define PX_SOCKET_URING_OP_SIOCINQ    0u
#define PX_SOCKET_URING_OP_SIOCOUTQ   1u
#define PX_SOCKET_URING_OP_GETSOCKOPT 2u /* 6.7 */
#define PX_SOCKET_URING_OP_SETSOCKOPT 3u /* 6.7 */

/* ---- completion queue entry ---- */

typedef struct px_uring_cqe {
	uint64_t user_data;
	int32_t res; /* the system call's result, or -errno */
	uint32_t flags;
} px_uring_cqe;

#define PX_IORING_CQE_F_BUFFER        (1u << 0)  /* the upper 16 bits are the buffer's id */
#define PX_IORING_CQE_F_MORE          (1u << 1)  /* this sqe will complete again */
#define PX_IORING_CQE_F_SOCK_NONEMPTY (1u << 2)  /* 5.19: there was more to read */
#define PX_IORING_CQE_F_NOTIF         (1u << 3)  /* 6.0: a zero-copy send let go of its buffer */
#define PX_IORING_CQE_F_BUF_MORE      (1u << 4)  /* 6.12: buffer not used up, still the kernel's */
#define PX_IORING_CQE_F_SKIP          (1u << 5)  /* 6.18: filler, ignore (mixed rings only) */
#define PX_IORING_CQE_F_32            (1u << 15) /* 6.18: 32 bytes long (mixed rings only) */
#define PX_IORING_CQE_BUFFER_SHIFT    16

/* ---- setup ---- */

typedef struct px_uring_sq_offsets {
	uint32_t head, tail, ring_mask, ring_entries, flags, dropped, array, resv1;
	uint64_t user_addr;
} px_uring_sq_offsets;

typedef struct px_uring_cq_offsets {
	uint32_t head, tail, ring_mask, ring_entries, overflow, cqes, flags, resv1;
	uint64_t user_addr;
} px_uring_cq_offsets;

/* All zero but flags, and what they ask for; the kernel fills in the rest. */
typedef struct px_uring_params {
	uint32_t sq_entries;
	uint32_t cq_entries; /* in with SETUP_CQSIZE */
	uint32_t flags;
	uint32_t sq_thread_cpu;
	uint32_t sq_thread_idle;
	uint32_t features;
	uint32_t wq_fd; /* in with SETUP_ATTACH_WQ */
	uint32_t resv[3];
	px_uring_sq_offsets sq_off;
	px_uring_cq_offsets cq_off;
} px_uring_params;

#define PX_IORING_SETUP_IOPOLL             (1u << 0)
#define PX_IORING_SETUP_SQPOLL             (1u << 1)
#define PX_IORING_SETUP_SQ_AFF             (1u << 2)
#define PX_IORING_SETUP_CQSIZE             (1u << 3)
#define PX_IORING_SETUP_CLAMP              (1u << 4)
#define PX_IORING_SETUP_ATTACH_WQ          (1u << 5)
#define PX_IORING_SETUP_R_DISABLED         (1u << 6) /* 5.10 */
#define PX_IORING_SETUP_SUBMIT_ALL         (1u << 7) /* 5.18 */
#define PX_IORING_SETUP_COOP_TASKRUN       (1u << 8) /* 5.19 */
#define PX_IORING_SETUP_TASKRUN_FLAG       (1u << 9) /* 5.19: keep SQ_TASKRUN; with COOP or DEFER */
#define PX_IORING_SETUP_SQE128             (1u << 10)
#define PX_IORING_SETUP_CQE32              (1u << 11)
#define PX_IORING_SETUP_SINGLE_ISSUER      (1u << 12) /* 6.0 */
#define PX_IORING_SETUP_DEFER_TASKRUN      (1u << 13) /* 6.1, needs SINGLE_ISSUER */
#define PX_IORING_SETUP_NO_MMAP            (1u << 14) /* 6.5 */
#define PX_IORING_SETUP_REGISTERED_FD_ONLY (1u << 15)
#define PX_IORING_SETUP_NO_SQARRAY         (1u << 16) /* 6.6 */
#define PX_IORING_SETUP_HYBRID_IOPOLL      (1u << 17) /* 6.13 */
#define PX_IORING_SETUP_CQE_MIXED          (1u << 18) /* 6.18 */

#define PX_IORING_FEAT_SINGLE_MMAP     (1u << 0)
#define PX_IORING_FEAT_NODROP          (1u << 1)
#define PX_IORING_FEAT_SUBMIT_STABLE   (1u << 2)
#define PX_IORING_FEAT_RW_CUR_POS      (1u << 3)
#define PX_IORING_FEAT_CUR_PERSONALITY (1u << 4)
#define PX_IORING_FEAT_FAST_POLL       (1u << 5)
#define PX_IORING_FEAT_POLL_32BITS     (1u << 6)
#define PX_IORING_FEAT_SQPOLL_NONFIXED (1u << 7)
#define PX_IORING_FEAT_EXT_ARG         (1u << 8)
#define PX_IORING_FEAT_NATIVE_WORKERS  (1u << 9)
#define PX_IORING_FEAT_RSRC_TAGS       (1u << 10)
#define PX_IORING_FEAT_CQE_SKIP        (1u << 11)
#define PX_IORING_FEAT_LINKED_FILE     (1u << 12)
#define PX_IORING_FEAT_REG_REG_RING    (1u << 13)
#define PX_IORING_FEAT_RECVSEND_BUNDLE (1u << 14)
#define PX_IORING_FEAT_MIN_TIMEOUT     (1u << 15)
#define PX_IORING_FEAT_RW_ATTR         (1u << 16)
#define PX_IORING_FEAT_NO_IOWAIT       (1u << 17)

/* mmap(2) offsets on the ring's descriptor */
#define PX_IORING_OFF_SQ_RING    0
#define PX_IORING_OFF_CQ_RING    0x8000000
#define PX_IORING_OFF_SQES       0x10000000
#define PX_IORING_OFF_PBUF_RING  0x80000000ll /* | bgid << PBUF_SHIFT */
#define PX_IORING_OFF_PBUF_SHIFT 16

/* The word at sq_off.flags */
#define PX_IORING_SQ_NEED_WAKEUP (1u << 0)
#define PX_IORING_SQ_CQ_OVERFLOW (1u << 1) /* enter with GETEVENTS brings what did not fit */
#define PX_IORING_SQ_TASKRUN     (1u << 2) /* enter with GETEVENTS runs what waits */

/* The word at cq_off.flags */
#define PX_IORING_CQ_EVENTFD_DISABLED (1u << 0)

/* ---- enter ---- */

#define PX_IORING_ENTER_GETEVENTS       (1u << 0)
#define PX_IORING_ENTER_SQ_WAKEUP       (1u << 1)
#define PX_IORING_ENTER_SQ_WAIT         (1u << 2)
#define PX_IORING_ENTER_EXT_ARG         (1u << 3)
#define PX_IORING_ENTER_REGISTERED_RING (1u << 4) /* the fd is an index from REGISTER_RING_FDS */
#define PX_IORING_ENTER_ABS_TIMER       (1u << 5) /* 6.12 */
#define PX_IORING_ENTER_EXT_ARG_REG     (1u << 6) /* 6.13 */
#define PX_IORING_ENTER_NO_IOWAIT       (1u << 7) /* 6.15 */

typedef struct px_uring_timespec {
	int64_t sec;
	int64_t nsec;
} px_uring_timespec;

/* The argument with ENTER_EXT_ARG; its size goes beside it. */
typedef struct px_uring_getevents_arg {
	uint64_t sigmask; /* sigset_t *, or 0 */
	uint32_t sigmask_sz;
	uint32_t min_wait_usec; /* 6.12 */
	uint64_t ts;            /* px_uring_timespec *, or 0 */
} px_uring_getevents_arg;

/* Of a registered wait region, with ENTER_EXT_ARG_REG (6.13); ts counts with REG_WAIT_TS. */
typedef struct px_uring_reg_wait {
	px_uring_timespec ts;
	uint32_t min_wait_usec;
	uint32_t flags;
	uint64_t sigmask;
	uint32_t sigmask_sz;
	uint32_t pad[3];
	uint64_t pad2[2];
} px_uring_reg_wait;

#define PX_IORING_REG_WAIT_TS (1u << 0)

/* ---- register ---- */

enum px_uring_register_opcode {
	PX_IORING_REGISTER_BUFFERS = 0,
	PX_IORING_UNREGISTER_BUFFERS = 1,
	PX_IORING_REGISTER_FILES = 2,
	PX_IORING_UNREGISTER_FILES = 3,
	PX_IORING_REGISTER_EVENTFD = 4,
	PX_IORING_UNREGISTER_EVENTFD = 5,
	PX_IORING_REGISTER_FILES_UPDATE = 6,
	PX_IORING_REGISTER_EVENTFD_ASYNC = 7,
	PX_IORING_REGISTER_PROBE = 8,
	PX_IORING_REGISTER_PERSONALITY = 9,
	PX_IORING_UNREGISTER_PERSONALITY = 10,
	PX_IORING_REGISTER_RESTRICTIONS = 11,
	PX_IORING_REGISTER_ENABLE_RINGS = 12,
	PX_IORING_REGISTER_FILES2 = 13,
	PX_IORING_REGISTER_FILES_UPDATE2 = 14,
	PX_IORING_REGISTER_BUFFERS2 = 15,
	PX_IORING_REGISTER_BUFFERS_UPDATE = 16,
	PX_IORING_REGISTER_IOWQ_AFF = 17,
	PX_IORING_UNREGISTER_IOWQ_AFF = 18,
	PX_IORING_REGISTER_IOWQ_MAX_WORKERS = 19, /* uint32_t[2], bounded, unbounded: in, out */
	PX_IORING_REGISTER_RING_FDS = 20,         /* px_uring_rsrc_update[]; offset -1: any */
	PX_IORING_UNREGISTER_RING_FDS = 21,
	PX_IORING_REGISTER_PBUF_RING = 22,        /* px_uring_buf_reg; nr_args 1 */
	PX_IORING_UNREGISTER_PBUF_RING = 23,      /* the same, only bgid set */
	PX_IORING_REGISTER_SYNC_CANCEL = 24,      /* px_uring_sync_cancel_reg; nr_args 1 */
	PX_IORING_REGISTER_FILE_ALLOC_RANGE = 25, /* px_uring_file_index_range; nr_args 0 */
	PX_IORING_REGISTER_PBUF_STATUS = 26,      /* 6.8: px_uring_buf_status; nr_args 1 */
	PX_IORING_REGISTER_NAPI = 27,
	PX_IORING_UNREGISTER_NAPI = 28,
	PX_IORING_REGISTER_CLOCK = 29, /* 6.12: px_uring_clock_register; nr_args 0 */
	PX_IORING_REGISTER_CLONE_BUFFERS = 30,
	PX_IORING_REGISTER_SEND_MSG_RING = 31, /* 6.13: fd -1, one px_uring_sqe; nr_args 1 */
	PX_IORING_REGISTER_ZCRX_IFQ = 32,
	PX_IORING_REGISTER_RESIZE_RINGS = 33, /* 6.13: px_uring_params; with DEFER_TASKRUN */
	PX_IORING_REGISTER_MEM_REGION = 34,   /* 6.13: px_uring_mem_region_reg; nr_args 1 */
	PX_IORING_REGISTER_QUERY = 35,        /* 6.18 */
};

/* Or-ed to the opcode: the fd is an index from REGISTER_RING_FDS (6.3). */
#define PX_IORING_REGISTER_USE_REGISTERED_RING (1u << 31)

typedef struct px_uring_rsrc_register {
	uint32_t nr;
	uint32_t flags; /* PX_IORING_RSRC_REGISTER_ */
	uint64_t resv2;
	uint64_t data;
	uint64_t tags;
} px_uring_rsrc_register;

#define PX_IORING_RSRC_REGISTER_SPARSE (1u << 0) /* 5.19: nr empty slots, no data */

typedef struct px_uring_rsrc_update {
	uint32_t offset;
	uint32_t resv;
	uint64_t data; /* int32_t * for files */
} px_uring_rsrc_update;

typedef struct px_uring_rsrc_update2 {
	uint32_t offset;
	uint32_t resv;
	uint64_t data;
	uint64_t tags;
	uint32_t nr;
	uint32_t resv2;
} px_uring_rsrc_update2;

#define PX_IORING_REGISTER_FILES_SKIP (-2) /* as a descriptor: leave the slot as it is */

typedef struct px_uring_probe_op {
	uint8_t op;
	uint8_t resv;
	uint16_t flags;
	uint32_t resv2;
} px_uring_probe_op;

#define PX_IO_URING_OP_SUPPORTED (1u << 0)

/* All zero going in, nr_args is how many ops there is room for (256 is enough for ever). */
typedef struct px_uring_probe {
	uint8_t last_op;
	uint8_t ops_len;
	uint16_t resv;
	uint32_t resv2[3];
	px_uring_probe_op ops[256];
} px_uring_probe;

typedef struct px_uring_sync_cancel_reg {
	uint64_t addr;
	int32_t fd;
	uint32_t flags;            /* PX_IORING_ASYNC_CANCEL_ */
	px_uring_timespec timeout; /* both -1: wait for ever */
	uint8_t opcode;
	uint8_t pad[7];
	uint64_t pad2[3];
} px_uring_sync_cancel_reg;

typedef struct px_uring_file_index_range {
	uint32_t off;
	uint32_t len;
	uint64_t resv;
} px_uring_file_index_range;

typedef struct px_uring_clock_register {
	uint32_t clockid;
	uint32_t resv[3];
} px_uring_clock_register;

typedef struct px_uring_region_desc {
	uint64_t user_addr;
	uint64_t size;
	uint32_t flags; /* PX_IORING_MEM_REGION_TYPE_USER */
	uint32_t id;
	uint64_t mmap_offset;
	uint64_t resv[4];
} px_uring_region_desc;

typedef struct px_uring_mem_region_reg {
	uint64_t region; /* px_uring_region_desc * */
	uint64_t flags;  /* PX_IORING_MEM_REGION_REG_WAIT_ARG: only while the ring is R_DISABLED */
	uint64_t resv[2];
} px_uring_mem_region_reg;

#define PX_IORING_MEM_REGION_TYPE_USER    1u
#define PX_IORING_MEM_REGION_REG_WAIT_ARG 1u

/* ---- provided buffers ---- */

typedef struct px_uring_buf {
	uint64_t addr;
	uint32_t len;
	uint16_t bid;
	uint16_t resv; /* of element 0: the ring's tail, so never write it with the rest */
} px_uring_buf;

/* A power of two of px_uring_buf (32768 at most), page-aligned; the tail lies in the first. It is
 * ours, released after the elements below it are written; PBUF_STATUS tells the kernel's head. */
typedef union px_uring_buf_ring {
	struct {
		uint64_t resv1;
		uint32_t resv2;
		uint16_t resv3;
		uint16_t tail;
	};
	px_uring_buf first;
} px_uring_buf_ring;

typedef struct px_uring_buf_reg {
	uint64_t ring_addr;
	uint32_t ring_entries;
	uint16_t bgid;
	uint16_t flags; /* PX_IOU_PBUF_RING_ */
	uint64_t resv[3];
} px_uring_buf_reg;

#define PX_IOU_PBUF_RING_MMAP 1u /* 6.4: the kernel's memory, to be mapped at OFF_PBUF_RING */
#define PX_IOU_PBUF_RING_INC  2u /* 6.12: incremental consumption */

typedef struct px_uring_buf_status {
	uint32_t buf_group; /* in */
	uint32_t head;      /* out */
	uint32_t resv[8];
} px_uring_buf_status;

/* Begins the buffer of a multishot recvmsg. */
typedef struct px_uring_recvmsg_out {
	uint32_t namelen;
	uint32_t controllen;
	uint32_t payloadlen;
	uint32_t flags;
} px_uring_recvmsg_out;

_Static_assert(sizeof(px_uring_sqe) == 64, "");
_Static_assert(offsetof(px_uring_sqe, off) == 8 && offsetof(px_uring_sqe, addr) == 16, "");
_Static_assert(offsetof(px_uring_sqe, len) == 24 && offsetof(px_uring_sqe, op_flags) == 28, "");
_Static_assert(offsetof(px_uring_sqe, user_data) == 32 && offsetof(px_uring_sqe, buf_index) == 40,
               "");
_Static_assert(offsetof(px_uring_sqe, file_index) == 44 && offsetof(px_uring_sqe, addr3) == 48, "");
_Static_assert(sizeof(px_uring_cqe) == 16, "cqe");
_Static_assert(sizeof(px_uring_sq_offsets) == 40 && sizeof(px_uring_cq_offsets) == 40, "offsets");
_Static_assert(sizeof(px_uring_params) == 120, "params");
_Static_assert(sizeof(px_uring_timespec) == 16, "timespec");
_Static_assert(sizeof(px_uring_getevents_arg) == 24, "getevents_arg");
_Static_assert(sizeof(px_uring_reg_wait) == 64, "reg_wait");
_Static_assert(sizeof(px_uring_rsrc_register) == 32, "rsrc_register");
_Static_assert(sizeof(px_uring_rsrc_update) == 16, "rsrc_update");
_Static_assert(sizeof(px_uring_rsrc_update2) == 32, "rsrc_update2");
_Static_assert(sizeof(px_uring_probe_op) == 8, "probe_op");
_Static_assert(sizeof(px_uring_probe) == 16 + 256 * 8, "probe");
_Static_assert(sizeof(px_uring_sync_cancel_reg) == 64, "sync_cancel_reg");
_Static_assert(sizeof(px_uring_file_index_range) == 16, "file_index_range");
_Static_assert(sizeof(px_uring_clock_register) == 16, "clock_register");
_Static_assert(sizeof(px_uring_region_desc) == 64, "region_desc");
_Static_assert(sizeof(px_uring_mem_region_reg) == 32, "mem_region_reg");
_Static_assert(sizeof(px_uring_buf) == 16, "buf");
_Static_assert(sizeof(px_uring_buf_ring) == 16 && offsetof(px_uring_buf_ring, tail) == 14, "");
_Static_assert(sizeof(px_uring_buf_reg) == 40, "buf_reg");
_Static_assert(sizeof(px_uring_buf_status) == 40, "buf_status");
_Static_assert(sizeof(px_uring_recvmsg_out) == 16, "recvmsg_out");

/* ---- the three system calls: >= 0, or -errno; EINTR is the caller's ---- */

static inline int px_uring_setup(unsigned entries, px_uring_params *params)
{
	long n = syscall(SYS_io_uring_setup, entries, params);

	return n < 0 ? -errno : (int)n;
}

/* arg and arg_size: px_uring_getevents_arg with EXT_ARG, else NULL and 0. */
static inline int px_uring_enter(int fd, unsigned submit, unsigned wait_for, unsigned flags,
                                 const void *arg, size_t arg_size)
{
	long n = syscall(SYS_io_uring_enter, fd, submit, wait_for, flags, arg, arg_size);

	return n < 0 ? -errno : (int)n;
}

static inline int px_uring_register(int fd, unsigned opcode, const void *arg, unsigned nr_args)
{
	long n = syscall(SYS_io_uring_register, fd, opcode, arg, nr_args);

	return n < 0 ? -errno : (int)n;
}

/* ---- words shared with the kernel: acquire what it wrote, release what we wrote ---- */

static inline uint32_t px_uring_load(const uint32_t *word)
{
	return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

static inline void px_uring_store(uint32_t *word, uint32_t value)
{
	__atomic_store_n(word, value, __ATOMIC_RELEASE);
}

static inline void px_uring_buf_publish(px_uring_buf_ring *ring, uint16_t tail)
{
	__atomic_store_n(&ring->tail, tail, __ATOMIC_RELEASE);
}

/* Writes an element; `slot` is the tail masked. The kernel sees it once the tail is published. */
static inline void px_uring_buf_set(px_uring_buf_ring *ring, unsigned slot, void *addr,
                                    uint32_t len, uint16_t bid)
{
	px_uring_buf *buf = &ring->first + slot;

	buf->addr = (uint64_t)(uintptr_t)addr;
	buf->len = len;
	buf->bid = bid;
}

#endif
