/* nfs41.h - just enough NFSv4.1 for a load generator: XDR buffers, ONC RPC with AUTH_SYS uid 0, sessions, and
 * synchronous COMPOUNDs for setting up and clearing away. Included once, by nfsload.c. Any trouble ends the program. */
#pragma once
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MB (1u << 20)
#define FH_MAX 128

enum {
    OP_CLOSE = 4,
    OP_COMMIT = 5,
    OP_CREATE = 6,
    OP_GETATTR = 9,
    OP_GETFH = 10,
    OP_LOOKUP = 15,
    OP_OPEN = 18,
    OP_PUTFH = 22,
    OP_PUTROOTFH = 24,
    OP_READ = 25,
    OP_READDIR = 26,
    OP_REMOVE = 28,
    OP_SETATTR = 34,
    OP_WRITE = 38,
    OP_EXCHANGE_ID = 42,
    OP_CREATE_SESSION = 43,
    OP_DESTROY_SESSION = 44,
    OP_GETDEVICEINFO = 47,
    OP_LAYOUTCOMMIT = 49,
    OP_LAYOUTGET = 50,
    OP_LAYOUTRETURN = 51,
    OP_SEQUENCE = 53,
    OP_DESTROY_CLIENTID = 57,
    OP_RECLAIM_COMPLETE = 58
};
enum { NFS4ERR_DELAY = 10008, NFS4ERR_GRACE = 10013, NFS4ERR_LAYOUTTRYLATER = 10058 };
enum { USE_NON_PNFS = 0x10000, USE_PNFS_MDS = 0x20000, USE_PNFS_DS = 0x40000 };
#define RETRY(st) ((st) == NFS4ERR_DELAY || (st) == NFS4ERR_GRACE || (st) == NFS4ERR_LAYOUTTRYLATER)

static void die(const char *format, ...) {
    va_list words;
    va_start(words, format);
    fputs("nfsload: ", stderr);
    vfprintf(stderr, format, words);
    fputc('\n', stderr);
    exit(1);
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec * 1e-9;
}

/* ---- XDR: a growing buffer to write, a bounded view to read ---- */

typedef struct {
    uint8_t *p;
    size_t n, cap;
} Buf;

typedef struct {
    uint8_t *p, *end;
    int bad;
} Reader;

typedef struct {
    uint32_t n;
    uint8_t d[FH_MAX];
} FH;

static void need(Buf *b, size_t more) {
    if (b->n + more > b->cap) {
        b->cap = (b->n + more) * 2 + 256;
        b->p = realloc(b->p, b->cap);
    }
}

static void u32(Buf *b, uint32_t v) {
    need(b, 4);
    v = htonl(v);
    memcpy(b->p + b->n, &v, 4);
    b->n += 4;
}

static void u64(Buf *b, uint64_t v) {
    u32(b, v >> 32);
    u32(b, (uint32_t)v);
}

static void raw(Buf *b, const void *data, size_t n) {
    need(b, n);
    memcpy(b->p + b->n, data, n);
    b->n += n;
}

static void opaque(Buf *b, const void *data, size_t n) {
    static const uint8_t zero[4];
    u32(b, n);
    raw(b, data, n);
    raw(b, zero, (4 - (n & 3)) & 3);
}

static void text(Buf *b, const char *s) {
    opaque(b, s, strlen(s));
}

static uint32_t g32(Reader *r) {
    uint32_t v;
    if (r->end - r->p < 4) {
        r->bad = 1;
        return 0;
    }
    memcpy(&v, r->p, 4);
    r->p += 4;
    return ntohl(v);
}

static uint64_t g64(Reader *r) {
    uint64_t high = g32(r);
    return high << 32 | g32(r);
}

static void skip(Reader *r, size_t n) {
    if ((size_t)(r->end - r->p) < n)
        r->bad = 1;
    else
        r->p += n;
}

static uint8_t *gopaque(Reader *r, uint32_t *n) {
    *n = g32(r);
    uint8_t *at = r->p;
    skip(r, ((size_t)*n + 3) & ~(size_t)3);
    return at;
}

