"""What goes wrong on real machines: kills, taken ports, folders that can't be used, wrong settings."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.served import dustreel, final_status, new_home, one_sentence, processes_in, served, start, until_ready, wait_until

# Long enough to be killed in the middle, and no longer to be rendered again than anybody waits on a busy machine.
WISH = {"prompt": "A long storm over the sea", "duration": "long", "resolution": "sd_480p", "aspect_ratio": "16:9"}
FAST = {"beat_seconds": "0.3", "dead_after_seconds": "1.5"}


def test_after_a_power_cut_the_next_start_simply_works_and_finishes_the_job() -> None:
    with new_home() as home:
        with served(home, **FAST) as first:
            with first.api() as api:
                before = api.get("/me").json()["dust"]["available"]
                job = api.post("/videos/generate", json=WISH).json()["job_id"]
                queued = api.post("/videos/generate", json=WISH | {"prompt": "x [sandbox:instant]"}).json()["job_id"]
                wait_until(lambda: api.get(f"/videos/jobs/{job}/status").json()["status"] == "processing", "the render")
            renderers = first.relatives()
            first.kill_everything()
            assert all(not process.is_running() for process in renderers)
        with served(home, **FAST) as second:
            with second.api() as api:
                assert final_status(api, queued)["status"] == "completed"
                assert final_status(api, job)["status"] == "completed"
                assert api.get("/me").json()["dust"] == {"balance": before - 20, "held": 0, "available": before - 20}
            audit = dustreel("audit", home=home)
            assert audit.returncode == 0, audit.stdout


def test_a_killed_service_leaves_no_renderer_behind() -> None:
    with new_home() as home, served(home) as running:
        with running.api() as api:
            job = api.post("/videos/generate", json=WISH).json()["job_id"]
            wait_until(lambda: (api.get(f"/videos/jobs/{job}/status").json().get("progress") or 0) > 0, "the render")
        database = {process.pid for process in processes_in(home)}
        children = [process for process in running.relatives() if process.pid not in database]
        assert children
        running.process.send_signal(signal.SIGKILL)
        running.process.wait()
        wait_until(lambda: not any(process.is_running() and process.status() != "zombie" for process in children), "the children to die")


def test_a_stopped_service_hands_its_render_over_to_the_next_start() -> None:
    with new_home() as home:
        with served(home) as first:
            with first.api() as api:
                job = api.post("/videos/generate", json=WISH | {"prompt": "x [sandbox:hang]"}).json()["job_id"]
                wait_until(lambda: api.get(f"/videos/jobs/{job}/status").json()["status"] == "processing", "the render")
            assert first.signal(signal.SIGTERM) < 10
        with served(home) as second, second.api() as api:
            body = api.get(f"/videos/jobs/{job}/status").json()
            assert body["status"] == "processing"
            assert api.delete(f"/videos/jobs/{job}").status_code == 200


def test_the_database_comes_back_when_it_is_killed() -> None:
    with new_home() as home, served(home, **FAST) as running, running.api() as api:
        job = api.post("/videos/generate", json=WISH | {"prompt": "x [sandbox:seconds=4]"}).json()["job_id"]
        wait_until(lambda: api.get(f"/videos/jobs/{job}/status").json()["status"] == "processing", "the render")
        for process in processes_in(home):
            if (home / "postgres" / "postmaster.pid").read_text().startswith(f"{process.pid}\n"):
                process.kill()
        statuses = set()

        def answers_again() -> bool:
            answer = api.get("/me")
            statuses.add(answer.status_code)
            return answer.status_code == 200

        wait_until(answers_again, "the API to answer again")
        assert statuses <= {200, 503}
        assert final_status(api, job)["status"] == "completed"


def test_two_copies_live_beside_each_other() -> None:
    with new_home() as home, new_home() as other, served(home) as first, served(other) as second:
        assert first.token != second.token
        with second.api(first.token) as api:
            assert api.get("/me").status_code == 401


def test_a_worker_alone_renders_for_an_api_alone() -> None:
    with new_home() as home:
        api_only = start(home, "--no-worker")
        until_ready(api_only)
        worker = subprocess.Popen([sys.executable, "-m", "dustreel", "worker"], env=api_only.environment, stderr=subprocess.DEVNULL)
        try:
            with api_only.api() as api:
                job = api.post("/videos/generate", json=WISH | {"prompt": "x [sandbox:instant]"}).json()["job_id"]
                assert final_status(api, job)["status"] == "completed"
                worker.send_signal(signal.SIGTERM)
                assert worker.wait(10) == 0
                assert api.get("/readyz").status_code == 200, "the database stays: the API still uses it"
        finally:
            worker.kill()
            worker.wait()
            api_only.signal(signal.SIGTERM)


class TestOneSentence:
    """What an operator can mend is told in one sentence with a non-zero exit, never a traceback."""

    def test_a_taken_port(self, tmp_path: Path) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            result = dustreel("serve", "--port", str(port), home=tmp_path)
        assert one_sentence(result) == f"127.0.0.1:{port} is taken: stop what listens there, or set DUSTREEL_PORT."

    def test_a_data_folder_that_is_a_file(self, tmp_path: Path) -> None:
        (tmp_path / "home").write_text("")
        assert "can't be used" in one_sentence(dustreel("serve", home=tmp_path / "home"))

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
    def test_a_data_folder_that_can_not_be_written(self) -> None:
        assert "can't be used" in one_sentence(dustreel("serve", home=Path("/proc/dustreel")))

    def test_a_database_that_does_not_answer(self, tmp_path: Path) -> None:
        result = dustreel("serve", home=tmp_path, database_url="postgresql://nobody@127.0.0.1:1/none")
        assert "DUSTREEL_DATABASE_URL can't be reached" in one_sentence(result)

    def test_a_database_url_that_is_none(self, tmp_path: Path) -> None:
        result = dustreel("serve", home=tmp_path, database_url="mysql://localhost/x")
        assert "DUSTREEL_DATABASE_URL" in one_sentence(result)

    def test_an_unknown_setting(self, tmp_path: Path) -> None:
        result = dustreel("serve", home=tmp_path, max_activ_jobs="3")
        assert one_sentence(result) == "DUSTREEL_MAX_ACTIV_JOBS is not a setting of Dustreel. Did you mean DUSTREEL_MAX_ACTIVE_JOBS?"

    def test_a_wrong_value(self, tmp_path: Path) -> None:
        assert one_sentence(dustreel("serve", home=tmp_path, rate_limit="many")).startswith("DUSTREEL_RATE_LIMIT can't be 'many'")

    def test_an_unknown_provider(self, tmp_path: Path) -> None:
        assert "none of: sandbox" in one_sentence(dustreel("serve", home=tmp_path, providers="sandbox,dreams"))

    def test_a_storage_that_there_is_not(self, tmp_path: Path) -> None:
        assert "DUSTREEL_STORAGE_URL" in one_sentence(dustreel("serve", home=tmp_path, storage_url="gopher://x"))


@pytest.mark.skipif(os.geteuid() != 0 or not Path("/dev/shm").is_dir(), reason="mounts a small disk, which only root may")
def test_a_full_disk_is_told_in_one_sentence(tmp_path: Path) -> None:
    disk = Path("/mnt") / f"dustreel-full-{os.getpid()}"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(disk)], capture_output=True, check=False)
    try:
        if mounted.returncode != 0:
            pytest.skip("this machine lets nobody mount")
        sentence = one_sentence(dustreel("serve", home=disk / "home"))
        assert "embedded database" in sentence or "can't be used" in sentence
    finally:
        subprocess.run(["umount", str(disk)], capture_output=True, check=False)
        disk.rmdir()
