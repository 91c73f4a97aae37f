# SPDX-License-Identifier: MIT
# The public face of the memory system: frozen Python over the native module _memory.

package("memory", base_path="python")  # noqa: F821 (a word of manifests)