static void gfh(Reader *r, FH *fh) {
    uint32_t n;
    uint8_t *at = gopaque(r, &n);
    if (r->bad || n > FH_MAX)
        die("bad filehandle in a reply");
    fh->n = n;
    memcpy(fh->d, at, n);
}

/* ---- connections ---- */

typedef struct { /* one request under way; "worker" because it goes on for ever */
    int phase, kind, busy;
    uint64_t counter;
    double begun;
    FH fh;
    uint8_t stateid[16];
    struct Conn *on; /* the connection that its request went out on */
    uint32_t io_bytes;
} Worker;

typedef struct Conn {
    int fd, id, wants_out;
    const char *host, *port;
    Buf out, msg;
    size_t sent;
    uint8_t *in;
    size_t in_cap, in_n;
    uint64_t clientid;
    uint8_t session[16];
    int nslots;
    uint32_t *seq;      /* per slot: its next sequence id */
    struct Conn *group; /* a data server's connection: the metadata server's one whose workers use it */
    Worker *worker;     /* one per slot; of the group's own connection */
    FH dir, file;
    uint8_t file_stateid[16];
    uint64_t next_offset;
    struct Layout *layout;
} Conn;

static int minor = 1;
static uint32_t next_xid = 0x1000;

static size_t rpc_begin(Buf *b, uint32_t xid, uint32_t procedure) {
    size_t at = b->n;
    u32(b, 0); /* record mark, rpc_end() fills it in */
    u32(b, xid);
    u32(b, 0);
    u32(b, 2);
    u32(b, 100003);
    u32(b, 4);
    u32(b, procedure);
    u32(b, 1); /* AUTH_SYS: stamp, machine, uid, gid, no groups */
    u32(b, 24);
    u32(b, 1);
    text(b, "load");
    u32(b, 0);
    u32(b, 0);
    u32(b, 0);
    u32(b, 0); /* verifier: AUTH_NONE */
    u32(b, 0);
    return at;
}

static void rpc_end(Buf *b, size_t at) {
    uint32_t mark = htonl(0x80000000u | (b->n - at - 4));
    memcpy(b->p + at, &mark, 4);
}

static void compound(Buf *b, uint32_t operations) {
    u32(b, 0); /* empty tag */
    u32(b, minor);
    u32(b, operations);
}

static void sequence(Buf *b, Conn *c, int slot, int cache) {
    u32(b, OP_SEQUENCE);
    raw(b, c->session, 16);
    u32(b, c->seq[slot]);
    u32(b, slot);
    u32(b, c->nslots - 1);
    u32(b, cache);
}

static void putfh(Buf *b, const FH *fh) {
    u32(b, OP_PUTFH);
    opaque(b, fh->d, fh->n);
}

static void getattr(Buf *b) { /* what Linux asks for */
    u32(b, OP_GETATTR);
    u32(b, 2);
    u32(b, 1 << 1 | 1 << 3 | 1 << 4 | 1 << 8 | 1 << 20);
    u32(b, 1 << 1 | 1 << 3 | 1 << 4 | 1 << 5 | 1 << 13 | 1 << 15 | 1 << 20 | 1 << 21 | 1 << 23);
}

static void mode_attribute(Buf *b, uint32_t mode) {
    u32(b, 2);
    u32(b, 0);
    u32(b, 1 << (33 - 32));
    u32(b, 4);
    u32(b, mode);
}

static int tcp_connect(const char *host, const char *port) {
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *a;
    int one = 1;
    if (getaddrinfo(host, port, &hints, &a))
        die("cannot resolve %s", host);
    int fd = socket(a->ai_family, SOCK_STREAM, 0);
    if (connect(fd, a->ai_addr, a->ai_addrlen))
        die("connect %s:%s: %s", host, port, strerror(errno));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    freeaddrinfo(a);
    return fd;
}

/* ---- synchronous COMPOUNDs, on slot 0 ---- */

