/* nfsload - generic NFSv4.1 load generator (AUTH_SYS uid 0), one epoll thread.
 *
 * nfsload HOST PORT EXPORT MODE SECONDS INFLIGHT CONNECTIONS
 * One client ID and session per connection; INFLIGHT is the total over all connections (each slot has one request
 * outstanding). One JSON line on stdout.
 * MODE: null | seq | getattr | lookup | open | mkdir | setattr | readdir | write | writesync | read
 *       | dswrite | dswritesync | dsread
 *   open  = [SEQ PUTFH OPEN(create,UNCHECKED) GETFH GETATTR] then [SEQ PUTFH CLOSE]
 *   mkdir = [SEQ PUTFH CREATE(dir) GETATTR] then [SEQ PUTFH REMOVE]
 *   read/write: 1 MiB sequential on one file per connection (env FILE_MB=256), read re-reads what it wrote
 *   ds...: the same through a files layout: OPEN, LAYOUTGET and GETDEVICEINFO at HOST, then READ and WRITE at the data
 *          servers, at most 1 MiB and not beyond a stripe unit; every slot goes round the data servers
 * env: SERVER_PID=pid[,pid] adds server_cpu_pct;  NENT=100 files in the lookup/readdir dir; MINOR=1; KEEP=1
 * Build: gcc -O2 -o nfsload nfsload.c */
#include "layout.h"
#include "nfs41.h"
#include <sys/epoll.h>
#include <sys/resource.h>

enum {
    M_NULL,
    M_SEQ,
    M_GETATTR,
    M_LOOKUP,
    M_OPEN,
    M_MKDIR,
    M_SETATTR,
    M_READDIR,
    M_WRITE,
    M_WRITESYNC,
    M_READ,
    M_DSWRITE,
    M_DSWRITESYNC,
    M_DSREAD,
    M_REMOVE_ALL
};
static const char *mode_names[] = {"null",  "seq",     "getattr",     "lookup", "open",
                                   "mkdir", "setattr", "readdir",     "write",  "writesync",
                                   "read",  "dswrite", "dswritesync", "dsread", "remove-all"};
static int mode, pending, measuring, stopping, epoll_fd, entries_wanted = 100;
static FH root_fh, work_fh, entries_fh;
static uint64_t file_bytes;
static uint8_t *payload;
static uint64_t done[2], errors, first_error, delays, entries, bytes;
static uint32_t *latency[2]; /* in 0.1 us */
static size_t latency_cap[2];

static int is_ds(void) {
    return mode >= M_DSWRITE && mode <= M_DSREAD;
}

static int is_read(void) {
    return mode == M_READ || mode == M_DSREAD;
}

static int is_data(void) {
    return mode >= M_WRITE && mode <= M_DSREAD;
}

static void name_of(char *out, Conn *c, int worker, uint64_t k) {
    sprintf(out, "c%ds%dn%llu", c->id, worker, (unsigned long long)k);
}

static void flush_out(Conn *c) {
    while (c->sent < c->out.n) {
        ssize_t k = send(c->fd, c->out.p + c->sent, c->out.n - c->sent, MSG_NOSIGNAL);
        if (k < 0) {
            if (errno == EAGAIN)
                break;
            die("send: %s", strerror(errno));
        }
        c->sent += k;
    }
    int wants = c->sent < c->out.n;
    if (!wants)
        c->out.n = c->sent = 0;
    if (wants != c->wants_out) {
        struct epoll_event e = {.events = EPOLLIN | (wants ? EPOLLOUT : 0), .data.ptr = c};
        epoll_ctl(epoll_fd, EPOLL_CTL_MOD, c->fd, &e);
        c->wants_out = wants;
    }
}

/* ---- requests ---- */

static void put_io(Buf *b, Conn *on, int slot, const FH *fh, const uint8_t *stateid, uint64_t offset, uint32_t n) {
    compound(b, 3);
    sequence(b, on, slot, 0);
    putfh(b, fh);
    u32(b, is_read() ? OP_READ : OP_WRITE);
    raw(b, stateid, 16);
    u64(b, offset);
    if (is_read()) {
        u32(b, n);
    } else {
        u32(b, mode == M_WRITESYNC || mode == M_DSWRITESYNC ? 2 : 0);
        opaque(b, payload, n);
    }
}

static uint64_t take_offset(Conn *c, uint32_t n) {
    uint64_t at = c->next_offset;
    c->next_offset = (at + n) % file_bytes;
    return at;
}

