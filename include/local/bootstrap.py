"""Makes .venv and installs the requirement files given as arguments if they have changed: `python3 bootstrap.py FILE…`.

Runs on the system's Python before anything is installed, whatever its version (3.7 or newer): standard library only,
plain syntax.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

OLDEST = (3, 11)
NEWEST = (3, 13)
ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "installed.json"


def main() -> int:
    """Ensure a suitable Python, .venv and the packages; an error is reported in two lines."""
    if not suitable(sys.version_info[:2]):
        return restart_with_another()
    files = [ROOT / name for name in sys.argv[1:]]
    wanted = {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}
    if not works():
        print("正在创建 .venv……", flush=True)
        shutil.rmtree(str(VENV), ignore_errors=True)
        if run([sys.executable, "-m", "venv", str(VENV)]) != 0:
            shutil.rmtree(str(VENV), ignore_errors=True)
            return refuse("无法创建 .venv。", "Debian、Ubuntu 请先安装 python3-venv，然后重试。")
    installed = json.loads(STAMP.read_text()) if STAMP.exists() else {}
    changed = [file for file in files if installed.get(file.name) != wanted[file.name]]
    if not changed:
        return 0
    print("正在安装依赖（首次约 1–3 分钟）……", flush=True)
    arguments = [part for file in files for part in ("-r", str(file))]
    if run([str(PYTHON), "-m", "pip", "install", "-qq", "--disable-pip-version-check", *arguments]) != 0:
        return refuse("安装依赖失败。", "请检查网络和 pip 的软件源设置，然后重试；已下载的部分不会重复下载。")
    installed.update(wanted)
    STAMP.write_text(json.dumps(installed))
    return 0


def suitable(version: tuple[int, int]) -> bool:
    """Whether the project runs on this version."""
    return OLDEST <= version <= NEWEST


def restart_with_another() -> int:
    """Restart with a suitable Python of this machine, if there is one."""
    for minor in range(NEWEST[1], OLDEST[1] - 1, -1):
        other = shutil.which(f"python3.{minor}")
        if other is not None and run([other, "-c", "import venv"]) == 0:
            return run([other, str(Path(__file__).resolve()), *sys.argv[1:]])
    return refuse(
        f"需要 Python 3.11、3.12 或 3.13，当前 {sys.executable} 是 {sys.version_info[0]}.{sys.version_info[1]}。",
        "请安装其中一个版本后重试，或指定解释器：make demo PYTHON=/path/to/python3.12",
    )


def works() -> bool:
    """Whether .venv has a suitable Python with pip; a moved or half-made one has not."""
    check = f"import sys, pip; sys.exit(not ({OLDEST} <= tuple(sys.version_info[:2]) <= {NEWEST}))"
    return PYTHON.exists() and run([str(PYTHON), "-c", check], quiet=True) == 0


def run(command: list[str], quiet: bool = False) -> int:
    """Run a command; returns its exit code."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    output = subprocess.DEVNULL if quiet else None
    try:
        return subprocess.call(command, cwd=str(ROOT), env=environment, stdout=output, stderr=output)
    except OSError:
        return 127


def refuse(what: str, next_step: str) -> int:
    """Say what is wrong and what to do."""
    print(f"✗ {what}\n处理办法：{next_step}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
