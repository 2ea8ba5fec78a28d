# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`make plan`: a model and a card by their names."""

from __future__ import annotations

import json
from pathlib import Path

import plan as plan_tool
import pytest

ROOT = Path(__file__).resolve().parents[3]


def run(monkeypatch: pytest.MonkeyPatch, out: Path, *arguments: str) -> int:
    monkeypatch.setattr("sys.argv", ["plan.py", *arguments, "--out", str(out)])
    return plan_tool.main()


def test_what_fits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(monkeypatch, tmp_path, "Qwen2.5-14B-Instruct-AWQ", "RTX 4000 SFF Ada", "--client", "opencode") == 0
    text = capsys.readouterr().out
    assert "fits: 32768 tokens of context" in text and "|WWWW" in text
    plan = json.loads((tmp_path / "Qwen2.5-14B-Instruct-AWQ-RTX-4000-SFF-Ada.json").read_text(encoding="utf-8"))
    assert plan["limits"]["max_model_len"] == 32768 and plan["model"]["id"] == "Qwen/Qwen2.5-14B-Instruct-AWQ"
    page = (tmp_path / "Qwen2.5-14B-Instruct-AWQ-RTX-4000-SFF-Ada.html").read_text(encoding="utf-8")
    assert page.count("<svg") == 1 and "Fits" in page and "awq_marlin" in page


def test_what_does_not_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(monkeypatch, tmp_path, "Qwen2.5-14B-Instruct", "RTX 4000 SFF Ada") == 1
    assert "use Qwen/Qwen2.5-14B-Instruct-AWQ" in capsys.readouterr().out
    [page] = tmp_path.glob("*.html")
    assert "Does not fit" in page.read_text(encoding="utf-8")


def test_several_cards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(monkeypatch, tmp_path, "Qwen2.5-72B-Instruct", "4x H100") == 0
    text = capsys.readouterr().out
    assert "device  4 x NVIDIA H100" in text and any(line.split()[:2] == ["--tensor-parallel-size", "4"] for line in text.splitlines())


def test_a_folder_and_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    folder = ROOT / "roles/model/files/inferhost-tiny"
    assert run(monkeypatch, tmp_path, str(folder), "T4") == 0
    assert run(monkeypatch, tmp_path, str(folder / "config.json"), "T4") == 0
    assert capsys.readouterr().out.count("model   inferhost-tiny") == 2


@pytest.mark.parametrize(
    ("model", "gpu", "words"),
    [
        ("Qwen/Qwen3-8C", "H100", ("Qwen/Qwen3-8B", "nearest")),
        ("zz", "H100", ("models of the catalogue", "openai/gpt-oss-20b")),
        ("Qwen3-8B", "Voodoo 2", ("Voodoo 2", "RTX 4000 SFF Ada")),
        ("Qwen3-8B", "", ("GPU:", "2 x RTX 4090")),
    ],
)
def test_what_cannot_be_read(
    model: str, gpu: str, words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, tmp_path, model, gpu) == 2
    said = capsys.readouterr().err
    assert all(word in said for word in words), said
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    broken = tmp_path / "config.json"
    broken.write_text("{", encoding="utf-8")
    assert run(monkeypatch, tmp_path / "out", str(broken), "H100") == 2
    assert str(broken) in capsys.readouterr().err
