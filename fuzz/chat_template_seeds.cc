// Writes templates that use most of the language into the folder given, for chat_template_fuzz to start from.
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const std::vector<std::string> seeds = {
      "{% for m in messages if m.role != 'x' %}{{ loop.index ~ m['content'] | default('d', true) | trim }}{% else "
      "%}n{% endfor %}",
      "{%- set ns = namespace(a=[1], b='é') -%}{% set ns.a = ns.a + [ns.b * 3] %}{{ ns.a | tojson(indent=2) }}{{ ns }}",
      "{% macro f(a, b=2) %}{{ a }}{{ varargs }}{{ caller() if caller }}{% endmacro %}{% call f(1, *[2]) %}x{% endcall "
      "%}",
      "{% if tools is defined and 1 < 2.5 <= 3 %}{{ tools[0].function.items() | list }}{% elif not x %}{% raw %}{{{% "
      "endraw %}{% endif %}",
      "{{ 'a b-c'.split(' ')[::-1] | map('upper') | join(',') }}{{ '%05.2f|%s' % (3.14159, none) }}{{ -7 // 2 ** 3 % 5 "
      "}}",
      "{% filter upper | replace('A', 'b') %}{# c #}a{% endfilter %}{% with a = 1 %}{{ a }}{% endwith %}{{ "
      "range(9)[1:7:2] }}",
      "{{ messages | selectattr('role', 'eq', 'user') | map(attribute='tool_calls.0.id') | first | round(1) }}",
      "{% for k, v in {'a': 1, 2: (3,)}.items() %}{% if k is string %}{% continue %}{% endif %}{{ v }}{% break %}{% "
      "endfor %}",
      "{% set x %}{{ strftime_now('%Y') }}{% endset %}{{ x | int + 1 }}{{ [3, 1] | sort | batch(2) | list }}{{ "
      "'é'.title() | e }}",
  };
  for (std::size_t i = 0; i < seeds.size(); ++i) {
    std::ofstream(std::filesystem::path(argv[1]) / ("template" + std::to_string(i))) << seeds[i];
  }
  return 0;
}
