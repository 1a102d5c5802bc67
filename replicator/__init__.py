"""A copy of the ATS's categories inside an app, and the app's objects moved as the journal of remaps says."""

from replicator.api import replica_routes
from replicator.app import Replicator
from replicator.bindings import Binding, CallableBinding, ColumnBinding, Inactivation, JsonBinding, LinkBinding
from replicator.domain.transfers import Policy, Transfer
from replicator.metrics import ReplicaMetrics
from replicator.moving import Moved
from replicator.schema import migrations
from replicator.store import ReplicaStore
from replicator.sync import Answer, SyncReplicator

__all__ = [
    "Answer",
    "Binding",
    "CallableBinding",
    "ColumnBinding",
    "Inactivation",
    "JsonBinding",
    "LinkBinding",
    "Moved",
    "Policy",
    "ReplicaMetrics",
    "ReplicaStore",
    "Replicator",
    "SyncReplicator",
    "Transfer",
    "migrations",
    "replica_routes",
]
