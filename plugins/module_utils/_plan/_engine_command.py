# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a release of vLLM takes a command line and an environment, and what to write where it does not."""

from __future__ import annotations

import difflib
import re
import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils import _secret
from ansible_collections.inferhost.llm.plugins.module_utils._plan._engine_flags import (
    CHOICES,
    COMPARED,
    DEPRECATED,
    FLAGS,
    FLAGS_GONE,
    INSTEAD,
    KV_CACHE_DTYPES,
    LISTS,
    PLAIN_SWITCHES,
    SHORT,
    SWITCHES,
    Releases,
)
from ansible_collections.inferhost.llm.plugins.module_utils._plan._engine_variables import VARIABLES, VARIABLES_GONE, VARIABLES_INSTEAD
from ansible_collections.inferhost.llm.plugins.module_utils._plan._engine_versions import Version, dotted, parse_version

EXTRA_FLAGS = "vllm_extra_flags"
EXTRA_ENVIRONMENT = "vllm_extra_environment"

# What the plan and the role decide, and where one says it instead.
DECIDED: t.Dict[str, str] = {
    "model": "set model_source and model_path",
    "served-model-name": "set model_name",
    "host": "vLLM stays on loopback; inferhost_proxy_host opens the gateway in front of it",
    "port": "set inferhost_vllm_port",
    "uds": "the gateway reaches vLLM over TCP on inferhost_vllm_port",
    "ssl-keyfile": "vLLM answers on loopback alone, without TLS",
    "ssl-certfile": "vLLM answers on loopback alone, without TLS",
    "headless": "the gateway needs a server that answers",
    "grpc": "the gateway needs a server that answers over HTTP",
    "config": "what stands in a file of its own would not be checked; write its flags here",
    "chat-template": "set vllm_chat_template",
    "enable-auto-tool-choice": "set vllm_tool_parser, with which it comes; none switches tool calls off",
    "gpu-memory-utilization": "set vllm_gpu_memory_utilization",
    "device-memory-utilization": "set vllm_gpu_memory_utilization",
    "kv-cache-dtype": "set vllm_kv_cache_dtype",
    "kv-cache-memory-bytes": "set vllm_kv_cache_bytes",
    "max-model-len": "set vllm_context",
    "reasoning-parser": "set vllm_reasoning_parser",
    "tensor-parallel-size": "set vllm_tensor_parallel",
    "tool-call-parser": "set vllm_tool_parser",
    "tool-parser-plugin": "set vllm_tool_parser_plugin",
}
SECRET: t.Dict[str, str] = {
    "api-key": "the role makes a key of its own, in etc/secrets/engine_key",
    "hf-token": "the model is on the host when vLLM starts, so it needs none",
}
DECIDED_VARIABLES: t.Dict[str, str] = {"VLLM_CPU_KVCACHE_SPACE": "set vllm_kv_cache_bytes"}

_NUMBER = re.compile(r"^(\d+(?:\.\d+)?)([kKmMgG]?)$")
_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "K": 2**10, "M": 2**20, "G": 2**30}
# It shows what the tables do not have.
_HELP = "vllm serve --help=all"
_DTYPE = "; an 8- or 4-bit format comes from the checkpoint's own config.json, or is made at the start with --quantization: fp8"


class Verdict(t.NamedTuple):
    """`errors` stop the run; each is a sentence that names variable, flag and what to write."""

    errors: t.List[str]
    warnings: t.List[str]


def check(plan: t.Mapping[str, t.Any], extra_flags: t.Mapping[t.Any, t.Any], extra_environment: t.Mapping[t.Any, t.Any]) -> Verdict:
    """The command line and the environment that the engine would be started with, by a plan and what the user adds to it."""
    version = parse_version(plan["engine"]["version"])
    planned = {one["flag"]: one["value"] for one in plan["flags"]}
    verdict = Verdict([], [])
    for flag, value in extra_flags.items():
        _check_extra(flag, value, planned, version, verdict)
    for flag, value in planned.items():
        if flag not in extra_flags:
            _check_planned(flag, value, version, verdict)
    if not verdict.errors:
        verdict.errors.extend(_contradictions({**planned, **extra_flags}))
    for name, value in extra_environment.items():
        _check_variable(name, value, version, verdict)
    return verdict


def known(table: Releases, gone: Releases, version: Version) -> t.FrozenSet[str]:
    """Names that a release has. Of one between two compared releases both neighbours' count: it was not looked at."""
    upper = min((one for one in COMPARED if one >= version), default=version)
    lower = max((one for one in COMPARED if one <= version), default=version)
    return _named(table, upper) - _named(gone, lower)