static void put_readdir(Buf *b) {
    u32(b, OP_READDIR);
    u64(b, 0);
    u64(b, 0);
    u32(b, 16384);
    u32(b, 65536);
    u32(b, 2);
    u32(b, 1 << 1 | 1 << 3 | 1 << 4 | 1 << 8 | 1 << 11 | 1 << 19 | 1 << 20);
    u32(b, 1 << 1 | 1 << 3 | 1 << 4 | 1 << 5 | 1 << 13 | 1 << 15 | 1 << 20 | 1 << 21 | 1 << 23);
}

static void put_metadata(Buf *b, Conn *c, Worker *w, int slot) {
    static const uint8_t anonymous[16];
    char name[64];
    switch (mode) {
    case M_SEQ:
        compound(b, 1);
        sequence(b, c, slot, 0);
        break;
    case M_GETATTR:
        compound(b, 3);
        sequence(b, c, slot, 0);
        u32(b, OP_PUTROOTFH);
        getattr(b);
        break;
    case M_LOOKUP:
        sprintf(name, "e%d", (int)(w->counter++ * 7 + slot) % entries_wanted);
        compound(b, 5);
        sequence(b, c, slot, 0);
        putfh(b, &entries_fh);
        u32(b, OP_LOOKUP);
        text(b, name);
        u32(b, OP_GETFH);
        getattr(b);
        break;
    case M_OPEN:
        name_of(name, c, slot, w->counter);
        if (w->phase)
            put_close(b, c, slot, &w->fh, w->stateid);
        else
            put_open(b, c, slot, &c->dir, name);
        break;
    case M_MKDIR:
        name_of(name, c, slot, w->counter);
        compound(b, w->phase ? 3 : 5);
        sequence(b, c, slot, 1);
        putfh(b, &c->dir);
        u32(b, w->phase ? OP_REMOVE : OP_CREATE);
        if (!w->phase)
            u32(b, 2);
        text(b, name);
        if (!w->phase) {
            mode_attribute(b, 0755);
            u32(b, OP_GETFH);
            getattr(b);
        }
        break;
    case M_SETATTR:
        compound(b, 4);
        sequence(b, c, slot, 1);
        putfh(b, &w->fh);
        u32(b, OP_SETATTR);
        raw(b, anonymous, 16);
        mode_attribute(b, (w->counter++ & 1) ? 0644 : 0640);
        getattr(b);
        break;
    case M_READDIR:
        compound(b, 3);
        sequence(b, c, slot, 0);
        putfh(b, &entries_fh);
        put_readdir(b);
        break;
    case M_REMOVE_ALL:
        name_of(name, c, slot, w->phase);
        compound(b, 3);
        sequence(b, c, slot, 1);
        putfh(b, &c->dir);
        u32(b, OP_REMOVE);
        text(b, name);
        break;
    }
}

/* Send a worker's next request, unless the time is over; the second half of a pair is always sent. */
static void issue(Conn *c, int slot) {
    Worker *w = &c->worker[slot];
    int second = (mode == M_OPEN || mode == M_MKDIR) && w->phase == 1;
    Conn *on = c;
    Target t = {0};
    if (w->busy || (mode == M_REMOVE_ALL && w->phase >= (int)w->counter))
        return;
    if (stopping && mode != M_REMOVE_ALL && !second)
        return;
    if (is_ds()) {
        t = locate(c->layout, &c->file, c->next_offset, MB);
        on = t.server;
    }
    Buf *b = &on->out;
    size_t at = rpc_begin(b, (uint32_t)slot | 0x40000000, mode == M_NULL ? 0 : 1);
    w->kind = second;
    w->io_bytes = is_ds() ? t.bytes : MB;
    if (is_ds()) {
        take_offset(c, t.bytes);
        put_io(b, on, slot, t.fh, c->file_stateid, t.offset, t.bytes);
    } else if (is_data()) {
        put_io(b, c, slot, &c->file, c->file_stateid, take_offset(c, MB), MB);
    } else if (mode != M_NULL) {
        put_metadata(b, c, w, slot);
    }
    rpc_end(b, at);
    w->begun = now();
    w->busy = 1;
    pending++;
}

/* ---- replies ---- */

