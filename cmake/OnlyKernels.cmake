# The kernels, what they stand on, and their test: nothing of anybody else's but GoogleTest, as source. For a foreign CPU,
# for which a build machine has a compiler but no libraries; on a machine of that kind the whole of Assay is built as usual.
add_library(assay_base STATIC src/base/error.cc src/base/math.cc)
target_include_directories(assay_base PUBLIC ${CMAKE_SOURCE_DIR}/src)
target_link_libraries(assay_base PRIVATE assay_warnings)
include(cmake/Quant.cmake)
include(cmake/Kernels.cmake)

set(googletest /usr/src/googletest/googletest)  # Debian's package of that name
add_library(gtest_source STATIC ${googletest}/src/gtest-all.cc ${googletest}/src/gtest_main.cc)
target_include_directories(gtest_source SYSTEM PUBLIC ${googletest}/include PRIVATE ${googletest})
target_compile_options(gtest_source PRIVATE -O0)

enable_testing()
file(GLOB test_sources CONFIGURE_DEPENDS tests/kernels/*.cc)
# How near the specification is to the exact answer is the same for every CPU that has its bits.
list(REMOVE_ITEM test_sources ${CMAKE_SOURCE_DIR}/tests/kernels/scalar_test.cc)
add_executable(kernels_test ${test_sources} tests/base/digest_test.cc tests/quant/digest_test.cc)
target_include_directories(kernels_test PRIVATE ${CMAKE_SOURCE_DIR})
target_compile_options(kernels_test PRIVATE -O1)
if(CMAKE_CROSSCOMPILING_EMULATOR)
  target_compile_definitions(kernels_test PRIVATE ASSAY_EMULATED)
endif()
target_link_libraries(kernels_test PRIVATE assay_kernels gtest_source assay_warnings)
add_test(NAME kernels COMMAND kernels_test --gtest_brief=1)
add_subdirectory(tests/repository)
