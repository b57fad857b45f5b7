import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from tollkeeper_collector.errors import MalformedRequest
from tollkeeper_collector.otlp.values import (
    MAX_DEPTH,
    any_text,
    json_any_text,
    json_pairs_text,
    number_text,
    pairs_text,
    whole,
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.0, "1"),
        (-0.0, "-0"),
        (0.7, "0.7"),
        (1e20, "100000000000000000000"),
        (1e21, "1e+21"),
        (1e-6, "0.000001"),
        (1.5e-7, "1.5e-7"),
        (1e-17, "1e-17"),
        (math.nan, "json: unsupported value: NaN"),
        (-math.inf, "json: unsupported value: -Inf"),
    ],
)
def test_writes_doubles_as_the_stock_exporter_does(value: float, text: str) -> None:
    assert number_text(value) == text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_double_as_text_is_the_same_double(value: float) -> None:
    assert float(number_text(value)) == value


@pytest.mark.parametrize(
    ("proto", "json", "text"),
    [
        (AnyValue(string_value="x"), {"stringValue": "x"}, "x"),
        (AnyValue(string_value=""), {"stringValue": ""}, ""),
        (AnyValue(bool_value=True), {"boolValue": True}, "true"),
        (AnyValue(bool_value=False), {"boolValue": False}, "false"),
        (AnyValue(int_value=-(2**63)), {"intValue": str(-(2**63))}, str(-(2**63))),
        (AnyValue(int_value=0), {"intValue": 0}, "0"),
        (AnyValue(double_value=0.0), {"doubleValue": 0}, "0"),
        (AnyValue(double_value=2.5), {"doubleValue": 2.5}, "2.5"),
        (AnyValue(bytes_value=b"\x00\xff"), {"bytesValue": "AP8="}, "AP8="),
        (AnyValue(), {}, ""),
        (AnyValue(), None, ""),
    ],
)
def test_both_encodings_of_a_value_become_the_same_text(
    proto: AnyValue, json: object, text: str
) -> None:
    assert any_text(proto) == json_any_text(json) == text


def test_lists_and_maps_become_json_with_sorted_keys() -> None:
    proto = AnyValue()
    for value in ("stop", ""):
        proto.array_value.values.add().string_value = value
    entries = proto.array_value.values.add().kvlist_value.values
    entries.add(key="b", value=AnyValue(double_value=2.0))
    entries.add(key="a", value=AnyValue(bytes_value=b"\x01"))
    json = {
        "arrayValue": {
            "values": [
                {"stringValue": "stop"},
                {"stringValue": ""},
                {
                    "kvlistValue": {
                        "values": [
                            {"key": "b", "value": {"doubleValue": 2.0}},
                            {"key": "a", "value": {"bytesValue": "AQ=="}},
                        ]
                    }
                },
            ]
        }
    }
    assert any_text(proto) == json_any_text(json) == '["stop","",{"a":"AQ==","b":2}]'


def test_nesting_is_bounded_in_both_encodings() -> None:
    proto = AnyValue(string_value="x")
    json: object = {"stringValue": "x"}
    for _ in range(MAX_DEPTH + 1):
        outer = AnyValue()
        outer.array_value.values.append(proto)
        proto, json = outer, {"arrayValue": {"values": [json]}}
    with pytest.raises(MalformedRequest, match="deeper"):
        any_text(proto)
    with pytest.raises(MalformedRequest, match="deeper"):
        json_any_text(json)


@pytest.mark.parametrize(
    "value",
    [
        {"stringValue": 5},
        {"boolValue": "true"},
        {"intValue": "x"},
        {"intValue": 1.5},
        {"intValue": [1]},
        {"doubleValue": "much"},
        {"bytesValue": "?"},
    ],
)
def test_refuses_a_json_value_of_the_wrong_type(value: object) -> None:
    with pytest.raises(MalformedRequest):
        json_any_text(value)


def test_a_repeated_key_keeps_its_last_value() -> None:
    pairs = [KeyValue(key="a", value=AnyValue(string_value=text)) for text in ("1", "2")]
    assert pairs_text(pairs) == {"a": "2"}
    assert json_pairs_text([{"key": "a", "value": {"stringValue": t}} for t in ("1", "2")]) == {
        "a": "2"
    }


def test_reads_64_bit_integers_as_strings_and_as_numbers() -> None:
    assert whole("18446744073709551615") == whole(18446744073709551615) == 2**64 - 1
    assert whole(5.0) == 5


def test_refuses_a_key_that_is_no_string() -> None:
    with pytest.raises(MalformedRequest):
        json_pairs_text([{"key": 1}])
