# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading numbers out of a model's config.json, with errors that name file and field."""

from __future__ import annotations

import typing as t

Config = t.Mapping[str, t.Any]


class ModelError(ValueError):
    """The model's files cannot be used; the message names file and field."""


class Fields:
    """Positive whole numbers by name."""

    def __init__(self, data: Config, where: str) -> None:
        self._data = data
        self._where = where

    def integer(self, name: str, default: t.Optional[int] = None) -> int:
        """The number; raises ModelError where it is missing without a default, or is no such number."""
        value = self._data.get(name)
        if value is None:
            if default is None:
                raise ModelError("%s: field %s is missing" % (self._where, name))
            return default
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ModelError("%s: field %s must be a whole number above 0, not %r" % (self._where, name, value))
        return value

    def either(self, names: t.Sequence[str], default: t.Optional[int] = None) -> int:
        """The first of several names that is there; families call one thing by different names."""
        return self.integer(next((name for name in names if self._data.get(name) is not None), names[0]), default)

    def names(self, name: str) -> t.Optional[t.List[str]]:
        """A list of words, such as one kind for each layer; None where there is none."""
        value = self._data.get(name)
        if value is None:
            return None
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            raise ModelError("%s: field %s must be a list of names" % (self._where, name))
        return t.cast("t.List[str]", value)
