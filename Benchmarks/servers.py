"""Servers under load, for scripts/transparency and Benchmarks/recording: how each is started, loaded and stopped."""
import glob
import os
import re
import shutil
import signal
import socket
import subprocess
import time

ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/tmp", "LC_ALL": "C"}


class Failure(Exception):
    """A server, its load, or what it stored is not as it should be."""


def output_of(command, folder, limit=120, **options):
    """Runs a command that must succeed; what it printed."""
    done = subprocess.run(command, cwd=folder, env=ENVIRONMENT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=limit, errors="replace", **options)
    if done.returncode:
        raise Failure(f"{' '.join(command)}: status {done.returncode}\n{done.stdout[-2000:]}")
    return done.stdout


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """One kind of server. `run` starts it behind a wrapper, loads it, stops it; a figure where more is faster."""

    name = ""
    needs = []
    unit = ""
    signal = signal.SIGTERM

    def __init__(self, folder):
        self.folder = folder

    @classmethod
    def missing(cls):
        return [name for name in cls.needs if not shutil.which(name, path=ENVIRONMENT["PATH"])]

    def prepare(self):
        """Once for all runs."""

    def fresh(self):
        """Before each run."""

    def pid(self):
        """The process to signal."""
        raise NotImplementedError

    def run(self, wrapper, seconds):
        self.fresh()
        log = open(os.path.join(self.folder, "server.log"), "w")
        process = subprocess.Popen(wrapper + self.command(), cwd=self.folder, env=ENVIRONMENT,
                                   stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        try:
            self.wait_until_ready(process)
            figure = self.load(seconds)
            os.kill(self.pid(), self.signal)
            status = process.wait(60)
            if status != 0:
                raise Failure(f"{self.name} ended with status {status}: {self.logged()}")
            return figure
        except subprocess.TimeoutExpired as error:
            raise Failure(f"{self.name} does not answer: {error}: {self.logged()}")
        finally:
            if process.poll() is None:
                self.end(process)
            log.close()

    def end(self, process):
        """Nothing of a run that failed stays: all of its session, by id."""
        for entry in glob.glob("/proc/[0-9]*/stat"):
            try:
                words = open(entry).read().rsplit(")", 1)[1].split()
            except OSError:
                continue
            if int(words[3]) == process.pid:
                try:
                    os.kill(int(entry.split("/")[2]), signal.SIGKILL)
                except OSError:
                    pass
        process.wait()

    def logged(self):
        return open(os.path.join(self.folder, "server.log"), errors="replace").read()[-1500:]

    def wait_until_ready(self, process, limit=60):
        end = time.monotonic() + limit
        while time.monotonic() < end:
            if process.poll() is not None:
                raise Failure(f"{self.name} ended at once with status {process.returncode}: {self.logged()}")
            if self.is_ready():
                return
            time.sleep(0.05)
        raise Failure(f"{self.name} is not ready after {limit} s: {self.logged()}")

    def listens(self):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


class PostgreSQL(Server):
    """Processes that share memory, as nobody. TPC-B-like: what the accounts hold is what the history says."""

    name, unit = "PostgreSQL", "transactions/s"
    needs = ["setpriv"]
    signal = signal.SIGINT
    identity = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"] if os.geteuid() == 0 else []

    @classmethod
    def binaries(cls):
        return next(iter(sorted(glob.glob("/usr/lib/postgresql/*/bin"), reverse=True)), None)

    @classmethod
    def missing(cls):
        return super().missing() + ([] if cls.binaries() else ["postgresql"])

    def tool(self, name, *arguments, limit=120):
        command = [os.path.join(self.binaries(), name), "-h", self.folder, "-U", "me", *arguments]
        return output_of(self.identity + command, self.folder, limit)

    def prepare(self):
        os.chmod(self.folder, 0o777)
        output_of(self.identity + [os.path.join(self.binaries(), "initdb"), "-D", "data", "-N", "-A", "trust", "-U", "me",
                                   "-E", "UTF8", "--locale=C"], self.folder)
        self.run([], 0)

    def command(self):
        options = ["-c", "listen_addresses=", "-c", "shared_buffers=16MB", "-c", "fsync=off", "-c", "max_connections=20"]
        return self.identity + [os.path.join(self.binaries(), "postgres"), "-D", "data", "-k", self.folder] + options

    def is_ready(self):
        try:
            self.tool("pg_isready", "-q")
            return True
        except Failure:
            return False

    def pid(self):
        return int(open(os.path.join(self.folder, "data/postmaster.pid")).readline())

    def load(self, seconds):
        if seconds == 0:
            self.tool("pgbench", "-i", "-q", "-s", "1", "postgres")
            return 0
        text = self.tool("pgbench", "-n", "-c", "4", "-j", "2", "-T", str(seconds), "postgres", limit=60 + 10 * seconds)
        failed = re.search(r"number of failed transactions: (\d+)", text)
        if failed and int(failed.group(1)):
            raise Failure(text)
        sums = self.tool("psql", "-d", "postgres", "-Atqc", "select (select sum(abalance) from pgbench_accounts) = "
                         "(select sum(bbalance) from pgbench_branches), (select count(*) > 0 from pgbench_history)")
        if sums.strip() != "t|t":
            raise Failure(f"the accounts do not add up: {sums}")
        return float(re.search(r"tps = ([0-9.]+)", text).group(1))


class Redis(Server):
    """One thread with epoll; a background save by fork at the end."""

    name, unit = "redis", "requests/s"
    needs = ["redis-server", "redis-benchmark", "redis-cli"]
    rate = 40000

    def fresh(self):
        for name in ("dump.rdb", "redis.sock", "redis.pid"):
            path = os.path.join(self.folder, name)
            if os.path.exists(path):
                os.remove(path)

    def command(self):
        return ["redis-server", "--port", "0", "--unixsocket", "redis.sock", "--dir", self.folder, "--save", "",
                "--daemonize", "no", "--pidfile", os.path.join(self.folder, "redis.pid")]

    def client(self, *arguments):
        return output_of(["redis-cli", "-s", "redis.sock", *arguments], self.folder)

    def is_ready(self):
        try:
            return self.client("ping").strip() == "PONG"
        except Failure:
            return False

    def pid(self):
        return int(open(os.path.join(self.folder, "redis.pid")).read())

    def load(self, seconds):
        count = max(1000, int(self.rate * seconds / 3))
        text = output_of(["redis-benchmark", "-s", "redis.sock", "-n", str(count), "-c", "20", "-d", "100", "-q",
                          "-t", "set,get,incr"], self.folder, 600)
        if self.client("get", "counter:__rand_int__").strip() != str(count):
            raise Failure(f"redis counted wrong: {text}")
        self.client("bgsave")
        end = time.monotonic() + 30
        while not os.path.exists(os.path.join(self.folder, "dump.rdb")):
            if time.monotonic() > end:
                raise Failure("redis does not save")
            time.sleep(0.05)
        rates = [float(rate) for rate in re.findall(r"([0-9.]+) requests per second", text)]
        return len(rates) / sum(1 / rate for rate in rates)


class HTTP(Server):
    unit = "requests/s"
    rate = 4000

    def is_ready(self):
        return self.listens()

    def load(self, seconds):
        total = 0
        for path, share in (("/", 0.8), ("/big", 0.2)):
            count = max(100, int(self.rate * seconds * share))
            text = output_of(["ab", "-q", "-k", "-n", str(count), "-c", "10", f"http://127.0.0.1:{self.port}{path}"],
                             self.folder, 600)
            complete = int(re.search(r"Complete requests:\s+(\d+)", text).group(1))
            failed = int(re.search(r"Failed requests:\s+(\d+)", text).group(1))
            if complete != count or failed or "Non-2xx" in text:
                raise Failure(text)
            total += count / float(re.search(r"Requests per second:\s+([0-9.]+)", text).group(1))
        return self.rate * seconds / total


class Nginx(HTTP):
    """A master and two workers; a small file, and a big one by sendfile."""

    name = "nginx"
    needs = ["nginx", "ab"]
    signal = signal.SIGQUIT

    def prepare(self):
        os.chmod(self.folder, 0o755)
        os.makedirs(os.path.join(self.folder, "www"))
        open(os.path.join(self.folder, "www/index.html"), "w").write("hello\n")
        open(os.path.join(self.folder, "www/big"), "w").write("n" * 200000)
        open(os.path.join(self.folder, "www/big"), "a").close()

    def fresh(self):
        self.port = free_port()
        user = "user root;" if os.geteuid() == 0 else ""
        paths = "".join(f"{kind}_temp_path t_{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        open(os.path.join(self.folder, "nginx.conf"), "w").write(f"""
            worker_processes 2; daemon off; pid nginx.pid; error_log error.log; {user}
            events {{ worker_connections 64; }}
            http {{ access_log access.log; sendfile on; {paths}
                server {{ listen 127.0.0.1:{self.port}; root {self.folder}/www; }} }}""")

    def command(self):
        return ["nginx", "-p", self.folder, "-c", os.path.join(self.folder, "nginx.conf")]

    def pid(self):
        return int(open(os.path.join(self.folder, "nginx.pid")).read())


class Node(HTTP):
    """Code compiled as it runs, a thread pool for files."""

    name = "node"
    needs = ["node", "ab"]
    rate = 1500
    script = """
        const fs = require('fs'), http = require('http');
        const server = http.createServer((request, response) => {
            if (request.url === '/big') fs.createReadStream('big').pipe(response);
            else fs.readFile('small', (error, text) => response.end(text));
        });
        server.listen(Number(process.argv[2]), '127.0.0.1');
        fs.writeFileSync('node.pid', String(process.pid));
        process.on('SIGTERM', () => { server.close(() => process.exit(0)); server.closeAllConnections?.(); });
        """

    def prepare(self):
        for name, text in (("server.js", self.script), ("small", "hello\n"), ("big", "n" * 200000)):
            open(os.path.join(self.folder, name), "w").write(text)

    def fresh(self):
        self.port = free_port()

    def command(self):
        return ["node", "server.js", str(self.port)]

    def pid(self):
        return int(open(os.path.join(self.folder, "node.pid")).read())


ALL = [PostgreSQL, Redis, Nginx, Node]