static void read_all(int fd, uint8_t *p, size_t n) {
    while (n) {
        ssize_t k = read(fd, p, n);
        if (k <= 0)
            die("server closed the connection");
        p += k;
        n -= k;
    }
}

static Reader call(Conn *c, Buf *m) {
    static uint8_t *reply;
    static size_t cap;
    size_t n = 0;
    uint32_t ignored;
    for (size_t o = 0; o < m->n;) {
        ssize_t k = write(c->fd, m->p + o, m->n - o);
        if (k <= 0)
            die("write: %s", strerror(errno));
        o += k;
    }
    for (int last = 0; !last;) { /* fragments of one record */
        uint8_t h[4];
        read_all(c->fd, h, 4);
        uint32_t length = (h[0] & 0x7f) << 24 | h[1] << 16 | h[2] << 8 | h[3];
        if (n + length > cap) {
            cap = n + length + 65536;
            reply = realloc(reply, cap);
        }
        read_all(c->fd, reply + n, length);
        n += length;
        last = h[0] & 0x80;
    }
    Reader r = {reply, reply + n, 0};
    g32(&r);
    if (g32(&r) != 1)
        die("not a reply (a callback?)");
    if (g32(&r))
        die("RPC denied");
    g32(&r);
    gopaque(&r, &ignored);
    if (g32(&r))
        die("RPC not accepted");
    m->n = 0;
    return r;
}

static uint32_t compound_status(Reader *r) {
    uint32_t status = g32(r), ignored;
    gopaque(r, &ignored);
    g32(r);
    return status;
}

/* COMPOUND and SEQUENCE results; what follows is the next operation's number. */
static uint32_t after_sequence(Reader *r, Conn *c) {
    uint32_t status = compound_status(r);
    g32(r);
    uint32_t of_sequence = g32(r);
    if (of_sequence)
        return of_sequence;
    skip(r, 36);
    c->seq[0]++;
    return status;
}

static size_t begin(Conn *c, uint32_t operations, int cache) {
    Buf *m = &c->msg;
    m->n = 0;
    size_t at = rpc_begin(m, next_xid++, 1);
    compound(m, operations);
    sequence(m, c, 0, cache);
    return at;
}

static uint32_t finish(Conn *c, size_t at, Reader *r) {
    rpc_end(&c->msg, at);
    *r = call(c, &c->msg);
    uint32_t status = after_sequence(r, c);
    if (RETRY(status))
        usleep(200000);
    return status;
}

static void skip_op(Reader *r) { /* a result that is only number and status */
    g32(r);
    g32(r);
}

/* The filehandle of a name in a directory; of the root when there is no directory. */
static uint32_t sync_lookup(Conn *c, const FH *from, const char *name, FH *out) {
    uint32_t status;
    Reader r;
    do {
        size_t at = begin(c, name ? 4 : 3, 0);
        Buf *m = &c->msg;
        if (from)
            putfh(m, from);
        else
            u32(m, OP_PUTROOTFH);
        if (name) {
            u32(m, OP_LOOKUP);
            text(m, name);
        }
        u32(m, OP_GETFH);
        status = finish(c, at, &r);
    } while (RETRY(status));
    if (status)
        return status;
    skip_op(&r);
    if (name)
        skip_op(&r);
    skip_op(&r);
    gfh(&r, out);
    return 0;
}

static uint32_t sync_mkdir(Conn *c, const FH *dir, const char *name) {
    uint32_t status;
    Reader r;
    do {
        size_t at = begin(c, 3, 1);
        Buf *m = &c->msg;
        putfh(m, dir);
        u32(m, OP_CREATE);
        u32(m, 2);
        text(m, name);
        mode_attribute(m, 0755);
        status = finish(c, at, &r);
    } while (RETRY(status));
    return status;
}

static uint32_t sync_remove(Conn *c, const FH *dir, const char *name) {
    uint32_t status;
    Reader r;
    do {
        size_t at = begin(c, 3, 1);
        Buf *m = &c->msg;
        putfh(m, dir);
        u32(m, OP_REMOVE);
        text(m, name);
        status = finish(c, at, &r);
    } while (RETRY(status));
    return status;
}

