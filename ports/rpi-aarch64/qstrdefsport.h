// SPDX-License-Identifier: MIT
// Nothing: every name the port uses is found in its sources.
