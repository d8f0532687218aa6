# SPDX-License-Identifier: Apache-2.0
"""Raw frames, as an attacker inside a workload would write them. Addresses and MACs are text; results are bytes."""
import socket
import struct

BROADCAST = "ff:ff:ff:ff:ff:ff"
SYN, ACK = 0x02, 0x10


def mac(text):
    return bytes.fromhex(text.replace(":", ""))


def address(text):
    return socket.inet_pton(socket.AF_INET6 if ":" in text else socket.AF_INET, text)


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def tcp(source, destination, sport, dport, flags=SYN, payload=b""):
    head = struct.pack("!HHIIBBHHH", sport, dport, 1000, 0, 5 << 4, flags, 8192, 0, 0)
    return head[:16] + struct.pack("!H", transport_checksum(source, destination, 6, head + payload)) + head[18:] + payload


def udp(source, destination, sport, dport, payload=b""):
    head = struct.pack("!HHHH", sport, dport, 8 + len(payload), 0)
    return head[:6] + struct.pack("!H", transport_checksum(source, destination, 17, head + payload) or 0xFFFF) + payload


def transport_checksum(source, destination, protocol, data):
    """RFC 793, section 3.1 and RFC 8200, section 8.1: over the pseudo header too."""
    ends = address(source) + address(destination)
    pseudo = struct.pack("!IxxxB" if ":" in source else "!xBH", *((len(data), protocol) if ":" in source else (protocol, len(data))))
    return checksum(ends + pseudo + data)


def ip(source, destination, protocol, payload):
    if ":" in source:
        return struct.pack("!IHBB", 6 << 28, len(payload), protocol, 64) + address(source) + address(destination) + payload
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), 1, 0, 64, protocol, 0) + address(source) + address(destination)
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + payload


def ethernet(source_mac, destination_mac, packet):
    kind = 0x86DD if packet[0] >> 4 == 6 else 0x0800
    return mac(destination_mac) + mac(source_mac) + struct.pack("!H", kind) + packet


def tcp_frame(source_mac, destination_mac, source, destination, dport, sport=44444, flags=SYN, payload=b""):
    return ethernet(source_mac, destination_mac, ip(source, destination, 6, tcp(source, destination, sport, dport, flags, payload)))


def udp_frame(source_mac, destination_mac, source, destination, dport, sport=44444, payload=b""):
    return ethernet(source_mac, destination_mac, ip(source, destination, 17, udp(source, destination, sport, dport, payload)))


def frame(source_mac, destination_mac, kind, body):
    """Of any ethertype."""
    return mac(destination_mac) + mac(source_mac) + struct.pack("!H", kind) + body


def vlan(untagged, kind=0x8100, number=7):
    return untagged[:12] + struct.pack("!HH", kind, number) + untagged[12:]


def arp(source_mac, sender_mac, sender, target, operation=2, destination_mac=BROADCAST):
    return frame(source_mac, destination_mac, 0x0806, struct.pack("!HHBBH", 1, 0x0800, 6, 4, operation) + mac(sender_mac) + address(sender)
                 + bytes(6) + address(target))


def icmp(source, destination, kind, code=0, body=bytes(4)):
    """An ICMP or ICMPv6 packet: type, code, checksum, and what follows."""
    message = struct.pack("!BBH", kind, code, 0) + body
    total = transport_checksum(source, destination, 58, message) if ":" in source else checksum(message)
    return ip(source, destination, 58 if ":" in source else 1, message[:2] + struct.pack("!H", total) + message[4:])


def with_hop_limit(packet, limit):
    """An IPv6 packet with another hop limit; 255 is what neighbour discovery asks for."""
    return packet[:7] + bytes([limit]) + packet[8:]


def fragment(source, destination, protocol, payload, offset, more, number=77):
    """IPv4: offset in bytes, a multiple of 8."""
    head = bytearray(ip(source, destination, protocol, payload)[:20])
    head[4:8] = struct.pack("!HH", number, (0x2000 if more else 0) | offset // 8)
    head[10:12] = bytes(2)
    head[10:12] = struct.pack("!H", checksum(bytes(head)))
    return bytes(head) + payload


def fragment6(source, destination, protocol, payload, offset, more, number=77):
    return ip(source, destination, 44, struct.pack("!BBHI", protocol, 0, offset | more, number) + payload)


def extended(source, destination, protocol, payload, headers):
    """IPv6 with so many empty destination options headers."""
    for _ in range(headers):
        payload, protocol = bytes([protocol, 0, 1, 4, 0, 0, 0, 0]) + payload, 60
    return ip(source, destination, protocol, payload)


def between(source, destination, protocol="tcp"):
    """What `traffic.py watch` looks for to count the IP packets from one address to another. With the protocol and hop limit in
    front of IPv6 addresses, neighbour discovery does not count; ARP never has the two addresses side by side."""
    number = {"tcp": "06", "udp": "11", "icmp": "3a"}[protocol]
    front = number + "40" if ":" in source else ""
    return "hex:" + front + (address(source) + address(destination)).hex()
