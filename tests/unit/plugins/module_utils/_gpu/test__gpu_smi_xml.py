# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""States of cards out of nvidia-smi's XML. The documents are constructed with the element names of its document types, no capture of a card."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.inferhost.llm.plugins.module_utils._gpu._smi_xml import parse


def document(*cards: str, versions: str = "<driver_version>580.159.03</driver_version><cuda_version>13.0</cuda_version>") -> str:
    head = '<?xml version="1.0" ?>\n<!DOCTYPE nvidia_smi_log SYSTEM "nvsmi_device_v12.dtd">\n'
    return "%s<nvidia_smi_log>\n<timestamp>Sat Nov 21 11:00:00 2026</timestamp>%s%s</nvidia_smi_log>\n" % (head, versions, "".join(cards))


def card(body: str, address: str = "00000000:19:00.0") -> str:
    return '<gpu id="%s">%s</gpu>' % (address, body)


HOPPER = """
<product_name>NVIDIA H200</product_name>
<persistence_mode>Enabled</persistence_mode>
<addressing_mode>HMM</addressing_mode>
<mig_mode><current_mig>Disabled</current_mig><pending_mig>Disabled</pending_mig></mig_mode>
<minor_number>1</minor_number>
<vbios_version>96.00.D9.00.01</vbios_version>
<gpu_virtualization_mode><virtualization_mode>Pass-Through</virtualization_mode></gpu_virtualization_mode>
<gpu_reset_status><reset_required>No</reset_required></gpu_reset_status>
<gpu_recovery_action>None</gpu_recovery_action>
<gsp_firmware_version>580.159.03</gsp_firmware_version>
<pci>
  <pci_gpu_link_info>
    <pcie_gen>
      <max_link_gen>5</max_link_gen><current_link_gen>4</current_link_gen><device_current_link_gen>4</device_current_link_gen>
      <max_device_link_gen>5</max_device_link_gen><max_host_link_gen>5</max_host_link_gen>
    </pcie_gen>
    <link_widths><max_link_width>16x</max_link_width><current_link_width>8x</current_link_width></link_widths>
  </pci_gpu_link_info>
  <replay_counter>3</replay_counter>
</pci>
<fan_speed>N/A</fan_speed>
<performance_state>P0</performance_state>
<clocks_event_reasons>
  <clocks_event_reason_gpu_idle>Not Active</clocks_event_reason_gpu_idle>
  <clocks_event_reason_sw_power_cap>Active</clocks_event_reason_sw_power_cap>
  <clocks_event_reason_hw_thermal_slowdown>Active</clocks_event_reason_hw_thermal_slowdown>
</clocks_event_reasons>
<fb_memory_usage><total>143771 MiB</total><reserved>612 MiB</reserved><used>1000 MiB</used><free>142159 MiB</free></fb_memory_usage>
<bar1_memory_usage><total>262144 MiB</total><used>1 MiB</used><free>262143 MiB</free></bar1_memory_usage>
<compute_mode>Default</compute_mode>
<ecc_mode><current_ecc>Enabled</current_ecc><pending_ecc>Enabled</pending_ecc></ecc_mode>
<ecc_errors>
  <volatile>
    <sram_correctable>1</sram_correctable><sram_uncorrectable_parity>0</sram_uncorrectable_parity>
    <sram_uncorrectable_secded>2</sram_uncorrectable_secded><dram_correctable>4</dram_correctable><dram_uncorrectable>8</dram_uncorrectable>
  </volatile>
  <aggregate>
    <sram_correctable>0</sram_correctable><sram_uncorrectable_parity>0</sram_uncorrectable_parity>
    <sram_uncorrectable_secded>0</sram_uncorrectable_secded><dram_correctable>0</dram_correctable><dram_uncorrectable>0</dram_uncorrectable>
    <sram_threshold_exceeded>No</sram_threshold_exceeded>
  </aggregate>
</ecc_errors>
<retired_pages>
  <multiple_single_bit_retirement><retired_count>N/A</retired_count></multiple_single_bit_retirement>
  <double_bit_retirement><retired_count>N/A</retired_count></double_bit_retirement>
  <pending_blacklist>N/A</pending_blacklist><pending_retirement>N/A</pending_retirement>
</retired_pages>
<remapped_rows>
  <remapped_row_corr>0</remapped_row_corr><remapped_row_unc>1</remapped_row_unc>
  <remapped_row_pending>Yes</remapped_row_pending><remapped_row_failure>No</remapped_row_failure>
</remapped_rows>
<temperature><gpu_temp>45 C</gpu_temp></temperature>
<gpu_power_readings>
  <average_power_draw>120.10 W</average_power_draw><instant_power_draw>121.52 W</instant_power_draw><current_power_limit>700.00 W</current_power_limit>
</gpu_power_readings>
<clocks><graphics_clock>1980 MHz</graphics_clock><sm_clock>1980 MHz</sm_clock><mem_clock>3201 MHz</mem_clock></clocks>
<max_clocks><graphics_clock>1980 MHz</graphics_clock><sm_clock>1980 MHz</sm_clock><mem_clock>3201 MHz</mem_clock></max_clocks>
<fabric>
  <state>In Progress</state><status>N/A</status><cliqueId>0</cliqueId><clusterUuid>N/A</clusterUuid>
  <health><summary>N/A</summary><bandwidth>N/A</bandwidth></health>
</fabric>
<processes></processes>
"""