/* SEQUENCE and what follows for an OPEN (read and write, no delegation wanted) that creates the file if needed */
static void put_open(Buf *m, Conn *c, int slot, const FH *dir, const char *name) {
    char owner[32];
    sprintf(owner, "owner%d", slot);
    compound(m, 5);
    sequence(m, c, slot, 1);
    putfh(m, dir);
    u32(m, OP_OPEN);
    u32(m, 0);
    u32(m, 3 | 0x400);
    u32(m, 0);
    u64(m, c->clientid);
    text(m, owner);
    u32(m, 1); /* OPEN4_CREATE, UNCHECKED4 */
    u32(m, 0);
    mode_attribute(m, 0644);
    u32(m, 0); /* CLAIM_NULL */
    text(m, name);
    u32(m, OP_GETFH);
    getattr(m);
}

static void put_close(Buf *m, Conn *c, int slot, const FH *file, const uint8_t *stateid) {
    compound(m, 3);
    sequence(m, c, slot, 1);
    putfh(m, file);
    u32(m, OP_CLOSE);
    u32(m, 0);
    raw(m, stateid, 16);
}

/* After the results of SEQUENCE and PUTFH: those of OPEN (with any delegation) and GETFH. */
static int parse_open(Reader *r, uint8_t *stateid, FH *file) {
    uint32_t ignored;
    g32(r);
    if (g32(r) || r->end - r->p < 16)
        return -1;
    memcpy(stateid, r->p, 16);
    skip(r, 16 + 20 + 4);
    skip(r, 4 * (size_t)g32(r));
    uint32_t delegation = g32(r);
    if (delegation == 1 || delegation == 2 || delegation == 4 || delegation == 5) {
        skip(r, 16);
        g32(r);
        if (delegation == 2 || delegation == 5) {
            g32(r);
            skip(r, 8);
        }
        skip(r, 12);
        gopaque(r, &ignored);
    } else if (delegation == 3) {
        uint32_t why = g32(r);
        if (why == 1 || why == 2)
            g32(r);
    }
    g32(r);
    if (g32(r))
        return -1;
    gfh(r, file);
    return r->bad ? -1 : 0;
}

static uint32_t sync_open(Conn *c, const FH *dir, const char *name, FH *file, uint8_t *stateid) {
    uint32_t status;
    Reader r;
    do {
        Buf *m = &c->msg;
        m->n = 0;
        size_t at = rpc_begin(m, next_xid++, 1);
        put_open(m, c, 0, dir, name);
        status = finish(c, at, &r);
    } while (RETRY(status));
    if (status)
        return status;
    skip_op(&r);
    if (parse_open(&r, stateid, file))
        die("cannot read the reply to OPEN");
    return 0;
}

static uint32_t sync_close(Conn *c, const FH *file, const uint8_t *stateid) {
    uint32_t status;
    Reader r;
    do {
        Buf *m = &c->msg;
        m->n = 0;
        size_t at = rpc_begin(m, next_xid++, 1);
        put_close(m, c, 0, file, stateid);
        status = finish(c, at, &r);
    } while (RETRY(status));
    return status;
}

static uint32_t sync_commit(Conn *c, const FH *file) {
    uint32_t status;
    Reader r;
    do {
        size_t at = begin(c, 3, 0);
        putfh(&c->msg, file);
        u32(&c->msg, OP_COMMIT);
        u64(&c->msg, 0);
        u32(&c->msg, 0);
        status = finish(c, at, &r);
    } while (RETRY(status));
    return status;
}

static uint32_t sync_write(Conn *c, const FH *file, const uint8_t *stateid, uint64_t offset, const void *data,
                           uint32_t n) {
    uint32_t status;
    Reader r;
    do {
        size_t at = begin(c, 3, 0);
        putfh(&c->msg, file);
        u32(&c->msg, OP_WRITE);
        raw(&c->msg, stateid, 16);
        u64(&c->msg, offset);
        u32(&c->msg, 0);
        opaque(&c->msg, data, n);
        status = finish(c, at, &r);
    } while (RETRY(status));
    return status;
}

