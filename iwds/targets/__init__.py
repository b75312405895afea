"""MFA services: one module per kind of target, each with its `Settings` and `connect(name, settings)`.

What `connect` returns has a `reader`, which cannot change anything, a `writer()`, which is made only by those who apply
a plan, and `certificates()`, which says how long the configured ones are valid. `provisioning` has `actions()` too, for
the helpdesk. Which method calls which operation of the API is in docs/service.md.
"""
