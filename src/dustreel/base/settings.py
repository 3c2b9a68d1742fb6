"""What an operator may set: environment variables, or the same names in a `.env` file. Read once, into one frozen object.

Every setting has a default that works. `dustreel doctor` and docs/settings.md list them from here.
"""

import difflib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from dotenv import dotenv_values
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from dustreel.base.errors import Misconfigured

PREFIX = "DUSTREEL_"
# Settings that go by the names that their vendors gave them.
VENDORS = {
    "replicate_api_token": "REPLICATE_API_TOKEN",
    "replicate_base_url": "REPLICATE_BASE_URL",
    "fal_key": "FAL_KEY",
    "fal_queue_url": "FAL_QUEUE_URL",
    "fal_rest_url": "FAL_REST_URL",
    "aws_access_key_id": "AWS_ACCESS_KEY_ID",
    "aws_secret_access_key": "AWS_SECRET_ACCESS_KEY",
    "aws_session_token": "AWS_SESSION_TOKEN",
    "aws_region": "AWS_REGION",
    "aws_endpoint_url": "AWS_ENDPOINT_URL",
    "aws_endpoint_url_s3": "AWS_ENDPOINT_URL_S3",
    "cloudflare_api_token": "CLOUDFLARE_API_TOKEN",
    "cloudflare_api_url": "CLOUDFLARE_API_URL",
}
# Never shown.
SECRETS = frozenset(
    {
        *("database_url", "jwt_secret", "replicate_api_token", "fal_key", "openai_api_key", "hook_secret"),
        *("aws_secret_access_key", "aws_session_token", "media_secret", "cloudflare_api_token"),
    }
)
# What others of our programs read, and this one passes over: the Python that scripts/bootstrap.sh is to take.
OTHERS = frozenset({"DUSTREEL_PYTHON"})


def _rate(value: str) -> str:
    if not re.fullmatch(r"[1-9]\d{0,8}/(second|minute|hour|day)", value):
        raise ValueError("must be written like 1200/minute")
    return value


def _url_or_empty(value: str) -> str:
    if value and not re.match(r"https?://[^/\s]+", value):
        raise ValueError("must be an http or https URL")
    return value.rstrip("/")


def _exact_addresses(value: str) -> str:
    for address in filter(None, (part.strip() for part in value.split(","))):
        if not re.fullmatch(r"(\[[0-9a-fA-F:]+\]|[A-Za-z0-9.-]+):\d{1,5}", address):
            raise ValueError("must be exact host:port pairs, separated by commas")
    return value


def _by_name(value: str, amount: str, like: str) -> str:
    for part in split(value):
        if not re.fullmatch(rf"[a-z_]+={amount}", part):
            raise ValueError(f"must be written like {like}")
    return value


def _counts(value: str) -> str:
    return _by_name(value, r"[1-9]\d{0,5}", "replicate=50,cog=1")


def _rates(value: str) -> str:
    return _by_name(value, r"[1-9]\d{0,8}/(second|minute|hour|day)", "replicate=500/minute")


def _dollars(value: str) -> str:
    return _by_name(value, r"\d{1,7}(\.\d{1,2})?", "replicate=20,fal=7.50")


Rate = Annotated[str, AfterValidator(_rate)]
Url = Annotated[str, AfterValidator(_url_or_empty)]


