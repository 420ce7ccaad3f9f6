# The quant room, with the quantizers' searches compiled once more for AVX2. That object exports one table and nothing else, as
# those of the kernels (Kernels.cmake).
assay_room(quant ROOMS base)

set(ASSAY_QUANT_ISA_OBJECTS "")
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  set(ASSAY_QUANT_ISA_OBJECTS assay_quant_avx2)
  add_library(assay_quant_avx2 OBJECT ${CMAKE_SOURCE_DIR}/src/quant/avx2/searches.cc)
  target_include_directories(assay_quant_avx2 PRIVATE ${CMAKE_SOURCE_DIR}/src)
  target_compile_options(assay_quant_avx2 PRIVATE -mavx2)
  target_link_libraries(assay_quant_avx2 PRIVATE assay_warnings)
  target_sources(assay_quant PRIVATE $<TARGET_OBJECTS:assay_quant_avx2>)
endif()
