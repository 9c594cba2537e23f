/* Counts the moments at which a process can fail: each change of a file below one folder, and each message to a server.

   Loaded into a real process with LD_PRELOAD, it wraps the calls of the C library, so that Python, SQLite, Arrow, FAISS
   and all other native code are counted alike. At one chosen moment it ends the process as kill -9 does, ends it in the
   middle of a write, or answers as a full, broken or read-only disk would. Nothing of the product knows of it. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum { COUNT, KILL, TORN, FULL, BROKEN, READ_ONLY };      /* what happens */
enum { CREATE, WRITE, GROW, RENAME, REMOVE, SYNC, LINK, SEND }; /* to what */
static const char *NAMES[] = {"create", "write", "grow", "rename", "remove", "sync", "link", "request"};

static int armed, mode, trace = -1;
static long count, target;
static char root[PATH_MAX];
static size_t root_length;

void moments_arm(const char *folder, int how, long at, int trace_to) {
    strncpy(root, folder, sizeof root - 1);
    root_length = strlen(root);
    mode = how;
    target = at;
    trace = trace_to;
    count = 0;
    armed = 1;
}

long moments_count(void) { return count; }

#define REAL(type, name, ...)                                      \
    static type (*real)(__VA_ARGS__);                              \
    if (!real) real = (type(*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)

static ssize_t raw_write(int fd, const void *what, size_t n) {
    REAL(ssize_t, "write", int, const void *, size_t);
    return real(fd, what, n);
}

static void die(void) {
    kill(getpid(), SIGKILL);
    for (;;) pause();
}

/* the -shm file of SQLite is memory that processes share: it is made anew after every death */
static int below(const char *path) {
    size_t n = strlen(path);
    return root_length && strncmp(path, root, root_length) == 0 && (n < 4 || strcmp(path + n - 4, "-shm") != 0);
}

/* the path of a descriptor, or of a name below a folder's descriptor */
static int path_of(int fd, char *out) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, out, PATH_MAX - 1);
    out[n > 0 ? n : 0] = 0;
    return n > 0;
}

static void path_at(int dir, const char *name, char *out) {
    char base[PATH_MAX] = "";
    if (!name) { out[0] = 0; return; }
    if (name[0] == '/') { snprintf(out, PATH_MAX, "%s", name); return; }
    if (dir == AT_FDCWD) { if (!getcwd(base, sizeof base)) base[0] = 0; }
    else path_of(dir, base);
    snprintf(out, PATH_MAX, "%.2000s/%.2000s", base, name);
}

/* 0: go on; 1: fail with errno; 2: write half and die */
static int moment(int kind, const char *path) {
    if (!armed || (kind != SEND && !below(path))) return 0;
    long n = __atomic_add_fetch(&count, 1, __ATOMIC_SEQ_CST);
    if (trace >= 0) {
        char line[PATH_MAX + 64];
        const char *shown = kind == SEND ? "" : path + root_length;
        int length = snprintf(line, sizeof line, "%ld %s %s\n", n, NAMES[kind], shown);
        raw_write(trace, line, length);
    }
    switch (mode) {
    case KILL:
        if (n == target) die();
        return 0;
    case TORN:
        if (n == target) { if (kind == WRITE) return 2; die(); }
        return 0;
    case FULL: /* from now on nothing fits any more; names can still be removed and replaced */
        if (n >= target && (kind == CREATE || kind == WRITE || kind == GROW || kind == LINK)) { errno = ENOSPC; return 1; }
        return 0;
    case BROKEN: /* one call fails, as a disk with a bad sector */
        if (n == target && kind != SEND) { errno = EIO; return 1; }
        return 0;
    case READ_ONLY:
        if (kind != SYNC && kind != SEND) { errno = EROFS; return 1; }
        return 0;
    }
    return 0;
}

static int of_fd(int kind, int fd) {
    char path[PATH_MAX];
    if (!armed || !path_of(fd, path)) return 0;
    return moment(kind, path);
}

static int of_name(int kind, int dir, const char *name) {
    char path[PATH_MAX];
    if (!armed) return 0;
    path_at(dir, name, path);
    return moment(kind, path);
}

