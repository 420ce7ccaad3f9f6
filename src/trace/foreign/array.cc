#include "trace/foreign/array.h"

#include <algorithm>

namespace assay::trace {

std::vector<double> read_values(const Array& array) {
  const gguf::SafeTensor tensor{{}, array.dtype, {}, array.data};
  std::vector<double> values(static_cast<std::size_t>(array.values()));
  gguf::read_values(tensor, 0, values.size(), values.data());
  if (!array.fortran_order || array.shape.size() < 2 || values.empty()) return values;

  // Walks the result in its own order, with the place in the file kept up by one stride an index.
  std::vector<std::size_t> strides;
  std::size_t stride = 1;
  for (const std::uint64_t length : array.shape) {
    strides.push_back(stride);
    stride *= static_cast<std::size_t>(length);
  }
  std::vector<std::uint64_t> index(array.shape.size(), 0);
  std::vector<double> ordered(values.size());
  std::size_t place = 0;
  for (double& value : ordered) {
    value = values[place];
    for (std::size_t axis = index.size(); axis-- > 0;) {
      place += strides[axis];
      if (++index[axis] < array.shape[axis]) break;
      place -= strides[axis] * static_cast<std::size_t>(array.shape[axis]);
      index[axis] = 0;
    }
  }
  return ordered;
}

}  // namespace assay::trace
