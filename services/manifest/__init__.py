"""The manifest service owns rendering and validation: from a sized tenant to Kubernetes objects, and checks of any.

It consumes `resources.calculated`, validates what it renders, stores the text under its digest, publishes
`manifest.rendered` or `manifest.rejected`, and answers `rpc.render` and `rpc.validate`. It requests `rpc.capacity`. It
is stateless and scales by replicas.

    rendering/    builders, a module for each kind of object: tenant -> objects -> text
    validation/   text -> objects -> findings
"""
