/* layout.h - the files layout (RFC 8881 chapter 13): LAYOUTGET and GETDEVICEINFO at the metadata server, sessions with
 * the data servers, and which of them a byte belongs to. Included once, by nfsload.c. */

#pragma once
#include "nfs41.h"

#define FILE_LAYOUT 1
#define RW 2
#define STRIPES_MAX 256

typedef struct Layout {
    uint8_t stateid[16], device[16];
    uint64_t pattern_offset;
    uint32_t stripe_unit, first_index;
    int dense;
    uint32_t nfh;
    FH fh[STRIPES_MAX];
    uint32_t nindices, indices[STRIPES_MAX];
    uint32_t nservers;
    Conn *server[STRIPES_MAX];
} Layout;

typedef struct {
    Conn *server;
    const FH *fh;
    uint64_t offset; /* as the data server counts */
    uint32_t bytes;  /* up to the end of the stripe unit */
} Target;

static void layout_get(Conn *c, const FH *file, const uint8_t *open_stateid, Layout *l) {
    uint32_t status, body_length;
    Reader r;
    do {
        size_t at = begin(c, 3, 0);
        Buf *m = &c->msg;
        putfh(m, file);
        u32(m, OP_LAYOUTGET);
        u32(m, 0);
        u32(m, FILE_LAYOUT);
        u32(m, RW);
        u64(m, 0);
        u64(m, UINT64_MAX);
        u64(m, 0);
        raw(m, open_stateid, 16);
        u32(m, 65536);
        status = finish(c, at, &r);
    } while (RETRY(status));
    if (status)
        die("LAYOUTGET: %u", status);
    skip_op(&r);
    skip_op(&r);
    g32(&r); /* return on close */
    memcpy(l->stateid, r.p, 16);
    skip(&r, 16);
    if (g32(&r) < 1)
        die("LAYOUTGET gave no layout");
    uint64_t offset = g64(&r), length = g64(&r);
    g32(&r);
    if (g32(&r) != FILE_LAYOUT)
        die("LAYOUTGET gave another layout type");
    if (offset || length != UINT64_MAX)
        die("LAYOUTGET gave only a part of the file");
    gopaque(&r, &body_length);
    if (r.bad)
        die("LAYOUTGET's reply is too short");
    Reader b = {r.p - ((body_length + 3) & ~3u), r.p, 0};
    memcpy(l->device, b.p, 16);
    skip(&b, 16);
    uint32_t util = g32(&b);
    l->dense = util & 1;
    l->stripe_unit = util & ~0x3fu;
    l->first_index = g32(&b);
    l->pattern_offset = g64(&b);
    l->nfh = g32(&b);
    if (b.bad || !l->stripe_unit || l->nfh > STRIPES_MAX)
        die("LAYOUTGET's layout makes no sense");
    for (uint32_t i = 0; i < l->nfh; i++)
        gfh(&b, &l->fh[i]);
}

/* "10.1.2.3.8.1" is port 8 * 256 + 1 of 10.1.2.3 */
static void parse_universal_address(const char *address, uint32_t n, char **host, char **port) {
    char copy[128], digits[16];
    if (n >= sizeof copy)
        die("a data server's address is too long");
    memcpy(copy, address, n);
    copy[n] = 0;
    char *low = strrchr(copy, '.');
    if (!low)
        die("a data server's address is %s", copy);
    *low++ = 0;
    char *high = strrchr(copy, '.');
    if (!high)
        die("a data server's address is %s", copy);
    *high++ = 0;
    sprintf(digits, "%d", (atoi(high) & 255) * 256 + (atoi(low) & 255));
    *host = strdup(copy);
    *port = strdup(digits);
}

