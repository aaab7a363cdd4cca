"""RTCP: what is built reads back the same, what is broken ends the reading quietly."""

from __future__ import annotations

import struct

from hypothesis import given
from hypothesis import strategies as st

from lkexplore.server.media import rtcp

U8, U16, U32 = st.integers(0, 2**8 - 1), st.integers(0, 2**16 - 1), st.integers(0, 2**32 - 1)
BLOCKS = st.builds(rtcp.ReportBlock, U32, U8, st.integers(0, 2**24 - 1), U32, U32, U32, U32)
REPORTS = st.builds(rtcp.SenderReport, U32, U32, U32, U32)


def only(data: bytes) -> rtcp.RtcpPacket:
    [packet] = rtcp.parse(data)
    return packet


@given(st.lists(BLOCKS, max_size=31))
def test_receiver_reports(blocks: list[rtcp.ReportBlock]) -> None:
    packet = only(rtcp.build_receiver_report(blocks))
    assert (packet.kind, packet.format) == (rtcp.RECEIVER_REPORT, len(blocks))
    assert rtcp.report_blocks(packet) == blocks


def test_a_receiver_report_holds_31_blocks_at_most() -> None:
    packet = only(rtcp.build_receiver_report([rtcp.ReportBlock(n, 0, 0, 0) for n in range(40)]))
    assert packet.format == 31
    assert len(rtcp.report_blocks(packet)) == 31


@given(REPORTS, U32, U32, st.integers(0, 2**40), st.integers(0, 2**40))
def test_sender_reports(
    report: rtcp.SenderReport, ssrc: int, timestamp: int, packets: int, octets: int
) -> None:
    data = rtcp.build_sender_report(ssrc, report, timestamp, packets, octets)
    found = rtcp.sender_report(only(data))
    assert found == report._replace(ssrc=ssrc, timestamp=timestamp)
    assert struct.unpack_from("!II", data, 20) == (packets % 2**32, octets % 2**32)
    assert rtcp.report_blocks(only(data)) == []


def test_the_ntp_time_of_a_report() -> None:
    report = rtcp.SenderReport(1, 0x12345678, 0x80000000, 0)
    assert report.ntp == 0x12345678 + 0.5
    assert report.middle_ntp == 0x56788000


@given(U32, st.lists(U16, min_size=1, max_size=100))
def test_nacks(ssrc: int, sequences: list[int]) -> None:
    packet = only(rtcp.build_nack(ssrc, sequences))
    assert (packet.kind, packet.format) == (rtcp.TRANSPORT_FEEDBACK, rtcp.NACK)
    assert rtcp.feedback_ssrc(packet) == ssrc
    assert rtcp.nacked_sequences(packet) == sequences


def test_the_mask_of_a_nack() -> None:
    body = struct.pack("!IIHH", 1, 2, 65530, 0b1000_0000_0010_0001)
    packet = rtcp.RtcpPacket(rtcp.NACK, rtcp.TRANSPORT_FEEDBACK, body)
    assert rtcp.nacked_sequences(packet) == [65530, 65531, 0, 10]


@given(st.binary(max_size=4000), st.integers(0, 600))
def test_a_nack_asks_for_a_bounded_number(body: bytes, limit: int) -> None:
    packet = rtcp.RtcpPacket(rtcp.NACK, rtcp.TRANSPORT_FEEDBACK, body)
    found = rtcp.nacked_sequences(packet, limit)
    assert len(found) <= limit
    assert all(0 <= sequence <= 0xFFFF for sequence in found)


@given(U32)
def test_requests_for_a_key_frame(ssrc: int) -> None:
    packet = only(rtcp.build_pli(ssrc))
    assert (packet.kind, packet.format) == (rtcp.PAYLOAD_FEEDBACK, rtcp.PLI)
    assert rtcp.feedback_ssrc(packet) == ssrc
    fir = struct.pack(
        "!BBHIIIBBBB", 0x80 | rtcp.FIR, rtcp.PAYLOAD_FEEDBACK, 4, 9, 0, ssrc, 1, 0, 0, 0
    )
    assert rtcp.feedback_ssrc(only(fir)) == ssrc


@given(st.lists(U32, min_size=1, max_size=31), st.integers(1, 10**9))
def test_the_estimate_of_the_bit_rate(ssrcs: list[int], rate: int) -> None:
    packet = only(rtcp.build_remb(ssrcs, rate))
    assert (packet.kind, packet.format) == (rtcp.PAYLOAD_FEEDBACK, rtcp.APPLICATION)
    assert packet.body[8:12] == b"REMB"
    packed, *named = struct.unpack(f"!I{len(ssrcs)}I", packet.body[12:])
    assert named == ssrcs
    assert packed >> 24 == len(ssrcs)
    told = (packed & 0x3FFFF) << (packed >> 18 & 0x3F)
    assert rate * (1 - 2**-17) <= told <= rate


@given(st.lists(st.sampled_from(["rr", "pli", "nack"]), min_size=1, max_size=20))
def test_compounds_come_apart(names: list[str]) -> None:
    parts = {
        "rr": rtcp.build_receiver_report([rtcp.ReportBlock(5, 6, 7, 8)]),
        "pli": rtcp.build_pli(9),
        "nack": rtcp.build_nack(10, [1, 2, 3]),
    }
    packets = list(rtcp.parse(b"".join(parts[name] for name in names)))
    kinds = {
        "rr": rtcp.RECEIVER_REPORT,
        "pli": rtcp.PAYLOAD_FEEDBACK,
        "nack": rtcp.TRANSPORT_FEEDBACK,
    }
    assert [packet.kind for packet in packets] == [kinds[name] for name in names]


def test_a_compound_is_read_up_to_a_number_of_packets() -> None:
    assert len(list(rtcp.parse(rtcp.build_pli(1) * 100))) == 64


def test_a_truncated_packet_ends_the_reading() -> None:
    whole = rtcp.build_receiver_report([rtcp.ReportBlock(1, 2, 3, 4)] * 3) + rtcp.build_pli(5)
    for size in range(len(whole)):
        packets = list(rtcp.parse(whole[:size]))
        assert len(packets) == (1 if size >= len(whole) - 12 else 0)


def test_reports_that_are_too_short_have_no_blocks() -> None:
    for size in range(24):
        packet = rtcp.RtcpPacket(1, rtcp.SENDER_REPORT, bytes(size))
        assert rtcp.sender_report(packet) is None
        assert rtcp.report_blocks(packet) == []
    assert rtcp.feedback_ssrc(rtcp.RtcpPacket(1, rtcp.PAYLOAD_FEEDBACK, bytes(7))) is None
    assert rtcp.report_blocks(rtcp.RtcpPacket(1, 202, bytes(100))) == []


@given(st.binary(max_size=300))
def test_random_bytes_never_raise(data: bytes) -> None:
    for candidate in (data, b"\x81\xc8" + data, b"\x81\xcd\x00\x05" + data, b"\x8f\xce" + data):
        for packet in rtcp.parse(candidate):
            rtcp.sender_report(packet)
            rtcp.feedback_ssrc(packet)
            assert len(rtcp.report_blocks(packet)) <= 31
            assert len(rtcp.nacked_sequences(packet)) <= 512
