# SPDX-License-Identifier: MIT
#
# tests/local.mk: what make check runs.

AM_TESTS_ENVIRONMENT += CC='$(CC)'; CXX='$(CXX)'; NM='$(NM)'; \
  MAKE='$(MAKE)'; PKG_CONFIG='$(PKG_CONFIG)'; \
  SANITIZE_CFLAGS='$(SANITIZE_CFLAGS)'; \
  export CC CXX NM MAKE PKG_CONFIG SANITIZE_CFLAGS;

# tests/exports.sh: the shared library exports what the header declares.
# tests/install.sh: an installed library, its .pc file and README.md's program.
dist_check_SCRIPTS = tests/exports.sh tests/install.sh
TESTS += $(dist_check_SCRIPTS)
