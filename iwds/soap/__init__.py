"""The provisioning API as both ends of the wire know it: description, constraints, envelopes, and the
WSDL that the project ships.

The targets (`iwds.targets`) and the local MFA service (`iwds.sandbox`) share this package and nothing else.
"""
