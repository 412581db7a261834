"""What can be wrong with a manifest, and which checks have to notice: each damages a tenant that has all options."""

from collections.abc import Callable
from typing import Any

from shared.kube.objects import Obj

from .cluster_view import pod_of

Damage = Callable[[dict[str, Obj], list[Obj]], None]
DAMAGES: dict[Damage, tuple[str, ...]] = {}


def noticed_by(*checks: str) -> Callable[[Damage], Damage]:
    def register(damage: Damage) -> Damage:
        DAMAGES[damage] = checks
        return damage

    return register


def first(objects: dict[str, Obj], name: str = "Deployment stt") -> Any:
    return pod_of(objects[name])["containers"][0]


@noticed_by("container-image-tag", "latest-tag")
def latest_image(named: dict[str, Obj], objects: list[Obj]) -> None:
    first(named)["image"] = "registry/stt:latest"


@noticed_by(
    "container-resources", "container-ephemeral-storage-request-and-limit", "unset-cpu-requirements",
    "unset-memory-requirements",
)  # fmt: skip
def no_resources(named: dict[str, Obj], objects: list[Obj]) -> None:
    first(named)["resources"] = {"requests": {"cpu": "0", "memory": "1Gi"}, "limits": {"cpu": "1"}}


@noticed_by("container-image-pull-policy")
def pulled_once(named: dict[str, Obj], objects: list[Obj]) -> None:
    first(named)["imagePullPolicy"] = "IfNotPresent"


@noticed_by("environment-variable-key-duplication", "duplicate-env-var")
def variable_twice(named: dict[str, Obj], objects: list[Obj]) -> None:
    first(named)["env"].append({"name": "TENANT_ID", "value": "other"})


@noticed_by("env-var-secret", "sensitiveContainerEnvVar")
def secret_in_a_variable(named: dict[str, Obj], objects: list[Obj]) -> None:
    first(named)["env"].append({"name": "API_SECRET", "value": "x"})


@noticed_by("container-security-context-user-group-id", "run-as-non-root")
def runs_as_root(named: dict[str, Obj], objects: list[Obj]) -> None:
    first(named)["securityContext"] |= {"runAsUser": 0, "runAsGroup": 0}


@noticed_by("container-security-context-privileged", "privileged-container", "privilege-escalation-container")
def privileged(named: dict[str, Obj], objects: list[Obj]) -> None:
    first(named)["securityContext"]["privileged"] = True


@noticed_by("container-security-context-readonlyrootfilesystem", "no-read-only-root-fs")
def writable(named: dict[str, Obj], objects: list[Obj]) -> None:
    first(named)["securityContext"]["readOnlyRootFilesystem"] = False


@noticed_by("container-seccomp-profile", "drop-net-raw-capability", "insecureCapabilities", "hostProcess / procMount")
def loose(named: dict[str, Obj], objects: list[Obj]) -> None:
    pod_of(named["Deployment stt"])["securityContext"].pop("seccompProfile")
    first(named)["securityContext"] = {"capabilities": {"add": ["NET_RAW"]}, "procMount": "Unmasked"}


@noticed_by("pod-networkpolicy", "missingNetworkPolicy")
def no_policies(named: dict[str, Obj], objects: list[Obj]) -> None:
    objects[:] = [each for each in objects if each["kind"] != "NetworkPolicy"]


@noticed_by(
    "networkpolicy-targets-pod", "service-targets-pod", "dangling-service", "mismatching-selector",
    "deployment-pod-selector-labels-match-template-metadata-labels",
    "statefulset-pod-selector-labels-match-template-metadata-labels", "deployment-has-poddisruptionbudget",
    "statefulset-has-poddisruptionbudget", "statefulset-has-servicename",
)  # fmt: skip
def other_labels(named: dict[str, Obj], objects: list[Obj]) -> None:
    for name in ("Deployment stt", "StatefulSet redis"):
        named[name]["spec"]["template"]["metadata"]["labels"] = {"app": "other"}


@noticed_by("pod-probes")
def no_probe(named: dict[str, Obj], objects: list[Obj]) -> None:
    first(named).pop("readinessProbe")


@noticed_by("pod-probes-identical")
def probes_alike_but_for_their_scheme(named: dict[str, Obj], objects: list[Obj]) -> None:
    alive = first(named)["livenessProbe"]
    first(named)["readinessProbe"] = {**alive, "httpGet": {**alive["httpGet"], "scheme": "HTTPS"}}


@noticed_by("pod-topology-spread-constraints")
def nothing_spread(named: dict[str, Obj], objects: list[Obj]) -> None:
    for rule in pod_of(named["Deployment stt"])["topologySpreadConstraints"]:
        del rule["labelSelector"]


@noticed_by("deployment-has-host-podantiaffinity", "statefulset-has-host-podantiaffinity", "no-anti-affinity")
def all_on_one_host(named: dict[str, Obj], objects: list[Obj]) -> None:
    for name in ("Deployment stt", "StatefulSet redis"):
        pod_of(named[name]).pop("affinity")


@noticed_by("service-type", "invalid-target-ports")
def node_port(named: dict[str, Obj], objects: list[Obj]) -> None:
    named["Service stt-service"]["spec"]["type"] = "NodePort"
    named["Service stt-service"]["spec"]["ports"][0]["targetPort"] = "no--port"


