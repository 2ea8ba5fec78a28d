# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: apt_transaction
short_description: Install and remove packages with apt in one transaction that is looked at before it takes place
version_added: 0.1.0
description:
  - Lets apt simulate the transaction first. Where it would touch a package that must stay as it is, the task fails and nothing is changed.
  - In contrast to M(ansible.builtin.apt) packages are installed and removed at once, so that one of two that exclude each other takes the other's place,
    and nothing is removed but what is named and what apt has to take out for it.
attributes:
  check_mode:
    support: full
    description: Only simulates. Packages that apt does not know yet, because their source is not there, are reported by their names.
  diff_mode:
    support: full
    description: Lists the packages with their versions.
  idempotent:
    support: full
    description: Where apt would do nothing, nothing is run.
options:
  install:
    description: Packages that must be there, by name, as C(NAME=VERSION), or as the path of a package file on the host.
    type: list
    elements: str
    default: []
  if_available:
    description: Packages to install where apt knows them.
    type: list
    elements: str
    default: []
  remove:
    description: Packages to remove.
    type: list
    elements: str
    default: []
  purge:
    description: Whether the settings of removed packages go too.
    type: bool
    default: false
  must_not_change:
    description: Beginnings of names of packages that the transaction may neither install nor remove nor move to another version.
    type: list
    elements: str
    default: []
  move:
    description: Installed packages that have to be of O(move_to). One that apt would not take in such a version is removed.
    type: list
    elements: str
    default: []
  move_to:
    description: Beginning of the upstream version that O(move) asks for, without the dot behind it.
    type: str
    default: ""
  may_change_held:
    description: Held packages that the transaction may change. Any other held package makes the task fail.
    type: list
    elements: str
    default: []
  same_version:
    description: Packages of O(install) that have to be of the same upstream version as O(version_of).
    type: list
    elements: str
    default: []
  version_of:
    description: Installed packages that tell this version; the first that is there counts.
    type: list
    elements: str
    default: []
  allow_downgrades:
    description: Whether apt may go back to an older version.
    type: bool
    default: false
  upgrade:
    description: Whether packages of O(install) that are there move to the version that apt prefers. Otherwise only those that are missing are brought.
    type: bool
    default: false
  record:
    description:
      - File on the host that remembers which packages the transaction brought, written before it takes place. Several transactions may share one.
    type: path
  undo:
    description:
      - Remove what O(record) remembers, the packages of O(remove), and the file. What came along and something else needs by now stays, marked as automatic.
      - Fails where something else would have to go with a package that was asked for.
    type: bool
    default: false
  update:
    description: Whether to read the package indexes first. It does not count as a change, and check mode leaves it out.
    type: bool
    default: false
  revert:
    description: RV(changes) of earlier transactions to undo, in their order. Packages come back in the versions that they had, and new ones go.
    type: list
    elements: dict
    default: []
  install_recommends:
    description: Whether recommended packages come too.
    type: bool
    default: false
seealso:
  - module: inferhost.llm.dpkg_repair
  - module: inferhost.llm.driver_plan
author:
  - inferhost contributors (@inferhost)
"""

EXAMPLES = r"""
- name: The open module in, the closed one out, and no other kernel
  inferhost.llm.apt_transaction:
    install: [nvidia-driver-cuda, nvidia-kernel-open-dkms]
    remove: [nvidia-kernel-dkms]
    must_not_change: [linux-image-]
"""

RETURN = r"""
changes:
  description: What apt does, in its order. Without O(install) or O(remove) packages that have to be touched there are none.
  type: list
  elements: dict
  returned: always
  contains:
    name:
      description: Package.
      type: str
    old:
      description: Version before, none where it was not there.
      type: str
    new:
      description: Version afterwards, none where it is removed.
      type: str
unavailable:
  description: Packages of O(if_available) that apt does not know.
  type: list
  elements: str
  returned: always
unknown:
  description: Packages of O(install) that apt does not know yet. Only in check mode, and then nothing was simulated.
  type: list
  elements: str
  returned: always
