"""A server's load, read from its Prometheus text."""

from __future__ import annotations

from generation.metrics import ServerLoad, parse_load

VLLM = """
# HELP vllm:num_requests_running Number of requests in model execution batches.
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="a b"} 3.0
vllm:num_requests_running{engine="1",model_name="a b"} 2.0
vllm:num_requests_waiting{engine="0",model_name="a b"} 7.0
vllm:kv_cache_usage_perc{engine="0"} 0.25
vllm:kv_cache_usage_perc{engine="1"} 0.5
vllm:request_success_total{finished_reason="stop"} 10.0
vllm:request_success_total{finished_reason="length"} 5.0
vllm:num_requests_waiting{engine="1"} NaN
garbage
"""


def test_load_adds_up_over_engines() -> None:
    assert parse_load(VLLM) == ServerLoad(5, 7, 0.5, 15)


def test_page_without_load_says_nothing() -> None:
    assert parse_load("") == ServerLoad()
    assert parse_load("<html>") == ServerLoad()
