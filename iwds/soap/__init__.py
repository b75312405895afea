"""The provisioning API as both ends of the wire know it: description, envelopes, and the WSDL that the project ships.

The client (`iwds.targets.provisioning`) and the local MFA service (`iwds.sandbox`) share this package and nothing else.
"""
