#!/usr/bin/env python3
"""Measures `fettle up` as a client meets it, and prints a table for docs/benchmarks.md.

    cargo build --release && scripts/bench/embedded.py

Needs Python and nothing else; with `wrk` (a Debian package) the predictions are measured too, and with
scikit-learn importable the same training beside it. Takes some minutes. Uses loopback only.
"""
import http.client, json, os, random, shutil, statistics, subprocess, sys, tempfile, time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
PROGRAM = TARGET / "release" / "fettle"
PENGUINS = ROOT / "local" / "samples" / "penguins.csv"
SECONDS = 8  # of each load


class Server:
    """`fettle up` on a directory of its own."""

    def __init__(self, directory):
        self.directory = Path(directory)
        self.start()

    def start(self):
        (self.directory / "server.json").unlink(missing_ok=True)
        begun = time.perf_counter()
        self.process = subprocess.Popen(
            [PROGRAM, "up", "--port", "0", "--data", str(self.directory)],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        while True:
            try:
                self.port = int(json.loads((self.directory / "server.json").read_text())["url"].rsplit(":", 1)[1])
                self.key = (self.directory / "admin.key").read_text().strip()
                self.call("GET", "/v1/health")
                break
            except (OSError, ValueError):
                time.sleep(0.001)
        self.started_s = time.perf_counter() - begun

    def stop(self):
        self.process.terminate()
        self.process.wait()

    def memory_mb(self, what="VmRSS"):
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith(what):
                return int(line.split()[1]) / 1024

    def call(self, method, path, body=None, headers=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port)
        headers = {"Authorization": f"Bearer {self.key}", **(headers or {})}
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        text = answer.read()
        if answer.status >= 300:
            sys.exit(f"{method} {path}: {answer.status} {text[:500]}")
        return json.loads(text) if text else None

    def push(self, name, data):
        made = self.call("POST", "/v1/datasets", json.dumps({"name": name}))
        begun = time.perf_counter()
        connection = http.client.HTTPConnection("127.0.0.1", self.port)
        connection.request("PUT", made["upload"]["url"].split(str(self.port), 1)[1], data)
        assert connection.getresponse().status == 200
        while (found := self.call("GET", f"/v1/datasets/{name}"))["status"] != "ready":
            assert found["status"] != "failed", found
            time.sleep(0.01)
        return time.perf_counter() - begun

    def train(self, **request):
        begun = time.perf_counter()
        run = self.call("POST", "/v1/runs", json.dumps({"seed": 1, **request}))["id"]
        after, over = 0, False
        while not over:
            page = self.call("GET", f"/v1/runs/{run}/events?after={after}&wait_s=20")
            after, over = page["last"], page["over"]
        seconds = time.perf_counter() - begun
        return self.call("GET", f"/v1/runs/{run}"), seconds


def table(rows):
    """A table of mixed types with something to learn in it, the same every time."""
    chance = random.Random(1)
    lines = ["age,income,city,segment,joined,visits,score,churned"]
    for _ in range(rows):
        age, income = chance.randint(18, 90), round(chance.lognormvariate(10, 0.6), 2)
        city, segment = f"city{int(chance.paretovariate(1)) % 200}", chance.choice("abcdef")
        visits, score = chance.randint(0, 40), round(chance.gauss(0, 1), 4)
        odds = 0.03 * (age - 50) - 0.08 * visits + (segment in "ab") + 0.7 * score + chance.gauss(0, 1.2)
        income = "" if chance.random() < 0.05 else income
        joined = f"20{chance.randint(10, 24)}-{chance.randint(1, 12):02}-{chance.randint(1, 28):02}"
        lines.append(f"{age},{income},{city},{segment},{joined},{visits},{score},{'yes' if odds > 0 else 'no'}")
    return "\n".join(lines).encode()


def wrk(server, path, body, connections):
    """Requests a second, and the percentiles of their latency in microseconds."""
    with tempfile.NamedTemporaryFile("w", suffix=".lua", delete=False) as script:
        script.write(f'wrk.method = "POST"\nwrk.body = [[{body}]]\n'
                     f'wrk.headers["Authorization"] = "Bearer {server.key}"\n'
                     'done = function(s, l, r) io.write(string.format("%f %f %f %d\\n", s.requests / s.duration * 1e6, '
                     'l:percentile(50), l:percentile(99), s.errors.status + s.errors.read + s.errors.timeout)) end\n')
    url = f"http://127.0.0.1:{server.port}{path}"
    output = subprocess.run(["wrk", "-t1", f"-c{connections}", f"-d{SECONDS}s", "-s", script.name, url],
                            capture_output=True, text=True, check=True).stdout
    os.unlink(script.name)
    rate, p50, p99, errors = map(float, output.strip().splitlines()[-1].split())
    assert errors == 0, output
    return rate, p50, p99


def say(what, value):
    print(f"| {what} | {value} |", flush=True)


def main():
    if not PROGRAM.exists():
        sys.exit(f"{PROGRAM} is missing: cargo build --release")
    print("| what | measured |\n|---|---|")
    with tempfile.TemporaryDirectory() as directory:
        server = Server(directory)
        starts = []
        for _ in range(9):
            server.stop()
            server.start()
            starts.append(server.started_s * 1000)
        say("start to first answer, median of 9", f"{statistics.median(starts):.0f} ms")
        time.sleep(3)
        say("idle memory after start", f"{server.memory_mb():.0f} MB")

        server.push("penguins", PENGUINS.read_bytes())
        server.train(dataset="penguins", target="species")
        times = []
        for _ in range(5):
            run, seconds = server.train(dataset="penguins", target="species")
            times.append(seconds)
        say(f"POST to leaderboard, penguins, {run['trials']} trials × {run['folds']} folds, median of 5",
            f"{statistics.median(times):.2f} s")

        data = table(50_000)
        say(f"upload to ready, 50,000 rows × 8 ({len(data) / 1e6:.1f} MB)", f"{server.push('big', data):.2f} s")
        run, seconds = server.train(dataset="big", target="churned")
        best = run["leaderboard"][0]
        say(f"POST to leaderboard, 50,000 rows, {run['trials']} trials × {run['folds']} folds", f"{seconds:.1f} s")
        say("its best", f"{best['estimator']}, {run['metric']} {best['metrics'][run['metric']]['mean']:.4f}")
        for entry in run["leaderboard"]:
            say(f"… {entry['estimator']} {json.dumps(entry['params'])}, fit time over the folds", f"{entry['fit_s']:.1f} s")
        say("peak memory of all that", f"{server.memory_mb('VmHWM'):.0f} MB")

        for name, run_id, trial in [("logistic", None, "logistic"), ("boosting", None, "gradient_boosting")]:
            chosen = next(e["trial"] for e in run["leaderboard"] if e["estimator"] == trial)
            server.call("POST", "/v1/models", json.dumps({"name": name, "run": run["id"], "trial": chosen}))
            server.call("POST", "/v1/deployments", json.dumps({"name": name, "model": name}))
        row = {"age": 40, "income": 30000.5, "city": "city3", "segment": "a", "joined": "2020-02-03",
               "visits": 3, "score": 0.5}
        if not shutil.which("wrk"):
            say("predictions", "not measured: wrk is missing (skipped)")
        else:
            for name in ["logistic", "boosting"]:
                names = [i["name"] for i in server.call("GET", f"/v1/deployments/{name}/schema")["inputs"]]
                one = json.dumps({"rows": [{n: row[n] for n in names}]})
                many = json.dumps({"rows": [{n: row[n] for n in names}] * 1000})
                path = f"/v1/deployments/{name}/predict"
                for connections in [1, 8]:
                    rate, p50, p99 = wrk(server, path, one, connections)
                    say(f"{name}, one row, {connections} connection(s)",
                        f"{rate:,.0f} requests/s, p50 {p50:.0f} µs, p99 {p99:.0f} µs")
                rate, p50, _ = wrk(server, path, many, 1)
                say(f"{name}, 1,000 rows a request", f"{rate * 1000:,.0f} rows/s, p50 {p50 / 1000:.1f} ms")
        server.stop()
        server.start()
        time.sleep(3)
        say("idle memory after a restart", f"{server.memory_mb():.0f} MB")
        server.stop()


main()
