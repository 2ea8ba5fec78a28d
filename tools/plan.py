# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Will it fit, on a card that need not be here?  Usage: plan.py MODEL GPU [--client …] [--context …] …

MODEL is a name of the catalogue, a folder with a model, or a config.json. GPU is a card's name, with how many before it: "2 x RTX 4090".
Prints the plan and leaves it as JSON and as a page with the memory bar. Ends with 1 where the plan is refused and with 2 for what it cannot read.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / ".collections"))

from ansible_collections.inferhost.llm.plugins.module_utils._plan._catalogue import MODELS, published  # noqa: E402
from ansible_collections.inferhost.llm.plugins.module_utils._plan._checkpoint import read_folder  # noqa: E402
from ansible_collections.inferhost.llm.plugins.module_utils._plan._clients import CLIENTS  # noqa: E402
from ansible_collections.inferhost.llm.plugins.module_utils._plan._engine_versions import NEWEST_READ, EngineError, dotted  # noqa: E402
from ansible_collections.inferhost.llm.plugins.module_utils._plan._fields import ModelError  # noqa: E402
from ansible_collections.inferhost.llm.plugins.module_utils._plan._model_config import read_config  # noqa: E402
from ansible_collections.inferhost.llm.plugins.module_utils._plan._plan import KV_CACHE_DTYPES, Subject, from_catalogue, make_plan  # noqa: E402
from ansible_collections.inferhost.llm.plugins.module_utils._plan._text import lines  # noqa: E402
from ansible_collections.inferhost.llm.plugins.module_utils._plan._types import PlanInputError, Wishes  # noqa: E402
from ansible_collections.inferhost.llm.plugins.module_utils._report._plan_page import plan_page  # noqa: E402

OUT = ROOT / ".plans"


def subject(model: str) -> Subject:
    """What the first argument names; raises ModelError."""
    path = Path(model).expanduser()
    if path.is_dir():
        folder = read_folder(str(path))
        config = read_config(folder.config, folder.tokenizer_config, str(path / "config.json"))
        return Subject(path.name, path.name, str(path), config, folder.checkpoint, folder.chat_template, True, folder.generation_config)
    if path.is_file():
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise ModelError(f"{path}: not valid JSON: {error}") from error
        return Subject(path.parent.name, path.parent.name, None, read_config(content, None, str(path)), None)
    return from_catalogue(published(model))


def cards(words: str) -> list[dict[str, str]]:
    """`2 x H100` or `H100` to the form in which a plan takes cards of which only the name is known."""
    found = re.fullmatch(r"\s*(?:(\d+)\s*[xX*]\s*)?(.+?)\s*", words)
    if not found:
        raise PlanInputError("GPU: must be a card's name, with how many before it if several, such as '2 x RTX 4090'")
    return [{"name": found[2]}] * int(found[1] or 1)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("gpu")
    parser.add_argument("--engine-version", default=dotted(NEWEST_READ), help="of vLLM (%(default)s)")
    parser.add_argument("--client", default="none", choices=sorted(CLIENTS))
    parser.add_argument("--context", type=int, default=0)
    parser.add_argument("--concurrency", type=int, default=0)
    parser.add_argument("--kv-cache-dtype", default="auto", choices=KV_CACHE_DTYPES)
    parser.add_argument("--gpu-memory-utilization", type=float, default=0.9)
    parser.add_argument("--tensor-parallel", type=int, default=0)
    parser.add_argument("--yarn", action="store_true", help="stretch the positions for a context above the model's own")
    parser.add_argument("--out", type=Path, default=OUT, help="folder for the JSON and the page")
    given = vars(parser.parse_args())
    out, model, gpu = given.pop("out"), given.pop("model"), given.pop("gpu")
    try:
        plan = make_plan(subject(model), cards(gpu), {}, Wishes(**given))
    except (ModelError, EngineError, PlanInputError) as error:
        hint = "" if "catalogue" not in str(error) or "nearest" in str(error) else f"\nmodels of the catalogue: {', '.join(one.id for one in MODELS)}"
        print(f"{error}{hint}", file=sys.stderr)
        return 2
    print("\n".join(lines(plan)))
    name = re.sub(r"[^A-Za-z0-9.]+", "-", f"{plan['model']['name']}-{gpu}").strip("-")
    out.mkdir(parents=True, exist_ok=True)
    (out / f"{name}.json").write_text(json.dumps(plan, indent=1) + "\n", encoding="utf-8")
    (out / f"{name}.html").write_text(plan_page(plan), encoding="utf-8")
    print(f"\n{out / name}.json\n{out / name}.html")
    return 1 if plan["refusal"] else 0


if __name__ == "__main__":
    sys.exit(main())
