"""All settings, from the environment. What must be set and is not stops the start with one list of faults."""

from pathlib import Path

import django_stubs_ext
from django.utils.csp import CSP
from redis.backoff import NoBackoff
from redis.retry import Retry

from mriplatform.env import Environment
from mriplatform.logs import to_console
from mriplatform.outbox.allowed import parse_allowed
from mriplatform.schedule import bells

# Lets Django's generic classes be subscripted at run time, as the type checker sees them.
django_stubs_ext.monkeypatch()
env = Environment()
BASE_DIR = Path(__file__).resolve().parent.parent

# --- Security -------------------------------------------------------------------------------------------------
DEBUG = env.boolean("DEBUG", default=False)
SECRET_KEY = env.text("SECRET_KEY", min_length=50)
# What it was before: what was signed or encrypted under these is still read.
SECRET_KEY_FALLBACKS = env.listing("SECRET_KEY_FALLBACKS")
# Keys the hashes that stand for patients. It never enters the database; losing it unlinks every subject.
SUBJECT_KEY = env.text("SUBJECT_KEY", min_length=32)
ALLOWED_HOSTS = env.listing("ALLOWED_HOSTS", "localhost,127.0.0.1")
CSRF_TRUSTED_ORIGINS = env.listing("CSRF_TRUSTED_ORIGINS")
# Off only where the portal is reached on loopback without TLS, as in the demo.
HTTPS_ONLY = env.boolean("HTTPS_ONLY", default=True)
SECURE_SSL_REDIRECT = HTTPS_ONLY
SECURE_REDIRECT_EXEMPT = [r"^healthz$"]
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS_ONLY
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS_ONLY else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS_ONLY
BEHIND_PROXY = env.boolean("BEHIND_PROXY", default=False)
if BEHIND_PROXY:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SESSION_COOKIE_HTTPONLY = True
CSRF_FAILURE_VIEW = "mriplatform.pages.csrf_failure"
SESSION_COOKIE_AGE = 12 * 3600
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SECURE_CSP = {
    "default-src": [CSP.NONE],
    "script-src": [CSP.SELF, CSP.NONCE],
    "style-src": [CSP.SELF, CSP.NONCE],
    "img-src": [CSP.SELF, "data:", "blob:"],
    "font-src": [CSP.SELF],
    "connect-src": [CSP.SELF],
    "form-action": [CSP.SELF],
    "manifest-src": [CSP.SELF],
    "base-uri": [CSP.NONE],
    "frame-ancestors": [CSP.NONE],
    "object-src": [CSP.NONE],
}

# --- Parts ----------------------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "mriplatform.admin_site.PlatformAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "pgtrigger",
    "rest_framework",
    "knox",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_htmx",
    "axes",
    "mriplatform.audit",
    "mriplatform.outbox",
    "mriplatform.accounts",
    "classifier",
    "reviews",
    "mriplatform.webhooks",
    "mriplatform.demo",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.middleware.csp.ContentSecurityPolicyMiddleware",
    "mriplatform.audit.middleware.RequestIdMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "axes.middleware.AxesMiddleware",
]
ROOT_URLCONF = "mriplatform.urls"
WSGI_APPLICATION = "mriplatform.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "mriplatform" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.csp",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "mriplatform.accounts.context.navigation",
            ],
        },
    },
]

# --- Data -----------------------------------------------------------------------------------------------------
DATABASES = {"default": env.database("DATABASE_URL") | {"CONN_MAX_AGE": 300, "CONN_HEALTH_CHECKS": True}}
# The role that the running platform uses; migrations, run by the owner, grant it INSERT and SELECT on ledgers, no more.
DATABASE_RUNTIME_ROLE = env.text("DATABASE_RUNTIME_ROLE", "mri_app")
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
STORAGES = {
    "default": {"BACKEND": "classifier.storage.PostgresStorage"},
    "pixels": {"BACKEND": env.text("PIXEL_STORAGE", "classifier.storage.PostgresStorage")},
    "checkpoints": {"BACKEND": env.text("CHECKPOINT_STORAGE", "classifier.storage.PostgresStorage")},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "mriplatform.static_storage.HashedStaticStorage"
    },
}
STATIC_URL = "/static/"
STATIC_ROOT = Path(env.text("STATIC_ROOT", BASE_DIR / "var" / "static"))
STATICFILES_DIRS = [BASE_DIR / "mriplatform" / "static"]
# Where a worker keeps verified copies of checkpoints, by sha256.
CHECKPOINT_CACHE = Path(env.text("CHECKPOINT_CACHE", BASE_DIR / "var" / "checkpoints"))

