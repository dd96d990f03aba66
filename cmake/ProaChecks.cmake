# The installed tree; filled below.
# SPDX-License-Identifier: MIT
