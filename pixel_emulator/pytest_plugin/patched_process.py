"""What other plugins and libraries have changed in this process, so that no emulator can run."""

import socket
import sys
import warnings

from pixel_emulator.core.errors import InputError, InputIssue

_ALLOWED = (
    "`pixels.receive` needs no socket; for clients that connect, run pytest with "
    '`--allow-hosts=127.0.0.1`, or give the test the mark `allow_hosts(["127.0.0.1"])`'
)
_ELSEWHERE = (
    "set `pixel_emulator_command = pixel-emulator` in the ini file, and the emulator runs in a "
    "process of its own"
)


def check_sockets() -> None:
    """Raise InputError if this test may open no sockets, as pytest-socket has it."""
    try:
        with warnings.catch_warnings(action="ignore"):  # pytest-socket warns, too
            socket.socket().close()
    except OSError:
        pass  # whoever opens the next one hears what is wrong
    except Exception as error:  # noqa: BLE001 - each plugin has an error of its own
        raise InputError(
            InputIssue(f"no sockets may be opened here ({error}): {_ALLOWED}")
        ) from None


def check_threads() -> None:
    """Raise InputError if a library has put its own threads or sockets in place of Python's."""
    gevent = sys.modules.get("gevent.monkey")
    eventlet = sys.modules.get("eventlet.patcher")
    patched = {
        "gevent": gevent and any(map(gevent.is_module_patched, ("threading", "socket", "select"))),
        "eventlet": eventlet and any(map(eventlet.is_monkey_patched, ("thread", "socket"))),
    }
    for library in (name for name, is_patched in patched.items() if is_patched):
        why = f"{library} has patched this process, and no emulator can run in it"
        raise InputError(InputIssue(f"{why}: {_ELSEWHERE}"))


def advice_for(error: RuntimeError) -> str:
    """Return what to do if a plugin refuses a connection to the emulator."""
    return f"this process may not connect to it ({error}): {_ALLOWED}"
