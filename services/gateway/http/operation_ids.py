"""The id of an operation, by which documents, clients and the table of roles name it. Pure."""


def operation_id(function: str) -> str:
    """`getDeploymentStatus` for the route's function `get_deployment_status`."""
    first, *others = function.split("_")
    return first + "".join(each.capitalize() for each in others)
