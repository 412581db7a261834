"""Who calls, and how that is proven; the gateway and the simulator share it.

caller          who calls, pure
settings        the identity provider, and what its tokens must be
verifiers       how a credential becomes a caller, and how it is refused, pure
token_rules     what a token's header and claims must be, pure
claims          the caller that a token's claims name, pure
key_set         the provider's public keys, each bound to one algorithm, pure
provider        fetches them
key_cache       keeps them: at most 60 s old, one fetch at a time, and through an outage
checked_tokens  tokens whose signature was checked before
tokens          the verifier of the provider's tokens, with all of the above
oidc            wiring of a process
"""