def number(value: t.Optional[str]) -> t.Optional[int]:
    """`16384`, `16k` (thousand) or `16K` (1024), as vLLM reads them."""
    match = _NUMBER.match(value or "")
    return int(float(match.group(1)) * _UNITS[match.group(2)]) if match else None


def gone_or_going(name: str, version: Version) -> str:
    """Why a flag that was once right should not be written for this release; empty where it should."""
    instead = INSTEAD.get(name, "leave it out: nothing took its place")
    if name in _named(FLAGS, version) and name not in known(FLAGS, FLAGS_GONE, version):
        return "vLLM %s no longer has it, gone by %s; %s" % (dotted(version), dotted(_since(FLAGS_GONE, name)), instead)
    if name in _named(DEPRECATED, version) and name in known(FLAGS, FLAGS_GONE, version):
        return "vLLM %s still takes it and will not for long; %s" % (dotted(version), instead)
    return ""


def is_known(flag: str, version: Version) -> bool:
    """Whether a release has a flag, by all that is known of it: of one newer than the tables nothing unknown is sure."""
    name = flag[2:].partition(".")[0]
    return name in known(FLAGS, FLAGS_GONE, version) or (version > COMPARED[-1] and name not in _named(FLAGS, version))


def unknown_flag(flag: str, version: Version) -> str:
    """What to write instead of a flag that a release does not have; empty where it has it."""
    return "" if is_known(flag, version) else _unknown(flag[2:].partition(".")[0], version)


def _check_extra(flag: t.Any, value: t.Any, planned: t.Mapping[str, t.Any], version: Version, verdict: Verdict) -> None:
    # What follows an equals sign may be a secret.
    where = "%s: %s" % (EXTRA_FLAGS, re.split("[= ]", str(flag))[0])
    spelling = _spelling(flag)
    if spelling:
        verdict.errors.append("%s: %s" % (where, spelling))
        return
    name = flag[2:].partition(".")[0]
    off = name.startswith("no-") and name[3:] in SWITCHES
    name = name[3:] if off else name
    if name in SECRET:
        verdict.errors.append("%s: a secret on a command line is there for everybody on the host to read; leave it out: %s" % (where, SECRET[name]))
    elif name in DECIDED:
        verdict.errors.append("%s: not decided here; %s" % (where, DECIDED[name]))
    elif name not in known(FLAGS, FLAGS_GONE, version):
        sink = verdict.warnings if is_known(flag, version) else verdict.errors
        sink.append("%s: %s" % (where, _unknown(name, version)))
    else:
        problem = _value(name, flag, value, off, version)
        if problem:
            verdict.errors.append("%s: %s" % (where, problem))
        going = gone_or_going(name, version)
        if going:
            verdict.warnings.append("%s: %s" % (where, going))
        usual = "--" + name
        if usual in planned and (off or _text(value) != planned[usual]):
            verdict.warnings.append("%s: in place of the plan's %s, with which its figures were computed" % (where, _shown(usual, planned[usual])))


def _check_planned(flag: str, value: t.Optional[str], version: Version, verdict: Verdict) -> None:
    """A wish may need a flag that the release does not have."""
    name = flag[2:]
    problem = _value(name, flag, value, False, version) if name in known(FLAGS, FLAGS_GONE, version) else _unknown(name, version)
    if problem:
        remedy = "; %s to something else" % DECIDED[name] if name in DECIDED else ""
        verdict.errors.append("the plan sets %s: %s%s, or take another vllm_version" % (_shown(flag, value), problem, remedy))


def _spelling(flag: t.Any) -> str:
    if not isinstance(flag, str) or not re.match(r"^--?[A-Za-z]", flag):
        return "a flag begins with two dashes, as in --max-num-seqs"
    if not flag.startswith("--"):
        return "write it in full, as --%s" % SHORT[flag] if flag in SHORT else "write it in full; `%s` lists the flags" % _HELP
    if "=" in flag or " " in flag:
        return "its value comes after the colon, as in %s: …" % re.split("[= ]", flag)[0]
    if "_" in flag.partition(".")[0]:
        name, dot, rest = flag.partition(".")
        return "write it with dashes, as %s: otherwise it would stand beside the plan's and not in its place" % (name.replace("_", "-") + dot + rest)
    return ""


