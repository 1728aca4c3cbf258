"""The limits of the load clients: above every server that they measure."""

import statistics
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from cryptography import x509
from mitmproxy.certs import CertStore

from tests.benchmarks import wrk
from tests.benchmarks.client import HOST, Load, Target, keep_alive
from tests.benchmarks.figures import Figure, Result
from tests.benchmarks.new_connections import new_connections
from tests.benchmarks.plan import Plan, say
from tests.benchmarks.servers import trivial

_LOOP = "a loop that answers anything"


def ceiling(plan: Plan) -> Result:
    """The load clients alone, against a loop that answers whatever comes: what bounds them."""
    loads: dict[str, list[Load]] = {}
    with ExitStack() as stack:
        plain = stack.enter_context(trivial())
        secure = stack.enter_context(trivial(*_certificate(plan.folder)))
        sides: dict[str, tuple[Callable[..., Load], Target]] = {
            "plain HTTP": (keep_alive, plain),
            "HTTPS through CONNECT": (keep_alive, secure),
            "a new TLS connection for each call": (new_connections, secure),
        }
        if wrk.installed():
            sides["plain HTTP by wrk"] = (wrk.wrk, plain)
        for _ in range(plan.rounds):
            for name, (load, target) in sides.items():
                made = load(target, first=plan.number(), seconds=plan.seconds)
                loads.setdefault(name, []).append(made)
                say(f"  {name}: {made.rate:,.0f}/s")
    costs = {
        name: statistics.median(load.cpu / load.answered for load in runs) * 1e6
        for name, runs in loads.items()
    }
    said = ", ".join(f"{cost:.0f} µs ({name})" for name, cost in costs.items() if cost)
    return Result(
        figures=tuple(
            Figure(work=f"the client alone, {name}", against=_LOOP, unit="/s",
                   ours=statistics.median(load.rate for load in runs))
            for name, runs in loads.items()
        ),
        remarks=(f"A call costs our load client, in CPU: {said}.",),
    )  # fmt: skip


def _certificate(folder: Path) -> tuple[Path, Path]:
    """Return a key with a certificate for the host, and the CA that signed it, as mitmproxy's."""
    store, pem = CertStore.from_store(folder, "mitmproxy", 2048), folder / "host.pem"
    key, _, _ = (folder / "mitmproxy-ca.pem").read_bytes().partition(b"-----BEGIN CERTIFICATE")
    pem.write_bytes(key + store.get_cert(HOST, [x509.DNSName(HOST)]).cert.to_pem())
    return pem, folder / "mitmproxy-ca-cert.pem"