def state(body: str) -> t.Dict[str, t.Any]:
    (only,) = parse(document(card(body))).cards.values()
    return only


def test_every_field_of_a_card() -> None:
    log = parse(document(card(HOPPER)))
    assert (log.driver_version, log.cuda_version, list(log.cards)) == ("580.159.03", "13.0", ["0000:19:00.0"])
    assert log.cards["0000:19:00.0"] == {
        "persistence_mode": True,
        "compute_mode": "Default",
        "mig_mode": False,
        "addressing_mode": "HMM",
        "virtualization_mode": "Pass-Through",
        "minor": 1,
        "vbios_version": "96.00.D9.00.01",
        "gsp_firmware_version": "580.159.03",
        "performance_state": "P0",
        "reset_required": False,
        "recovery_action": "None",
        "memory": {"total_bytes": 143771 << 20, "reserved_bytes": 612 << 20, "used_bytes": 1000 << 20, "free_bytes": 142159 << 20},
        "bar1": {"total_bytes": 256 << 30, "used_bytes": 1 << 20, "free_bytes": 262143 << 20},
        "pcie": {
            "generation": 4,
            "max_generation": 5,
            "device_max_generation": 5,
            "host_max_generation": 5,
            "width": 8,
            "max_width": 16,
            "replays": 3,
        },
        "ecc": {
            "enabled": True,
            "pending": True,
            "sram_threshold_exceeded": False,
            "volatile": {"corrected": 5, "uncorrected": 10},
            "aggregate": {"corrected": 0, "uncorrected": 0},
        },
        "remapped_rows": {"corrected": 0, "uncorrected": 1, "pending": True, "failed": False},
        "retired_pages": {"single_bit": None, "double_bit": None, "pending": None},
        "fabric": {"state": "In Progress", "status": None, "clique_id": "0", "cluster_uuid": None, "health": None},
        "clocks": {
            "graphics_mhz": 1980,
            "sm_mhz": 1980,
            "memory_mhz": 3201,
            "max_sm_mhz": 1980,
            "max_memory_mhz": 3201,
            "held_down_by": ["hw_thermal_slowdown", "sw_power_cap"],
        },
        "temperature_c": 45,
        "power": {"draw_w": 121.52, "limit_w": 700.0},
        "failures": [],
    }


