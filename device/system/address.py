"""Addresses for people: what may be a secret in them is left out."""

from urllib.parse import urlsplit


def redact_address(address: str) -> str:
    """`https://hooks.example.com/...`: scheme, host and port; user, password, path and query may be secrets."""
    scheme = address.partition("://")[0]
    hidden = f"{scheme}://..."
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port
    except ValueError:
        return hidden
    # An @ after the host: a password may contain a /, and then the "host" is a part of the password.
    if not host or "@" in parts.path + parts.query + parts.fragment:
        return hidden
    name = f"[{host}]" if ":" in host else host
    start = f"{parts.scheme}://{name}" + (f":{port}" if port else "")
    has_rest = parts.path not in ("", "/") or parts.query or parts.fragment or parts.username or parts.password
    return f"{start}/..." if has_rest else address
