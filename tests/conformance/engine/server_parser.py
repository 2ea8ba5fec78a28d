# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the parser of an installed vLLM's server knows, as JSON on the last line; no engine starts.

Standard input has command lines, a JSON list of lists of words; `answers` has for each what the parser said of it, null where it took it.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from typing import Any, NoReturn

import vllm
import vllm.envs


def first(*names: str) -> Any:
    """The module that has it, which moved."""
    for name in names[:-1]:
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError:
            continue
    return importlib.import_module(names[-1])


cli_args = first("vllm.entrypoints.launchers.cli_args", "vllm.entrypoints.openai.cli_args")
argparse_utils = first("vllm.utils.argparse_utils", "vllm.utils")


class Refused(Exception):
    """In place of the end of the process."""


class Parser(argparse_utils.FlexibleArgumentParser):  # type: ignore[misc]
    def error(self, message: str) -> NoReturn:
        raise Refused(message)


def kind(action: argparse.Action) -> str:
    if action.nargs == 0:
        return "switch" if isinstance(action, argparse.BooleanOptionalAction) else "plain switch"
    return "list" if action.nargs in ("+", "*") else "value"


def answer(parser: Parser, words: list[str]) -> str | None:
    try:
        parser.parse_args(words)
    except Refused as refused:
        return str(refused)
    return None


parser = cli_args.make_arg_parser(Parser(add_help=False))
options: dict[str, dict[str, Any]] = {}
for action in parser._actions:
    for option in action.option_strings:
        if option.startswith("--") and not (isinstance(action, argparse.BooleanOptionalAction) and option.startswith("--no-")):
            choices = None if action.choices is None else sorted(str(choice) for choice in action.choices if choice is not None)
            options[option.removeprefix("--")] = {"kind": kind(action), "choices": choices}
short = {option: parser._option_string_actions[option].option_strings for option in parser._option_string_actions if not option.startswith("--")}
variables = sorted(name for name in vllm.envs.environment_variables if name.startswith("VLLM_"))
answers = [answer(parser, words) for words in json.load(sys.stdin)]
print("\n" + json.dumps({"version": vllm.__version__, "options": options, "short": short, "variables": variables, "answers": answers}))
