# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import shlex

import pytest

from ansible_collections.inferhost.llm.plugins.module_utils import _service_command as service


def test_a_service_without_secrets_is_started_as_it_is():
    assert service.with_secrets({"command": ["/bin/x", 1]}, "/r") == ["/bin/x", "1"]


def test_secrets_are_named_by_file_and_never_by_value():
    argv = service.with_secrets({"command": ["/bin/x"], "secrets": {"B": "two", "A": "one"}}, "/r")
    assert argv == ["/bin/sh", "/r/lib/with-secrets", "A=one", "B=two", "--", "/bin/x"]
    assert service.credential_files({"secrets": {"A": "one"}, "credentials": ["two", "one"]}) == ["one", "two"]


@pytest.mark.parametrize("word", ["plain", "with blank", 'a "quote"', "back\\slash", "{'a': 1}", "semi ; colon", ""])
def test_words_survive_the_shell_like_splitting_of_supervisord(word):
    assert shlex.split(service.supervisor_exec([word, "end"])) == [word, "end"]


def test_what_managers_expand_is_escaped():
    assert service.systemd_exec(["100%", "$HOME"]) == '"100%%" "$$HOME"'
    assert service.supervisor_exec(["100%"]) == '"100%%"'
    assert service.supervisor_environment({"B": "x,y", "A": "5%"}) == 'A="5%%",B="x,y"'


@pytest.mark.parametrize(
    ("value", "words"),
    [(None, ["--f"]), (True, ["--f"]), (4096, ["--f", "4096"]), ("a b", ["--f", "a b"]), ({"k": 1}, ["--f", '{"k": 1}'])],
)
def test_words_of_a_flag(value, words):
    assert service.flag_words({"key": "--f", "value": value}) == words


def test_a_list_is_words_where_the_flag_takes_several_and_json_elsewhere():
    assert service.flag_words({"key": "--cudagraph-capture-sizes", "value": [1, 2]}) == ["--cudagraph-capture-sizes", "1", "2"]
    assert service.flag_words({"key": "--allowed-origins", "value": ["*"]}) == ["--allowed-origins", '["*"]']
