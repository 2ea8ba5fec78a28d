# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers: do they run, answer, and is anybody watching."""

from __future__ import annotations

import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._doctor._checks._tools import no_template, why_silent
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._model import Facts, Outcome, Seen, Unseen
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._registry import check

_SERVERS = ("vllm", "proxy", "litellm")


@check("L13", "DCGM exporter on a card it is not made for", ("info", "warning"), ["processes", "services", "gpus"], uses=["containers"])
def dcgm_exporter(facts: Facts) -> t.Iterator[Outcome]:
    places = [f"process {one['pid']}" for one in facts["processes"] if one["kind"] == "dcgm_exporter"]
    places += [f"service {one['name']}" for one in facts["services"] if one["kind"] == "dcgm_exporter"]
    places += [f"container {one['name']}" for one in facts.values.get("containers", ()) if "dcgm-exporter" in one["image"]]
    if not places:
        if "containers" in facts.missing:
            yield Unseen(facts.missing["containers"])
        return
    cards = sorted({one["name"] for one in facts["gpus"] if one["market"] == "workstation"})
    if cards or not facts["gpus"]:
        yield Seen(
            "warning",
            f"the DCGM exporter ({', '.join(places)}) runs beside {', '.join(cards) or 'no NVIDIA card at all'}",
            "it is made for data-centre cards, and as a container it needs the container toolkit, whose setup restarts Docker under running models",
            "ansible-playbook inferhost.llm.site   # nvidia_gpu_exporter, a plain service on port 9835",
        )


@check("L14", "host.docker.internal on Linux", ("warning",), ["docker_names"])
def docker_host_name(facts: Facts) -> t.Iterator[Outcome]:
    for one in facts["docker_names"]:
        if not one["resolves"]:
            in_container = f"container {one['container']}" if one["container"] else "a program of the host itself"
            remedy = "network_mode: host and 127.0.0.1; or extra_hosts: ['host.docker.internal:host-gateway']" if one["container"] else "127.0.0.1"
            yield Seen(
                "warning",
                f"{one['file']}, line {', '.join(map(str, one['lines']))}, sends {in_container} to host.docker.internal",
                "Docker Desktop makes that name; Docker Engine on Linux does not, so the target stays down",
                f"sudoedit {one['file']}   # {remedy}",
            )
    for gap in facts.gaps.get("docker_names", ()):
        yield Unseen(gap)


@check("L74", "Nobody watches the GPU", ("info",), ["processes", "services", "gpus"], uses=["containers"])
def gpu_exporter(facts: Facts) -> t.Iterator[Outcome]:
    exporters = [one for one in [*facts["processes"], *facts["services"]] if one["kind"] in ("gpu_exporter", "dcgm_exporter")]
    images = [
        one for one in facts.values.get("containers", ()) if one["running"] and "exporter" in one["image"] and ("gpu" in one["image"] or "dcgm" in one["image"])
    ]
    if facts["gpus"] and not exporters and not images:
        names = ", ".join(sorted({one["name"] for one in facts["gpus"]}))
        yield Seen(
            "info",
            f"{names} is there, but no GPU exporter runs",
            "temperature, memory and throttling of the card are not recorded",
            "ansible-playbook inferhost.llm.site",
        )


@check("L75", "An endpoint does not answer", ("warning", "error", "critical"), ["processes", "services", "endpoints"])
def endpoints(facts: Facts) -> t.Iterator[Outcome]:
    down = [one for one in facts["services"] if one["kind"] in _SERVERS and one["enabled"] and not _runs(one, facts["processes"])]
    for one in down:
        yield Seen(
            "critical",
            f"{one['manager']} service {one['name']} is configured, but not running",
            "it was stopped, or it ends right after its start",
            _restart(one),
        )
    yield from map(Unseen, facts.gaps.get("endpoints", ()))
    if not facts["endpoints"] and not down and not facts.gaps.get("endpoints"):
        yield Unseen("no model server was found on this host; name one with endpoint=http://127.0.0.1:8000")
    for one in facts["endpoints"]:
        yield from _endpoint(one)


def _runs(service: t.Mapping[str, t.Any], processes: t.Sequence[t.Mapping[str, t.Any]]) -> bool:
    """By its very command line, where that holds nothing that the service manager fills in."""
    exact = not any(mark in word for word in service["argv"] for mark in "$%")
    return any(one["kind"] == service["kind"] and (not exact or one["argv"] == service["argv"]) for one in processes)


def _restart(service: t.Mapping[str, t.Any]) -> str:
    if service["name"].startswith("inferhost-"):
        return "ansible-playbook inferhost.llm.site"
    if service["manager"] == "systemd":
        return f"sudo systemctl restart {service['name']}; journalctl -u {service['name']} -n 100"
    return f"supervisorctl restart {service['name']}; supervisorctl tail {service['name']}   # defined in {service['file']}"


def _endpoint(one: t.Mapping[str, t.Any]) -> t.Iterator[Outcome]:
    url, health, models, chat = one["url"], one["health"], one["models"], one["chat"]
    if health["status"] is None:
        yield Seen(
            "error",
            f"no answer: {health['error']}",
            "the server is still starting, hangs, or listens elsewhere",
            f"curl -sS -m 5 {url}{health['path']}; ss -ltnp",
        )
        return
    if health["status"] != 200 and one["kind"] != "named":
        yield Seen(
            "error",
            f"{url}{health['path']} answers {health['status']}: {health['error']}",
            "the server runs, but its engine does not",
            f"curl -sS {url}{health['path']}",
        )
    if models["status"] != 200:
        if models["status"] in (401, 403):
            yield Unseen(f"{url}: {why_silent(one)}")
        else:
            yield Seen(
                "error",
                f"{url}/v1/models answers {models['status'] or models['error']}",
                "the server is no OpenAI endpoint, or its engine is gone",
                f"curl -sS {url}/v1/models",
            )
        return
    if not models["ids"]:
        yield Seen("error", f"{url}/v1/models names no model", "the server has nothing to serve", f"curl -sS {url}/v1/models")
    elif chat is None:
        yield Unseen(f"{url} was not asked to chat: {why_silent(one)}")
    elif (chat["status"] != 200 or not chat["characters"]) and not no_template(one):
        seen = f"answers {chat['status'] or 'nothing'}: {chat['error']}" if chat["status"] != 200 else "answers without a word"
        yield Seen(
            "error",
            f"{url}/v1/chat/completions {seen}",
            "the engine takes no work, or the model has no chat template",
            f"curl -sS {url}/v1/chat/completions -H 'Content-Type: application/json' "
            f'-d \'{{"model": "{models["ids"][0]}", "messages": [{{"role": "user", "content": "hello"}}], "max_tokens": 16}}\'',
        )
    for finding in (one["tool"] or {"findings": ()})["findings"]:
        if finding["id"] == "L75":
            yield Seen("error", f"{url}: {finding['title']}: {finding['seen']}", finding["cause"], finding["fix"])
