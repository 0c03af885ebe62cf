/* Watches what a process does to the files below one directory and writes it to a log outside of it. Loaded with LD_PRELOAD;
 * chaos/disk-image.ts reads the log and says what a disk might hold if the power went at its end.
 *
 *   SEKIMORI_POWERCUT_ROOT   the directory, absolute, without a slash at the end
 *   SEKIMORI_POWERCUT_LOG    the log; appended to
 *   SEKIMORI_POWERCUT_SYNC   "off": fsync and fdatasync say yes and do nothing
 *
 * Every operation is done first and logged after, before the caller hears of it; so what a caller acts on is in the log, and the
 * log survives SIGKILL in the page cache. A record may be torn by the kill; it is the last one. A sync is logged with the number of
 * records there were when it began: it covers those and no others, for what came meanwhile may have missed it.
 *
 * Not seen: mmap (SQLite's -shm only, which no power cut keeps), descriptors opened relative to a directory, io_uring (libuv does
 * not use it for files unless asked to). chaos/powercut.ts compares log and files after a clean end, so that a call which is missing
 * here is found. The real calls go through syscall(2); names are those of 64-bit Linux. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum kind { OPEN = 1, WRITE, TRUNCATE, SYNC, RENAME, REMOVE, MAKE_DIRECTORY, LINK };

/* Then `length` octets: content of a write, or paths that end with NUL. Little-endian, as the machine writes it. */
struct head {
  uint32_t length, kind;
  uint64_t inode, value;
};

static const char *root;
static size_t root_length;
static int log_file = -1;
static int syncs = 1;
static dev_t device;
static _Atomic uint64_t records;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* Inodes that were opened below the root: everything else on the device is not ours. */
#define SLOTS (1 << 20)
static _Atomic uint64_t known[SLOTS];

__attribute__((constructor)) static void begin(void) {
  const char *path = getenv("SEKIMORI_POWERCUT_LOG"), *sync = getenv("SEKIMORI_POWERCUT_SYNC");
  struct stat status;
  root = getenv("SEKIMORI_POWERCUT_ROOT");
  if (!root || !path || stat(root, &status)) return;
  root_length = strlen(root);
  device = status.st_dev;
  syncs = !(sync && !strcmp(sync, "off"));
  log_file = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

static int below(const char *path) {
  return log_file >= 0 && path && !strncmp(path, root, root_length) && (path[root_length] == '/' || !path[root_length]);
}

static void know(uint64_t inode) {
  for (size_t slot = inode % SLOTS;; slot = (slot + 1) % SLOTS) {
    uint64_t there = 0;
    if (atomic_compare_exchange_strong(&known[slot], &there, inode) || there == inode) return;
  }
}

/* The inode of an open file of ours, else 0. */
static uint64_t inode_of(int fd) {
  struct stat status;
  int error = errno;
  uint64_t inode = 0;
  if (log_file >= 0 && !fstat(fd, &status) && status.st_dev == device && (S_ISREG(status.st_mode) || S_ISDIR(status.st_mode))) {
    for (size_t slot = status.st_ino % SLOTS; known[slot]; slot = (slot + 1) % SLOTS)
      if (known[slot] == status.st_ino) inode = status.st_ino;
  }
  errno = error;
  return inode;
}

static void put(const void *octets, size_t length) {
  for (const char *at = octets; length;) {
    long some = syscall(SYS_write, log_file, at, length);
    if (some < 0 && errno == EINTR) continue;
    /* A log with a hole would accuse the innocent. */
    if (some <= 0) abort();
    at += some;
    length -= some;
  }
}

static void record(enum kind kind, uint64_t inode, uint64_t value, const struct iovec *parts, int count, size_t length) {
  int error = errno;
  struct head head = {(uint32_t)length, kind, inode, value};
  pthread_mutex_lock(&lock);
  put(&head, sizeof head);
  for (int i = 0; i < count && length; i++) {
    size_t some = parts[i].iov_len < length ? parts[i].iov_len : length;
    put(parts[i].iov_base, some);
    length -= some;
  }
  records++;
  pthread_mutex_unlock(&lock);
  errno = error;
}

static void record_paths(enum kind kind, uint64_t inode, const char *one, const char *other) {
  struct iovec parts[2] = {{(void *)one, strlen(one) + 1}, {(void *)other, other ? strlen(other) + 1 : 0}};
  record(kind, inode, 0, parts, 2, parts[0].iov_len + parts[1].iov_len);
}

static int opened(int fd, const char *path, int flags) {
  struct stat status;
  if (fd < 0 || !below(path) || fstat(fd, &status)) return fd;
  know(status.st_ino);
  record_paths(OPEN, status.st_ino, path, 0);
  if (flags & O_TRUNC) record(TRUNCATE, status.st_ino, 0, 0, 0, 0);
  return fd;
}

#define MODE(flags)                                        \
  mode_t mode = 0;                                         \
  if ((flags) & (O_CREAT | O_TMPFILE)) {                   \
    va_list list;                                          \
    va_start(list, flags);                                 \
    mode = va_arg(list, mode_t);                           \
    va_end(list);                                          \
  }

int open(const char *path, int flags, ...) {
  MODE(flags)
  return opened((int)syscall(SYS_openat, AT_FDCWD, path, flags, mode), path, flags);
}
int open64(const char *path, int flags, ...) {
  MODE(flags)
  return opened((int)syscall(SYS_openat, AT_FDCWD, path, flags, mode), path, flags);
}
int openat(int folder, const char *path, int flags, ...) {
  MODE(flags)
  return opened((int)syscall(SYS_openat, folder, path, flags, mode), path, flags);
}

/* `offset` < 0: the file's own position, which stands behind what was just written. */
static ssize_t wrote(int fd, ssize_t result, const struct iovec *parts, int count, off_t offset) {
  uint64_t inode = result > 0 ? inode_of(fd) : 0;
  if (!inode) return result;
  if (offset < 0) offset = lseek(fd, 0, SEEK_CUR) - result;
  record(WRITE, inode, (uint64_t)offset, parts, count, (size_t)result);
  return result;
}

ssize_t write(int fd, const void *octets, size_t length) {
  struct iovec part = {(void *)octets, length};
  return wrote(fd, syscall(SYS_write, fd, octets, length), &part, 1, -1);
}
ssize_t writev(int fd, const struct iovec *parts, int count) {
  return wrote(fd, syscall(SYS_writev, fd, parts, count), parts, count, -1);
}
ssize_t pwrite64(int fd, const void *octets, size_t length, off64_t offset) {
  struct iovec part = {(void *)octets, length};
  return wrote(fd, syscall(SYS_pwrite64, fd, octets, length, offset), &part, 1, offset);
}
ssize_t pwrite(int fd, const void *octets, size_t length, off_t offset) { return pwrite64(fd, octets, length, offset); }
ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t offset) {
  return wrote(fd, syscall(SYS_pwritev, fd, parts, count, offset, 0), parts, count, offset);
}
ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset) { return pwritev64(fd, parts, count, offset); }
ssize_t pwritev64v2(int fd, const struct iovec *parts, int count, off64_t offset, int flags) {
  return wrote(fd, syscall(SYS_pwritev2, fd, parts, count, offset, 0, flags), parts, count, offset);
}
ssize_t pwritev2(int fd, const struct iovec *parts, int count, off_t offset, int flags) {
  return pwritev64v2(fd, parts, count, offset, flags);
}

