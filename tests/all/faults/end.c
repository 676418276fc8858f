/* The end of a process at a step of its own choosing: preloaded before libc's own calls, it kills itself before the
 * END_AT-th word to a socket, write to a file at a place, or sync. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>

static atomic_long steps;

static void step(void) {
    static long at = -1;
    if (at < 0) {
        const char *text = getenv("END_AT");
        at = text ? atol(text) : 0;
    }
    if (atomic_fetch_add(&steps, 1) + 1 == at) kill(getpid(), SIGKILL);
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

ssize_t send(int fd, const void *bytes, size_t length, int flags) {
    step();
    return REAL(send)(fd, bytes, length, flags);
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, off_t at) {
    step();
    return REAL(pwrite64)(fd, bytes, length, at);
}

int fsync(int fd) {
    step();
    return REAL(fsync)(fd);
}

int fdatasync(int fd) {
    step();
    return REAL(fdatasync)(fd);
}