/* Stripe pattern and addresses; a session with each data server (its first address). */
static void get_device(Conn *c, Layout *l, int slots) {
    uint32_t status, body_length, n;
    Reader r;
    do {
        size_t at = begin(c, 2, 0);
        Buf *m = &c->msg;
        u32(m, OP_GETDEVICEINFO);
        raw(m, l->device, 16);
        u32(m, FILE_LAYOUT);
        u32(m, 65536);
        u32(m, 0);
        status = finish(c, at, &r);
    } while (RETRY(status));
    if (status)
        die("GETDEVICEINFO: %u", status);
    skip_op(&r);
    g32(&r);
    gopaque(&r, &body_length);
    if (r.bad)
        die("GETDEVICEINFO's reply is too short");
    Reader b = {r.p - ((body_length + 3) & ~3u), r.p, 0};
    l->nindices = g32(&b);
    if (!l->nindices || l->nindices > STRIPES_MAX)
        die("%u stripe indices", l->nindices);
    for (uint32_t i = 0; i < l->nindices; i++)
        l->indices[i] = g32(&b);
    l->nservers = g32(&b);
    if (!l->nservers || l->nservers > STRIPES_MAX)
        die("%u data servers", l->nservers);
    char *host[STRIPES_MAX], *port[STRIPES_MAX];
    for (uint32_t i = 0; i < l->nservers; i++) {
        uint32_t addresses = g32(&b);
        for (uint32_t k = 0; k < addresses; k++) {
            gopaque(&b, &n);
            char *address = (char *)gopaque(&b, &n);
            if (b.bad)
                die("GETDEVICEINFO's addresses are cut short");
            if (k == 0)
                parse_universal_address(address, n, &host[i], &port[i]);
        }
        if (!addresses)
            die("a data server without an address");
    }
    for (uint32_t i = 0; i < l->nservers; i++) {
        Conn *s = calloc(1, sizeof *s);
        s->id = c->id;
        s->host = host[i];
        s->port = port[i];
        s->group = c;
        open_session(s, slots, USE_PNFS_DS);
        if (s->nslots < slots)
            die("a data server grants %d slots only", s->nslots);
        l->server[i] = s;
    }
}

/* RFC 8881 section 13.4: sparse and dense striping. */
static Target locate(Layout *l, const FH *file, uint64_t offset, uint32_t bytes) {
    uint64_t relative = offset - l->pattern_offset, unit = relative / l->stripe_unit;
    uint32_t within = relative % l->stripe_unit, index = (unit + l->first_index) % l->nindices;
    uint32_t server = l->indices[index], room = l->stripe_unit - within;
    Target t = {.server = l->server[server % l->nservers], .bytes = bytes < room ? bytes : room};
    if (l->dense) {
        t.fh = &l->fh[index % (l->nfh ? l->nfh : 1)];
        t.offset = unit / l->nindices * l->stripe_unit + within;
    } else {
        t.fh = l->nfh == 0 ? file : l->nfh == 1 ? &l->fh[0] : &l->fh[server % l->nfh];
        t.offset = offset;
    }
    return t;
}

/* COMMIT at every data server that may hold unstable data of the file. */
static void commit_servers(Layout *l, const FH *file) {
    for (uint32_t i = 0; i < l->nindices; i++) {
        Target t = locate(l, file, l->pattern_offset + (uint64_t)i * l->stripe_unit, 1);
        uint32_t status = sync_commit(t.server, t.fh);
        if (status)
            die("COMMIT at a data server: %u", status);
    }
}

static void layout_commit(Conn *c, const FH *file, Layout *l, uint64_t size) {
    Reader r;
    size_t at = begin(c, 3, 1);
    Buf *m = &c->msg;
    putfh(m, file);
    u32(m, OP_LAYOUTCOMMIT);
    u64(m, 0);
    u64(m, UINT64_MAX);
    u32(m, 0);
    raw(m, l->stateid, 16);
    u32(m, 1); /* last byte written */
    u64(m, size - 1);
    u32(m, 0); /* no new mtime */
    u32(m, FILE_LAYOUT);
    u32(m, 0); /* empty layout update */
    uint32_t status = finish(c, at, &r);
    if (status)
        fprintf(stderr, "nfsload: LAYOUTCOMMIT: %u\n", status);
}

static void layout_return(Conn *c, const FH *file, Layout *l) {
    Reader r;
    size_t at = begin(c, 3, 1);
    Buf *m = &c->msg;
    putfh(m, file);
    u32(m, OP_LAYOUTRETURN);
    u32(m, 0);
    u32(m, FILE_LAYOUT);
    u32(m, 3); /* any iomode */
    u32(m, 1); /* of this file */
    u64(m, 0);
    u64(m, UINT64_MAX);
    raw(m, l->stateid, 16);
    u32(m, 0);
    uint32_t status = finish(c, at, &r);
    if (status)
        fprintf(stderr, "nfsload: LAYOUTRETURN: %u\n", status);
    for (uint32_t i = 0; i < l->nservers; i++)
        close_session(l->server[i]);
}
