/* SPDX-License-Identifier: MIT */
/*
 * cxx.cc: std::thread, for the liveness test.
 */
#include <thread>

extern "C" bool live_std_thread(void (*body)(void *), void *data);

bool live_std_thread(void (*body)(void *), void *data) {
  std::thread thread(body, data);
  thread.join();
  return true;
}
