# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: dpkg_repair
short_description: Finish what an interrupted run of dpkg or apt left half done
version_added: 0.1.0
description:
  - Looks at what C(dpkg --audit) says and at what dpkg had begun to write. Where all is whole, nothing is run.
  - Otherwise lets dpkg configure what is unpacked, and apt fetch and install again what is broken.
attributes:
  check_mode:
    support: full
    description: Only says what is half done.
  diff_mode:
    support: none
    description: What dpkg will have to do for it is not known before.
  idempotent:
    support: full
    description: On a whole host nothing is run.
options: {}
seealso:
  - module: inferhost.llm.apt_transaction
author:
  - inferhost contributors (@inferhost)
"""

EXAMPLES = r"""
- name: Heal an interrupted installation before anything else
  inferhost.llm.dpkg_repair:
  become: true
"""

RETURN = r"""
found:
  description: What was half done, in dpkg's words. Empty on a whole host.
  type: str
  returned: always
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.inferhost.llm.plugins.module_utils._apt._programs import ENVIRONMENT, OPTIONS, interrupted, last_words

# apt refuses to work before dpkg has finished; dpkg alone cannot fetch what it lacks, and what apt fetched is configured by it in the end.
CURES: t.Tuple[t.Tuple[str, ...], ...] = (
    ("dpkg", "--force-confdef", "--force-confold", "--configure", "-a"),
    ("apt-get", *OPTIONS, "--fix-broken", "install"),
    ("dpkg", "--force-confdef", "--force-confold", "--configure", "-a"),
)


def main() -> None:
    module = AnsibleModule(argument_spec={}, supports_check_mode=True)

    def run(command: t.Sequence[str]) -> t.Tuple[int, str, str]:
        status, output, errors = module.run_command(list(command), environ_update=ENVIRONMENT)
        return status, output, errors

    found = interrupted(run)
    if not found or module.check_mode:
        module.exit_json(changed=bool(found), found=found)
    said = ""
    for cure in CURES:
        status, output, errors = run(cure)
        said = last_words(output, errors) if status != 0 else ""
    left = interrupted(run)
    if left:
        module.fail_json(msg="An interrupted installation could not be finished: %s\n%s\nTry: sudo apt-get --fix-broken install" % (left, said), found=found)
    module.exit_json(changed=True, found=found)


if __name__ == "__main__":
    main()
