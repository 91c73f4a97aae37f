# SPDX-License-Identifier: MIT
"""What tests need to send signals to commands as a terminal does."""

from __future__ import annotations

import signal


def heed_ctrl_c() -> None:
    """For preexec_fn: what a shell put into the background ignores SIGINT, and so would all that
    it starts."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
