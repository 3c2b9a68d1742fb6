"""A front-end team's first minutes: start it, make a video, animate a picture, see what it costs, stop it."""

import http.server
import io
import os
import re
import signal
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import pytest
import trustme
from PIL import Image

from tests.e2e.served import Served, dustreel, final_status, new_home, processes_in, served, wait_until

SAMPLE = Path(__file__).parents[2] / "src" / "dustreel" / "assets" / "sample.jpg"
WISH = {"prompt": "A cat playing piano in a jazz club", "duration": "short", "resolution": "hd_720p", "aspect_ratio": "16:9"}


@pytest.fixture(scope="module")
def running() -> Iterator[Served]:
    with new_home() as home, served(home) as service:
        yield service


def test_it_says_where_it_is_and_how_to_begin(running: Served) -> None:
    assert f"{running.url}/docs" in running.output
    assert running.token in running.output
    assert "/videos/generate" in running.output and "/videos/animate" in running.output
    picture = re.search(r"--data-binary @(\S+)", running.output)
    assert picture is not None
    with Image.open(picture[1]) as shipped:
        assert shipped.width >= 640


def test_what_it_says_to_type_breaks_nothing(running: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    typed = dict(re.findall(r"^ +(?:export )?(\w+)=(\S+)$", running.output, re.MULTILINE))
    assert running.token in typed.values()
    for name, value in {**typed, "DUSTREEL_PYTHON": "python3"}.items():
        monkeypatch.setenv(name, value)
    result = dustreel("balance", "nobody-yet", home=running.home)
    assert (result.returncode, result.stdout.split()[:1]) == (0, ["1000"]), result.stderr


def test_the_token_is_its_owners_alone(running: Served) -> None:
    assert (running.home / "dev-token").stat().st_mode & 0o777 == 0o600


def test_a_welcome_video_is_made(running: Served) -> None:
    with running.api() as api:
        wait_until(lambda: api.get("/videos").json()["videos"], "the welcome video")


def test_the_contracts_flow_makes_a_video_that_plays(running: Served) -> None:
    with running.api() as api:
        before = api.get("/me").json()["dust"]["balance"]
        job = api.post("/videos/generate", json=WISH).json()["job_id"]
        seen: list[float] = []

        def look() -> bool:
            body: dict[str, Any] = api.get(f"/videos/jobs/{job}/status").json()
            seen.append(body.get("progress") or 0.0)
            return bool(body["status"] == "completed")

        wait_until(look, "the video")
        assert seen == sorted(seen)
        assert len(set(seen)) >= 4, f"progress did not rise: {seen}"
        video = api.get(f"/videos/jobs/{job}/result").json()["video"]
        assert api.get("/me").json()["dust"]["balance"] == before - 10
        with av.open(io.BytesIO(api.get(video["url"]).content), "r") as container:
            stream = container.streams.video[0]
            assert (stream.codec_context.name, stream.width, stream.height) == ("h264", 1280, 720)
            assert sum(1 for _ in container.decode(stream)) == 120
            assert float(stream.duration * stream.time_base) == pytest.approx(5.0, abs=0.05)  # type: ignore[operator]
        with Image.open(io.BytesIO(api.get(video["thumbnail_url"]).content)) as thumbnail:
            assert thumbnail.format == "JPEG" and thumbnail.width == 640


def test_an_uploaded_picture_is_animated_for_eight(running: Served) -> None:
    picture = re.search(r"--data-binary @(\S+)", running.output)
    assert picture is not None
    with running.api() as api:
        before = api.get("/me").json()["dust"]["balance"]
        upload = api.post("/uploads", content=Path(picture[1]).read_bytes(), headers={"Content-Type": "image/jpeg"})
        assert upload.status_code == 201
        wish = {"image_url": upload.json()["url"], "prompt": "Slowly zoom in", "duration": "short", "resolution": "sd_480p"}
        job = api.post("/videos/animate", json=wish).json()["job_id"]
        assert final_status(api, job)["status"] == "completed"
        video = api.get(f"/videos/jobs/{job}/result").json()["video"]
        assert (video["generation_type"], video["source_image_url"]) == ("image_to_video", upload.json()["url"])
        assert video["aspect_ratio"] == "16:9"
        assert api.get("/me").json()["dust"]["balance"] == before - 8
        again = api.post("/videos/animate", json=wish | {"image_url": video["thumbnail_url"]})
        assert again.status_code == 202, "our own thumbnails work as image_url"
        assert final_status(api, again.json()["job_id"])["status"] == "completed"


def test_a_cancelled_render_stops_within_two_seconds(running: Served) -> None:
    with running.api() as api:
        job = api.post("/videos/generate", json=WISH | {"duration": "long", "resolution": "hd_1080p"}).json()["job_id"]
        wait_until(lambda: (api.get(f"/videos/jobs/{job}/status").json().get("progress") or 0) > 0, "the render to be under way")
        busy = {process.pid for process in running.relatives() if process.is_running() and process.cpu_percent(0.2) > 20}
        assert busy
        began = time.monotonic()
        assert api.delete(f"/videos/jobs/{job}").status_code == 200
        renderers = {process.pid for process in running.relatives()} & busy
        wait_until(
            lambda: not ({process.pid for process in running.relatives()} & renderers - _postgres(running)), "the renderer to be gone"
        )
        assert time.monotonic() - began < 2


def test_docs_work_without_the_internet(running: Served) -> None:
    with running.api() as api:
        page = api.get("/docs").text
        for asset in re.findall(r'(?:src|href)="([^"]+)"', page):
            assert asset.startswith("/docs/assets/"), asset
            assert api.get(asset).status_code == 200
        assert api.get("/openapi.json").json()["openapi"].startswith("3.")
        assert "insufficient_dust" in api.get("/docs/errors").text
        assert api.get("/healthz").status_code == api.get("/readyz").status_code == 200
        assert "dustreel_http_requests_total" in api.get("/metrics").text


def test_the_commands_work_beside_the_running_service(running: Served) -> None:
    home = running.home
    key = dustreel("token", "alice", home=home).stdout.strip()
    assert re.fullmatch(r"dr_test_[\w-]{20,}", key)
    with running.api(key) as api:
        assert api.get("/me").json()["dust"]["available"] == 1000
    assert dustreel("grant", "alice", "25", home=home).stdout.strip() == "1025"
    assert dustreel("balance", "alice", home=home).stdout.startswith("1025 ")
    assert dustreel("balance", "alice", "--live", home=home).stdout.startswith("0 ")
    listed = dustreel("keys", "--user", "alice", home=home).stdout
    assert key[:12] in listed and key not in listed
    key_id = listed.splitlines()[1].split()[0]
    assert dustreel("keys", "revoke", key_id, home=home).returncode == 0
    assert re.fullmatch(r"dr_live_[\w-]{20,}", dustreel("token", "bob", "--live", "--service", home=home).stdout.strip())
    assert dustreel("migrate", home=home).returncode == 0
    doctor = dustreel("doctor", home=home).stdout
    assert "DUSTREEL_MAX_ACTIVE_JOBS" in doctor and "All is well" in doctor


def test_a_picture_is_fetched_from_where_the_operator_allows_it() -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with Path(SAMPLE).open("rb") as file, http.server.HTTPServer(("127.0.0.1", 0), _serving(file.read())) as pictures, new_home() as home:
        pictures.socket = context.wrap_socket(pictures.socket, server_side=True)
        threading.Thread(target=pictures.serve_forever, daemon=True).start()
        url = f"https://127.0.0.1:{pictures.server_port}/photo.jpg"
        authority.cert_pem.write_to_path(str(home / "authority.pem"))
        os.environ["SSL_CERT_FILE"], before = str(home / "authority.pem"), os.environ.get("SSL_CERT_FILE")
        try:
            with served(home, fetch_allow=f"127.0.0.1:{pictures.server_port}") as running, running.api() as api:
                wish = {"image_url": url, "prompt": "zoom in [sandbox:instant]", "duration": "short", "resolution": "sd_480p"}
                job = api.post("/videos/animate", json=wish).json()["job_id"]
                assert final_status(api, job)["status"] == "completed"
                assert api.get(f"/videos/jobs/{job}/result").json()["video"]["source_image_url"] == url
                missing = api.post("/videos/animate", json=wish | {"image_url": url + "x"})
                assert (missing.status_code, missing.json()["code"]) == (422, "image_unreachable")
        finally:
            os.environ.pop("SSL_CERT_FILE")
            os.environ.update({"SSL_CERT_FILE": before} if before else {})
            pictures.shutdown()


def test_the_audit_is_clean(running: Served) -> None:
    result = dustreel("audit", home=running.home)
    assert (result.returncode, "FAIL" in result.stdout) == (0, False), result.stdout
    assert len(result.stdout.splitlines()) >= 10


def test_a_second_start_is_quick_and_keeps_everything_and_ctrl_c_stops_all_of_it() -> None:
    with new_home() as home:
        with served(home) as first:
            token = first.token
            assert first.signal(signal.SIGINT) < 10
            assert first.process.returncode == 0
            assert processes_in(home) == []
        with served(home) as second:
            worked = second.processor_seconds()
            assert second.token == token
            with second.api() as api:
                assert api.get("/videos/jobs").json()["pagination"]["total"] == 1, "the welcome video's job"
            assert second.signal(signal.SIGTERM) < 10
            assert processes_in(home) == []
        assert worked < 6, f"{worked:.1f} s of a processor: on two that are idle it can't be ready within 3 s"


def _serving(picture: bytes) -> type[http.server.BaseHTTPRequestHandler]:
    class Pictures(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path != "/photo.jpg":
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Type", "image/jpeg")
            self.send_header("Content-Length", str(len(picture)))
            self.end_headers()
            self.wfile.write(picture)

        def log_message(self, *arguments: object) -> None:
            pass

    return Pictures


def _postgres(running: Served) -> set[int]:
    return {process.pid for process in processes_in(running.home)}
