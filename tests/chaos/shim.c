/*
 * Two faults from inside a process: a disk whose fsync is slow, and a wall clock that jumps.
 *
 * Loaded by LD_PRELOAD. The file that CHAOS_SHIM names is mapped: who runs the test writes the faults into it and
 * reads from it how often they struck. With zeros in it this library changes nothing.
 *
 * Only the wall clock jumps (CLOCK_REALTIME), as it does at a wrong NTP step: no kernel ever lets CLOCK_MONOTONIC
 * jump, so a tool that shifts both (libfaketime) makes a fault that does not exist, and a node's timers would stand
 * still for as long as the jump. Waits until an absolute wall-clock time are moved by the same offset, because a real
 * kernel's clock would have jumped along with the process's.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <semaphore.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define BILLION 1000000000LL

struct control {
    int64_t sync_delay_us;
    int64_t wall_offset_ns;
    uint64_t syncs_delayed;
    uint64_t clocks_shifted;
};

static struct control nothing;
static struct control *control = &nothing;

static int (*real_clock_gettime)(clockid_t, struct timespec *);
static int (*real_fsync)(int);
static int (*real_fdatasync)(int);
static int (*real_msync)(void *, size_t, int);
static long (*real_syscall)(long, ...);
static int (*real_sem_timedwait)(sem_t *, const struct timespec *);

#define RESOLVE(name)                                                                \
    ({                                                                               \
        if (!real_##name)                                                            \
            real_##name = (__typeof__(real_##name))dlsym(RTLD_NEXT, #name);          \
        real_##name;                                                                 \
    })

__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("CHAOS_SHIM");
    int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    void *mapped;

    if (fd < 0)
        return;
    mapped = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (mapped != MAP_FAILED)
        control = mapped;
    close(fd);
}

/* ---- the slow disk */

static int after_delay(int result)
{
    int64_t delay_us = control->sync_delay_us;

    if (delay_us > 0) {
        struct timespec rest = {delay_us / 1000000, delay_us % 1000000 * 1000};
        nanosleep(&rest, NULL);
        __atomic_add_fetch(&control->syncs_delayed, 1, __ATOMIC_RELAXED);
    }
    return result;
}

int fsync(int fd) { return after_delay(RESOLVE(fsync)(fd)); }

int fdatasync(int fd) { return after_delay(RESOLVE(fdatasync)(fd)); }

int msync(void *address, size_t length, int flags)
{
    int result = RESOLVE(msync)(address, length, flags);
    return flags & MS_SYNC ? after_delay(result) : result;
}

/* ---- the clock */

static void shift(struct timespec *time, int64_t by_ns)
{
    int64_t total = (int64_t)time->tv_sec * BILLION + time->tv_nsec + by_ns;

    time->tv_sec = total / BILLION;
    time->tv_nsec = total % BILLION;
}

int clock_gettime(clockid_t clock, struct timespec *time)
{
    int result = RESOLVE(clock_gettime)(clock, time);
    int64_t offset = control->wall_offset_ns;

    if (result == 0 && offset && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
        shift(time, offset);
        __atomic_add_fetch(&control->clocks_shifted, 1, __ATOMIC_RELAXED);
    }
    return result;
}

int gettimeofday(struct timeval *restrict time, void *restrict zone)
{
    struct timespec now;

    (void)zone;
    clock_gettime(CLOCK_REALTIME, &now);
    time->tv_sec = now.tv_sec;
    time->tv_usec = now.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *where)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    if (where)
        *where = now.tv_sec;
    return now.tv_sec;
}

/* abseil (gRPC) waits on futexes until an absolute wall-clock time, through syscall(2). */
long syscall(long number, ...)
{
    long a[6];
    struct timespec until;
    va_list rest;
    int i;

    va_start(rest, number);
    for (i = 0; i < 6; i++)
        a[i] = va_arg(rest, long);
    va_end(rest);
    if (number == SYS_futex && a[1] & FUTEX_CLOCK_REALTIME && a[3] && control->wall_offset_ns) {
        until = *(const struct timespec *)a[3];
        shift(&until, -control->wall_offset_ns);
        a[3] = (long)&until;
    }
    return RESOLVE(syscall)(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

int sem_timedwait(sem_t *restrict semaphore, const struct timespec *restrict until)
{
    struct timespec moved = *until;

    shift(&moved, -control->wall_offset_ns);
    return RESOLVE(sem_timedwait)(semaphore, &moved);
}
