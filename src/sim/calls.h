/* Calls of sys.h that are more than a few lines inside a world; system.c lists them. */
/* SPDX-License-Identifier: MIT */
#ifndef PX_SIM_CALLS_H
#define PX_SIM_CALLS_H

#include "sim/sim.h"

/* Each as sys.h says of the name with px_ in place of px_simsys_. */
int64_t px_simsys_sock_open(const proa_addr *addr, bool nonblock, int32_t *sys_error);
int px_simsys_sock_listen(int fd, const proa_addr *addr, const proa_listen_options *options,
                          int32_t *sys_error);
void px_simsys_sock_close(int fd, bool reset);
void px_simsys_socket_close(proa_socket socket);
void px_simsys_socket_adopted(proa_socket socket);
int px_simsys_sock_flag(int fd, bool on);
int px_simsys_sock_keepalive(int fd, int idle_s, int interval_s, int probes);
int px_simsys_sock_buffers(int fd, int recv_bytes, int send_bytes);
int px_simsys_sock_local(int fd, proa_addr *addr);
int px_simsys_sock_peer(int fd, proa_addr *addr);
int64_t px_simsys_udp_open(const proa_addr *addr, bool nonblock, int32_t *sys_error);
int px_simsys_udp_bind(int fd, const proa_addr *addr, const proa_udp_options *options,
                       int32_t *sys_error);
int px_simsys_udp_connect(int fd, const proa_addr *addr, int32_t *sys_error);
int64_t px_simsys_file_open(int dir_fd, const char *path, unsigned flags, unsigned mode,
                            int32_t *sys_error);
int64_t px_simsys_file_stat(int fd, proa_stat_info *info, int32_t *sys_error);
int64_t px_simsys_file_read(int fd, void *buf, size_t len, int64_t offset, int32_t *sys_error);
int64_t px_simsys_file_write(int fd, const void *buf, size_t len, int64_t offset,
                             int32_t *sys_error);
int64_t px_simsys_file_sync(int fd, int32_t *sys_error);
int64_t px_simsys_file_call(const px_call_args *args, int32_t *sys_error);
int64_t px_simsys_dir_read(int fd, void *buf, size_t len, int32_t *sys_error);
void px_simsys_file_close(int fd);
void px_simsys_allocator(px_allocator *a, px_alloc_fn *fn, void *user);

#endif
