"""The contract in code: what the services of the suite share, and the `catrelay` command."""

from catrelay.client import AtsClient, UploaderClient, values_path
from catrelay.journal import Fold, JournalGap, Place, fold, follow
from catrelay.problems import Problem
from catrelay.receiving import PingReceiver
from catrelay.service_client import ServiceClient
from catrelay.signing import SignatureInvalid, SignedMessage, sign, verify

__all__ = [
    "AtsClient",
    "Fold",
    "JournalGap",
    "PingReceiver",
    "Place",
    "Problem",
    "ServiceClient",
    "SignatureInvalid",
    "SignedMessage",
    "UploaderClient",
    "fold",
    "follow",
    "sign",
    "values_path",
    "verify",
]
