# SPDX-License-Identifier: MIT
# Python that is frozen into the image.

include("$(MPY_DIR)/extmod/asyncio/manifest.py")
freeze("modules")
include("../../modules/memory/manifest.py")