@noticed_by("stable-version", "no-extensions-v1beta")
def old_version(named: dict[str, Obj], objects: list[Obj]) -> None:
    named["Deployment stt"]["apiVersion"] = "extensions/v1beta1"


@noticed_by("label-values", "metadataAndInstanceMismatched")
def bad_label(named: dict[str, Obj], objects: list[Obj]) -> None:
    named["Deployment stt"]["metadata"]["labels"]["app.kubernetes.io/instance"] = "-stt-"


@noticed_by("poddisruptionbudget-has-policy", "pdb-unhealthy-pod-eviction-policy")
def empty_budget(named: dict[str, Obj], objects: list[Obj]) -> None:
    spec = named["PodDisruptionBudget stt"]["spec"]
    del spec["maxUnavailable"], spec["unhealthyPodEvictionPolicy"]


@noticed_by("pdb-max-unavailable")
def budget_of_nothing(named: dict[str, Obj], objects: list[Obj]) -> None:
    named["PodDisruptionBudget stt"]["spec"]["maxUnavailable"] = "0%"


@noticed_by("pdb-min-available", "pdbMinAvailableGreaterThanHPAMinReplicas")
def budget_of_all(named: dict[str, Obj], objects: list[Obj]) -> None:
    least = named["HorizontalPodAutoscaler stt"]["spec"]["minReplicas"]
    named["PodDisruptionBudget stt"]["spec"]["minAvailable"] = least + 1


@noticed_by("deployment-targeted-by-hpa-does-not-have-replicas-configured")
def replicas_twice(named: dict[str, Obj], objects: list[Obj]) -> None:
    named["Deployment stt"]["spec"]["replicas"] = 2


@noticed_by("horizontalpodautoscaler-has-target")
def autoscaler_of_nothing(named: dict[str, Obj], objects: list[Obj]) -> None:
    named["HorizontalPodAutoscaler stt"]["spec"]["scaleTargetRef"]["name"] = "sst"


@noticed_by("horizontalpodautoscaler-replicas", "hpaMaxAvailability", "deployment-replicas")
def autoscaler_without_room(named: dict[str, Obj], objects: list[Obj]) -> None:
    named["HorizontalPodAutoscaler stt"]["spec"] |= {"minReplicas": 1, "maxReplicas": 1}


@noticed_by("deployment-strategy")
def recreated(named: dict[str, Obj], objects: list[Obj]) -> None:
    named["Deployment stt"]["spec"]["strategy"] = {"type": "Recreate"}


@noticed_by("deploymentMissingReplicas")
def one_replica(named: dict[str, Obj], objects: list[Obj]) -> None:
    named["Deployment tts"]["spec"]["replicas"] = 1


@noticed_by("ingress-targets-service", "tlsSettingsMissing")
def open_door_to_nowhere(named: dict[str, Obj], objects: list[Obj]) -> None:
    spec = named["Ingress ecp-entry"]["spec"]
    del spec["tls"]
    spec["rules"][0]["http"]["paths"][0]["backend"]["service"]["name"] = "nowhere"


@noticed_by("liveness-port", "readiness-port", "startup-port")
def unlistened(named: dict[str, Obj], objects: list[Obj]) -> None:
    first(named)["ports"][0]["containerPort"] = 8081


@noticed_by("ssh-port", "hostPortSet")
def remote_shell(named: dict[str, Obj], objects: list[Obj]) -> None:
    first(named)["ports"].append({"containerPort": 22, "hostPort": 22})


@noticed_by(
    "host-ipc", "host-network", "host-pid", "unsafe-sysctls", "docker-sock", "sensitive-host-mounts", "hostPathSet"
)
def part_of_the_node(named: dict[str, Obj], objects: list[Obj]) -> None:
    pod = pod_of(named["Deployment stt"])
    pod |= {"hostIPC": True, "hostNetwork": True, "hostPID": True}
    pod["securityContext"]["sysctls"] = [{"name": "net.ipv4.tcp_syncookies", "value": "0"}]
    pod["volumes"] += [{"name": path, "hostPath": {"path": path}} for path in ("/", "/var/run/docker.sock")]


@noticed_by(
    "deprecated-service-account-field", "non-existent-service-account", "automountServiceAccountToken",
    "priorityClassNotSet",
)  # fmt: skip
def another_account(named: dict[str, Obj], objects: list[Obj]) -> None:
    more = {"serviceAccount": "x", "serviceAccountName": "x", "automountServiceAccountToken": True}
    pod_of(named["Deployment stt"]).update(more, priorityClassName="x")


@noticed_by("sensitiveConfigmapContent")
def key_in_the_configuration(named: dict[str, Obj], objects: list[Obj]) -> None:
    named["ConfigMap stt-config"]["data"]["pem"] = "-----BEGIN RSA PRIVATE KEY-----"


@noticed_by("rolesWithExecOrWildcards")
def a_role(named: dict[str, Obj], objects: list[Obj]) -> None:
    objects.append(
        {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "r", "labels": {}}}
    )


@noticed_by("cronjob-has-deadline", "cronjob-restartpolicy", "job-ttl-seconds-after-finished")
def careless_jobs(named: dict[str, Obj], objects: list[Obj]) -> None:
    metadata = {"name": "j", "labels": {}}
    job = {"template": {"spec": {"containers": []}}}
    objects.append({"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": job})
    objects.append(
        {"apiVersion": "batch/v1", "kind": "CronJob", "metadata": metadata, "spec": {"jobTemplate": {"spec": job}}}
    )
