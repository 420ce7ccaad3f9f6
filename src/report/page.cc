#include "report/page.h"

#include <cstddef>

#include "base/error.h"
#include "base/file.h"

extern "C" {
// Set by embedded_page.S.
extern const char assay_embedded_page[];
extern const char assay_embedded_page_end[];
}

namespace assay::report {
namespace {

using Json = nlohmann::ordered_json;

/// The element of page.html that the data goes into.
constexpr std::string_view kDataElement = R"(<script id="data" type="application/json">)";

/// JSON that an HTML parser finds no markup in. These characters occur only inside strings, where an escape says the
/// same.
std::string inert(const std::string& json) {
  std::string text;
  text.reserve(json.size());
  for (const char c : json) {
    switch (c) {
      case '<':
        text += "\\u003c";
        break;
      case '>':
        text += "\\u003e";
        break;
      case '&':
        text += "\\u0026";
        break;
      default:
        text += c;
    }
  }
  return text;
}

}  // namespace

std::string page_with(std::string_view kind, const Json& data) {
  const std::string_view page(assay_embedded_page,
                              static_cast<std::size_t>(assay_embedded_page_end - assay_embedded_page));
  const std::size_t element = page.find(kDataElement);
  if (element == std::string_view::npos) {
    throw Error(ErrorKind::internal, "the page inside this program has no place for data", "Run `make web` and build.");
  }
  const std::size_t place = element + kDataElement.size();
  std::string text(page.substr(0, place));
  // ASCII only: line separators that JavaScript minds are escapes too.
  text += inert(Json{{kind, data}}.dump(-1, ' ', true, Json::error_handler_t::replace));
  text += page.substr(place);
  return text;
}

void write_page_file(const std::string& page, const std::filesystem::path& path) {
  OutputFile file(path);
  file.write(page);
  file.commit();
}

}  // namespace assay::report
