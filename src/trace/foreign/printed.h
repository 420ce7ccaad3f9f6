// How well a number is known by how it was printed. Programs print either a fixed count of decimals or a fixed count of
// digits; numbers that were printed together show which, although zeros at the end may be missing.
#pragma once

#include <vector>

namespace assay::trace {

class Printed {
 public:
  /// Takes a number of the group, in its shortest form that reads back as the same.
  void add(double value);
  /// Half of the last place that the group shows, at the size of this number; never less than float32 knows.
  double resolution(double value) const;

 private:
  bool has_digits_ = false;
  int last_place_ = 0;  // power of ten of the last digit of any number
  int digits_ = 1;      // most significant digits of any
};

}  // namespace assay::trace
