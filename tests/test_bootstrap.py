import shutil
import subprocess
from pathlib import Path

BOOTSTRAP = Path(__file__).parent.parent / "scripts" / "bootstrap"
TOOLS = ("cat", "dirname", "mkdir", "rm", "sleep")
"""What it needs until it looks for Python, which these tests hide from it."""


def test_without_saying_what_for_its_usage_is_told() -> None:
    ended = subprocess.run(["/bin/sh", BOOTSTRAP], capture_output=True, text=True, check=False)

    assert ended.returncode == 2
    assert ended.stderr == "usage: scripts/bootstrap demo|test\n"


def test_a_lock_whose_holder_left_no_pid_is_taken_over(tmp_path: Path) -> None:
    for folder in ("bin", "scripts", ".venv.lock"):
        (tmp_path / folder).mkdir()
    for tool in TOOLS:
        (tmp_path / "bin" / tool).symlink_to(shutil.which(tool) or tool)
    script = shutil.copy(BOOTSTRAP, tmp_path / "scripts")

    ended = subprocess.run(
        ["/bin/sh", script, "demo"],
        env={"PATH": str(tmp_path / "bin")},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert "Python 3.11 or newer is needed" in ended.stderr
    assert not (tmp_path / ".venv.lock").exists()
