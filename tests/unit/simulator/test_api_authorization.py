"""Access reviews: the simulator allows every request."""

from tests.support.simulator_api import Api

REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
REVIEW = {
    "apiVersion": "authorization.k8s.io/v1",
    "kind": "SelfSubjectAccessReview",
    "spec": {"resourceAttributes": {"verb": "create", "group": "", "resource": "namespaces"}},
}


async def test_everything_is_allowed_and_nothing_is_kept() -> None:
    api = Api()
    reply = await api.post(REVIEWS, REVIEW)
    assert reply.code == 201
    assert reply.body["status"] == {"allowed": True}
    assert reply.body["spec"] == REVIEW["spec"]
    assert (await api.get(REVIEWS)).code == 405


async def test_a_review_without_a_spec_is_refused() -> None:
    assert (await Api().post(REVIEWS, {"kind": "SelfSubjectAccessReview"})).code == 400
