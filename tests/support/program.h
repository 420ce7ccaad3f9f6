// For small programs of the tests: a main that says what went wrong, and matrices as numpy reads them.
#pragma once

#include <cstddef>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <span>
#include <string>

#include <fmt/format.h>

#include "base/file.h"

namespace assay::test {

/// Exit code 2, with the reason on stderr, for fewer than `least` arguments or whatever `run` throws; else 0.
inline int run_program(int argc, char** argv, int least, const char* usage, void (*run)(int argc, char** argv)) {
  if (argc <= least) {
    std::fprintf(stderr, "usage: %s\n", usage);
    return 2;
  }
  try {
    run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 2;
  }
  return 0;
}

/// A .npy of `values` [rows, width], of `type` "<f8" or the like, in NumPy's format 1.0: magic, version, header length
/// (u16), a Python dict padded to a multiple of 64 bytes, the values.
inline void write_npy(const std::filesystem::path& path, const char* type, std::size_t rows, std::size_t width,
                      std::span<const std::byte> values) {
  std::string header = fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': ({}, {}), }}", type, rows, width);
  constexpr std::size_t kPreamble = 10;
  header.append(63 - (kPreamble + header.size()) % 64, ' ');
  header += '\n';
  OutputFile file(path);
  file.write(std::string("\x93NUMPY\x01\x00", 8));
  file.write(std::string{static_cast<char>(header.size() & 0xFFU), static_cast<char>(header.size() >> 8U)});
  file.write(header);
  file.write(values);
  file.commit();
}

}  // namespace assay::test