static void record(int kind, double seconds) {
    double tenths = seconds * 1e7;
    done[kind]++;
    if (done[kind] > latency_cap[kind]) {
        latency_cap[kind] = latency_cap[kind] * 2 + 65536;
        latency[kind] = realloc(latency[kind], latency_cap[kind] * sizeof(uint32_t));
    }
    latency[kind][done[kind] - 1] = tenths > 4e9 ? 4000000000u : (uint32_t)tenths;
}

static void count_entries(Reader *r) {
    uint32_t n;
    skip_op(r);
    skip_op(r);
    skip(r, 8);
    while (g32(r)) {
        g64(r);
        gopaque(r, &n);
        skip(r, 4 * (size_t)g32(r));
        gopaque(r, &n);
        if (r->bad) {
            errors++;
            return;
        }
        entries++;
    }
}

static void on_success(Worker *w, Reader *r) {
    switch (mode) {
    case M_OPEN:
        if (w->phase) {
            w->counter++;
        } else {
            skip_op(r);
            if (parse_open(r, w->stateid, &w->fh))
                die("cannot read the reply to OPEN");
        }
        w->phase ^= 1;
        break;
    case M_MKDIR:
        w->counter += w->phase;
        w->phase ^= 1;
        break;
    case M_REMOVE_ALL:
        w->phase++;
        break;
    case M_READDIR:
        if (measuring)
            count_entries(r);
        break;
    case M_READ:
    case M_DSREAD:
        skip_op(r);
        skip_op(r);
        g32(r); /* end of file */
        {
            uint32_t n = g32(r);
            bytes += measuring ? n : 0;
            errors += n != w->io_bytes;
        }
        break;
    case M_WRITE:
    case M_WRITESYNC:
    case M_DSWRITE:
    case M_DSWRITESYNC:
        skip_op(r);
        skip_op(r);
        {
            uint32_t n = g32(r);
            bytes += measuring ? n : 0;
            errors += n != w->io_bytes;
        }
        break;
    }
}

static void on_reply(Conn *c, uint8_t *p, size_t n) {
    Reader r = {p, p + n, 0};
    uint32_t ignored, xid = g32(&r);
    if (g32(&r) != 1)
        return; /* a callback's call */
    if (g32(&r))
        die("RPC denied");
    g32(&r);
    gopaque(&r, &ignored);
    if (g32(&r))
        die("RPC not accepted");
    int slot = xid & 0xffff;
    Worker *w = &c->group->worker[slot];
    pending--;
    w->busy = 0;
    double took = now() - w->begun;
    if (mode == M_NULL) {
        if (measuring)
            record(0, took);
        return;
    }
    uint32_t status = compound_status(&r);
    g32(&r);
    uint32_t of_sequence = g32(&r);
    if (of_sequence) {
        if (of_sequence != NFS4ERR_DELAY)
            die("SEQUENCE: %u on slot %d", of_sequence, slot);
        delays++;
        return;
    }
    skip(&r, 36);
    c->seq[slot]++;
    if (RETRY(status)) {
        delays++;
        return;
    }
    if (status) {
        if (mode == M_REMOVE_ALL) {
            w->phase++;
            return;
        }
        errors++;
        if (!first_error)
            first_error = status;
        w->phase = 0;
        w->counter++;
        return;
    }
    if (measuring && mode != M_REMOVE_ALL)
        record(w->kind, took);
    on_success(w, &r);
}

/* Take the first whole record out of the input at `o`: where the next begins, 0 when it is not whole yet. */
static size_t one_record(Conn *c, size_t o) {
    size_t end = o, total = 0, fragments = 0;
    for (int last = 0; !last; fragments++) {
        if (c->in_n - end < 4)
            return 0;
        uint8_t *h = c->in + end;
        uint32_t length = (h[0] & 0x7f) << 24 | h[1] << 16 | h[2] << 8 | h[3];
        if (c->in_n - end - 4 < length)
            return 0;
        last = h[0] & 0x80;
        if (fragments)
            memmove(c->in + o + 4 + total, h + 4, length); /* close the gap that the mark leaves */
        end += 4 + length;
        total += length;
    }
    on_reply(c, c->in + o + 4, total);
    return end;
}