class Settings(BaseModel):
    """The service's settings. Field `home` is `DUSTREEL_HOME`, and so on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    home: Path = Field(Path("dustreel-data"), description="Data folder: embedded database, stored videos, the development token.")
    host: str = Field("127.0.0.1", description="Address that the API listens on.")
    port: int = Field(8000, ge=0, le=65_535, description="Port that the API listens on; 0 takes any free one.")
    public_url: Url = Field("", description="The API's address as callers see it; empty means http://HOST:PORT.")
    log_level: str = Field("INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$", description="How much is logged: DEBUG, INFO, WARNING or ERROR.")

    database_url: str = Field("", description="A PostgreSQL server, 15 or newer; empty runs the embedded one.")
    storage_url: str = Field(
        "",
        description="Where videos are kept: file:///folder, s3://bucket/prefix or r2://account/bucket; empty: `media` in the data folder.",
    )
    aws_access_key_id: str = Field("", description="Key to the bucket of an s3:// or r2:// storage.")
    aws_secret_access_key: str = Field("", description="That key's secret.")
    aws_session_token: str = Field("", description="That key's session, where it is a temporary one.")
    aws_region: str = Field("", description="The bucket's region; empty means us-east-1. R2 has none.")
    aws_endpoint_url: Url = Field(
        "", description="Where an S3 server of another maker is, like http://127.0.0.1:9000; empty means Amazon's."
    )
    aws_endpoint_url_s3: Url = Field("", description="The same; wins over AWS_ENDPOINT_URL.")
    cdn_url: Url = Field("", description="Address in front of the storage; links to videos begin with it where it is set.")
    cdn_purge: str = Field("", pattern="^[0-9A-Za-z]*$", description="Id of the Cloudflare zone that is told to forget what is deleted.")
    cloudflare_api_token: str = Field("", description="Token that may purge that zone's cache.")
    cloudflare_api_url: Url = Field("https://api.cloudflare.com/client/v4", description="Where Cloudflare's API is.")
    media: str = Field(
        "public", pattern="^(public|private)$", description="public: links that nobody can guess; private: signed ones, good for an hour."
    )
    media_secret: str = Field("", description="Secret behind private links of the API; empty keeps one in the data folder.")

    providers: str = Field("", description="Who renders, in order of preference, separated by commas; empty means the sandbox.")
    replicate_api_token: str = Field("", description="Token for Replicate, where DUSTREEL_PROVIDERS names it.")
    replicate_base_url: Url = Field("https://api.replicate.com/v1", description="Where Replicate's API is.")
    fal_key: str = Field("", description="Key for fal, where DUSTREEL_PROVIDERS names it.")
    fal_queue_url: Url = Field("https://queue.fal.run", description="Where fal's queue is.")
    fal_rest_url: Url = Field("https://rest.fal.ai", description="Where fal takes files and publishes the keys of its webhooks.")
    openai_base_url: Url = Field(
        "", description="Where a server that speaks OpenAI's /videos is, like http://gpu-1:8000/v1; for the provider openai_compatible."
    )
    openai_api_key: str = Field("", description="Key for that server; empty where it wants none.")
    openai_models: str = Field("", description="Models that it has loaded, as the catalogue names them, separated by commas.")
    cog_url: Url = Field("", description="Where a Cog container is, like http://gpu-1:5000; for the provider cog.")
    cog_callback_url: Url = Field(
        "", description="Our address as the Cog container reaches it; empty means DUSTREEL_PUBLIC_URL, or http://HOST:PORT."
    )
    hook_secret: str = Field("", description="Secret behind the addresses of our webhooks; empty keeps one in the data folder.")
    model_text: str = Field("", description="The one model for videos from text, as provider/model; empty lets the routing choose.")
    model_image: str = Field("", description="The one model for videos from pictures, as provider/model; empty lets the routing choose.")
    models_file: Path | None = Field(None, description="A TOML file of models that adds to those which the providers are known to have.")
    provider_concurrency: Annotated[str, AfterValidator(_counts)] = Field(
        "cog=1", description="Orders that a provider has at the same time at most, like replicate=50,cog=1; unnamed: any number."
    )
    provider_rates: Annotated[str, AfterValidator(_rates)] = Field(
        "replicate=500/minute", description="Orders sent to a provider at most, like replicate=500/minute; unnamed: any number."
    )
    provider_budgets: Annotated[str, AfterValidator(_dollars)] = Field(
        "", description="US dollars that a provider may cost in 24 hours by the catalogue's prices, like replicate=20,fal=7.50."
    )
    circuit_seconds: float = Field(
        30, gt=0, description="How long a model that failed to take five orders in a row is sent nothing, longer after each failure more."
    )
    max_upscale: float = Field(1.5, ge=1, le=4, description="How many times a provider's video may be enlarged at most.")
    render_processes: int = Field(0, ge=0, le=64, description="Busy renders at the same time; 0 means one a processor.")
    light_jobs: int = Field(64, ge=1, le=10_000, description="Jobs that mostly wait which one worker has under way at the same time.")

    jwt_secret: str = Field("", description="Secret for HS256 tokens; 32 characters or more. Empty accepts none.")
    jwks_url: Url = Field("", description="Where the public keys for signed tokens are published. Empty accepts none.")
    jwt_issuer: str = Field("", description="Required `iss` of a token, where set.")
    jwt_audience: str = Field("", description="Required `aud` of a token, where set.")

    price_text: int = Field(10, ge=0, description="DUST for a video from text.")
    price_image: int = Field(8, ge=0, description="DUST for a video from a picture.")
    starting_dust: int | None = Field(None, ge=0, description="DUST that a new user begins with; unset: live 0, test 1,000.")
    refund_cancelled: bool = Field(True, description="Whether cancelling a job that has started gives its DUST back.")

    max_active_jobs: int = Field(20, ge=1, description="Live jobs that a user may have at once.")
    rate_limit: Rate = Field("1200/minute", description="Requests per user.")
    submit_limit: Rate = Field("120/minute", description="Submitted jobs per user.")
    job_ttl_hours: float = Field(24, gt=0, description="How long a job can be asked about after it ended.")
    render_timeout_seconds: float = Field(900, gt=0, description="How long rendering may take before the job fails.")
    job_timeout_seconds: float = Field(1_800, gt=0, description="How long a started job may take in all before it fails.")
    queue_timeout_seconds: float = Field(86_400, gt=0, description="How long a job may wait in the queue before it fails.")
    settle_seconds: float = Field(
        300, gt=0, description="How long it may stay unknown whether a provider took a job before the job fails and its DUST goes back."
    )
    beat_seconds: float = Field(2, gt=0, description="How often a worker shows that it lives.")
    dead_after_seconds: float = Field(10, gt=0, description="How long a worker may be silent before others take its jobs over.")

    cors_origins: str = Field("*", description="Browser origins that may call the API, separated by commas; `*` is any.")
    fetch_allow: Annotated[str, AfterValidator(_exact_addresses)] = Field(
        "", description="Exact host:port pairs, separated by commas, that pictures may be fetched from though they are private or our own."
    )

    @property
    def base_url(self) -> str:
        """The API's address as callers see it, without a slash at the end."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return self.public_url or f"http://{host}:{self.port}"

    @property
    def hooks_url(self) -> str | None:
        """Where providers post their webhooks; None where our address isn't one that they can reach: they want https."""
        return f"{self.public_url}/hooks" if self.public_url.startswith("https://") else None

    @property
    def media_url(self) -> str:
        """The storage's address: a file URL when none was set."""
        return self.storage_url or (self.home.absolute() / "media").as_uri()

    @property
    def heavy_jobs(self) -> int:
        return self.render_processes or os.cpu_count() or 1


