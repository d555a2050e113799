#include "harness.h"
int main(void) {
  test_begin("threads");
  return test_end();
}
