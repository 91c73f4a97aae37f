# SPDX-License-Identifier: MIT
"""What the developers of pimem run: benchmarks, fuzzing, mutants, coverage, conformance."""
