"""Runs in the guest: an application that never stops and times every call (standard library only).

``workload.py run DIR OUT``: works below DIR until OUT/stop exists, writes OUT/status.json twice a second (progress,
errors, the longest stall of every kind of call in the round that OUT/round names) and, at the end, OUT/model.json:
what must be found below DIR.  ``workload.py verify MODEL`` compares, on any client, and prints what differs.
``workload.py locks DIR`` tries to take the locks that ``run`` holds; prints ``granted`` or ``refused`` for each.

No call is retried here: a call that fails, or data that differs from what was written, is recorded as an error.
"""

import errno
import fcntl
import hashlib
import json
import os
import sys
import threading
import time

BLOCK = 1 << 20
STRIPED_BLOCKS = 48
FSYNC_EVERY = 8
KEPT_FILES = 100


class Recorder:
    """Times calls; thread-safe."""

    def __init__(self, out):
        self.out, self.lock = out, threading.Lock()
        self.round, self.rounds, self.calls, self.errors, self.slow = "0", {}, {}, [], []
        self.running = {}

    def __call__(self, kind, function, *args):
        """Run one call, note how long it took; an OSError is noted and raised."""
        begun = time.monotonic()
        me = threading.get_ident()
        with self.lock:
            self.running[me] = (kind, begun)
        try:
            return function(*args)
        except OSError as error:
            self.error(f"{kind}{args!r:.120}: {errno.errorcode.get(error.errno, error.errno)}")
            raise
        finally:
            took_ms = (time.monotonic() - begun) * 1e3
            with self.lock:
                self.running.pop(me, None)
                worst = self.rounds.setdefault(self.round, {})
                worst[kind] = max(worst.get(kind, 0.0), round(took_ms, 1))
                self.calls[kind] = self.calls.get(kind, 0) + 1
                if took_ms > 500:
                    self.slow.append([round(time.time() - took_ms / 1e3, 3), kind, round(took_ms)])

    def error(self, text):
        with self.lock:
            self.errors.append([round(time.time(), 3), text])

    def write(self, **more):
        """status.json: complete or not there."""
        now = time.monotonic()
        with self.lock:
            waiting = {kind: round((now - begun) * 1e3) for kind, begun in self.running.values() if now - begun > 0.2}
            state = {
                "round": self.round,
                "rounds": self.rounds,
                "calls": self.calls,
                "errors": self.errors[:50],
                "slow": self.slow[-200:],
                "waiting_ms": waiting,
                **more,
            }
            text = json.dumps(state)
        put(os.path.join(self.out, "status.json"), text)


def put(path, text):
    """Write a file so that a reader sees all of it or nothing."""
    with open(path + ".tmp", "w") as f:
        f.write(text)
    os.rename(path + ".tmp", path)


def block_data(index, generation):
    """1 MiB that says which block and generation it is."""
    unit = f"{index:08d}{generation:08d}".encode() * 4
    return unit * (BLOCK // len(unit))


def exclusive(path):
    return os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o644)


class Creates:
    """Exclusive creates with contents, the oldest removed again."""

    def __init__(self, base):
        self.base, self.live, self.n = base + "/creates", {}, 0
        os.mkdir(self.base)

    def step(self, call):
        name, text = f"f{self.n}", f"contents of {self.n}\n" * 20
        path = f"{self.base}/{name}"
        self.n += 1
        fd = call("create", exclusive, path)
        call("write", os.write, fd, text.encode())
        call("close", os.close, fd)
        self.live[name] = hashlib.sha1(text.encode()).hexdigest()
        if len(self.live) > KEPT_FILES:
            oldest = next(iter(self.live))
            call("unlink", os.unlink, f"{self.base}/{oldest}")
            del self.live[oldest]
        time.sleep(0.01)

    def model(self):
        return {"names": {self.base: sorted(self.live)}, "sha1": {f"{self.base}/{k}": v for k, v in self.live.items()}}


