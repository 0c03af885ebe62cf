/* A slow disk: every fsync and fdatasync takes SYNC_US microseconds longer (default 2000). Loaded with LD_PRELOAD.
 * The waits of several threads overlap, as on a disk that can merge flushes. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>

static int slow(const char *name, int fd) {
  int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
  int result = real(fd);
  const char *text = getenv("SYNC_US");
  long us = text ? atol(text) : 2000;
  struct timespec wait = {us / 1000000, us % 1000000 * 1000};
  nanosleep(&wait, 0);
  return result;
}

int fsync(int fd) { return slow("fsync", fd); }
int fdatasync(int fd) { return slow("fdatasync", fd); }