# --- People ---------------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "mriplatform.accounts.backends.RoleBackend"]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.ScryptPasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "login"
AXES_FAILURE_LIMIT = env.integer("LOGIN_FAILURE_LIMIT", 10, minimum=1)
AXES_COOLOFF_TIME = 0.25  # hours
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_CLIENT_IP_CALLABLE = "mriplatform.accounts.client_address.client_address"
AXES_LOCKOUT_TEMPLATE = "429.html"
AXES_HTTP_RESPONSE_CODE = 429
AXES_ENABLE_ACCESS_FAILURE_LOG = False
AXES_RESET_ON_SUCCESS = True
AXES_VERBOSE = False

# --- API ------------------------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "mriplatform.accounts.authentication.ApiTokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": [
        "rest_framework.permissions.IsAuthenticated",
        "mriplatform.api.scopes.InScope",
    ],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["mriplatform.api.parsers.BoundedJSONParser"],
    # Not by `?format=`: what an address answers is asked for by its Accept header, and a stray parameter is an error.
    "URL_FORMAT_OVERRIDE": None,
    "DEFAULT_SCHEMA_CLASS": "mriplatform.api.schema.DescribedView",
    "DEFAULT_PAGINATION_CLASS": "mriplatform.api.pagination.CursorPagination",
    "EXCEPTION_HANDLER": "mriplatform.api.problems.exception_handler",
    "PAGE_SIZE": 50,
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "MRI review platform",
    "DESCRIPTION": "For research and review support. Not a medical device.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    # Closed: more than a hundred calls, drawn at once, hold a browser up for seconds.
    "SWAGGER_UI_SETTINGS": {"deepLinking": True, "docExpansion": "none", "defaultModelsExpandDepth": -1},
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "mriplatform.api.describing.complete",
    ],
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "ENUM_NAME_OVERRIDES": {
        "ClassEnum": "ml.labels.CLASSES",
        "ReadLabelEnum": "reviews.api.serializers.READ_LABELS",
        "ReasonEnum": "reviews.models.Reason",
        "WithdrawalReasonEnum": "reviews.models.WithdrawalReason",
        "ReviewVerdictEnum": "reviews.models.ReviewEvent.Verdict",
        "GateVerdictEnum": "classifier.models.gate.GateDecision.Verdict",
        "PromotionKindEnum": "classifier.models.Promotion.Kind",
        "PredictionStatusEnum": "classifier.models.JobStatus",
        "RunStatusEnum": "classifier.models.RunStatus",
        "PartEnum": "reviews.models.Split",
        "ProposalStateEnum": "classifier.api.version_serializers.PROPOSAL_STATES",
        "RoleEnum": "mriplatform.accounts.roles.Role",
        "ScopeEnum": "mriplatform.api.tokens.SCOPE_CHOICES",
        "WebhookStateEnum": "mriplatform.webhooks.api.serializers.STATES",
    },
}
# Of one person, all tokens and browsers together; of one address where nobody is signed in.
API_REQUESTS_PER_MINUTE = env.integer("API_REQUESTS_PER_MINUTE", 600, minimum=1)
API_ANONYMOUS_REQUESTS_PER_MINUTE = env.integer("API_ANONYMOUS_REQUESTS_PER_MINUTE", 60, minimum=1)
# How long the answer to a request with an Idempotency-Key is kept, and how long the same request waits for it.
IDEMPOTENCY_HOURS = env.integer("IDEMPOTENCY_HOURS", 24, minimum=24)
IDEMPOTENCY_WAIT_SECONDS = 30
REST_KNOX = {"TOKEN_MODEL": "accounts.ApiToken", "TOKEN_TTL": None, "AUTO_REFRESH": False}
# Its migrations would make the table of its own token model, which ours replaces.
MIGRATION_MODULES = {"knox": None}
KNOX_TOKEN_MODEL = "accounts.ApiToken"  # noqa: S105 - the name of a model