static void on_input(Conn *c) {
    for (;;) {
        if (c->in_cap - c->in_n < 65536) {
            c->in_cap = c->in_cap * 2 + 262144;
            c->in = realloc(c->in, c->in_cap);
        }
        size_t room = c->in_cap - c->in_n;
        ssize_t k = recv(c->fd, c->in + c->in_n, room, MSG_DONTWAIT);
        if (k < 0 && errno == EAGAIN)
            break;
        if (k < 0)
            die("recv: %s", strerror(errno));
        if (!k)
            die("server closed the connection");
        c->in_n += k;
        if ((size_t)k < room)
            break;
    }
    size_t o = 0;
    for (size_t next; (next = one_record(c, o));)
        o = next;
    if (o) {
        memmove(c->in, c->in + o, c->in_n - o);
        c->in_n -= o;
    }
}

static void issue_all(Conn *c) {
    for (int i = 0; i < c->nslots; i++)
        issue(c, i);
    if (!is_ds()) {
        flush_out(c);
        return;
    }
    for (uint32_t i = 0; i < c->layout->nservers; i++)
        flush_out(c->layout->server[i]);
}

static void drive(Conn *conns, int n, double until) {
    struct epoll_event ev[64];
    double last = now();
    for (int i = 0; i < n; i++)
        issue_all(&conns[i]);
    while (pending) {
        int ready = epoll_wait(epoll_fd, ev, 64, 1000);
        if (ready > 0)
            last = now();
        else if (now() - last > 60)
            die("stalled: no reply for 60 s, %d pending", pending);
        for (int i = 0; i < ready; i++) {
            Conn *c = ev[i].data.ptr;
            if (ev[i].events & EPOLLOUT)
                flush_out(c);
            if (ev[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
                on_input(c);
                if (now() >= until)
                    stopping = 1;
                issue_all(c->group);
            }
        }
        if (now() >= until)
            stopping = 1;
    }
}

/* ---- what is measured on ---- */

static void check(uint32_t status, const char *what) {
    if (status)
        die("%s: %u", what, status);
}

static void prefill(Conn *c) {
    for (uint64_t o = 0; o < file_bytes;) {
        if (is_ds()) {
            Target t = locate(c->layout, &c->file, o, MB);
            check(sync_write(t.server, t.fh, c->file_stateid, t.offset, payload, t.bytes), "writing at a data server");
            o += t.bytes;
        } else {
            check(sync_write(c, &c->file, c->file_stateid, o, payload, MB), "writing");
            o += MB;
        }
    }
    if (is_ds()) {
        commit_servers(c->layout, &c->file);
        layout_commit(c, &c->file, c->layout, file_bytes);
    } else {
        sync_commit(c, &c->file);
    }
}

static void open_file(Conn *c) {
    check(sync_open(c, &c->dir, "big", &c->file, c->file_stateid), "opening the file");
    if (is_ds()) {
        c->layout = calloc(1, sizeof *c->layout);
        layout_get(c, &c->file, c->file_stateid, c->layout);
        get_device(c, c->layout, c->nslots);
        memset(c->file_stateid, 0, 4); /* at data servers: the open's stateid with sequence id 0 */
    }
    if (is_read())
        prefill(c);
}

static void make_work(Conn *conns, int n, const FH *export_fh, const char *work) {
    Conn *c = &conns[0];
    char name[64];
    FH fh;
    uint8_t stateid[16];
    check(sync_mkdir(c, export_fh, work), "making the work folder");
    check(sync_lookup(c, export_fh, work, &work_fh), "looking up the work folder");
    if (mode == M_LOOKUP || mode == M_READDIR) {
        check(sync_mkdir(c, &work_fh, "ent"), "mkdir");
        check(sync_lookup(c, &work_fh, "ent", &entries_fh), "lookup");
        for (int i = 0; i < entries_wanted; i++) {
            sprintf(name, "e%d", i);
            check(sync_open(c, &entries_fh, name, &fh, stateid), "making entries");
            sync_close(c, &fh, stateid);
        }
        return;
    }
    for (int i = 0; i < n; i++) {
        sprintf(name, "d%d", i);
        check(sync_mkdir(c, &work_fh, name), "mkdir");
        check(sync_lookup(c, &work_fh, name, &conns[i].dir), "lookup");
        for (int j = 0; mode == M_SETATTR && j < conns[i].nslots; j++) {
            name_of(name, &conns[i], j, 0);
            check(sync_open(&conns[i], &conns[i].dir, name, &conns[i].worker[j].fh, stateid), "making files");
            sync_close(&conns[i], &conns[i].worker[j].fh, stateid);
        }
        if (is_data())
            open_file(&conns[i]);
    }
}

static void blocking(Conn *c, int yes) {
    fcntl(c->fd, F_SETFL, yes ? 0 : O_NONBLOCK);
    for (uint32_t i = 0; c->layout && i < c->layout->nservers; i++)
        fcntl(c->layout->server[i]->fd, F_SETFL, yes ? 0 : O_NONBLOCK);
}

static void watch(Conn *c) {
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, c->fd, &e);
    for (uint32_t i = 0; c->layout && i < c->layout->nservers; i++)
        watch(c->layout->server[i]);
}