/* -- creating and opening for writing --------------------------------------------------------------------------- */

static int makes(int flags) { return (flags & (O_CREAT | O_TRUNC)) || (flags & O_ACCMODE) != O_RDONLY; }

/* opening what exists changes nothing, but a read-only file system refuses it; cutting it, or making it, does */
static int opening(int dir, const char *name, int flags) {
    if (!armed || !makes(flags)) return 0;
    char path[PATH_MAX];
    struct stat found;
    path_at(dir, name, path);
    int there = stat(path, &found) == 0;
    if (there && S_ISDIR(found.st_mode)) return 0;
    if (mode != READ_ONLY && there && !(flags & O_TRUNC && found.st_size)) return 0;
    return moment(there && mode != READ_ONLY ? GROW : CREATE, path);
}

#define OPEN(name)                                                     \
    int name(const char *path, int flags, ...) {                       \
        mode_t bits = 0;                                               \
        if (flags & (O_CREAT | O_TMPFILE)) {                           \
            va_list more; va_start(more, flags); bits = va_arg(more, mode_t); va_end(more); \
        }                                                              \
        if (opening(AT_FDCWD, path, flags)) return -1;                 \
        REAL(int, #name, const char *, int, ...);                      \
        return real(path, flags, bits);                                \
    }
OPEN(open)
OPEN(open64)
#define OPENAT(name)                                                   \
    int name(int dir, const char *path, int flags, ...) {              \
        mode_t bits = 0;                                               \
        if (flags & (O_CREAT | O_TMPFILE)) {                           \
            va_list more; va_start(more, flags); bits = va_arg(more, mode_t); va_end(more); \
        }                                                              \
        if (opening(dir, path, flags)) return -1;                      \
        REAL(int, #name, int, const char *, int, ...);                 \
        return real(dir, path, flags, bits);                           \
    }
OPENAT(openat)
OPENAT(openat64)
#define FOPEN(name)                                                    \
    FILE *name(const char *path, const char *how) {                    \
        int flags = how[0] == 'w' ? O_CREAT | O_TRUNC | O_WRONLY : how[0] == 'a' ? O_CREAT | O_WRONLY : O_RDONLY; \
        if (opening(AT_FDCWD, path, flags)) return NULL;               \
        REAL(FILE *, #name, const char *, const char *);               \
        return real(path, how);                                        \
    }
FOPEN(fopen)
FOPEN(fopen64)
int mkdir(const char *path, mode_t bits) {
    struct stat found;
    if (armed && stat(path, &found) != 0 && of_name(CREATE, AT_FDCWD, path)) return -1;
    REAL(int, "mkdir", const char *, mode_t);
    return real(path, bits);
}
int mkdirat(int dir, const char *path, mode_t bits) {
    if (of_name(CREATE, dir, path)) return -1;
    REAL(int, "mkdirat", int, const char *, mode_t);
    return real(dir, path, bits);
}

/* -- writing ---------------------------------------------------------------------------------------------------- */

#define TEAR(call) do { int what = of_fd(WRITE, fd); if (what == 1) return -1; if (what == 2) { (void)!(call); die(); } } while (0)

ssize_t write(int fd, const void *from, size_t n) {
    TEAR(raw_write(fd, from, n / 2));
    return raw_write(fd, from, n);
}
#define PWRITE(name, offset)                                           \
    ssize_t name(int fd, const void *from, size_t n, offset at) {      \
        REAL(ssize_t, #name, int, const void *, size_t, offset);       \
        TEAR(real(fd, from, n / 2, at));                               \
        return real(fd, from, n, at);                                  \
    }
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)
ssize_t writev(int fd, const struct iovec *parts, int n) {
    REAL(ssize_t, "writev", int, const struct iovec *, int);
    TEAR(real(fd, parts, n > 1 ? n / 2 : 0));
    return real(fd, parts, n);
}
size_t fwrite(const void *from, size_t size, size_t n, FILE *file) {
    REAL(size_t, "fwrite", const void *, size_t, size_t, FILE *);
    int what = of_fd(WRITE, fileno(file));
    if (what == 1) return 0;
    if (what == 2) { real(from, size, n / 2, file); fflush(file); die(); }
    return real(from, size, n, file);
}
#define SENDFILE(name, offset)                                         \
    ssize_t name(int fd, int from, offset *at, size_t n) {             \
        REAL(ssize_t, #name, int, int, offset *, size_t);              \
        TEAR(real(fd, from, at, 1));                                   \
        return real(fd, from, at, n);                                  \
    }
SENDFILE(sendfile, off_t)
SENDFILE(sendfile64, off64_t)
ssize_t copy_file_range(int from, off64_t *a, int fd, off64_t *b, size_t n, unsigned flags) {
    REAL(ssize_t, "copy_file_range", int, off64_t *, int, off64_t *, size_t, unsigned);
    TEAR(real(from, a, fd, b, 1, flags));
    return real(from, a, fd, b, n, flags);
}
#define TRUNCATE(name, offset)                                         \
    int name(int fd, offset length) {                                  \
        REAL(int, #name, int, offset);                                 \
        if (of_fd(GROW, fd)) return -1;                                \
        return real(fd, length);                                       \
    }
TRUNCATE(ftruncate, off_t)
TRUNCATE(ftruncate64, off64_t)

/* -- syncing, renaming, removing, linking ------------------------------------------------------------------------ */

#define FD_CALL(name, kind)                                            \
    int name(int fd) {                                                 \
        if (of_fd(kind, fd)) return -1;                                \
        REAL(int, #name, int);                                         \
        return real(fd);                                               \
    }
FD_CALL(fsync, SYNC)
FD_CALL(fdatasync, SYNC)
#define PATH_CALL(name, kind)                                          \
    int name(const char *path) {                                       \
        struct stat found;                                             \
        if (armed && lstat(path, &found) == 0 && of_name(kind, AT_FDCWD, path)) return -1; \
        REAL(int, #name, const char *);                                \
        return real(path);                                             \
    }
PATH_CALL(unlink, REMOVE)
PATH_CALL(rmdir, REMOVE)
PATH_CALL(remove, REMOVE)
int unlinkat(int dir, const char *path, int flags) {
    if (of_name(REMOVE, dir, path)) return -1;
    REAL(int, "unlinkat", int, const char *, int);
    return real(dir, path, flags);
}
int rename(const char *from, const char *to) {
    if (of_name(RENAME, AT_FDCWD, to)) return -1;
    REAL(int, "rename", const char *, const char *);
    return real(from, to);
}
int renameat(int a, const char *from, int b, const char *to) {
    if (of_name(RENAME, b, to)) return -1;
    REAL(int, "renameat", int, const char *, int, const char *);
    return real(a, from, b, to);
}
int link(const char *from, const char *to) {
    if (of_name(LINK, AT_FDCWD, to)) return -1;
    REAL(int, "link", const char *, const char *);
    return real(from, to);
}
int linkat(int a, const char *from, int b, const char *to, int flags) {
    if (of_name(LINK, b, to)) return -1;
    REAL(int, "linkat", int, const char *, int, const char *, int);
    return real(a, from, b, to, flags);
}
int symlink(const char *from, const char *to) {
    if (of_name(LINK, AT_FDCWD, to)) return -1;
    REAL(int, "symlink", const char *, const char *);
    return real(from, to);
}

/* -- requests: before each message leaves, and after it has left --------------------------------------------------- */

static int is_net(int fd) {
    int family = 0;
    socklen_t length = sizeof family;
    if (!armed || getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &length)) return 0;
    return family == AF_INET || family == AF_INET6;
}
ssize_t send(int fd, const void *from, size_t n, int flags) {
    REAL(ssize_t, "send", int, const void *, size_t, int);
    if (!is_net(fd)) return real(fd, from, n, flags);
    if (moment(SEND, "") == 2) { real(fd, from, n / 2, flags); die(); }
    ssize_t done = real(fd, from, n, flags);
    int error = errno;
    moment(SEND, "");
    errno = error;
    return done;
}
