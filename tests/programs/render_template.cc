// Renders chat templates for the Python tests. Each line of stdin is {"template":..., "context":{...}, "now"?:
// seconds}; each line of stdout {"text":...} or {"error":..., "hint":...}.
#include <iostream>
#include <string>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "tokenizer/chat_template.h"

int main() {
  using Json = nlohmann::ordered_json;
  std::string line;
  while (std::getline(std::cin, line)) {
    Json answer;
    try {
      const Json request = Json::parse(line);
      assay::tokenizer::TemplateLimits limits;
      if (request.contains("now")) limits.now = request["now"].get<std::time_t>();
      const assay::tokenizer::ChatTemplate chat(request["template"].get<std::string>());
      answer["text"] = chat.render(request["context"], limits);
    } catch (const assay::Error& error) {
      answer["error"] = error.what();
      answer["hint"] = error.hint();
    }
    std::cout << answer.dump() << "\n" << std::flush;
  }
  return 0;
}
