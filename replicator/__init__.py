"""A copy of the ATS's categories inside an app, and the app's objects moved as the journal of remaps says."""

from replicator.api import replica_routes
from replicator.app import Replicator
from replicator.bindings import Binding, CallableBinding, ColumnBinding, LinkBinding
from replicator.domain.transfers import Policy, Transfer
from replicator.store import ReplicaStore, migrations

__all__ = [
    "Binding",
    "CallableBinding",
    "ColumnBinding",
    "LinkBinding",
    "Policy",
    "ReplicaStore",
    "Replicator",
    "Transfer",
    "migrations",
    "replica_routes",
]
