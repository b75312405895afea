"""The local MFA service: the provisioning API on loopback, its state in one SQLite file.

A product for people who rehearse: a newcomer plays with it, an administrator tries a change, clients that others wrote
run against it. The package knows the wire (`iwds.soap`), the core's words for devices and its form of a captured
reading, and nothing of the rest of the project.
"""
