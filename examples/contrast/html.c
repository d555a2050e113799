/* SPDX-License-Identifier: MIT */
#include "output.h"
void output_html(const struct output_results *results, FILE *to) {
  (void)results;
  (void)to;
}
