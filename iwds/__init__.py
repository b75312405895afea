"""Directory synchronisation and batch provisioning for an MFA service."""
