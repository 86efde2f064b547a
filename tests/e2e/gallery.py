"""The platform's look without the platform: base template, styles and scripts on a loopback server with a strict CSP.

`python tests/e2e/gallery.py [PORT]` prints its address; the browser tests start it the same way. Pages are the
templates of `pages/`. It stands alone (own settings, no database), so a fault in it is a fault of the look.
"""

import json
import os
import sys
from pathlib import Path
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import FileResponse, Http404, HttpResponse, HttpResponseNotFound, JsonResponse
from django.shortcuts import render
from django.urls import path
from django.utils.csp import CSP

ROOT = Path(__file__).resolve().parents[2]
IMAGES = Path(os.environ.get("GALLERY_IMAGES", ROOT / "var"))

settings.configure(
    SECRET_KEY="x" * 50,
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    INSTALLED_APPS=["django.contrib.staticfiles"],
    MIDDLEWARE=[
        "django.middleware.csp.ContentSecurityPolicyMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
    ],
    SECURE_CSP={
        "default-src": [CSP.NONE],
        "script-src": [CSP.NONCE, CSP.STRICT_DYNAMIC],
        "style-src": [CSP.SELF],
        "img-src": [CSP.SELF],
        "font-src": [CSP.SELF],
        "connect-src": [CSP.SELF],
        "form-action": [CSP.SELF],
        "base-uri": [CSP.NONE],
        "frame-ancestors": [CSP.NONE],
        "object-src": [CSP.NONE],
    },
    STATIC_URL="/static/",
    STATICFILES_DIRS=[ROOT / "mriplatform" / "static"],
    TEMPLATES=[
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "DIRS": [Path(__file__).parent / "pages", ROOT / "mriplatform" / "templates"],
            "OPTIONS": {
                # Without the cache, so that a changed template shows on the next reload.
                "loaders": ["django.template.loaders.filesystem.Loader"],
                "context_processors": [
                    "django.template.context_processors.request",
                    "django.template.context_processors.csp",
                ],
            },
        }
    ],
)
django.setup()

from django import forms  # noqa: E402 - needs the settings above
from django.contrib.staticfiles.views import serve  # noqa: E402


class GalleryForm(forms.Form):
    name = forms.CharField(label="Collection's name", help_text="Readers see it in the top bar.")
    pseudonym = forms.CharField(
        label="Subject's pseudonym", required=False, help_text="Kept only as a keyed hash."
    )
    protocol = forms.ChoiceField(choices=[("blinded_first", "Blinded first"), ("assisted", "Assisted")])
    note = forms.CharField(widget=forms.Textarea, required=False)
    agree = forms.BooleanField(label="These images carry no names", required=True)


def person() -> dict[str, object]:
    return {"is_authenticated": True, "get_short_name": "Dr. Rivera", "get_username": "rivera"}


def page(request, name):
    context = {
        "user": person(),
        "navigation": [
            {"url": "/page/gallery", "label": "Worklist", "current": name == "gallery", "count": 12},
            {"url": "/page/states", "label": "Studies", "current": name == "states"},
            {"url": "/page/viewer", "label": "Reading", "current": name == "viewer"},
            {"url": "#", "label": "Figures", "current": False},
        ],
        "form": GalleryForm({"name": "", "protocol": "assisted"}),
        "rows": [
            {"label": "Meningioma", "percent": 83.2, "top": True},
            {"label": "Glioma", "percent": 14.1, "top": False},
            {"label": "Pituitary tumour", "percent": 2.3, "top": False},
            {"label": "No tumour", "percent": 0.4, "top": False},
        ],
        "studies": range(1, 9),
        "images": sorted(file.name for file in IMAGES.glob("*.png")),
        "image": request.GET.get("image", ""),
        "slices": [
            {"src": f"/image/{name}", "index": n, "current": name == request.GET.get("image")}
            for n, name in enumerate(request.GET.getlist("stack"), start=1)
        ],
        "maps": json.loads((IMAGES / "maps.json").read_text()) if (IMAGES / "maps.json").exists() else None,
    }
    return render(request, f"{name}.html", context, status=int(request.GET.get("status", 200)))


def image(request, name):
    file = IMAGES / Path(name).name
    if not file.is_file():
        raise Http404
    return FileResponse(file.open("rb"), content_type="image/png")


SENT: list[list[str]] = []


def upload(request):
    """Judges by the number in the name alone: every third file is refused."""
    files = request.FILES.getlist("files")
    names = [file.name for file in files]
    SENT.append([*names, *(value for key, value in request.POST.items() if key != "csrfmiddlewaretoken")])
    entries = [
        {"verdict": "refused", "message": "The file says JPEG but contains PNG."}
        if int(name.split(".")[0]) % 3 == 0
        else {"verdict": "stored", "message": "In line.", "url": f"/page/states?{name}"}
        for name in names
    ]
    return JsonResponse({"entries": entries}, status=202)


urlpatterns = [
    path("page/<slug:name>", page),
    path("image/<str:name>", image),
    path("upload", upload, name="upload"),
    path("sent", lambda request: JsonResponse({"sent": SENT})),
    path("posted", lambda request: HttpResponse(f"posted {request.method}"), name="logout"),
    path("gone", lambda request: HttpResponseNotFound("gone")),
    path(
        "fragment",
        lambda request: HttpResponse(
            '<span class="status" data-status="succeeded" '
            'data-announce="Study 7f3a is analysed.">Analysed</span>'
        ),
    ),
    path("static/<path:path>", serve, {"insecure": True}),
]


class ThreadedServer(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class QuietHandler(WSGIRequestHandler):
    def log_message(self, *args: object) -> None:
        """Say nothing: the tests read the address from standard output."""


if __name__ == "__main__":
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 0
    server = make_server("127.0.0.1", port, get_wsgi_application(), ThreadedServer, QuietHandler)
    print(f"http://127.0.0.1:{server.server_port}", flush=True)  # noqa: T201
    server.serve_forever()
