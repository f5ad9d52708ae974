# SPDX-License-Identifier: Apache-2.0
"""A real Prometheus that scrapes what a test points it at."""
import json
import os
import shutil
import urllib.error
import urllib.parse

from programs import Program, Skip, fetch, free_ports, until

CACHE = os.environ.get("PHILOSCOPE_CACHE", "/var/cache/philoscope")


def find(name, version):
    """Debian's 2, or 3 as scripts/go-tools builds it."""
    path = f"{CACHE}/tools/prometheus-3/{name}" if version == 3 else shutil.which(name) or f"{CACHE}/tools/{name}"
    if not os.access(path, os.X_OK):
        raise Skip(f"no {name} {version} ({path})")
    return path


class Prometheus(Program):
    """
    It scrapes one target each interval, and evaluates rules as often; `job` is what its configuration says beside that. A scrape that
    takes longer than the interval has failed: where none may, it is one that a busy machine keeps.
    """

    def __init__(self, folder, target, version=2, *, interval="3s", rules=(), **job):
        [self.port] = free_ports(1)
        config = {"global": {"scrape_interval": interval, "scrape_timeout": interval, "evaluation_interval": interval},
                  "rule_files": [str(path) for path in rules],
                  "scrape_configs": [{"job_name": "philoscope", "static_configs": [{"targets": [target]}], **job}]}
        data = folder / f"prometheus-{version}"
        data.mkdir()
        # JSON is YAML.
        (data / "config").write_text(json.dumps(config), encoding="utf-8")
        super().__init__([find("prometheus", version), f"--config.file={data}/config", f"--storage.tsdb.path={data}/data",
                          f"--web.listen-address=127.0.0.1:{self.port}"])

    def __enter__(self):
        until(lambda: self.answers("/-/ready") or self.process.poll() is not None, "Prometheus")
        assert self.process.poll() is None, f"Prometheus did not start: {''.join(self.log)}"
        return self

    def answers(self, path):
        try:
            return fetch(self.port, path)
        except (urllib.error.URLError, ConnectionError):
            return None

    def api(self, path, **arguments):
        answer = json.loads(fetch(self.port, f"/api/v1/{path}?{urllib.parse.urlencode(arguments, doseq=True)}"))
        assert answer["status"] == "success", answer
        return answer["data"]

    def target(self):
        """What it knows of its only target."""
        active = self.api("targets")["activeTargets"]
        return active[0] if active else None

    def query(self, text):
        """{labels: value} of an instant vector."""
        result = self.api("query", query=text)["result"]
        return {frozenset(row["metric"].items()): float(row["value"][1]) for row in result}

    def number(self, text):
        """The only value of an instant vector; None when there is none."""
        found = list(self.query(text).values())
        assert len(found) <= 1, f"{text}: {found}"
        return found[0] if found else None

    def scrapes(self):
        """How often the target has been scraped with success."""
        return self.number("sum_over_time(up[1h])") or 0

    def complaints(self):
        """What it logged above info, but for what it says of itself."""
        return [line for line in list(self.log) if "level=warn" in line.lower() or "level=error" in line.lower()]
