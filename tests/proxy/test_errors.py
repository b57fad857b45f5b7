"""Every fault of a provider has an answer for the caller, in the right class of status."""

from typing import get_args

import pytest

from tollkeeper_proxy.errors import CallerError, ProxyError, UpstreamError, UpstreamFault
from tollkeeper_proxy.exchange import Refusal


@pytest.mark.parametrize("fault", get_args(UpstreamFault))
def test_a_fault_becomes_a_refusal_that_may_be_tried_again(fault: UpstreamFault) -> None:
    error = UpstreamError(fault, "what happened")
    refusal = error.as_refusal()
    assert refusal.code == fault
    assert refusal.message == "what happened"
    assert refusal.retryable
    timed_out = fault.endswith("_timeout")
    assert refusal.status == (504 if timed_out else 503 if fault == "pool_exhausted" else 502)
    assert (refusal.retry_after_s is not None) == (refusal.status == 503)


def test_a_callers_error_carries_what_to_tell() -> None:
    refusal = Refusal("parse", "no", status=400)
    error = CallerError(refusal)
    assert error.refusal is refusal
    assert isinstance(error, ProxyError)
    assert str(error) == "no"
