dnl SPDX-License-Identifier: MIT
dnl
dnl gleaner.m4: the checks and options of configure.ac, one macro each.

dnl GL_REQUIRE_PLATFORM
dnl The library reads registers, /proc and ELF headers: it is for Linux on
dnl x86-64 with a C11 compiler that has GNU extensions, and for nothing else.
AC_DEFUN([GL_REQUIRE_PLATFORM], [
  AC_CACHE_CHECK([for Linux on x86-64 and GNU C11], [gl_cv_platform],
    [AC_COMPILE_IFELSE([AC_LANG_SOURCE([[
#if !defined __linux__ || !defined __x86_64__ || !defined __LP64__
#error "not Linux on x86-64"
#endif
#if !defined __GNUC__ || __STDC_VERSION__ < 201112L
#error "not GNU C11"
#endif
static _Thread_local int word __attribute__((tls_model("initial-exec")));
int main(void) { return __atomic_load_n(&word, __ATOMIC_ACQUIRE); }
]])], [gl_cv_platform=yes], [gl_cv_platform=no])])
  AS_IF([test "$gl_cv_platform" = no],
    [AC_MSG_ERROR([Gleaner is for Linux on x86-64, with gcc or clang])])
])

dnl GL_REQUIRE_UNWIND
dnl libunwind, of which only the unwinding of this process is used.  What it
dnl takes to link it statically goes into gleaner.pc.
AC_DEFUN([GL_REQUIRE_UNWIND], [
  AC_MSG_CHECKING([for libunwind])
  gl_saved_libs=$LIBS
  LIBS="-lunwind $LIBS"
  AC_LINK_IFELSE([AC_LANG_PROGRAM([[
#define UNW_LOCAL_ONLY
#include <libunwind.h>
]], [[
unw_context_t context;
unw_cursor_t cursor;
if (unw_getcontext(&context) != 0) return 1;
if (unw_init_local(&cursor, &context) != 0) return 1;
return unw_step(&cursor) < 0;
]])], [gl_have_unwind=yes], [gl_have_unwind=no])
  LIBS=$gl_saved_libs
  AC_MSG_RESULT([$gl_have_unwind])
  AS_IF([test "$gl_have_unwind" = no],
    [AC_MSG_ERROR([libunwind is missing (Debian: libunwind-dev)])])
  AC_SUBST([UNWIND_LIBS], [-lunwind])
  UNWIND_STATIC_LIBS=`$PKG_CONFIG --static --libs libunwind 2>/dev/null`
  AS_IF([test -z "$UNWIND_STATIC_LIBS"], [UNWIND_STATIC_LIBS=-lunwind])
  AC_SUBST([UNWIND_STATIC_LIBS])
])

dnl GL_CLIENT_RPATH
dnl Where the dynamic linker would not find the library by itself, gleaner.pc
dnl tells clients' linkers where it is, so that its flags are all they need.
dnl /usr/local/lib counts as not found: it is only after an ldconfig.
AC_DEFUN([GL_CLIENT_RPATH], [
  gl_prefix=$prefix
  AS_IF([test "$gl_prefix" = NONE], [gl_prefix=$ac_default_prefix])
  AS_CASE([$gl_prefix], [/|/usr], [CLIENT_RPATH=],
    [CLIENT_RPATH='-Wl,-rpath,${libdir}'])
  AC_SUBST([CLIENT_RPATH])
])

dnl GL_OPTIONAL_LIB(NAME, PACKAGE, HEADER, LIBS, FUNCTION)
dnl A library that something can be compared with or can make use of, found
dnl by pkg-config or, where it brings no .pc file, by trying.  Sets NAME_CFLAGS
dnl and NAME_LIBS, and the automake conditional HAVE_NAME.
AC_DEFUN([GL_OPTIONAL_LIB], [
  PKG_CHECK_MODULES([$1], [$2], [gl_have_$1=yes], [
    gl_have_$1=no
    AC_CHECK_HEADER([$3], [
      gl_saved_libs=$LIBS
      LIBS="$4 $LIBS"
      AC_LINK_IFELSE([AC_LANG_CALL([], [$5])],
        [gl_have_$1=yes
        $1_LIBS="$4"])
      LIBS=$gl_saved_libs])])
  AM_CONDITIONAL([HAVE_$1], [test "$gl_have_$1" = yes])
])

