#include "harness.h"
int main(void) {
  test_begin("heap");
  return test_end();
}
