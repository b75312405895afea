"""Which hosts are this machine alone: the only ones that are spoken to, or listened on, without encryption."""

import ipaddress


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach `host`: the name localhost, or a loopback address."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
