"""What a tenant may choose itself instead of what sizing, rendering and the operator would: all of it optional.

images      the image of a service, part by part
resources   requests and limits of a replica
services    `ServiceOptions`: image, environment, replicas, autoscaling, resources, health paths, port
cluster     `ClusterOptions`: registry, storage, placement, ingress, labels and annotations
placement   which nodes a pod may run on, by these options and by its GPU
names       the types of names that Kubernetes accepts
"""

from shared.choices.cluster import ClusterOptions, IngressOptions, Toleration
from shared.choices.defaults import parse_defaults
from shared.choices.images import ImageChoice, with_registry
from shared.choices.placement import placement_of
from shared.choices.resources import ComputeAmounts, ResourceChoice
from shared.choices.services import Autoscaling, HealthPaths, ServiceOptions

__all__ = [
    "Autoscaling",
    "ClusterOptions",
    "ComputeAmounts",
    "HealthPaths",
    "ImageChoice",
    "IngressOptions",
    "ResourceChoice",
    "ServiceOptions",
    "Toleration",
    "parse_defaults",
    "placement_of",
    "with_registry",
]