# --- Intake ---------------------------------------------------------------------------------------------------
UPLOAD_MAX_IMAGE_BYTES = env.integer("UPLOAD_MAX_IMAGE_BYTES", 20 * 2**20, minimum=1)
UPLOAD_MAX_IMAGE_PIXELS = env.integer("UPLOAD_MAX_IMAGE_PIXELS", 16_000_000, minimum=1)
UPLOAD_MAX_DICOM_BYTES = env.integer("UPLOAD_MAX_DICOM_BYTES", 64 * 2**20, minimum=1)
UPLOAD_MAX_FILES = env.integer("UPLOAD_MAX_FILES", 50, minimum=1)
UPLOAD_MAX_REQUEST_BYTES = env.integer("UPLOAD_MAX_REQUEST_BYTES", 500 * 2**20, minimum=1)
# Instances in one push by DICOMweb, which may be a whole study.
STOW_MAX_INSTANCES = env.integer("STOW_MAX_INSTANCES", 500, minimum=1)
# After so many days what nobody decided about in quarantine is rejected, and its pixels deleted; 0 lets it wait.
QUARANTINE_DAYS = env.integer("QUARANTINE_DAYS", 0, minimum=0)
UPLOADS_PER_MINUTE = env.integer("UPLOADS_PER_MINUTE", 60, minimum=1)
UPLOAD_BYTES_PER_USER = env.integer("UPLOAD_BYTES_PER_USER", 20 * 2**30, minimum=1)
# Archives: as they are sent, in parts of one size, and as they unpack.
ARCHIVE_MAX_BYTES = env.integer("ARCHIVE_MAX_BYTES", 500 * 2**20, minimum=1)
ARCHIVE_MAX_ENTRIES = env.integer("ARCHIVE_MAX_ENTRIES", 1000, minimum=1)
ARCHIVE_MAX_UNPACKED_BYTES = env.integer("ARCHIVE_MAX_UNPACKED_BYTES", 2 * 2**30, minimum=1)
ARCHIVE_MAX_RATIO = env.integer("ARCHIVE_MAX_RATIO", 100, minimum=1)
ARCHIVE_PART_BYTES = env.integer("ARCHIVE_PART_BYTES", 2**20, minimum=1)
# How long an archive that nobody goes on with is kept, and the verdicts of one that was not stored.
ARCHIVE_HOURS = env.integer("ARCHIVE_HOURS", 24, minimum=1)
ARCHIVE_LEASE_SECONDS = env.integer("ARCHIVE_LEASE_SECONDS", 120, minimum=1)
ARCHIVE_ATTEMPTS = env.integer("ARCHIVE_ATTEMPTS", 3, minimum=1)
DECODE_SECONDS = env.integer("DECODE_SECONDS", 10, minimum=1)
DECODE_MEMORY_BYTES = env.integer("DECODE_MEMORY_BYTES", 1536 * 2**20, minimum=1)
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 2**20
DATA_UPLOAD_MAX_NUMBER_FIELDS = 1000
DATA_UPLOAD_MAX_NUMBER_FILES = UPLOAD_MAX_FILES
# Uploads stay in memory: a temporary file would be a second, uncontrolled copy of what may name a patient.
FILE_UPLOAD_HANDLERS = ["classifier.intake.upload_handler.BoundedMemoryUploadHandler"]

