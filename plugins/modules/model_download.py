# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: model_download
short_description: Fetch a model from a hub, verified, or say what that would take
version_added: 0.1.0
description:
  - Lists the files of a model on the Hugging Face Hub, a mirror of it, or ModelScope, and brings them into a folder.
  - Before the first byte it is known whether they fit, by the free space of the filesystem and by its quota.
  - Each file is compared with the size and the hash that the hub lists. A file that is there and right is never fetched again, one that was interrupted
    goes on where it stopped, and what other attempts left behind is removed.
  - What was checked is noted in the folder, in C(.inferhost/manifest.json), so that another run reads no contents and asks no hub.
    With this file the folder can be carried to another host, where M(inferhost.llm.model_folder) checks it.
author: inferhost contributors (@inferhost)
attributes:
  check_mode:
    support: full
    description: Says what would be fetched and how many bytes that is. Files that nobody checked yet are not read.
  diff_mode:
    support: full
    description: Lists the files that would come, be read, or go.
  idempotent:
    support: full
    description: A folder whose files were checked is only looked at.
options:
  state:
    description:
      - V(present) fetches, V(facts) only tells what a plan needs to know and changes nothing.
      - V(absent) removes the files that were fetched, and nothing else; the folder too where it is empty then.
    type: str
    choices: [present, facts, absent]
    default: present
  path:
    description: Folder of the model.
    type: path
    required: true
  source:
    description: The kind of hub.
    type: str
    choices: [huggingface, modelscope]
    default: huggingface
  endpoint:
    description: Address of a mirror that answers as the hub does. Empty means the hub itself. A token goes there too.
    type: str
    default: ""
  model:
    description: The model's id, C(organisation/name).
    type: str
    required: true
  revision:
    description:
      - Branch, tag or commit; empty means the newest. What a branch points to is asked once and noted; see O(refresh).
    type: str
    default: ""
  refresh:
    description: Ask the hub again what O(revision) is.
    type: bool
    default: false
  token:
    description: Token of the hub, for gated and private models.
    type: str
  token_file:
    description: File on the host that holds the token.
    type: path
  include:
    description:
      - Patterns of files to fetch (C(*.json), C(original/*)). Empty means all but a second copy of the weights - PyTorch's, GGUF and others beside safetensors.
    type: list
    elements: str
    default: []
  exclude:
    description: Patterns of files not to fetch.
    type: list
    elements: str
    default: []
  headroom_bytes:
    description: Bytes that must stay free.
    type: int
    default: 1073741824
  verify:
    description: Whether files that were checked before are read again (V(all)) or only looked at (V(new)).
    type: str
    choices: [new, all]
    default: new
  python:
    description: Interpreter of an environment with huggingface_hub.
    type: path
  runner:
    description: The program that fetches, on the host.
    type: path
  workers:
    description: Files that are fetched at the same time.
    type: int
    default: 4
  tries:
    description: How often what may pass (429, 5xx, a cut connection) is tried without anything arriving in between.
    type: int
    default: 5
  progress_file:
    description: File to report progress to.
    type: path
"""

EXAMPLES = r"""
- name: What the model is and how much would have to come
  inferhost.llm.model_download:
    state: facts
    path: /opt/inferhost/models/Qwen--Qwen3.6-27B
    model: Qwen/Qwen3.6-27B
  register: model

- name: Fetch it
  inferhost.llm.model_download:
    path: /opt/inferhost/models/Qwen--Qwen3.6-27B
    model: Qwen/Qwen3.6-27B
    revision: "{{ model.commit }}"
    token_file: /root/hf_token
    python: /opt/inferhost/venvs/hub/bin/python
    runner: /opt/inferhost/lib/model_fetch.py
"""

RETURN = r"""
path:
  description: Folder of the model.
  type: str
  returned: always
commit:
  description: What the files were listed at. A commit on the Hugging Face Hub, the revision's name on ModelScope.
  type: str
  returned: success, but for O(state=absent)
complete:
  description: Whether all wanted files are there and checked.
  type: bool
  returned: success, but for O(state=absent)
digest:
  description: SHA-256 over names and contents of the model's files; empty while not all are there.
  type: str
  returned: success, but for O(state=absent)
files:
  description: The wanted files with C(name) and C(size).
  type: list
  elements: dict
  returned: success, but for O(state=absent)
total_bytes:
  description: Bytes of the wanted files.
  type: int
  returned: success, but for O(state=absent)
missing_bytes:
  description: Bytes that are still to come.
  type: int
  returned: success, but for O(state=absent)
config:
  description: Content of C(config.json), with the quantisation of C(hf_quant_config.json) where it lies beside it.
  type: dict
  returned: O(state=facts)
tokenizer_config:
  description: Content of C(tokenizer_config.json) without the template and the list of tokens.
  type: dict
  returned: O(state=facts)
generation_config:
  description: Content of C(generation_config.json).
  type: dict
  returned: O(state=facts)
chat_template:
  description: The chat template; of several all of them.
  type: str
  returned: O(state=facts)
fetched:
  description: Files that were, or would be, fetched.
  type: list
  elements: str
  returned: O(state=present)
checked:
  description: Files that were there already and were, or would be, read.
  type: list
  elements: str
  returned: O(state=present)
replaced:
  description: Files with another content than they should have, which were removed and fetched again.
  type: list
  elements: str
  returned: O(state=present)
removed:
  description: Files that were, or would be, removed.
  type: list
  elements: str
  returned: success, but for O(state=facts)
kind:
  description: What kind of error it is, such as C(gated), C(no_model), C(no_space) or C(quota).
  type: str
  returned: failure
"""

import os
import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.inferhost.llm.plugins.module_utils._hub._errors import HubError, explained
from ansible_collections.inferhost.llm.plugins.module_utils._hub._facts import read_small_files
from ansible_collections.inferhost.llm.plugins.module_utils._hub._files import OWN_FOLDER, RemoteFile, total, wanted
from ansible_collections.inferhost.llm.plugins.module_utils._hub._folder import Fetching, Folder, put_there, remove
from ansible_collections.inferhost.llm.plugins.module_utils._hub._manifest import Manifest, State, digest, read_manifest
from ansible_collections.inferhost.llm.plugins.module_utils._hub._runner import environment
from ansible_collections.inferhost.llm.plugins.module_utils._hub._sources import Source, make_source
from ansible_collections.inferhost.llm.plugins.module_utils._hub._space import check_file_size, check_room, room_at
from ansible_collections.inferhost.llm.plugins.module_utils._progress import Progress


def read_token(given: t.Optional[str], path: t.Optional[str]) -> tuple[str, str]:
    """The token, and what a message may say of it."""
    if given:
        return given.strip(), "with the token of model_token"
    if not path:
        return "", "no token is set"
    try:
        with open(path, encoding="utf-8") as stream:
            token = stream.read().strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise HubError("option", f"the token's file {path} cannot be read: {reason}. Correct model_token_file; only root should be able to read it") from None
    if not token:
        raise HubError("option", f"the token's file {path} is empty. Put the token in, or leave model_token_file empty")
    return token, f"with the token of {path}"


def listed(params: t.Mapping[str, t.Any], source: Source) -> Manifest:
    """The model's files: as noted in the folder where that answers, otherwise as the hub lists them."""
    noted = read_manifest(params["path"])
    if noted is not None and noted.answers(source.kind, source.model, params["revision"]) and not params["refresh"]:
        return noted
    listing = source.listing(params["revision"], params["tries"])
    return Manifest(source.kind, source.model, params["revision"], listing.commit, listing.files, noted.whole if noted else {})


def choose(params: t.Mapping[str, t.Any], manifest: Manifest) -> list[RemoteFile]:
    chosen = wanted(manifest.files, params["include"], params["exclude"])
    if not chosen:
        raise HubError("option", f"of the {len(manifest.files)} files of {manifest.model} none is left by model_include and model_exclude")
    return chosen


def told(path: str, manifest: Manifest, wished: list[RemoteFile], state: State) -> dict[str, t.Any]:
    """What every answer says of the folder."""
    complete = not state.missing and not state.unchecked
    return {
        "path": path,
        "commit": manifest.commit,
        "complete": complete,
        "digest": digest(wished, manifest.whole) if complete else "",
        "files": [{"name": one.name, "size": one.size} for one in wished],
        "total_bytes": total(wished),
        "missing_bytes": state.bytes_to_come,
    }


def difference(fetched: list[str], checked: list[str], removed: list[str]) -> dict[str, str]:
    lines = [f"+ {name}" for name in fetched] + [f"= {name} (read)" for name in checked]
    return {"before": "".join(f"- {name}\n" for name in removed), "after": "".join(f"{line}\n" for line in lines)}


def check_fit(path: str, state: State, headroom: int) -> None:
    """By what the filesystem says, before so much as a folder is made. What others left behind, and files that are not what they should be, go first."""
    check_file_size(max((one.size for one in state.missing), default=0))
    room = room_at(path)
    wrong = [os.path.join(path, one.name) for one in state.missing]
    going = sum(state.abandoned.values()) + sum(os.path.getsize(one) for one in wrong if os.path.isfile(one))
    check_room(room._replace(free_bytes=room.free_bytes + going), state.bytes_to_come, headroom, len(state.missing))


def foresee(module: AnsibleModule, folder: Folder, state: State) -> t.NoReturn:
    """Check mode: what would be done."""
    fetched, checked = [one.name for one in state.missing], [one.name for one in state.unchecked]
    removed = state.obsolete + [os.path.relpath(path, folder.path) for path in state.abandoned]
    # To read again what was checked before changes nothing, unless it was damaged, which only reading tells.
    changed = bool(fetched or removed or folder.survey().unchecked)
    module.exit_json(
        changed=changed,
        fetched=fetched,
        checked=checked,
        replaced=[],
        removed=removed,
        diff=difference(fetched, checked, removed),
        **told(folder.path, folder.manifest, folder.wished, state),
    )
    raise AssertionError("exit_json returned")


def bring(module: AnsibleModule, source: Source, manifest: Manifest) -> t.NoReturn:
    """Fetch what is missing."""
    params = module.params
    progress = Progress(params["progress_file"], f"fetching {source.model}", "MB")
    folder = Folder(params["path"], manifest, choose(params, manifest), lambda done, all_: progress.report(round(done / 1e6, 1), round(all_ / 1e6, 1)))
    state = folder.survey(params["verify"] == "all")
    if state.missing:
        check_fit(folder.path, state, params["headroom_bytes"])
    if module.check_mode:
        foresee(module, folder, state)
    noted = read_manifest(folder.path)
    as_noted = noted is not None and noted._replace(whole={}) == manifest._replace(whole={})
    if not (as_noted and not state.missing and not state.unchecked and not state.abandoned and not state.obsolete):
        with folder.held():
            state = folder.survey(params["verify"] == "all")
            folder.clean(state)
            folder.check(state)
            state = folder.survey()
            if state.missing:
                folder.make_room(state, params["headroom_bytes"])
                folder.save()
                own = os.path.join(folder.path, OWN_FOLDER)
                told_to = environment(source.endpoint, os.path.join(own, "home"), os.environ)
                command = [params["python"], params["runner"]]
                folder.fetch(source, Fetching(command, told_to, params["workers"], params["tries"], params["headroom_bytes"]))
            folder.finish(folder.survey())
    progress.clear()
    module.exit_json(
        changed=bool(folder.fetched or folder.removed or manifest != noted),
        fetched=folder.fetched,
        checked=folder.checked,
        replaced=folder.replaced,
        removed=folder.removed,
        diff=difference(folder.fetched, folder.checked, folder.removed),
        **told(folder.path, manifest, folder.wished, folder.survey()),
    )
    raise AssertionError("exit_json returned")


def tell(module: AnsibleModule, source: Source, manifest: Manifest) -> t.NoReturn:
    """Facts for a plan."""
    params = module.params
    wished = choose(params, manifest)
    state = Folder(params["path"], manifest, wished, lambda done, all_: None).survey()
    good = {one.name for one in state.good}
    small = read_small_files(params["path"], source, manifest.commit, wished, good, params["tries"])
    module.exit_json(changed=False, **told(params["path"], manifest, wished, state), **small)
    raise AssertionError("exit_json returned")


def take_away(module: AnsibleModule) -> t.NoReturn:
    path = module.params["path"]
    noted = read_manifest(path)
    if module.check_mode:
        removed = sorted([*put_there(path, noted), OWN_FOLDER]) if os.path.isdir(os.path.join(path, OWN_FOLDER)) else []
    else:
        removed = remove(path, noted)
    module.exit_json(changed=bool(removed), path=path, removed=removed, diff=difference([], [], removed))
    raise AssertionError("exit_json returned")


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["present", "facts", "absent"], "default": "present"},
            "path": {"type": "path", "required": True},
            "source": {"type": "str", "choices": ["huggingface", "modelscope"], "default": "huggingface"},
            "endpoint": {"type": "str", "default": ""},
            "model": {"type": "str", "required": True},
            "revision": {"type": "str", "default": ""},
            "refresh": {"type": "bool", "default": False},
            "token": {"type": "str", "no_log": True},
            "token_file": {"type": "path", "no_log": False},
            "include": {"type": "list", "elements": "str", "default": []},
            "exclude": {"type": "list", "elements": "str", "default": []},
            "headroom_bytes": {"type": "int", "default": 1 << 30},
            "verify": {"type": "str", "choices": ["new", "all"], "default": "new"},
            "python": {"type": "path"},
            "runner": {"type": "path"},
            "workers": {"type": "int", "default": 4},
            "tries": {"type": "int", "default": 5},
            "progress_file": {"type": "path"},
        },
        required_if=[("state", "present", ("python", "runner"))],
        supports_check_mode=True,
    )
    params = module.params
    os.umask(0o022)
    if params["state"] == "absent":
        take_away(module)
    source, known_of_token = Source(params["source"], "", params["model"], ""), ""
    try:
        token, known_of_token = read_token(params["token"], params["token_file"])
        if token:
            module.no_log_values.add(token)
        source = make_source(params["source"], params["endpoint"], params["model"], token)
        manifest = listed(params, source)
        (tell if params["state"] == "facts" else bring)(module, source, manifest)
    except HubError as error:
        message = explained(error, source.model, params["revision"], source.endpoint, source.page, known_of_token)
        module.fail_json(msg=message, kind=error.kind, path=params["path"])


if __name__ == "__main__":
    main()