static int synced(int fd, long call) {
  uint64_t inode = inode_of(fd), before = records;
  if (inode && !syncs) return 0;
  int result = (int)syscall(call, fd);
  if (inode && !result) record(SYNC, inode, before, 0, 0, 0);
  return result;
}
int fsync(int fd) { return synced(fd, SYS_fsync); }
int fdatasync(int fd) { return synced(fd, SYS_fdatasync); }

int ftruncate64(int fd, off64_t length) {
  int result = (int)syscall(SYS_ftruncate, fd, length);
  uint64_t inode = result ? 0 : inode_of(fd);
  if (inode) record(TRUNCATE, inode, (uint64_t)length, 0, 0, 0);
  return result;
}
int ftruncate(int fd, off_t length) { return ftruncate64(fd, length); }

int rename(const char *from, const char *to) {
  int result = (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
  if (!result && below(from) && below(to)) record_paths(RENAME, 0, from, to);
  return result;
}
int link(const char *from, const char *to) {
  int result = (int)syscall(SYS_linkat, AT_FDCWD, from, AT_FDCWD, to, 0);
  if (!result && below(from) && below(to)) record_paths(LINK, 0, from, to);
  return result;
}
int unlinkat(int folder, const char *path, int flags) {
  int result = (int)syscall(SYS_unlinkat, folder, path, flags);
  if (!result && below(path)) record_paths(REMOVE, 0, path, 0);
  return result;
}
int unlink(const char *path) { return unlinkat(AT_FDCWD, path, 0); }
int rmdir(const char *path) { return unlinkat(AT_FDCWD, path, AT_REMOVEDIR); }
int remove(const char *path) {
  int result = unlink(path);
  return result && (errno == EISDIR || errno == EPERM) ? rmdir(path) : result;
}
int mkdir(const char *path, mode_t mode) {
  int result = (int)syscall(SYS_mkdirat, AT_FDCWD, path, mode);
  if (!result && below(path)) record_paths(MAKE_DIRECTORY, 0, path, 0);
  return result;
}
