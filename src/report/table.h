// A table of text for the terminal: columns as wide as their widest cell, numbers to the right.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace assay::report {

class Table {
 public:
  enum class Align { left, right };
  struct Column {
    std::string title;
    Align align = Align::right;
  };

  explicit Table(std::vector<Column> columns);
  /// As many cells as there are columns. Cells are single lines of UTF-8.
  void add(std::vector<std::string> cells);
  /// Indented by two spaces, two between columns; each line ends with a line feed and has no spaces before it.
  std::string text() const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace assay::report
