"""Who reaches whom by the security groups: the whole table, which is that of infra/README.md."""

from ground import FILE

INTERNET = "internet"
ADMINISTRATORS = "administrators"
WAREHOUSE = "Warehouse"


def reachability(written) -> dict[tuple[str, str], set[str]]:
    """The ports that each of the machines, the warehouse, and the internet can open at each other.

    A way leads from a place to a machine when a rule of the machine's group names the place, or its group,
    and when the machine has an address there: those without one of the internet's are not reached from it.
    """
    group = {machine: groups[0] for machine, groups in written.groups_of_machines().items()}
    group[WAREHOUSE] = written.groups_of_the_warehouse()[0]
    open_to_internet = {machine for machine in written.addresses().values() if machine}
    in_a_public_subnet = {
        subnet for subnet, table in written.tables_of_subnets().items() if "Public" in table
    }
    assert all(written.machines()[machine][1] in in_a_public_subnet for machine in open_to_internet)
    ways = {}
    for target, its_group in group.items():
        for protocol, first, last, peer in written.rules()[its_group]:
            assert (protocol, first) == ("tcp", last)
            if "/" in peer:
                sources = (
                    [INTERNET if peer == "0.0.0.0/0" else ADMINISTRATORS]
                    if target in open_to_internet
                    else []
                )
                # From within as well: who is everywhere is also here.
                sources += [machine for machine in group if machine != target and peer == "0.0.0.0/0"]
            else:
                sources = [machine for machine, of in group.items() if of == peer]
            for source in sources:
                if way_out(written, source, group):
                    ways.setdefault((source, target), set()).add(str(first))
    for (source, target), ports in list(ways.items()):
        if source == INTERNET:
            ways[ADMINISTRATORS, target] = ways.get((ADMINISTRATORS, target), set()) | ports
    return ways


def way_out(written, source: str, group: dict) -> bool:
    """Whether a place may ask at all: the warehouse may not."""
    if source not in group:
        return True
    return ("-1", None, None, "0.0.0.0/0") in written.rules_outwards()[group[source]]


def table(written) -> str:
    """As Markdown: a row a source, a column a target."""
    ways = reachability(written)
    targets = [*written.machines(), WAREHOUSE]
    rows = [["from \\ to", *targets], ["---"] * (len(targets) + 1)]
    for source in (INTERNET, ADMINISTRATORS, *targets):
        cells = [
            "" if source == target else ", ".join(sorted(ways.get((source, target), []), key=int)) or "–"
            for target in targets
        ]
        rows.append([source, *cells])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def test_the_table_is_that_of_the_readme(written):
    computed = table(written)
    assert computed in (FILE.parent / "README.md").read_text(), f"infra/README.md should hold\n\n{computed}\n"


def test_nothing_but_nginx_and_the_bastion_is_reached_from_outside(written):
    outside = {(s, t): p for (s, t), p in reachability(written).items() if s in (INTERNET, ADMINISTRATORS)}
    assert outside == {
        (INTERNET, "Nginx"): {"80", "443"},
        (ADMINISTRATORS, "Nginx"): {"80", "443"},
        (ADMINISTRATORS, "BastionHost"): {"22"},
    }


def test_a_rule_more_is_a_cell_more(written):
    """The table does say so when somebody opens a port."""
    before = table(written)
    group = written.template["Resources"]["SupersetGroup"]["Properties"]["SecurityGroupIngress"]
    group.append({"IpProtocol": "tcp", "FromPort": 8088, "ToPort": 8088, "CidrIp": "0.0.0.0/0"})
    try:
        assert table(written) != before
    finally:
        group.pop()