static void clear_work(Conn *conns, int n, const FH *export_fh, const char *work) {
    Conn *c = &conns[0];
    char name[64];
    if (mode == M_OPEN) {
        mode = M_REMOVE_ALL;
        for (int i = 0; i < n; i++)
            for (int j = 0; j < conns[i].nslots; j++)
                conns[i].worker[j].phase = 0;
        stopping = 0;
        drive(conns, n, 1e18);
        mode = M_OPEN;
    }
    for (int i = 0; i < n; i++) {
        blocking(&conns[i], 1);
        for (int j = 0; mode == M_SETATTR && j < conns[i].nslots; j++) {
            name_of(name, &conns[i], j, 0);
            sync_remove(c, &conns[i].dir, name);
        }
        if (is_data()) {
            sync_close(&conns[i], &conns[i].file, conns[i].file_stateid);
            sync_remove(c, &conns[i].dir, "big");
        }
        sprintf(name, "d%d", i);
        if (mode != M_LOOKUP && mode != M_READDIR)
            sync_remove(c, &work_fh, name);
    }
    if (mode == M_LOOKUP || mode == M_READDIR) {
        for (int i = 0; i < entries_wanted; i++) {
            sprintf(name, "e%d", i);
            sync_remove(c, &entries_fh, name);
        }
        sync_remove(c, &work_fh, "ent");
    }
    uint32_t status = sync_remove(c, export_fh, work);
    if (status)
        fprintf(stderr, "nfsload: cannot remove %s: %u\n", work, status);
}

/* ---- report ---- */