def test_a_card_of_the_older_document_type() -> None:
    volta = """<persistence_mode>Disabled</persistence_mode>
<clocks_throttle_reasons>
  <clocks_throttle_reason_gpu_idle>Active</clocks_throttle_reason_gpu_idle><clocks_throttle_reason_hw_slowdown>Not Active</clocks_throttle_reason_hw_slowdown>
</clocks_throttle_reasons>
<ecc_errors>
  <volatile><single_bit><dram>1</dram><total>1</total></single_bit><double_bit><dram>0</dram><total>0</total></double_bit></volatile>
  <aggregate><single_bit><total>7</total></single_bit><double_bit><total>2</total></double_bit></aggregate>
</ecc_errors>
<retired_pages>
  <multiple_single_bit_retirement><retired_count>1</retired_count></multiple_single_bit_retirement>
  <double_bit_retirement><retired_count>2</retired_count></double_bit_retirement><pending_retirement>No</pending_retirement>
</retired_pages>
<power_readings><power_draw>40.05 W</power_draw><power_limit>250.00 W</power_limit><enforced_power_limit>200.00 W</enforced_power_limit></power_readings>"""
    facts = state(volta)
    assert facts["persistence_mode"] is False
    assert facts["clocks"]["held_down_by"] == ["gpu_idle"]
    assert (facts["ecc"]["volatile"], facts["ecc"]["aggregate"]) == ({"corrected": 1, "uncorrected": 0}, {"corrected": 7, "uncorrected": 2})
    assert facts["retired_pages"] == {"single_bit": 1, "double_bit": 2, "pending": False}
    assert facts["power"] == {"draw_w": 40.05, "limit_w": 200.0}


def test_a_card_without_ecc_has_no_counts() -> None:
    facts = state("<ecc_mode><current_ecc>N/A</current_ecc></ecc_mode><ecc_errors><volatile><sram_correctable>N/A</sram_correctable></volatile></ecc_errors>")
    assert facts["ecc"] == {
        "enabled": None,
        "pending": None,
        "sram_threshold_exceeded": None,
        "volatile": {"corrected": None, "uncorrected": None},
        "aggregate": {"corrected": None, "uncorrected": None},
    }


def test_a_lost_card_says_so_and_the_other_is_read() -> None:
    log = parse(
        document(
            card(HOPPER),
            card("<persistence_mode>GPU is lost</persistence_mode><temperature><gpu_temp>Unknown Error</gpu_temp></temperature>", "00000000:3B:00.0"),
        )
    )
    lost = log.cards["0000:3b:00.0"]
    assert (lost["failures"], lost["persistence_mode"], lost["temperature_c"]) == (["GPU is lost", "Unknown Error"], None, None)
    assert log.cards["0000:19:00.0"]["failures"] == []


def test_an_empty_card_has_every_key() -> None:
    assert set(state("")) == set(state(HOPPER))
    assert state("")["clocks"]["held_down_by"] is None


# From 610 on the old elements are deprecated: the names of the new ones are those that public readers of the document use.
VERSIONS = [
    ("<driver_version>580.159.03</driver_version><cuda_version>13.0</cuda_version>", "580.159.03", "13.0"),
    (
        "<driver_version>old</driver_version><kmd_version>615.71.09</kmd_version><cuda_version>-</cuda_version><cuda_umd_version>13.4</cuda_umd_version>",
        "615.71.09",
        "13.4",
    ),
    ("<driver_version>610.43.02 [Deprecated]</driver_version><cuda_version>Not Found</cuda_version>", "610.43.02", None),
    ("", None, None),
]


@pytest.mark.parametrize(("versions", "driver", "cuda"), VERSIONS)
def test_versions_of_both_generations(versions: str, driver: t.Optional[str], cuda: t.Optional[str]) -> None:
    log = parse(document(versions=versions))
    assert (log.driver_version, log.cuda_version, log.cards) == (driver, cuda, {})


@pytest.mark.parametrize("output", ["", "No devices were found\n", document(card(HOPPER))[:900], "<html></html>"])
def test_what_is_no_document(output: str) -> None:
    with pytest.raises(ValueError, match="not the document of nvidia-smi"):
        parse(output)
