# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which model a request is for: its name behind an alias, the upstreams that may have it, and the list of all names."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote

import msgspec
from msgspec import Raw

from . import affinity, aliases, anthropic_errors
from .aliases import Aliases
from .asgi import Headers
from .config import Config
from .engine import Engine
from .errors import Fault
from .health import models_in
from .openai_request import Ask, Members, with_changes
from .pool import Errand, Pool, Wish
from .renaming import Renaming
from .room import Room, room
from .upstream_config import Alias

MODELS = "/v1/models"
CACHING = frozenset({"chat", "completions", "responses"})
"""Routes whose requests find something in a prefix cache."""
_MEMBERS = msgspec.json.Decoder(Members)
_NOT_JSON = (msgspec.DecodeError, UnicodeError, RecursionError)
Document = dict[str, Any]


class Reader:
    """Reads one request of the OpenAI surface, and says what an alias changes in it."""

    def __init__(self, known: Aliases, route: str, room_of: Callable[[str | None], Room]) -> None:
        self.route = route
        self._known = known
        self._room_of = room_of
        self.members: Members = {}
        self.model: str | None = None
        """The name that the engine knows."""
        self.most: int | None = None
        """The output tokens that this model can write at all."""
        self.renaming: Renaming | None = None

    def __call__(self, members: Members) -> dict[str, Raw | None]:
        """The changes."""
        self.members = members
        self.model = name = aliases.name_in(members)
        alias = self._known.find(name) if name is not None else None
        if alias is None or name is None:
            self.most = self._room_of(name).most
            return {}
        changes = aliases.in_members(alias, self.route, members)
        self.model = alias.model
        self.most = self._room_of(alias.model).most
        if name != alias.model:
            self.renaming = Renaming(name)
        return changes

    def ask(self, body: bytes) -> Ask:
        """The request of a route where nothing else changes."""
        try:
            members = _MEMBERS.decode(body)
            changes = self(members)
        except _NOT_JSON:
            return Ask(body)
        return Ask(msgspec.json.encode(with_changes(members, changes)) if changes else body)


class Directory:
    def __init__(self, config: Config, pool: Pool) -> None:
        fixed = [name for upstream in config.upstreams for name in upstream.models or ()]
        self._aliases = Aliases(config.aliases, [*config.models, *fixed])
        self._pool = pool
        self._planned = config.models
        self._limits = config.limits
        self.lists = bool(self._aliases) or pool.several
        """Whether requests are read, and the list of models is made here."""

    def reader(self, route: str) -> Reader | None:
        """What reads a request; None where there is nothing to find out."""
        return Reader(self._aliases, route, self.room) if self.lists else None

    def room(self, model: str | None) -> Room:
        """How many tokens a model takes, by the engine's name for it or an alias."""
        alias = self._aliases.find(model) if model is not None else None
        name = alias.model if alias is not None else model
        entries = [entry for member in self._pool.members for entry in member.listing if entry["id"] == name] if self._pool.several else []
        return room(name, self._planned, self._limits, [entry.get("max_model_len") for entry in entries])

    def wish(self, reader: Reader | None, client: Headers, repeatable: bool) -> Wish:
        """What decides on the request's upstream."""
        if not self._pool.several or reader is None:
            return Wish(repeatable=repeatable)
        caches = reader.route in CACHING
        return Wish(reader.model, (affinity.of_headers(client) or affinity.of_members(reader.members)) if caches else None, repeatable)

    def chat(self, errand: Errand, client: Headers, chat: Document) -> Document:
        """The same for a request in Python's objects: what is to be asked, with the wish noted."""
        alias = self._aliases.find(chat["model"])
        if alias is not None:
            chat = chat | aliases.filled(alias, "chat", chat)
        key = (affinity.of_headers(client) or affinity.of_chat(chat)) if self._pool.several else None
        errand.wish = Wish(chat["model"], key)
        return chat

    async def listing(self, engine: Engine, path: str) -> list[Document]:
        """All models and aliases, with an alias that only the path names."""
        if self._pool.several:
            up = [member for member in self._pool.members if member.healthy()]
            if not up:
                raise Fault("upstream_down", message="No model server is up. Try again shortly.")
            entries = [entry for member in up for entry in member.listing]
        else:
            status, body = await engine.whole(MODELS)
            if status != HTTPStatus.OK:
                raise anthropic_errors.from_answer(status, body)
            entries = models_in(body)
        known = merged(entries, ((name, self._aliases.find(name)) for name in self._aliases.names))
        named = named_in(path)
        return merged(known, [(named, self._aliases.find(named))]) if named else known

    async def explained(self, engine: Engine, message: str, model: str | None) -> str:
        """The engine's refusal of a model, with the names that are served; any other message as it is."""
        if not model or not any(f"{quote}{model}{quote}" in message for quote in "`'\""):
            return message
        try:
            names = [entry["id"] for entry in await self.listing(engine, MODELS)]
        except Fault:
            return message
        return f"{message} There is: {', '.join([*names, *self._aliases.patterns])}."

    async def explained_document(self, engine: Engine, document: bytes, asked: bytes) -> bytes:
        """The same in the engine's own JSON, for a request in JSON."""
        try:
            model = aliases.name_in(_MEMBERS.decode(asked))
            refusal = msgspec.json.decode(document)
        except _NOT_JSON:
            return document
        error = refusal.get("error", refusal) if isinstance(refusal, dict) else None
        if not isinstance(error, dict) or not isinstance(error.get("message"), str):
            return document
        message = await self.explained(engine, error["message"], model)
        if message == error["message"]:
            return document
        error["message"] = message
        return msgspec.json.encode(refusal)


def named_in(path: str) -> str:
    """The model that a path below /v1/models names."""
    return unquote(path.removeprefix(MODELS).lstrip("/"))


def found(entries: list[Document], path: str) -> Document | None:
    """The model that the path names; None where it names none."""
    name = named_in(path)
    if not name:
        return None
    for entry in entries:
        if entry["id"] == name:
            return entry
    raise Fault("not_found", message=f"There is no model `{name}`; there is: {', '.join(entry['id'] for entry in entries)}")


def merged(entries: Iterable[Document], names: Iterable[tuple[str, Alias | None]]) -> list[Document]:
    """Each model once, and the aliases of those that are served as further ones."""
    known: dict[str, Document] = {}
    for entry in entries:
        known.setdefault(entry["id"], entry)
    for name, alias in names:
        if alias is not None and alias.model in known and name not in known:
            known[name] = {**known[alias.model], "id": name, "parent": alias.model}
    return list(known.values())
