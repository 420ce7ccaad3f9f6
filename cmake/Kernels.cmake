# The kernels room: one object library per instruction set, with its own flags.
# The objects export one table each and nothing else; tests/repository/isa_objects_test holds them to it with nm.
set(ASSAY_KERNEL_FLAGS -fno-exceptions -fno-rtti -fno-lto)
if(NOT ASSAY_SANITIZE)
  list(APPEND ASSAY_KERNEL_FLAGS -O3)  # sanitized, it takes minutes to compile
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # GCC 12's AVX-512 headers read deliberately undefined registers.
  list(APPEND ASSAY_KERNEL_FLAGS -Wno-uninitialized -Wno-maybe-uninitialized)
endif()

set(ASSAY_ISA_OBJECTS "")
function(assay_isa name)
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/kernels/${name}/*.cc)
  add_library(assay_kernels_${name} OBJECT ${sources})
  target_include_directories(assay_kernels_${name} PRIVATE ${CMAKE_SOURCE_DIR}/src)
  target_compile_options(assay_kernels_${name} PRIVATE ${ASSAY_KERNEL_FLAGS} ${ARGN})
  target_link_libraries(assay_kernels_${name} PRIVATE assay_warnings)
  set(ASSAY_ISA_OBJECTS ${ASSAY_ISA_OBJECTS} assay_kernels_${name} PARENT_SCOPE)
endfunction()

if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  assay_isa(avx2 -mavx2 -mfma -mf16c -mbmi2)
  set(ASSAY_AVX512_FLAGS -mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx512vnni -mavx512vbmi -mfma -mf16c -mbmi2 -mprefer-vector-width=512)
  assay_isa(avx512 ${ASSAY_AVX512_FLAGS})
  assay_isa(zen4 ${ASSAY_AVX512_FLAGS})
  assay_isa(amx ${ASSAY_AVX512_FLAGS})
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64|arm64")
  assay_isa(neon -march=armv8.2-a+dotprod)
  assay_isa(i8mm -march=armv8.2-a+dotprod+i8mm)
endif()

file(GLOB kernel_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/kernels/*.cc ${CMAKE_SOURCE_DIR}/src/kernels/scalar/*.cc)
add_library(assay_kernels STATIC ${kernel_sources})
foreach(isa ${ASSAY_ISA_OBJECTS})
  target_sources(assay_kernels PRIVATE $<TARGET_OBJECTS:${isa}>)
endforeach()
target_include_directories(assay_kernels PUBLIC ${CMAKE_SOURCE_DIR}/src)
target_link_libraries(assay_kernels PUBLIC assay_base assay_quant PRIVATE assay_warnings)
