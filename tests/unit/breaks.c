#include "harness.h"
int main(void) {
  test_begin("breaks");
  return test_end();
}