/* ---- sessions ---- */

/* Connect; a client ID and a session of the connection's own with `slots` slots. */
static void open_session(Conn *c, int slots, uint32_t exchange_flags) {
    Buf *m = &c->msg;
    char owner[96];
    struct timespec ts;
    c->fd = tcp_connect(c->host, c->port);
    m->n = 0;
    c->nslots = slots;
    c->seq = calloc(slots > 0 ? slots : 1, sizeof *c->seq);
    snprintf(owner, sizeof owner, "nfsload-%d-%d-%s-%ld", getpid(), c->id, c->port, (long)time(0));
    clock_gettime(CLOCK_REALTIME, &ts);
    size_t at = rpc_begin(m, next_xid++, 1);
    compound(m, 1);
    u32(m, OP_EXCHANGE_ID);
    u64(m, (uint64_t)ts.tv_sec << 32 | ts.tv_nsec);
    text(m, owner);
    u32(m, exchange_flags);
    u32(m, 0); /* SP4_NONE, no implementation id */
    u32(m, 0);
    rpc_end(m, at);
    Reader r = call(c, m);
    uint32_t status = compound_status(&r);
    if (status)
        die("EXCHANGE_ID: %u", status);
    skip_op(&r);
    c->clientid = g64(&r);
    uint32_t sequence_id = g32(&r);
    if (exchange_flags && !(g32(&r) & exchange_flags))
        die("%s:%s does not play the part wanted of it (EXCHANGE_ID flags)", c->host, c->port);
    at = rpc_begin(m, next_xid++, 1);
    compound(m, 1);
    u32(m, OP_CREATE_SESSION);
    u64(m, c->clientid);
    u32(m, sequence_id);
    u32(m, 0);
    const uint32_t fore[] = {0, MB + 65536, MB + 65536, 4096, 16, slots, 0};
    const uint32_t back[] = {0, 4096, 4096, 0, 2, 1, 0};
    for (int i = 0; i < 7; i++)
        u32(m, fore[i]);
    for (int i = 0; i < 7; i++)
        u32(m, back[i]);
    u32(m, 0x40000000);
    u32(m, 1);
    u32(m, 0);
    rpc_end(m, at);
    r = call(c, m);
    if ((status = compound_status(&r)))
        die("CREATE_SESSION: %u", status);
    skip_op(&r);
    memcpy(c->session, r.p, 16);
    skip(&r, 16 + 8 + 4);
    uint32_t request_max = g32(&r), response_max = g32(&r);
    skip_op(&r);
    uint32_t granted = g32(&r);
    if ((int)granted < slots) {
        fprintf(stderr, "nfsload: connection %d: %u slots granted, %d wanted\n", c->id, granted, slots);
        c->nslots = granted;
    }
    if (request_max < MB + 1024 || response_max < MB + 1024)
        fprintf(stderr, "nfsload: largest request %u, response %u: below 1 MiB\n", request_max, response_max);
    for (int i = 0; i < c->nslots; i++)
        c->seq[i] = 1;
    if (exchange_flags & USE_PNFS_DS)
        return; /* there is nothing to reclaim at a data server */
    at = begin(c, 2, 0);
    u32(m, OP_RECLAIM_COMPLETE);
    u32(m, 0);
    if ((status = finish(c, at, &r)))
        die("RECLAIM_COMPLETE: %u", status);
}

/* Leave nothing behind at the server. */
static void close_session(Conn *c) {
    Buf *m = &c->msg;
    fcntl(c->fd, F_SETFL, 0);
    m->n = 0;
    size_t at = rpc_begin(m, next_xid++, 1);
    compound(m, 1);
    u32(m, OP_DESTROY_SESSION);
    raw(m, c->session, 16);
    rpc_end(m, at);
    call(c, m);
    at = rpc_begin(m, next_xid++, 1);
    compound(m, 1);
    u32(m, OP_DESTROY_CLIENTID);
    u64(m, c->clientid);
    rpc_end(m, at);
    call(c, m);
    close(c->fd);
}
