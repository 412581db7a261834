"""Where the two databases are, and how long a service waits for them."""

from typing import ClassVar

from pydantic import Field, ValidationInfo, field_validator

from shared.secret_files import latest
from shared.settings import ServiceSettings
from shared.subjects import Mode


class DatabaseSettings(ServiceSettings):
    """What a service with tables reads. The defaults are the guides' development databases."""

    database_url: str = Field(
        default="postgresql://ecp_user:ecp_password@127.0.0.1:5433/ecp_orchestrator", validate_default=True, repr=False
    )
    """Production's tenants; with libpq's parameters such as `?sslmode=require` where they are needed."""
    demo_database_url: str = Field(
        default="postgresql://ecp_demo_user:ecp_demo_password@127.0.0.1:5434/ecp_orchestrator_demo",
        validate_default=True,
        repr=False,
    )
    """The demo mode's."""
    database_pool_size: int = Field(default=10, ge=1, le=200)
    """Connections of this process to each database. PostgreSQL's default limit is 100 for all processes."""
    database_connect_timeout: float = Field(default=2.0, gt=0)
    """Seconds until a connection that isn't made, or a pool that has none free, counts as an outage."""
    database_command_timeout: float = Field(default=10.0, gt=0)
    """Seconds that one statement may take; the longest, a month of a tenant's samples, takes two."""

    retention_days: int = Field(default=400, ge=31, le=3650)
    """Days that samples stay which others wrote (by REST, by SQL, other systems' events); an older one is refused."""
    audit_days: int = Field(default=400, ge=30, le=3650)
    """Days that the audit trail is kept. The migration writes them into the databases, where services can't change
    them: they act from the next upgrade or start of `make run` on."""

    _schemes: ClassVar = ("postgresql://", "postgres://")

    @field_validator("database_url", "demo_database_url")
    @classmethod
    def _usable(cls, value: str, info: ValidationInfo) -> str:
        if not value.startswith(cls._schemes):
            raise ValueError("write it as postgresql://user:password@host:port/database")
        is_default = value == cls.model_fields[str(info.field_name)].default
        if is_default and info.data.get("environment") == "production":
            raise ValueError("must be set when ENVIRONMENT is production: the default has development's password")
        return value

    def postgres_url(self, mode: Mode) -> str:
        """The plain `postgresql://` URL of a mode's database, as its file is now if it has one."""
        return latest(self, "demo_database_url" if mode is Mode.DEMO else "database_url")