# --- Webhooks -------------------------------------------------------------------------------------------------
# Receivers inside, which nothing is sent to unless they stand here: names or networks, with a port if wanted.
WEBHOOK_ALLOWED = env.parsed("WEBHOOK_ALLOWED", parse_allowed)
# Certificates that are trusted besides those of the machine.
WEBHOOK_CA_FILE = env.text("WEBHOOK_CA_FILE", "")
WEBHOOKS_PER_USER = env.integer("WEBHOOKS_PER_USER", 20, minimum=1)
WEBHOOK_CONNECT_SECONDS = env.integer("WEBHOOK_CONNECT_SECONDS", 5, minimum=1)
WEBHOOK_SECONDS = env.integer("WEBHOOK_SECONDS", 15, minimum=1)
WEBHOOK_LEASE_SECONDS = env.integer("WEBHOOK_LEASE_SECONDS", 60, minimum=1)
WEBHOOK_FIRST_PAUSE_SECONDS = env.integer("WEBHOOK_FIRST_PAUSE_SECONDS", 5, minimum=1)
WEBHOOK_PAUSE_SECONDS = env.integer("WEBHOOK_PAUSE_SECONDS", 6 * 3600, minimum=1)
WEBHOOK_REST_SECONDS = env.integer("WEBHOOK_REST_SECONDS", 60, minimum=1)
WEBHOOK_GIVE_UP_SECONDS = env.integer("WEBHOOK_GIVE_UP_SECONDS", 3 * 86400, minimum=1)
WEBHOOK_DISABLE_SECONDS = env.integer("WEBHOOK_DISABLE_SECONDS", 5 * 86400, minimum=1)
# How long the log shows what became of a delivery; 0 for ever.
WEBHOOK_LOG_DAYS = env.integer("WEBHOOK_LOG_DAYS", 90, minimum=0)

# --- Queue ----------------------------------------------------------------------------------------------------
INFERENCE_BATCH = env.integer("INFERENCE_BATCH", 32, minimum=1)
INFERENCE_LEASE_SECONDS = env.integer("INFERENCE_LEASE_SECONDS", 60, minimum=1)
INFERENCE_ATTEMPTS = env.integer("INFERENCE_ATTEMPTS", 3, minimum=1)
# How long whoever would put a version in force waits for a worker that says whether it can load it.
LOAD_CHECK_SECONDS = env.integer("LOAD_CHECK_SECONDS", 20, minimum=1)
INFERENCE_RUNTIME = env.choice("INFERENCE_RUNTIME", "auto", ("auto", "onnx", "keras"))
TRAINING_LEASE_SECONDS = env.integer("TRAINING_LEASE_SECONDS", 120, minimum=1)
BELL_SECONDS = env.integer("BELL_SECONDS", 5, minimum=1)
CELERY_BROKER_URL = env.text("REDIS_URL")
CACHES = {
    "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},
    # What all web processes count together. It is asked in every request to the API, so it answers at once or is left
    # alone.
    "shared": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": CELERY_BROKER_URL,
        "KEY_PREFIX": "mri",
        "OPTIONS": {"socket_connect_timeout": 0.2, "socket_timeout": 0.2, "retry": Retry(NoBackoff(), 1)},
    },
}
CELERY_TASK_IGNORE_RESULT = True
CELERY_RESULT_BACKEND = None
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_SERIALIZER = "json"
CELERY_TASK_DEFAULT_QUEUE = "inference"
CELERY_TASK_CREATE_MISSING_QUEUES = True
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = False
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "socket_connect_timeout": 0.5,
    "socket_timeout": 5,
    "socket_keepalive": True,
    "health_check_interval": 10,
    # A bell that cannot be rung is given up at once, in a request; workers and beat wait for the broker by themselves.
    "max_retries": 0,
}
# Old bells are thrown away; a minute, because the clocks of two hosts may differ by seconds.
BELL_EXPIRES_SECONDS = max(60, BELL_SECONDS)
CELERY_BEAT_SCHEDULE = bells(every=BELL_SECONDS, expire=BELL_EXPIRES_SECONDS)

# --- Words, time, logs ----------------------------------------------------------------------------------------
LANGUAGE_CODE = "en-gb"
TIME_ZONE = env.text("TIME_ZONE", "UTC")
USE_TZ = True
USE_I18N = False
LOGGING = to_console(env.text("LOG_LEVEL", "INFO"))
SILENCED_SYSTEM_CHECKS: list[str] = []

env.check()