class Renames:
    """One file that is always renamed, one directory that comes and goes, a hard link."""

    def __init__(self, base):
        self.base, self.n = base + "/renames", 0
        os.mkdir(self.base)
        with open(f"{self.base}/r0", "w") as f:
            f.write("renamed")

    def step(self, call):
        b, n = self.base, self.n
        call("rename", os.rename, f"{b}/r{n}", f"{b}/r{n + 1}")
        self.n += 1
        call("mkdir", os.mkdir, f"{b}/d")
        call("link", os.link, f"{b}/r{n + 1}", f"{b}/l")
        call("unlink", os.unlink, f"{b}/l")
        call("rmdir", os.rmdir, f"{b}/d")
        time.sleep(0.01)

    def model(self):
        path = f"{self.base}/r{self.n}"
        return {"names": {self.base: [f"r{self.n}"]}, "sha1": {path: hashlib.sha1(b"renamed").hexdigest()}}


class Appends:
    """A log that only grows, each line synced; the file stays open all the time."""

    def __init__(self, base):
        self.path, self.n, self.hash = base + "/log", 0, hashlib.sha1()
        self.fd = os.open(self.path, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o644)

    def step(self, call):
        line = f"line {self.n}\n".encode()
        call("append", os.write, self.fd, line)
        call("fsync", os.fsync, self.fd)
        self.n += 1
        self.hash.update(line)
        time.sleep(0.01)

    def model(self):
        os.fsync(self.fd)
        return {"names": {}, "sha1": {self.path: self.hash.hexdigest()}}


class Locks:
    """A flock and a POSIX lock held all the time; others taken and given back; reads through the held files."""

    def __init__(self, base):
        self.paths = (base + "/flock", base + "/posix", base + "/shared")
        self.files = []
        for path in self.paths:
            with open(path, "w") as f:
                f.write("x" * 4096)
            self.files.append(os.open(path, os.O_RDWR))
        fcntl.flock(self.files[0], fcntl.LOCK_EX)
        fcntl.lockf(self.files[1], fcntl.LOCK_EX, 1000, 500)
        self.n = 0

    def step(self, call):
        shared, start = self.files[2], self.n % 4000
        call("lock", fcntl.lockf, shared, fcntl.LOCK_EX | fcntl.LOCK_NB, 10, start)
        call("unlock", fcntl.lockf, shared, fcntl.LOCK_UN, 10, start)
        call("write", os.pwrite, self.files[1], b"y" * 10, 600)
        call("fsync", os.fsync, self.files[1])
        if call("read", os.pread, self.files[0], 4096, 0) != b"x" * 4096:
            call.error("the file under flock reads differently")
        self.n += 1
        time.sleep(0.02)

    def model(self):
        return {"names": {}, "sha1": {}}


class Striped:
    """Blocks of 1 MiB over all data servers, synced now and then, read back now and then; stays open."""

    def __init__(self, base):
        self.path, self.n = base + "/striped", 0
        self.generations = [0] * STRIPED_BLOCKS
        self.fd = os.open(self.path, os.O_CREAT | os.O_RDWR, 0o644)

    def step(self, call):
        index = self.n % STRIPED_BLOCKS
        self.n += 1
        generation = self.generations[index] + 1
        call("pwrite", os.pwrite, self.fd, block_data(index, generation), index * BLOCK)
        self.generations[index] = generation
        if self.n % FSYNC_EVERY == 0:
            call("fdatasync", os.fdatasync, self.fd)
            os.posix_fadvise(self.fd, 0, 0, os.POSIX_FADV_DONTNEED)
            back = call("pread", os.pread, self.fd, BLOCK, index * BLOCK)
            if back != block_data(index, generation):
                call.error(f"block {index} reads differently from what was synced")
        time.sleep(0.02)

    def model(self):
        os.fsync(self.fd)
        written = [g for g in self.generations if g]
        whole = b"".join(block_data(i, g) for i, g in enumerate(self.generations[: len(written)]))
        return {"names": {}, "sha1": {self.path: hashlib.sha1(whole).hexdigest()}}


class Looks:
    """Opens (each asks the server), directory listings, and a file that was removed while open."""

    def __init__(self, base):
        self.base = base
        self.fd = exclusive(base + "/gone")
        os.write(self.fd, b"still here")
        os.fsync(self.fd)
        os.unlink(base + "/gone")

    def step(self, call):
        fd = call("open", os.open, self.base + "/log", os.O_RDONLY)
        call("fstat", os.fstat, fd)
        call("close", os.close, fd)
        call("readdir", os.listdir, self.base)
        if call("read", os.pread, self.fd, 100, 0) != b"still here":
            call.error("the removed open file reads differently")
        time.sleep(0.02)

    def model(self):
        return {"names": {}, "sha1": {}}