def _unknown(name: str, version: Version) -> str:
    reason = gone_or_going(name, version)
    if reason:
        return reason
    if name in _named(FLAGS, COMPARED[-1]):
        return "vLLM %s does not have it yet; %s is the first compared release that does" % (dotted(version), dotted(_since(FLAGS, name)))
    if name.startswith("no-") and name[3:] in PLAIN_SWITCHES:
        return "it cannot be switched off; leave out --%s" % name[3:]
    seen = version if version <= COMPARED[-1] else COMPARED[-1]
    nearest = difflib.get_close_matches(name, sorted(known(FLAGS, FLAGS_GONE, seen)), n=1)
    hint = "did you mean --%s?" % nearest[0] if nearest else "`%s` lists the flags" % _HELP
    return "no flag of vLLM %s; %s" % (dotted(seen), hint)


def _value(name: str, flag: str, value: t.Any, off: bool, version: Version) -> str:
    """What is wrong with a value, if anything. The text of a value is repeated only where it is one of a list."""
    if "." in flag:
        return ""
    if name in SWITCHES or name in PLAIN_SWITCHES:
        if value is None or value is True:
            return ""
        if value is False and name in PLAIN_SWITCHES:
            return "it stands without a value; leave it out"
        turned = "--%s" % name if off else "--no-%s" % name
        return "it stands without a value; write %s: null" % (turned if value is False else flag)
    if value is None or isinstance(value, bool) or value == "":
        return "it needs a value"
    if isinstance(value, list) and name in LISTS:
        return "" if value else "it needs a value or more"
    choices = CHOICES.get(name)
    if name == "kv-cache-dtype":
        choices = tuple(sorted(_named(KV_CACHE_DTYPES, version)))
    if choices and str(value) not in choices:
        return "%s is none of %s%s" % (value, ", ".join(choices), _DTYPE if name == "dtype" else "")
    return ""


def _contradictions(flags: t.Mapping[str, t.Any]) -> t.Iterator[str]:
    """What vLLM refuses together."""
    batched, length = (number(str(flags.get(flag, ""))) for flag in ("--max-num-batched-tokens", "--max-model-len"))
    if "--no-enable-chunked-prefill" in flags and batched is not None and length is not None and batched < length:
        yield "%s: --no-enable-chunked-prefill: then a prompt has to fit into one batch, and --max-num-batched-tokens is %d, below --max-model-len %d; %s" % (
            EXTRA_FLAGS,
            batched,
            length,
            "leave it out, or write --max-num-batched-tokens: %d" % length,
        )


def _check_variable(name: t.Any, value: t.Any, version: Version, verdict: Verdict) -> None:
    where = "%s: %s" % (EXTRA_ENVIRONMENT, name)
    if not isinstance(name, str) or not re.match(r"^[A-Za-z_][A-Za-z0-9_]*$", name):
        verdict.errors.append("%s: this cannot be the name of a variable" % where)
    elif name == "VLLM_API_KEY" or _secret.written_secrets({name: value}):
        verdict.errors.append("%s: a secret would lie in the service's definition for everybody on the host to read; leave it out" % where)
    elif name in DECIDED_VARIABLES:
        verdict.errors.append("%s: the plan decides it; %s" % (where, DECIDED_VARIABLES[name]))
    elif value is None or isinstance(value, (bool, list, tuple, dict)):
        verdict.errors.append('%s: it needs a text or a number; a switch is "1" or "0"' % where)
    elif name.startswith("VLLM_") and name[5:] not in known(VARIABLES, VARIABLES_GONE, version):
        verdict.warnings.append("%s: %s" % (where, _unknown_variable(name[5:], version)))


def _unknown_variable(name: str, version: Version) -> str:
    if name in _named(VARIABLES_GONE, version):
        instead = VARIABLES_INSTEAD.get(name, "leave it out")
        return "vLLM %s no longer reads it, gone by %s; %s" % (dotted(version), dotted(_since(VARIABLES_GONE, name)), instead)
    if name in _named(VARIABLES, COMPARED[-1]):
        return "vLLM %s does not read it yet; %s is the first compared release that does" % (dotted(version), dotted(_since(VARIABLES, name)))
    nearest = difflib.get_close_matches(name, sorted(known(VARIABLES, VARIABLES_GONE, version)), n=1)
    return "vLLM %s does not read it%s" % (dotted(version), "; did you mean VLLM_%s?" % nearest[0] if nearest else "")


def _text(value: t.Any) -> t.Optional[str]:
    """As the plan writes it."""
    return None if value is None or value is True else str(value)


def _shown(flag: str, value: t.Optional[str]) -> str:
    return flag if value is None else "%s %s" % (flag, value)


def _named(table: Releases, version: Version) -> t.FrozenSet[str]:
    return frozenset(name for since, names in table if since <= version for name in names.split())


def _since(table: Releases, name: str) -> Version:
    return next(since for since, names in table if name in names.split())
