# Warnings, assertions and sanitizers, carried by every target.
add_library(assay_warnings INTERFACE)
target_compile_options(assay_warnings INTERFACE
  $<$<COMPILE_LANGUAGE:CXX>:-Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Wold-style-cast -Wmissing-declarations>
  # An FMA is written, never inferred: the bits are specified.
  $<$<COMPILE_LANGUAGE:CXX>:-ffp-contract=off -fno-omit-frame-pointer>)
# GCC 12 at -O3 sees an overflow in fmt 9's fill characters and overlapping copies in std::string that are none.
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  target_compile_options(assay_warnings INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-Wno-stringop-overflow -Wno-restrict>)
endif()
if(ASSAY_WERROR)
  target_compile_options(assay_warnings INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-Werror>)
endif()
if(ASSAY_ASSERTIONS)
  target_compile_definitions(assay_warnings INTERFACE _GLIBCXX_ASSERTIONS)
else()
  target_compile_definitions(assay_warnings INTERFACE NDEBUG)
endif()
if(ASSAY_SANITIZE)
  add_compile_options(-fsanitize=${ASSAY_SANITIZE} -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${ASSAY_SANITIZE})
endif()