def run(base, out):
    """Work until told to stop; exit status 1 when anything went wrong."""
    os.makedirs(base)
    call = Recorder(out)
    jobs = [kind(base) for kind in (Creates, Renames, Appends, Locks, Striped, Looks)]
    stop, steps = threading.Event(), {}

    def work(job):
        name = type(job).__name__
        while not stop.is_set():
            try:
                job.step(call)
                steps[name] = steps.get(name, 0) + 1
            except OSError:
                return  # noted by the recorder; the job's own state is no longer known
            except Exception as problem:  # a bug here must not look like a server that works
                call.error(f"{name}: {problem!r}")
                return

    threads = [threading.Thread(target=work, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    last = 0.0
    while not os.path.exists(out + "/stop"):
        try:
            with open(out + "/round") as f:
                call.round = f.read().strip() or call.round
        except OSError:
            pass
        if time.monotonic() - last > 0.5:
            last = time.monotonic()
            call.write(steps=dict(steps), alive=sum(t.is_alive() for t in threads), of=len(threads))
        time.sleep(0.1)
    stop.set()
    while any(t.is_alive() for t in threads):
        call.write(steps=dict(steps), alive=sum(t.is_alive() for t in threads), of=len(threads))
        time.sleep(0.2)
    models = [job.model() for job in jobs]
    model = {"names": {}, "sha1": {}}
    for one in models:
        model["names"].update(one["names"])
        model["sha1"].update(one["sha1"])
    put(out + "/model.json", json.dumps(model))
    call.write(steps=dict(steps), alive=0, of=len(threads), finished=True)
    while os.path.exists(out + "/stop"):  # the locks are held until the host takes the flag away
        time.sleep(0.1)
    return 1 if call.errors else 0


def verify(model_path):
    """Exit status 1, and a line for each difference, when the tree is not as the model says."""
    with open(model_path) as f:
        model = json.load(f)
    bad = 0
    for folder, names in model["names"].items():
        found = sorted(os.listdir(folder))
        if found != sorted(names):
            bad += 1
            odd = sorted(set(found) ^ set(names))[:10]
            print(f"DIFFERS {folder}: {len(found)} names, expected {len(names)}; {odd}")
    for path, expected in model["sha1"].items():
        digest = hashlib.sha1()
        try:
            with open(path, "rb") as f:
                while chunk := f.read(BLOCK):
                    digest.update(chunk)
        except OSError as error:
            bad += 1
            print(f"DIFFERS {path}: {error}")
            continue
        if digest.hexdigest() != expected:
            bad += 1
            print(f"DIFFERS {path}: contents, {os.stat(path).st_size} bytes")
    print(f"verified {len(model['names'])} folders, {len(model['sha1'])} files, {bad} differences")
    return 1 if bad else 0


def locks(base):
    """Tries for the locks that ``run`` holds."""
    with open(base + "/flock", "r+") as whole, open(base + "/posix", "r+") as part:
        tries = (
            ("flock", lambda: fcntl.flock(whole, fcntl.LOCK_EX | fcntl.LOCK_NB)),
            ("posix", lambda: fcntl.lockf(part, fcntl.LOCK_EX | fcntl.LOCK_NB, 100, 900)),
            ("posix-elsewhere", lambda: fcntl.lockf(part, fcntl.LOCK_EX | fcntl.LOCK_NB, 100, 2000)),
        )
        for name, attempt in tries:
            try:
                attempt()
                print(name, "granted")
            except OSError as error:
                refused = error.errno in (errno.EAGAIN, errno.EACCES)
                print(name, "refused" if refused else f"error {errno.errorcode.get(error.errno, error.errno)}")
    return 0


if __name__ == "__main__":
    if sys.argv[1] == "run":
        sys.exit(run(sys.argv[2], sys.argv[3]))
    sys.exit(verify(sys.argv[2]) if sys.argv[1] == "verify" else locks(sys.argv[2]))