dnl GL_WARNINGS
dnl The warnings under which all of the tree is clean, with gcc and clang.
AC_DEFUN([GL_WARNINGS], [
  WARN_CFLAGS="-Wall -Wextra -Wshadow -Wconversion -Wundef"
  WARN_CFLAGS="$WARN_CFLAGS -Wmissing-prototypes"
  AC_SUBST([WARN_CFLAGS])
])

AC_DEFUN([GL_ARG_WERROR], [
  AC_ARG_ENABLE([werror],
    [AS_HELP_STRING([--enable-werror], [make warnings errors])],
    [], [enable_werror=no])
  AS_IF([test "$enable_werror" = yes],
    [WARN_CFLAGS="$WARN_CFLAGS -Werror"])
])

dnl GL_ARG_SANITIZERS
dnl What the compilers' sanitizers cannot see here is said in README.md.
AC_DEFUN([GL_ARG_SANITIZERS], [
  AC_ARG_ENABLE([sanitizers],
    [AS_HELP_STRING([--enable-sanitizers=LIST],
      [build all with -fsanitize=LIST: address,undefined or thread])],
    [], [enable_sanitizers=no])
  SANITIZE_CFLAGS=
  AS_CASE([$enable_sanitizers], [no], [],
    [yes], [AC_MSG_ERROR([--enable-sanitizers wants a list])],
    [SANITIZE_CFLAGS="-fsanitize=$enable_sanitizers"
    SANITIZE_CFLAGS="$SANITIZE_CFLAGS -fno-omit-frame-pointer"])
  dnl gcc warns of fences, which ThreadSanitizer does not see; clang does not.
  AS_CASE([$enable_sanitizers,$($CC --version)], [*thread*clang*], [],
    [*thread*,*], [SANITIZE_CFLAGS="$SANITIZE_CFLAGS -Wno-tsan"])
  AC_SUBST([SANITIZE_CFLAGS])
  AM_CONDITIONAL([SANITIZED], [test "$enable_sanitizers" != no])
])

AC_DEFUN([GL_ARG_DEBUG], [
  AC_ARG_ENABLE([debug],
    [AS_HELP_STRING([--enable-debug], [turn the assertions on])],
    [], [enable_debug=no])
  FEATURE_CPPFLAGS=
  AS_IF([test "$enable_debug" = yes],
    [FEATURE_CPPFLAGS="$FEATURE_CPPFLAGS -DGL_DEBUG=1"])
  AC_SUBST([FEATURE_CPPFLAGS])
])

AC_DEFUN([GL_ARG_TORTURE], [
  AC_ARG_ENABLE([torture],
    [AS_HELP_STRING([--enable-torture],
      [tiny arenas and a tiny mark stack, so that overflows happen all the
       time: for tests only])],
    [], [enable_torture=no])
  AS_IF([test "$enable_torture" = yes],
    [FEATURE_CPPFLAGS="$FEATURE_CPPFLAGS -DGL_TORTURE=1"])
])

AC_DEFUN([GL_SUMMARY], [
  AC_MSG_NOTICE([
  compiler            $CC $CFLAGS
  C++ header test     ${CXX:-no C++ compiler}
  Check (tests)       $have_check
  compare with        libgc=$gl_have_LIBGC
  Lisp                line editing=$gl_have_LIBEDIT bignums=$gl_have_GMP
  options             werror=$enable_werror sanitizers=$enable_sanitizers dnl
debug=$enable_debug torture=$enable_torture
])
])