"""

import os
import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.inferhost.llm.plugins.module_utils._apt._programs import ENVIRONMENT, OPTIONS, last_words
from ansible_collections.inferhost.llm.plugins.module_utils._apt._record import read_record, write_record
from ansible_collections.inferhost.llm.plugins.module_utils._apt._simulation import Change, candidates, changes, inverse, refusals, upstream, version_like


class Transaction:
    """One transaction on this host."""

    def __init__(self, module: AnsibleModule) -> None:
        self._module = module
        self._params = module.params

    def _run(self, command: t.Sequence[str]) -> t.Tuple[int, str, str]:
        status, output, errors = self._module.run_command(list(command), environ_update=ENVIRONMENT)
        return status, output, errors

    def _read(self, command: t.Sequence[str]) -> str:
        status, output, errors = self._run(command)
        if status != 0:
            self._module.fail_json(msg="%s: %s" % (" ".join(command[:2]), last_words(output, errors)))
        return output

    def moving(self) -> t.Tuple[t.List[str], t.List[str]]:
        """Packages to move, and those that have to go instead."""
        there = self.installed(self._params["move"])
        known = candidates(self._read(["apt-cache", "policy", *there])) if there else {}
        stay = [name for name in there if upstream(known.get(name, "")).startswith(self._params["move_to"] + ".")]
        return stay, [name for name in there if name not in stay]

    def unknown(self, packages: t.Sequence[str]) -> t.List[str]:
        """Those that apt could not install."""
        names = {package: package.partition("=")[0] for package in packages if not package.startswith("/")}
        known = candidates(self._read(["apt-cache", "policy", *names.values()])) if names else {}
        return [package for package in packages if (names[package] not in known if package in names else not os.path.exists(package))]

    def installed(self, names: t.Sequence[str]) -> t.Dict[str, str]:
        """Those that are there, with their versions."""
        if not names:
            return {}
        _status, output, _errors = self._run(["dpkg-query", "--show", "--showformat=${Package}\\t${Version}\\t${db:Status-Status}\\n", *names])
        rows = [line.split("\t") for line in output.splitlines()]
        return {row[0]: row[1] for row in rows if len(row) == 3 and row[2] not in ("not-installed", "config-files")}

    def specifications(self, install: t.Sequence[str]) -> t.List[str]:
        """Packages as apt-get takes them; one that must follow another has its version."""
        following = self._params["same_version"]
        if not set(following) & set(install):
            return list(install)
        leaders = self.installed(self._params["version_of"])
        if not leaders and self._module.check_mode:
            return list(install)
        if not leaders:
            self._module.fail_json(msg="none of %s is installed, so there is no version to follow" % ", ".join(self._params["version_of"]))
        wanted = upstream(leaders[next(name for name in self._params["version_of"] if name in leaders)])
        return [self._in_version(name, wanted) if name in following else name for name in install]

    def _in_version(self, name: str, wanted: str) -> str:
        version = version_like(self._read(["apt-cache", "madison", name]), wanted)
        if version is None:
            self._module.fail_json(msg="%s is not to be had in version %s, which the driver has; nothing was changed" % (name, wanted))
        return "%s=%s" % (name, version)

    def command(self, install: t.Sequence[str], remove: t.Sequence[str], *options: str) -> t.List[str]:
        """apt-get with the whole transaction."""
        more = list(options)
        more += ["--allow-downgrades"] if self._params["allow_downgrades"] else []
        more += ["--purge"] if self._params["purge"] else []
        more += [] if self._params["upgrade"] else ["--no-upgrade"]
        more += [] if self._params["install_recommends"] else ["--no-install-recommends"]
        return ["apt-get", *OPTIONS, "--allow-change-held-packages", *more, "install", *install, *("%s-" % name for name in remove)]

    def simulate(self, install: t.Sequence[str], remove: t.Sequence[str]) -> t.List[Change]:
        """What apt would do."""
        if not install and not remove:
            return []
        status, output, errors = self._run(self.command(install, remove, "--simulate"))
        if status != 0:
            self._module.fail_json(msg="apt cannot do this, and nothing was changed: %s" % last_words(output, errors), stdout=output, stderr=errors)
        return changes(output)

    def guarded(self, planned: t.List[Change]) -> t.List[Change]:
        """The same; fails where it must not be."""
        held = self._read(["apt-mark", "showhold"]).split()
        reasons = refusals(planned, self._params["must_not_change"], held, self._params["may_change_held"])
        if reasons:
            self._module.fail_json(
                msg="apt %s; nothing was changed. Bring the host to that state yourself first (apt-get dist-upgrade, then reboot), or use another source."
                % "; ".join(reasons),
                changes=[change._asdict() for change in planned],
            )
        return planned

    def carry_out(self, install: t.Sequence[str], remove: t.Sequence[str], planned: t.Sequence[Change]) -> None:
        """For real. What was begun is told also where it fails, so that it can be reverted."""
        status, output, errors = self._run(self.command(install, remove))
        if status != 0:
            done = [change._asdict() for change in planned]
            self._module.fail_json(msg="apt failed: %s" % last_words(output, errors), stdout=output, stderr=errors, changes=done)

    def do(self) -> t.Dict[str, t.Any]:
        """Look, simulate, and do it."""
        params = self._params
        if params["update"] and not self._module.check_mode:
            self._read(["apt-get", "update", *OPTIONS])
        back, away = inverse([Change(row["name"], row["old"], row["new"]) for row in params["revert"]])
        move, leave = self.moving()
        wanted = [*params["install"], *back, *move]
        away += leave
        missing = self.unknown([*wanted, *params["if_available"]])
        unavailable = [name for name in params["if_available"] if name in missing]
        unknown = [name for name in wanted if name in missing]
        there = self.installed([*params["remove"], *away])
        remove = [name for name in (*params["remove"], *away) if name in there]
        if unknown and not self._module.check_mode:
            self._module.fail_json(msg="apt knows no package %s; nothing was changed" % ", ".join(unknown), unknown=unknown)
        if unknown:
            # Without the source apt cannot tell what it would take, so these are the names that were asked for.
            moving = self.installed(params["move"])
            planned = [Change(name, None, "") for name in (*params["install"], *back)]
            planned += [Change(name, version, params["move_to"]) for name, version in moving.items()]
            planned += [Change(name, there[name], None) for name in remove if name not in moving]
        else:
            install = self.specifications([*wanted, *(name for name in params["if_available"] if name not in missing)])
            planned = self.guarded(self.simulate(install, remove))
            if planned and not self._module.check_mode:
                if params["record"]:
                    write_record(params["record"], read_record(params["record"]).after(planned, wanted))
                self.carry_out(install, remove, planned)
        return {"planned": planned, "unavailable": unavailable, "unknown": unknown}

    def _strangers(self, remove: t.Sequence[str], ours: t.Collection[str]) -> bool:
        """Whether something that did not come from here would have to go too."""
        return any(change.name not in ours for change in self.simulate([], remove))

    def undo(self) -> t.Dict[str, t.Any]:
        """Take out what was brought; what others need by now stays, and is apt's to take away later."""
        record = read_record(self._params["record"])
        there = self.installed([*record.asked, *record.brought, *self._params["remove"]])
        asked = [name for name in there if name not in record.brought]
        brought = [name for name in there if name in record.brought]
        leave = [name for name in brought if self._strangers([*asked, name], there)] if self._strangers([*asked, *brought], there) else []
        planned = self.simulate([], [name for name in there if name not in leave])
        strangers = sorted({change.name for change in planned} - set(there))
        if strangers:
            self._module.fail_json(msg="%s would have to go too, and did not come from here; remove it first. Nothing was changed." % ", ".join(strangers))
        self.guarded(planned)
        if not self._module.check_mode:
            if planned:
                self.carry_out([], [change.name for change in planned], planned)
            if leave:
                self._read(["apt-mark", "auto", *leave])
            if os.path.exists(self._params["record"]):
                os.unlink(self._params["record"])
        return {"planned": planned, "unavailable": [], "unknown": []}


