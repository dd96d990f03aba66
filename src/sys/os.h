/* The machine's own implementation of what sys.h lets a simulation take over. */
/* SPDX-License-Identifier: MIT */
#ifndef PX_SYS_OS_H
#define PX_SYS_OS_H

#include "sys/sys.h"

/* As sys.h says of the names without "os_"; system.c chooses. */
void px_os_sys_yield(void);
unsigned px_os_sys_cpus(void);
void px_os_lock_init(px_lock *);
void px_os_lock_destroy(px_lock *);
void px_os_lock_enter(px_lock *);
void px_os_lock_leave(px_lock *);
void px_os_lock_wait(px_lock *);
bool px_os_lock_wait_until(px_lock *, int64_t deadline_ns);
void px_os_lock_wake_one(px_lock *);
void px_os_lock_wake_all(px_lock *);
int px_os_thread_start(px_thread *, void (*fn)(void *), void *arg, const char *name);
void px_os_thread_join(px_thread *);
const volatile unsigned char *px_os_sys_fork_mark(void);
void px_os_sys_fork_unmark(const volatile unsigned char *);
int64_t px_os_sock_open(const proa_addr *, bool nonblock, int32_t *sys_error);
int px_os_sock_listen(int fd, const proa_addr *, const proa_listen_options *, int32_t *sys_error);
void px_os_sock_close(int fd, bool reset);
int px_os_sock_set_nonblock(int fd, bool on);
int px_os_sock_set_nodelay(int fd, bool on);
int px_os_sock_set_keepalive(int fd, int idle_s, int interval_s, int probes);
int px_os_sock_set_buffers(int fd, int recv_bytes, int send_bytes);
int px_os_sock_local(int fd, proa_addr *);
int px_os_sock_peer(int fd, proa_addr *);
int64_t px_os_udp_open(const proa_addr *, bool nonblock, int32_t *sys_error);
int px_os_udp_bind(int fd, const proa_addr *, const proa_udp_options *, int32_t *sys_error);
int px_os_udp_connect(int fd, const proa_addr *, int32_t *sys_error);
int px_os_udp_join(int fd, const proa_addr *group, const proa_addr *source, uint32_t if_index,
                   bool join);
int px_os_udp_set(int fd, proa_udp_option option, int value);
uint32_t px_os_if_index(const char *name);
int64_t px_os_sys_lookup(const char *name, const char *service, uint32_t family, proa_addr *out,
                         unsigned max, int32_t *sys_error);
int64_t px_os_sys_reverse(const proa_addr *, char *out, size_t size, int32_t *sys_error);
int64_t px_os_file_open(int dir_fd, const char *path, unsigned flags, unsigned mode,
                        int32_t *sys_error);
int64_t px_os_file_stat(int fd, proa_stat_info *, int32_t *sys_error);
int64_t px_os_file_read(int fd, void *, size_t, int64_t offset, int32_t *sys_error);
int64_t px_os_file_write(int fd, const void *, size_t, int64_t offset, int32_t *sys_error);
int64_t px_os_file_readv(int fd, const proa_vec *, unsigned n, size_t skip, int64_t offset,
                         int32_t *sys_error);
int64_t px_os_file_writev(int fd, const proa_vec *, unsigned n, size_t skip, int64_t offset,
                          int32_t *sys_error);
int64_t px_os_file_sync(int fd, int32_t *sys_error);
int64_t px_os_file_datasync(int fd, int32_t *sys_error);
int64_t px_os_file_copy(int from, int to, int64_t offset, int64_t len, int32_t *sys_error);
int64_t px_os_file_call(const px_call_args *, int32_t *sys_error);
int64_t px_os_dir_read(int fd, void *buf, size_t len, int32_t *sys_error);
void px_os_file_close(int fd);
bool px_os_file_near(int fd);
int px_os_signal_watch(int signo, void (*ring)(void *), void *arg);
void px_os_signal_unwatch(int slot);
int64_t px_os_sys_wall_ns(void);

/* ---- the plain way, by_hand.c: on any system, the simulated ones too ---- */
/* The first piece that has something left alone, by px_file_read and px_file_write. */
int64_t px_hand_readv(int fd, const proa_vec *, unsigned n, size_t skip, int64_t offset,
                      int32_t *sys_error);
int64_t px_hand_writev(int fd, const proa_vec *, unsigned n, size_t skip, int64_t offset,
                       int32_t *sys_error);
int64_t px_hand_copy(int from, int to, int64_t offset, int64_t len, int32_t *sys_error);

#endif
