/* SPDX-License-Identifier: MIT */
/*
 * objects.cc: new and delete of C++, exceptions and containers over the
 * preloaded library.
 */
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

struct alignas(128) wide {
  char bytes[256];
};

static std::string *global = new std::string(500, 'g');
static thread_local std::vector<std::string> own;

static void work() {
  for (int i = 0; i < 2000; i++) own.push_back(std::string(i % 300, 'x'));
  std::map<int, std::shared_ptr<std::string>> table;
  for (int i = 0; i < 20000; i++)
    table[i % 777] = std::make_shared<std::string>(std::to_string(i));
  if (*table[5] != std::to_string(19430)) std::abort();
}

int main() {
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; i++) threads.emplace_back(work);
  for (auto &thread : threads) thread.join();
  for (int i = 0; i < 1000; i++) {
    std::unique_ptr<wide> aligned(new wide);
    if (reinterpret_cast<std::size_t>(aligned.get()) % 128 != 0) return 1;
    try {
      throw std::runtime_error(std::string(1000, 'e'));
    } catch (const std::exception &e) {
      if (e.what()[999] != 'e') return 1;
    }
  }
  try {
    volatile std::size_t huge = std::size_t(-1) / 4;
    char *volatile kept = new char[huge]; /* or clang leaves both out */
    delete[] kept;
    return 1;
  } catch (const std::bad_alloc &) {
  }
  delete global;
  std::puts("all is well");
  return 0;
}
