/* A wall clock that can be set for one process: adds the milliseconds in a file (one 64-bit number) to what the wall clock says, and
 * leaves monotonic clocks alone, as a clock that is set does. Loaded with LD_PRELOAD.
 *
 *   SEKIMORI_CLOCK_OFFSET   the file; read through mmap, so that a new number holds at once in all threads
 *
 * Not touched: times of files, which the kernel writes. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *offset;

__attribute__((constructor)) static void begin(void) {
  const char *path = getenv("SEKIMORI_CLOCK_OFFSET");
  int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
  if (file < 0) return;
  void *page = mmap(0, sizeof *offset, PROT_READ, MAP_SHARED, file, 0);
  if (page != MAP_FAILED) offset = page;
  close(file);
}

static void now(clockid_t clock, struct timespec *time) {
  syscall(SYS_clock_gettime, clock, time);
  if (!offset || (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE)) return;
  int64_t milliseconds = *offset;
  time->tv_sec += milliseconds / 1000;
  time->tv_nsec += milliseconds % 1000 * 1000000;
  if (time->tv_nsec >= 1000000000) time->tv_nsec -= 1000000000, time->tv_sec++;
  if (time->tv_nsec < 0) time->tv_nsec += 1000000000, time->tv_sec--;
}

int clock_gettime(clockid_t clock, struct timespec *time) {
  now(clock, time);
  return 0;
}
int gettimeofday(struct timeval *restrict time, void *restrict zone) {
  struct timespec exact;
  (void)zone;
  now(CLOCK_REALTIME, &exact);
  time->tv_sec = exact.tv_sec;
  time->tv_usec = exact.tv_nsec / 1000;
  return 0;
}
time_t time(time_t *into) {
  struct timespec exact;
  now(CLOCK_REALTIME, &exact);
  if (into) *into = exact.tv_sec;
  return exact.tv_sec;
}
