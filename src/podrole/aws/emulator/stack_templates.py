"""What moto reads wrongly in a template, and what it does not delete of a stack.

moto reads a short form with a mapping (``!Base64`` over ``Fn::Sub``) and ``!Condition`` as something else, takes the
argument of ``Fn::GetAZs`` for a name as it stands, has the partition ``aws`` everywhere, and leaves a network's parts
behind, so that the network cannot be deleted.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

from moto.cloudformation import models, parsing
from moto.ec2.models import ec2_backends
from moto.ec2.models.availability_zones_and_regions import RegionsAndZonesBackend

from podrole.aws.services.cloudformation import read_template
from podrole.base.partitions import domain_of, partition_of

_GET_AZS, _GET_ATT = "Fn::GetAZs", "Fn::GetAtt"
_stacks: Any = models.Stack
_change_sets: Any = models.ChangeSet
_maps: Any = parsing.ResourceMap
_parsing: Any = parsing


def read_templates_as_cloudformation_does() -> None:
    """Replace what reads templates, and what deletes resources. A second time does nothing."""
    if hasattr(_maps.load, "__wrapped__"):
        return
    load, delete, clean = _maps.load, _maps._delete_resource, parsing.clean_json

    @functools.wraps(load)
    def load_with_place(resources: Any) -> None:
        region = resources._region_name
        place = {"AWS::Partition": partition_of(region), "AWS::URLSuffix": domain_of(region)}
        resources._parsed_resources.update(place)
        load(resources)

    @functools.wraps(delete)
    def delete_resource(resources: Any, resource: Any, resource_json: Mapping[str, Any]) -> None:
        delete_part = _PARTS_OF_NETWORKS.get(str(resource_json.get("Type")))
        if delete_part is None:
            delete(resources, resource, resource_json)
        else:
            delete_part(ec2_backends[resources._account_id][resources._region_name], resource)

    @functools.wraps(clean)
    def clean_json(value: Any, resources: Any) -> Any:
        if isinstance(value, dict) and _GET_AZS in value:
            region = clean(value[_GET_AZS], resources) or resources["AWS::Region"]
            return sorted(zone.name for zone in RegionsAndZonesBackend.zones.get(str(region), ()))
        return clean(value, resources)

    _maps.load, _maps._delete_resource, _parsing.clean_json = load_with_place, delete_resource, clean_json
    _stacks.parse_template = staticmethod(_parsed)
    _change_sets._parse_template = lambda change_set: setattr(change_set, "template_dict", _parsed(change_set.template))


def _parsed(template: str) -> dict[str, Any]:
    parsed = dict(read_template(template))
    _split_attributes(parsed)
    return parsed


def _split_attributes(value: Any) -> None:
    """Write ``Fn::GetAtt: Name.Attribute`` as a list, which is what moto reads."""
    waiting = [value]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            if isinstance(node.get(_GET_ATT), str):
                node[_GET_ATT] = node[_GET_ATT].split(".", 1)
            waiting.extend(node.values())
        elif isinstance(node, list):
            waiting.extend(node)


def _disassociate(ec2: Any, association: Any) -> None:
    table = ec2.route_tables.get(association.route_table_id)
    for association_id, subnet in list(table._associations.items()) if table is not None else ():
        if subnet == association.subnet_id:
            ec2.disassociate_route_table(association_id)


_PARTS_OF_NETWORKS: Mapping[str, Callable[[Any, Any], object]] = {
    "AWS::EC2::EIP": lambda ec2, address: ec2.release_address(allocation_id=address.allocation_id),
    "AWS::EC2::InternetGateway": lambda ec2, gateway: ec2.delete_internet_gateway(gateway.id),
    "AWS::EC2::NatGateway": lambda ec2, gateway: ec2.delete_nat_gateway(gateway.id),
    "AWS::EC2::RouteTable": lambda ec2, table: ec2.delete_route_table(table.id),
    "AWS::EC2::SubnetRouteTableAssociation": _disassociate,
    "AWS::EC2::VPCGatewayAttachment": lambda ec2, attachment: ec2.detach_internet_gateway(
        attachment.gateway_id, attachment.vpc_id
    ),
}
