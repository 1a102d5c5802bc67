"""Delivery of pings. Source: docs/contract/, "deltaPings"."""

from ats_stub.delivering.deliverer import Deliverer
from ats_stub.delivering.metrics import DeliveryMetrics, SubscriptionMetrics

__all__ = ["Deliverer", "DeliveryMetrics", "SubscriptionMetrics"]
