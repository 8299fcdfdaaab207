"""What `advisory-perf doctor` finds out about who may read a home and do what in the warehouse."""

from pathlib import Path

from advisory_perf.errors import WarehouseError
from advisory_perf.operations.health import HealthFinding
from advisory_perf.privacy import exposed
from advisory_perf.warehouse.connection import Warehouse
from advisory_perf.warehouse.roles import Role

_NAMES_SHOWN = 3


def privacy_health(home: Path) -> HealthFinding:
    """Whether group and others have no right to anything in the home."""
    try:
        found = exposed(home)
    except OSError as error:
        return HealthFinding(
            "home", is_good=False, says=f"{home} cannot be looked through ({error.strerror}); give it to the user that runs this"
        )
    if not found:
        return HealthFinding("home", is_good=True, says=f"only its own user may enter {home}")
    some = ", ".join(str(path) for path in found[:_NAMES_SHOWN])
    return HealthFinding("home", is_good=False, says=f"others have rights to {len(found):,} files ({some}); run chmod -R go-rwx {home}")


def roles_health(owner: Warehouse, acting: list[Warehouse]) -> list[HealthFinding]:
    """Whether the roles are no superusers, PUBLIC makes no temporary tables, and each address may act as its role."""
    findings = []
    for warehouse in acting:
        try:
            warehouse.reach()
        except WarehouseError as error:
            findings.append(HealthFinding("roles", is_good=False, says=str(error)))
    try:
        supers = owner.query("SELECT rolname FROM pg_roles WHERE rolname = ANY (%s) AND rolsuper ORDER BY 1", [list(Role)])["rolname"]
        (may_make,) = owner.query("SELECT has_database_privilege('public', current_database(), 'TEMP')").row(0)
    except WarehouseError as error:
        return [*findings, HealthFinding("roles", is_good=False, says=str(error))]
    findings += [HealthFinding("roles", is_good=False, says=f"{name} is a superuser; run ALTER ROLE {name} NOSUPERUSER") for name in supers]
    if may_make:
        says = "anybody may make temporary tables; have the owner of the database run REVOKE TEMPORARY ON DATABASE … FROM PUBLIC"
        findings.append(HealthFinding("roles", is_good=False, says=says))
    return findings or [
        HealthFinding("roles", is_good=True, says="owner, writer, reader and desk are no superusers, each with its rights only")
    ]