def split(value: str) -> tuple[str, ...]:
    """The parts of a setting that lists things, without blanks."""
    return tuple(part.strip() for part in value.split(",") if part.strip())


def by_name(value: str) -> dict[str, str]:
    """The parts of a setting that says something of several providers, like `replicate=50,cog=1`."""
    return {name: said for name, _, said in (part.partition("=") for part in split(value))}


def rate_of(value: str) -> tuple[int, float]:
    """`500/minute` as (500, 60.0)."""
    many, _, window = value.partition("/")
    return int(many), {"second": 1.0, "minute": 60.0, "hour": 3_600.0, "day": 86_400.0}[window]


def read_settings(environment: Mapping[str, str], *, dotenv: Path | None = None) -> Settings:
    """Settings from `.env` and the environment, which wins. An empty value is an unset one.

    Raises Misconfigured, in one sentence that names the setting.
    """
    said = {**(_read_dotenv(dotenv) if dotenv is not None else {}), **environment}
    values: dict[str, Any] = {}
    vendors = {name: field for field, name in VENDORS.items()}
    for name, value in said.items():
        if (not name.startswith(PREFIX) and name not in vendors) or name in OTHERS:
            continue
        field = vendors.get(name) or name.removeprefix(PREFIX).lower()
        if field not in Settings.model_fields or (field in VENDORS and name not in vendors):
            near = difflib.get_close_matches(name, [env_name(known) for known in Settings.model_fields], n=1, cutoff=0.75)
            raise Misconfigured(f"{name} is not a setting of Dustreel." + (f" Did you mean {near[0]}?" if near else ""))
        if value.strip():
            values[field] = value.strip()
    try:
        settings = Settings.model_validate(values)
    except ValidationError as wrong:
        first = wrong.errors()[0]
        reason = first["msg"].removeprefix("Value error, ")
        raise Misconfigured(f"{env_name(str(first['loc'][0]))} can't be {first['input']!r}: {reason[0].lower()}{reason[1:]}.") from None
    if settings.jwt_secret and len(settings.jwt_secret) < 32:
        raise Misconfigured("DUSTREEL_JWT_SECRET is too short: HS256 wants 32 characters or more (RFC 7518, section 3.2).")
    if settings.dead_after_seconds <= settings.beat_seconds:
        raise Misconfigured("DUSTREEL_DEAD_AFTER_SECONDS must be longer than DUSTREEL_BEAT_SECONDS, or living workers are taken for dead.")
    if settings.cdn_purge and not settings.cloudflare_api_token:
        raise Misconfigured("DUSTREEL_CDN_PURGE needs CLOUDFLARE_API_TOKEN.")
    return settings


def env_name(field: str) -> str:
    return VENDORS.get(field) or PREFIX + field.upper()


def _read_dotenv(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    try:
        return {name: value for name, value in dotenv_values(path).items() if value is not None}
    except UnicodeDecodeError:
        raise Misconfigured(f"{path} is not UTF-8.") from None
