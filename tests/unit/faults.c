#include "harness.h"
int main(void) {
  test_begin("faults");
  return test_end();
}
