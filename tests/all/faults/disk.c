/* A disk that can fail, fill up and lose power, for one process: preloaded before libc's own calls.
 *
 * Only files below DISK_FOLDER are watched. A copy of them stands in DISK_SHADOW: what a power cut would leave. A write
 * reaches the copy when its file is synced; or at once, one in DISK_EARLY of them, whole or in half, since a kernel
 * writes back when and in what order it likes. What was never synced and never written back is not in the copy.
 *
 *   DISK_EARLY=n     one write in n reaches the copy before any sync; 0 is none
 *   DISK_SEED=n      which of them
 *   DISK_LIES=all    syncs are answered and not done; DISK_LIES=wal: those of write-ahead logs alone
 *   DISK_FAILS=n     the n-th sync fails with EIO, and what it was for is lost, as a kernel forgets it
 *   DISK_FULL=path   while this file exists no watched file grows: ENOSPC
 *   DISK_COUNT=path  the number of syncs is written there
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

enum { FILES = 64, RANGES = 65536, NAME = 512 };

struct range { off_t at; size_t length; };
struct file { char name[NAME]; struct range *dirty; int ranges; };

static struct file files[FILES];
static int known;
static uint64_t chance = 88172645463325252u;
static long syncs, fails = -1, early;
static const char *folder, *shadow, *lies, *full, *count;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static ssize_t (*real_write)(int, const void *, size_t);
static int (*real_fsync)(int), (*real_fdatasync)(int), (*real_truncate)(int, off_t);

static long number(const char *name, long otherwise) {
    const char *text = getenv(name);
    return text ? atol(text) : otherwise;
}

__attribute__((constructor)) static void begin(void) {
    real_pwrite = dlsym(RTLD_NEXT, "pwrite64");
    real_write = dlsym(RTLD_NEXT, "write");
    real_fsync = dlsym(RTLD_NEXT, "fsync");
    real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
    real_truncate = dlsym(RTLD_NEXT, "ftruncate64");
    folder = getenv("DISK_FOLDER");
    shadow = getenv("DISK_SHADOW");
    lies = getenv("DISK_LIES");
    full = getenv("DISK_FULL");
    count = getenv("DISK_COUNT");
    fails = number("DISK_FAILS", -1);
    early = number("DISK_EARLY", 0);
    chance ^= (uint64_t)number("DISK_SEED", 1) * 0x9e3779b97f4a7c15u;
}

static uint64_t next(uint64_t below) {
    chance ^= chance << 13;
    chance ^= chance >> 7;
    chance ^= chance << 17;
    return (chance >> 11) % below;
}

/* The path below the folder, or none. SQLite's shared memory is not data: no restart reads it. */
static int watched(int fd, char *name) {
    char link[64], path[NAME];
    if (!folder) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    size_t prefix = strlen(folder);
    if (length <= (ssize_t)prefix) return 0;
    path[length] = 0;
    if (strncmp(path, folder, prefix) || path[prefix] != '/') return 0;
    size_t rest = strlen(path + prefix);
    if (rest > 4 && !strcmp(path + prefix + rest - 4, "-shm")) return 0;
    strcpy(name, path + prefix + 1);
    return 1;
}

static struct file *of(const char *name) {
    for (int at = 0; at < known; at++)
        if (!strcmp(files[at].name, name)) return &files[at];
    if (known == FILES) abort();
    struct file *file = &files[known++];
    strcpy(file->name, name);
    file->dirty = malloc(RANGES * sizeof *file->dirty);
    return file;
}

static int open_shadow(const char *name) {
    char path[2 * NAME];
    snprintf(path, sizeof path, "%s/%s", shadow, name);
    return open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
}

/* A descriptor may be open for writing alone: what is copied is read anew. */
static void carry(const char *name, int to, struct range range) {
    char path[2 * NAME], bytes[65536];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    int from = open(path, O_RDONLY | O_CLOEXEC);
    while (from >= 0 && range.length > 0) {
        size_t wanted = range.length < sizeof bytes ? range.length : sizeof bytes;
        ssize_t got = pread(from, bytes, wanted, range.at);
        if (got <= 0 || real_pwrite(to, bytes, got, range.at) != got) break;
        range.at += got;
        range.length -= got;
    }
    if (from >= 0) close(from);
}

static void wrote(const char *name, off_t at, size_t length) {
    if (!shadow) return;
    struct file *file = of(name);
    if (file->ranges == RANGES) abort();
    file->dirty[file->ranges++] = (struct range){at, length};
    if (early <= 0 || next(early)) return;
    int to = open_shadow(name);
    carry(name, to, (struct range){at, next(2) ? length : length / 2});
    close(to);
}

static void keep(const char *name, int fd) {
    struct file *file = of(name);
    struct stat now;
    int to = open_shadow(name);
    for (int at = 0; at < file->ranges; at++) carry(name, to, file->dirty[at]);
    file->ranges = 0;
    if (!fstat(fd, &now)) real_truncate(to, now.st_size);
    close(to);
}

static int lied(const char *name) {
    size_t length = strlen(name);
    if (!lies) return 0;
    return !strcmp(lies, "all") || (length > 4 && !strcmp(name + length - 4, "-wal"));
}

static int synced(int fd, int (*real)(int)) {
    char name[NAME];
    int answer = 0;
    if (!watched(fd, name)) return real(fd);
    pthread_mutex_lock(&lock);
    syncs++;
    if (count) {
        int to = open(count, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        char text[32];
        int length = snprintf(text, sizeof text, "%ld\n", syncs);
        real_pwrite(to, text, length, 0);
        close(to);
    }
    if (syncs == fails) {
        of(name)->ranges = 0;
        errno = EIO;
        answer = -1;
    } else if (!lied(name)) {
        if (shadow) keep(name, fd);
        else answer = real(fd);
    }
    int kept = errno;
    pthread_mutex_unlock(&lock);
    errno = kept;
    return answer;
}

static int no_room(int fd, off_t end) {
    struct stat now;
    if (!full || access(full, F_OK) || fstat(fd, &now)) return 0;
    return end > now.st_size;
}

static ssize_t written(int fd, const void *bytes, size_t length, off_t at) {
    char name[NAME];
    if (!watched(fd, name)) return real_pwrite(fd, bytes, length, at);
    if (no_room(fd, at + (off_t)length)) {
        errno = ENOSPC;
        return -1;
    }
    pthread_mutex_lock(&lock);
    ssize_t done = real_pwrite(fd, bytes, length, at);
    int kept = errno;
    if (done > 0) wrote(name, at, done);
    pthread_mutex_unlock(&lock);
    errno = kept;
    return done;
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t at) { return written(fd, bytes, length, at); }
ssize_t pwrite64(int fd, const void *bytes, size_t length, off_t at) { return written(fd, bytes, length, at); }

ssize_t write(int fd, const void *bytes, size_t length) {
    char name[NAME];
    if (fd < 3 || !watched(fd, name)) return real_write(fd, bytes, length);
    off_t at = lseek(fd, 0, SEEK_CUR);
    ssize_t done = written(fd, bytes, length, at);
    if (done > 0) lseek(fd, at + done, SEEK_SET);
    return done;
}

int fsync(int fd) { return synced(fd, real_fsync); }
int fdatasync(int fd) { return synced(fd, real_fdatasync); }
