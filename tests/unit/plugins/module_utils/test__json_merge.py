# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.inferhost.llm.plugins.module_utils._json_merge import (
    Ours,
    leaves,
    merge,
    remove,
)

WANTED = {"model": "inferhost/tiny", "provider": {"inferhost": {"name": "inferhost", "options": {"baseURL": "http://127.0.0.1:4000/v1"}}}}
OWNERS: list[dict[str, t.Any]] = [
    {},
    {"theme": "dark"},
    {"provider": {}},
    {"provider": {"other": {"options": {"apiKey": "theirs"}}}},
    {"model": "other/large", "provider": {"inferhost": {"name": "my own name"}}},
    {"provider": "nonsense", "list": [1, {"a": 2}]},
]


def test_leaves_are_values_lists_and_empty_objects():
    assert leaves({"a": {"b": 1, "c": []}, "d": {}}) == {("a", "b"): 1, ("a", "c"): [], ("d",): {}}


def test_settings_go_beside_what_is_there():
    merged = merge({"theme": "dark", "provider": {"other": {"name": "x"}}}, WANTED, Ours())
    assert merged.document == {
        "theme": "dark",
        "provider": {"other": {"name": "x"}, **WANTED["provider"]},  # type: ignore[dict-item]
        "model": "inferhost/tiny",
    }
    assert merged.kept == []


def test_a_value_of_the_owner_is_kept_and_named():
    merged = merge({"model": "other/large"}, WANTED, Ours())
    assert merged.document["model"] == "other/large"
    assert merged.kept == [("model",)]


def test_a_value_where_an_object_is_needed_is_kept():
    merged = merge({"provider": "nonsense"}, WANTED, Ours())
    assert merged.document == {"provider": "nonsense", "model": "inferhost/tiny"}
    assert merged.kept == [("provider", "inferhost", "name"), ("provider", "inferhost", "options", "baseURL")]


@pytest.mark.parametrize("owner", OWNERS)
def test_taking_out_leaves_the_owners_document(owner):
    merged = merge(owner, WANTED, Ours())
    assert remove(merged.document, merged.ours) == owner


@pytest.mark.parametrize("owner", OWNERS)
def test_a_second_time_changes_nothing(owner):
    first = merge(owner, WANTED, Ours())
    second = merge(first.document, WANTED, Ours.from_record(first.ours.to_record()))
    assert (second.document, second.ours, second.kept) == (first.document, first.ours, first.kept)


def test_a_new_value_replaces_ours_and_an_unwanted_one_goes():
    first = merge({"theme": "dark"}, {"env": {"A": "1", "B": "2"}}, Ours())
    second = merge(first.document, {"env": {"A": "3"}}, first.ours)
    assert second.document == {"theme": "dark", "env": {"A": "3"}}
    assert remove(second.document, second.ours) == {"theme": "dark"}


def test_what_the_owner_changed_since_is_the_owners():
    first = merge({}, {"env": {"A": "1", "B": "2"}}, Ours())
    changed = {"env": {"A": "mine", "B": "2"}}
    second = merge(changed, {"env": {"A": "3", "B": "2"}}, first.ours)
    assert second.document == changed
    assert second.kept == [("env", "A")]
    assert remove(second.document, second.ours) == {"env": {"A": "mine"}}


def test_what_the_owner_added_to_an_object_of_ours_stays():
    first = merge({}, {"env": {"A": "1"}}, Ours())
    first.document["env"]["C"] = "mine"
    assert remove(first.document, first.ours) == {"env": {"C": "mine"}}
