"""What pyinfra's inventory says, read into settings: places, keys, addresses, host keys."""

from typing import Any

import pytest
from pyinfra.api import Inventory

from breakwater.inventory import hosts_of, settings_of
from breakwater.problems import SettingsError

SSH = {"ssh_known_hosts_file": "~/.ssh/known_hosts", "ssh_strict_host_key_checking": "yes"}
GOOD = {"exports": [{"path": "/srv/nfs", "storage_class": "nfs-client"}], "_sudo": True, **SSH}


def inventory(
    data: dict[str, Any] | None = None,
    groups: dict[str, dict[str, Any]] | None = None,
    hosts: dict[str, dict[str, Any]] | None = None,
    override: dict[str, Any] | None = None,
    without: str = "",
) -> Inventory:
    """Four hosts; more data on everybody, on groups, on hosts or by --data."""
    own: dict[str, dict[str, Any]] = {
        "storage": {"ssh_hostname": "10.0.0.20"},
        "node1": {"ssh_hostname": "10.0.0.21"},
        "10.0.0.22": {},
        "@local": {},
    }
    members = {"storage": ["storage"], "nodes": ["node1", "10.0.0.22"], "proxies": [], "bastion": ["@local"]}
    everybody = [(name, {**on, **(hosts or {}).get(name, {})}) for name, on in own.items()]
    named = {
        group: ([pair for pair in everybody if pair[0] in names], (groups or {}).get(group, {}))
        for group, names in members.items()
        if group != without
    }
    return Inventory((everybody, {**GOOD, **(data or {})}), override_data=override, **named)


def said(made: Inventory) -> list[str]:
    """The problems, one a line."""
    with pytest.raises(SettingsError) as caught:
        settings_of(made)
    return str(caught.value).splitlines()


def test_addresses_are_ssh_hostname_or_the_name_and_empty_groups_are_there() -> None:
    assert hosts_of(inventory()) == {
        "storage": {"storage": "10.0.0.20"},
        "nodes": {"node1": "10.0.0.21", "10.0.0.22": "10.0.0.22"},
        "proxies": {},
        "bastion": {"@local": "127.0.0.1"},
    }


def test_good_settings_are_read() -> None:
    settings = settings_of(inventory())
    assert settings.storage_address == "10.0.0.20"
    assert settings.exports[0].clients_at(settings.addresses) == ("10.0.0.21", "10.0.0.22")


def test_names_are_resolved_by_the_resolver_that_is_given() -> None:
    made = inventory(hosts={"node1": {"ssh_hostname": "node1.example.org"}})
    settings = settings_of(made, resolve=lambda name: ["10.9.9.9"] if "example" in name else [name])
    assert settings.exports[0].clients_at(settings.addresses) == ("10.0.0.22", "10.9.9.9")


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (
            inventory(groups={"nodes": {"exports": []}}),
            "exports (group nodes): is a setting, which counts in group_data/all.py only;"
            " move it there, so that every host wants the same",
        ),
        (
            inventory(hosts={"node1": {"state": "/tmp/x"}}),
            "state (host node1): is a setting, which counts in group_data/all.py only;"
            " move it there, so that every host wants the same",
        ),
        (
            inventory(override={"state": "x", "report": "report.json"}),
            "state (--data): is a setting, which counts in group_data/all.py only;"
            " move it there, so that every host wants the same",
        ),
        (
            inventory(hosts={"node1": {"ssh_usr": "admin"}}),
            "ssh_usr (host node1): unknown key; did you mean 'ssh_user'?",
        ),
        (inventory({"ssh_prot": 22}), "ssh_prot: unknown key; did you mean 'ssh_port'?"),
        (inventory({"exprots": []}), "exprots: unknown key; did you mean 'exports'?"),
        (inventory({"_sudoo": True}), "_sudoo: unknown key; did you mean '_sudo'?"),
        (
            inventory({"zzz": 1}),
            "zzz: unknown key; known are bundle, domain, exports, firewall, harbor, kube_context, kubeconfig,"
            " nodes_down, proof, provisioner, proxy, registry, state, storage_address, trust; a name for the"
            " file's own use begins with '_'",
        ),
        (inventory({"nodes": []}), "nodes: is derived from other settings or the inventory; remove it"),
        (inventory(without="proxies"), "group proxies: is missing in the inventory; add proxies = [...]"),
        (
            inventory({"ssh_known_hosts_file": ""}),
            'ssh_known_hosts_file: is required; write ssh_known_hosts_file = "~/.ssh/known_hosts"'
            " in group_data/all.py",
        ),
        (
            inventory(hosts={"node1": {"ssh_strict_host_key_checking": "accept-new"}}),
            'ssh_strict_host_key_checking (host node1): must be "yes": unknown hosts would be believed;'
            ' write ssh_strict_host_key_checking = "yes" in group_data/all.py',
        ),
        (
            inventory(override={"ssh_strict_host_key_checking": "no"}),
            'ssh_strict_host_key_checking: must be "yes": unknown hosts would be believed;'
            ' write ssh_strict_host_key_checking = "yes" in group_data/all.py',
        ),
        (
            inventory(hosts={"node1": {"ssh_hostname": "10.0.0.22"}}),
            "group nodes: '10.0.0.22' is at 10.0.0.22, port 22, as is 'node1'; name each machine once",
        ),
        (
            inventory({"ssh_config_file": "ssh_confg"}),
            "ssh_config_file: 'ssh_confg' is not a file; paths count from the folder in which pyinfra is"
            " started; '~' is not expanded here",
        ),
    ],
)
def test_refusal(made: Inventory, message: str) -> None:
    assert said(made) == [message]


def test_nodes_behind_one_address_have_a_port_each() -> None:
    made = inventory(hosts={"node1": {"ssh_hostname": "10.0.0.22", "ssh_port": 2222}})
    assert settings_of(made).nodes == {"node1": "10.0.0.22", "10.0.0.22": "10.0.0.22"}


def test_mistakes_of_places_and_of_values_are_said_together() -> None:
    made = inventory({"exprots": [], "exports": [{"path": "srv"}]}, hosts={"node1": {"bundle": "x"}})
    assert said(made) == [
        "bundle (host node1): is a setting, which counts in group_data/all.py only;"
        " move it there, so that every host wants the same",
        "exprots: unknown key; did you mean 'exports'?",
        "exports[0].path: 'srv' must be absolute, without spaces or a closing slash",
    ]


def test_pyinfras_own_keys_and_private_names_pass() -> None:
    made = inventory(
        {
            "_timeout": 900,
            "_shell_executable": "bash",
            "ssh_connect_retries": 2,
            "_my_networks": ["10.0.0.0/24"],
        },
        groups={"nodes": {"ssh_user": "admin", "docker_identifier": "x"}},
        override={"report": "report.json"},
    )
    assert settings_of(made).storage_host == "storage"
