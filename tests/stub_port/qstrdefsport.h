// SPDX-License-Identifier: MIT
// Further names for the stub port: none.
