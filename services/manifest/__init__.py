"""The manifest service owns rendering and validation: from a sized tenant to Kubernetes objects, and what any is worth.

It consumes `resources.calculated`, validates what it renders, stores the text under its digest, publishes
`manifest.rendered` or `manifest.rejected`, and answers `rpc.render` and `rpc.validate`. It asks `rpc.capacity`. It
keeps no state: any number of copies can run.

    rendering/    typed builders, one module a kind of object: tenant -> objects -> text
    validation/   text -> objects -> findings
"""
