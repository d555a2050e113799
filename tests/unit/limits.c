#include "harness.h"
int main(void) {
  test_begin("limits");
  return test_end();
}
