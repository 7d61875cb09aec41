"""Headers that the page needs from its web server."""

from __future__ import annotations

__all__ = ["API_HEADERS", "CONTENT_POLICY", "PAGE_HEADERS", "SHARED_HEADERS"]

CONTENT_POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'; "
    "worker-src 'self'; style-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; "
    "base-uri 'none'; form-action 'none'"
)
"""The page may load its own files alone. The same text is in `index.html`, for web servers
that cannot set headers."""

SHARED_HEADERS: dict[str, str] = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
}
"""Headers of every answer."""

PAGE_HEADERS: dict[str, str] = {
    **SHARED_HEADERS,
    "Content-Security-Policy": f"{CONTENT_POLICY}; frame-ancestors 'none'",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-cache",
}
"""Headers of the page's files. "no-cache": a browser keeps them, and asks whether they are new."""

API_HEADERS: dict[str, str] = {
    **SHARED_HEADERS,
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}
"""Headers of the answers of the service, which browsers and proxies must not keep."""