static int by_value(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static double server_cpu_s(void) {
    char *pids = getenv("SERVER_PID"), path[64], line[1024];
    double total = 0;
    if (!pids)
        return 0;
    pids = strdup(pids);
    for (char *pid = strtok(pids, ","); pid; pid = strtok(0, ",")) {
        unsigned long user, system;
        snprintf(path, sizeof path, "/proc/%s/stat", pid);
        FILE *f = fopen(path, "r");
        if (!f)
            continue;
        char *end = fgets(line, sizeof line, f) ? strrchr(line, ')') : 0;
        if (end && sscanf(end + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system) == 2)
            total += (double)(user + system) / sysconf(_SC_CLK_TCK);
        fclose(f);
    }
    free(pids);
    return total;
}

static double own_cpu_s(void) {
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return u.ru_utime.tv_sec + u.ru_stime.tv_sec + (u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1e-6;
}

static void report_kind(int kind, double seconds) {
    static const char *pairs[2][2] = {{"open", "close"}, {"mkdir", "remove"}};
    uint64_t n = done[kind];
    uint32_t *l = latency[kind];
    if (!n)
        return;
    qsort(l, n, sizeof *l, by_value);
    const char *name = mode == M_OPEN ? pairs[0][kind] : mode == M_MKDIR ? pairs[1][kind] : mode_names[mode];
    printf(",\"%s\":{\"per_s\":%.0f,\"p50_us\":%.1f,\"p99_us\":%.1f,\"p999_us\":%.1f,\"max_us\":%.1f}", name,
           n / seconds, l[n / 2] / 10.0, l[(size_t)(n * 0.99)] / 10.0, l[(size_t)(n * 0.999)] / 10.0, l[n - 1] / 10.0);
}

static void measure(Conn *conns, int n, double seconds, const char *export, int inflight) {
    drive(conns, n, now() + (seconds < 2 ? seconds / 4 : 0.5)); /* warm up */
    errors = first_error = delays = 0;
    measuring = 1;
    stopping = 0;
    double own = own_cpu_s(), server = server_cpu_s(), begun = now(), commit_s = 0;
    drive(conns, n, begun + seconds);
    double ended = now(), took = ended - begun;
    if (mode == M_WRITE || mode == M_DSWRITE) {
        for (int i = 0; i < n; i++) {
            blocking(&conns[i], 1);
            if (is_ds())
                commit_servers(conns[i].layout, &conns[i].file);
            else
                sync_commit(&conns[i], &conns[i].file);
            blocking(&conns[i], 0);
        }
        commit_s = now() - ended;
    }
    own = own_cpu_s() - own;
    server = server_cpu_s() - server;
    measuring = 0;
    uint64_t total = done[0] + done[1];
    printf("{\"mode\":\"%s\",\"export\":\"%s\",\"inflight\":%d,\"conns\":%d,\"seconds\":%.2f", mode_names[mode], export,
           inflight, n, took);
    printf(",\"compounds\":%llu,\"compounds_per_s\":%.0f", (unsigned long long)total, total / took);
    report_kind(0, took);
    report_kind(1, took);
    if (bytes)
        printf(",\"MB_per_s\":%.0f", bytes / 1e6 / took);
    if (commit_s > 0)
        printf(",\"MB_per_s_with_commit\":%.0f,\"commit_s\":%.3f", bytes / 1e6 / (took + commit_s), commit_s);
    if (entries)
        printf(",\"entries_per_s\":%.0f", entries / took);
    if (is_ds())
        printf(",\"data_servers\":%u,\"stripe_unit\":%u,\"dense\":%d", conns[0].layout->nservers,
               conns[0].layout->stripe_unit, conns[0].layout->dense);
    printf(",\"errors\":%llu,\"first_error\":%llu,\"delays\":%llu,\"client_cpu_pct\":%.0f", (unsigned long long)errors,
           (unsigned long long)first_error, (unsigned long long)delays, 100 * own / took);
    if (getenv("SERVER_PID"))
        printf(",\"server_cpu_pct\":%.0f", 100 * server / took);
    printf("}\n");
    fflush(stdout);
}

static int number(const char *name, int otherwise) {
    const char *value = getenv(name);
    return value ? atoi(value) : otherwise;
}

int main(int argc, char **argv) {
    if (argc < 8)
        die("usage: nfsload HOST PORT EXPORT MODE SECONDS INFLIGHT CONNECTIONS");
    for (mode = 0; mode < M_REMOVE_ALL && strcmp(mode_names[mode], argv[4]); mode++)
        ;
    if (mode == M_REMOVE_ALL)
        die("there is no mode %s", argv[4]);
    double seconds = atof(argv[5]);
    int inflight = atoi(argv[6]), n = atoi(argv[7]);
    n = n > inflight ? inflight : n;
    entries_wanted = number("NENT", 100);
    minor = number("MINOR", 1);
    file_bytes = (uint64_t)number("FILE_MB", 256) * MB;
    payload = malloc(MB);
    for (unsigned i = 0; i < MB; i++)
        payload[i] = i * 2654435761u >> 24;

    Conn *conns = calloc(n, sizeof *conns);
    for (int i = 0; i < n; i++) {
        Conn *c = &conns[i];
        c->id = i;
        c->host = argv[1];
        c->port = argv[2];
        c->group = c;
        open_session(c, inflight / n + (i < inflight % n), is_ds() ? USE_PNFS_MDS : 0);
        c->worker = calloc(c->nslots, sizeof *c->worker);
    }
    FH export_fh;
    check(sync_lookup(&conns[0], 0, 0, &root_fh), "PUTROOTFH");
    export_fh = root_fh;
    char *path = strdup(argv[3]), work[64];
    for (char *part = strtok(path, "/"); part; part = strtok(0, "/")) {
        FH from = export_fh;
        check(sync_lookup(&conns[0], &from, part, &export_fh), "looking up the export");
    }
    sprintf(work, "nfsload.%d", getpid());
    if (mode >= M_LOOKUP)
        make_work(conns, n, &export_fh, work);
    epoll_fd = epoll_create1(0);
    for (int i = 0; i < n; i++) {
        blocking(&conns[i], 0);
        watch(&conns[i]);
    }
    measure(conns, n, seconds, argv[3], inflight);
    for (int i = 0; is_ds() && i < n; i++) {
        blocking(&conns[i], 1);
        if (!is_read())
            layout_commit(&conns[i], &conns[i].file, conns[i].layout, file_bytes);
        layout_return(&conns[i], &conns[i].file, conns[i].layout);
        conns[i].layout = 0;
    }
    if (mode >= M_LOOKUP && !getenv("KEEP"))
        clear_work(conns, n, &export_fh, work);
    for (int i = 0; i < n; i++)
        close_session(&conns[i]);
    return 0;
}
