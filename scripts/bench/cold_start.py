#!/usr/bin/env python3
"""Measures how long the programs that Lambda runs take from exec to their first answers.

    scripts/localstack.sh && scripts/package.sh --x86-64 && cargo build && scripts/bench/cold_start.py

Plays Lambda's Runtime API on loopback. The model lies in S3 on LocalStack, at AWS_ENDPOINT_URL or
127.0.0.1:4566, whose own time is in the figures. Needs Python and nothing else.
"""

import http.server
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FETTLE = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "debug" / "fettle"
ENDPOINT = os.environ.get("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")
STARTS = 15
ROW = {"island": "Biscoe", "bill_length_mm": 47.5, "bill_depth_mm": 15.0, "flipper_length_mm": 217,
       "body_mass_g": 5200, "sex": "male", "year": 2009}


def variables(name):
    return {
        "PATH": os.environ["PATH"],
        "AWS_ENDPOINT_URL": ENDPOINT,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
        "FETTLE_STORAGE": "s3",
        "FETTLE_BUCKET": name,
        "FETTLE_DATABASE": "dynamodb",
        "FETTLE_TABLE": name,
        "FETTLE_QUEUE": "sqs",
        "FETTLE_QUEUE_BASE": f"{ENDPOINT}/000000000000/{name}-",
        "FETTLE_COMPUTE": "lambda",
        "FETTLE_SECRETS": "secretsmanager",
        "FETTLE_SECRET_ID": f"{name}/fernet",
        "FETTLE_NOTIFIER": "sns",
        "FETTLE_TOPIC_ARN": f"arn:aws:sns:us-east-1:000000000000:{name}-events",
    }


def request(method, path, body=None, key="", parameters=None):
    """What API Gateway sends for a call, payload 2.0; the authorizer has let it in."""
    return {
        "version": "2.0",
        "routeKey": f"{method} {path}",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {"content-type": "application/json", "authorization": f"Bearer {key}"},
        "pathParameters": parameters or {},
        "requestContext": {
            "http": {"method": method, "path": path, "sourceIp": "127.0.0.1", "protocol": "HTTP/1.1", "userAgent": ""},
            "requestId": "one",
            "stage": "$default",
            "authorizer": {"lambda": {"workspace": "default", "subject": "bench", "role": "admin"}},
        },
        "body": json.dumps(body) if body is not None else None,
        "isBase64Encoded": False,
    }


class RuntimeApi:
    """Gives a program one event, and notes when it asked and when it answered."""

    def __init__(self, event):
        api = self
        self.asked = self.answered = self.answer = None
        self.done = threading.Event()

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_GET(self):
                if api.asked is not None:
                    api.done.wait(5)  # there is one event only
                    return
                api.asked = time.perf_counter()
                body = json.dumps(event).encode()
                self.send_response(200)
                self.send_header("lambda-runtime-aws-request-id", "one")
                self.send_header("lambda-runtime-deadline-ms", str(int(time.time() * 1000) + 60_000))
                self.send_header("lambda-runtime-invoked-function-arn", "arn:aws:lambda:us-east-1:0:function:f")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_POST(self):
                api.answered = time.perf_counter()
                api.answer = self.rfile.read(int(self.headers["content-length"]))
                self.send_response(202)
                self.send_header("content-length", "0")
                self.end_headers()
                api.done.set()

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.handle_error = lambda *_: None  # a program that is killed hangs up
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.address = f"127.0.0.1:{self.server.server_address[1]}"


def start(program, handler, environment, event):
    """Seconds from exec to the first request for work, and to the first answer."""
    api = RuntimeApi(event)
    environment = environment | {
        "AWS_LAMBDA_RUNTIME_API": api.address,
        "AWS_LAMBDA_FUNCTION_NAME": handler,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1769",
        "AWS_LAMBDA_FUNCTION_VERSION": "1",
        "_HANDLER": handler,
    }
    begun = time.perf_counter()
    process = subprocess.Popen([program], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    if not api.done.wait(30):
        process.kill()
        sys.exit(f"{handler}: no answer: {process.stderr.read().decode()}")
    process.kill()
    process.wait()
    api.server.shutdown()
    answer = json.loads(api.answer)
    if answer.get("statusCode", 500) >= 300:
        sys.exit(f"{handler}: {answer}")
    return api.asked - begun, api.answered - begun


def call(url, key, method, path, body=None, content_type="application/json"):
    data = body if isinstance(body, (bytes, type(None))) else json.dumps(body).encode()
    headers = {"Authorization": f"Bearer {key}", "Content-Type": content_type}
    with urllib.request.urlopen(urllib.request.Request(url + path, data, headers, method=method)) as answer:
        return json.loads(answer.read() or b"null")


def until(ask):
    while not (found := ask()):
        time.sleep(0.2)
    return found


def deploy(url, key, estimator):
    penguins = (ROOT / "local/samples/penguins.csv").read_bytes()
    call(url, key, "POST", "/v1/datasets?name=penguins", penguins, "text/csv")
    until(lambda: call(url, key, "GET", "/v1/datasets/penguins")["status"] == "ready")
    asked = {"dataset": "penguins", "target": "species", "estimators": [estimator], "max_trials": 1}
    run = call(url, key, "POST", "/v1/runs", asked)["id"]
    until(lambda: call(url, key, "GET", f"/v1/runs/{run}")["status"] == "succeeded")
    version = call(url, key, "POST", "/v1/models", {"name": "birds", "run": run})
    call(url, key, "POST", "/v1/deployments", {"name": "birds", "model": "birds"})
    return version["bytes"]


def main(dist):
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        for package in ("observe", "predict"):
            with zipfile.ZipFile(dist / f"{package}.zip") as archive:
                archive.extract("bootstrap", folder / package)
            (folder / package / "bootstrap").chmod(0o755)
        environment = variables(f"cold-{os.getpid()}")
        subprocess.run([FETTLE, "init", "--once", "--data", folder / "data"], env=environment, check=True)
        key = (folder / "data/admin.key").read_text().strip()
        server = subprocess.Popen(
            [FETTLE, "up", "--port", "0", "--data", folder / "data"], env=environment,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        try:
            state = folder / "data/server.json"
            url = until(lambda: state.exists() and json.loads(state.read_text() or "{}").get("url"))
            size = deploy(url, key, "random_forest")
        finally:
            server.terminate()
            server.wait()
        version = request("GET", "/v1/version")
        path = "/v1/deployments/birds/predict"
        prediction = request("POST", path, {"rows": [ROW]}, key, {"deployment": "birds"})
        firsts = [start(folder / "observe/bootstrap", "observe.version", environment, version) for _ in range(STARTS)]
        predictions = [
            start(folder / "predict/bootstrap", "predict.rows", environment, prediction) for _ in range(STARTS)
        ]
    ms = lambda values: f"median {statistics.median(values) * 1e3:.1f} ms, least {min(values) * 1e3:.1f} ms"
    print("| what | measured |\n|---|---|")
    print(f"| exec to the first request for work | {ms([asked for asked, _ in firsts])} |")
    print(f"| exec to the first answer (`observe.version`) | {ms([answered for _, answered in firsts])} |")
    print(f"| exec to the first prediction, model of {size / 1e3:.0f} kB in S3 | "
          f"{ms([answered for _, answered in predictions])} |")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "dist")
