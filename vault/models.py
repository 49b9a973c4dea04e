"""Every table of the database, imported in one place: for migrations and for the relationships to resolve."""

from vault.access import (
    caseload,
    cells,
    clearances,
    grants,
    hold_guards,
    holds,
    principals,
    refusals,
    remarks,
    signing,
    throttle,
)
from vault.archive import models as archive
from vault.archive import removal_models as removals
from vault.archive import retrieval_models as retrievals
from vault.archive import transfer_models as handovers
from vault.audit import models as audit
from vault.backups import models as backups
from vault.bundles import models as bundles
from vault.bundles import recovery_models as recoveries
from vault.cases import models as cases
from vault.clock import ClockMark
from vault.db import Base
from vault.deployment import Deployment
from vault.disposal import models as disposal
from vault.drops import models as drops
from vault.inspection import models as inspections
from vault.jobs import Job
from vault.matrix import models as matrix
from vault.people import desk_models as desks
from vault.people import factor_models as factors
from vault.people import models as people
from vault.people import notice_models as notices
from vault.retention import models as retention
from vault.shares import models as shares
from vault.shares import policy_models as policies
from vault.shares import request_models as requests
from vault.shares import term_models as terms
from vault.slots import Destruction
from vault.transfers import models as transfers
from vault.web.remembered import RememberedRequest

METADATA = Base.metadata
TABLES = (
    caseload,
    cells,
    clearances,
    grants,
    handovers,
    hold_guards,
    holds,
    principals,
    refusals,
    remarks,
    throttle,
    archive,
    audit,
    backups,
    bundles,
    cases,
    desks,
    disposal,
    drops,
    factors,
    inspections,
    matrix,
    notices,
    people,
    policies,
    recoveries,
    removals,
    requests,
    retrievals,
    retention,
    shares,
    signing,
    terms,
    transfers,
)
SINGLE_TABLES = (ClockMark, Deployment, Destruction, Job, RememberedRequest)