def main() -> None:
    names: t.Dict[str, t.Any] = {"type": "list", "elements": "str", "default": []}
    module = AnsibleModule(
        argument_spec={
            "install": names,
            "if_available": names,
            "remove": names,
            "purge": {"type": "bool", "default": False},
            "must_not_change": names,
            "move": names,
            "move_to": {"type": "str", "default": ""},
            "may_change_held": names,
            "same_version": names,
            "version_of": names,
            "allow_downgrades": {"type": "bool", "default": False},
            "upgrade": {"type": "bool", "default": False},
            "record": {"type": "path"},
            "undo": {"type": "bool", "default": False},
            "update": {"type": "bool", "default": False},
            "revert": {"type": "list", "elements": "dict", "default": []},
            "install_recommends": {"type": "bool", "default": False},
        },
        required_if=[("undo", True, ["record"])],
        supports_check_mode=True,
    )
    transaction = Transaction(module)
    result = transaction.undo() if module.params["undo"] else transaction.do()
    planned: t.List[Change] = result.pop("planned")
    diff = {
        "before": "".join("%s %s\n" % (change.name, change.old) for change in planned if change.old is not None),
        "after": "".join("%s %s\n" % (change.name, change.new) for change in planned if change.new is not None),
    }
    module.exit_json(changed=bool(planned), changes=[change._asdict() for change in planned], diff=diff, **result)


if __name__ == "__main__":
    main()
