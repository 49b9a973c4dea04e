"""Security headers on every answer, errors included; what a view sets itself stays.

Scripts and styles come from files of our own; nothing inline, no other origin, no frames. Content that
users brought in goes out through `as_user_content`, whose policy lets it do nothing at all.
"""

from flask import Flask, Response, request

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:{content}; "
    "media-src 'self'{content}; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; "
    "base-uri 'none'; require-trusted-types-for 'script'"
)
USER_CONTENT_POLICY = "sandbox; default-src 'none'"
OFF = (
    "accelerometer=(), autoplay=(), camera=(), display-capture=(), encrypted-media=(), "
    "geolocation=(), gyroscope=(), hid=(), idle-detection=(), local-fonts=(), magnetometer=(), "
    "microphone=(), midi=(), payment=(), picture-in-picture=(), serial=(), storage-access=(), usb=(), "
    "xr-spatial-tracking=()"
)
OURS = (
    "clipboard-write=(self), fullscreen=(self), publickey-credentials-create=(self), "
    "publickey-credentials-get=(self), screen-wake-lock=(self)"
)
PERMISSIONS = f"{OFF}, {OURS}"
TWO_YEARS = 2 * 365 * 24 * 3600


def install(app: Flask, *, content_origin: str = "") -> None:
    """Put the headers on every answer; previews and recordings may come from `content_origin` too."""
    policy = POLICY.format(content=f" {content_origin}" if content_origin else "")
    always = {
        "Content-Security-Policy": policy,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": PERMISSIONS,
        "X-Robots-Tag": "noindex, nofollow",
        "Cache-Control": "no-store",
    }

    def protect(response: Response) -> Response:
        for name, value in always.items():
            response.headers.setdefault(name, value)
        if request.is_secure:
            response.headers.setdefault("Strict-Transport-Security", f"max-age={TWO_YEARS}")
        return response

    app.after_request(protect)


def as_user_content(response: Response) -> Response:
    """`response` with the policy for bytes that users brought in: no script, no style, no form, no origin."""
    response.headers["Content-Security-Policy"] = USER_CONTENT_POLICY
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response
